//! Sealing with AES-256-GCM.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{Aes256Gcm, KeyInit, Tag};
use base64::Engine;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use parlance_domain::port::{PortError, PortErrorKind};
use parlance_domain::sealing::{KeyId, Label, OpenError, SealError, Sealed, Sealer};
use rand::TryRngCore;
use rand::rngs::OsRng;
use secrecy::{ExposeSecret, ExposeSecretMut, SecretBox, SecretSlice};

const KEY_BYTES: usize = 32;

/// Reads base64 with or without padding.
const fn reading(alphabet: &Alphabet) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(alphabet, config)
}

/// A key and its name.
#[derive(Clone)]
pub struct EncryptionKey {
    id: KeyId,
    key: Arc<SecretBox<[u8; KEY_BYTES]>>,
}

/// A text that is not a name, a colon and a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a name (1 to 32 of A-Z, a-z, 0-9, '_' and '-'), a colon, and 32 random bytes in base64")]
pub struct InvalidEncryptionKey;

impl EncryptionKey {
    /// A key of this name.
    pub fn new(id: KeyId, key: SecretBox<[u8; KEY_BYTES]>) -> Self {
        Self {
            id,
            key: Arc::new(key),
        }
    }

    /// Its name.
    pub const fn id(&self) -> &KeyId {
        &self.id
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new(self.key.expose_secret().into())
    }
}

impl FromStr for EncryptionKey {
    type Err = InvalidEncryptionKey;

    /// Reads `id:key`, the key in base64 of either alphabet, with or without padding.
    fn from_str(text: &str) -> Result<Self, InvalidEncryptionKey> {
        let (id, text) = text.split_once(':').ok_or(InvalidEncryptionKey)?;
        let id = id.parse().map_err(|_| InvalidEncryptionKey)?;
        let mut decoded = Ok(0);
        let key = SecretBox::init_with_mut(|key: &mut [u8; KEY_BYTES]| {
            let is_standard = text.contains(['+', '/']);
            let alphabet = if is_standard { &STANDARD } else { &URL_SAFE };
            decoded = reading(alphabet).decode_slice(text, key);
        });
        match decoded {
            Ok(KEY_BYTES) => Ok(Self::new(id, key)),
            _ => Err(InvalidEncryptionKey),
        }
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptionKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Seals with the first of its keys and opens with all of them.
///
/// A nonce is 96 random bits: for fewer than 2³² secrets a key, one that comes twice is as good as impossible.
#[derive(Debug, Clone)]
pub struct AesGcmSealer {
    keys: Vec<EncryptionKey>,
}

impl AesGcmSealer {
    /// Seals with the first of these keys; with none, nothing.
    pub const fn new(keys: Vec<EncryptionKey>) -> Self {
        Self { keys }
    }
}

impl Sealer for AesGcmSealer {
    fn seal(&self, label: &Label, secret: &[u8]) -> Result<Sealed, SealError> {
        let key = self.keys.first().ok_or(SealError::NoKey)?;
        let mut nonce = [0; Sealed::NONCE_BYTES];
        OsRng.try_fill_bytes(&mut nonce).map_err(failed)?;
        let mut ciphertext = Vec::with_capacity(secret.len() + Sealed::TAG_BYTES);
        ciphertext.extend_from_slice(secret);
        let buffer = InOutBuf::from(ciphertext.as_mut_slice());
        let data = label.associated_data();
        let tag = key.cipher().encrypt_inout_detached(&nonce.into(), &data, buffer);
        ciphertext.extend_from_slice(&tag.map_err(|_| failed("more than can be sealed at once"))?);
        Ok(Sealed {
            key_id: key.id.clone(),
            nonce,
            ciphertext,
        })
    }

    fn open(&self, label: &Label, sealed: &Sealed) -> Result<SecretSlice<u8>, OpenError> {
        let refused = || OpenError::Refused(sealed.key_id.clone());
        let key = self.keys.iter().find(|key| key.id == sealed.key_id);
        let key = key.ok_or_else(|| OpenError::UnknownKey(sealed.key_id.clone()))?;
        let (ciphertext, tag) = sealed
            .ciphertext
            .split_last_chunk::<{ Sealed::TAG_BYTES }>()
            .ok_or_else(refused)?;
        let mut secret = SecretSlice::from(ciphertext.to_vec());
        let buffer = InOutBuf::from(secret.expose_secret_mut());
        let data = label.associated_data();
        key.cipher()
            .decrypt_inout_detached(&sealed.nonce.into(), &data, buffer, &Tag::from(*tag))
            .map_err(|_| refused())?;
        Ok(secret)
    }

    fn newest(&self) -> Option<&KeyId> {
        self.keys.first().map(EncryptionKey::id)
    }
}

fn failed(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PortError {
    PortError::new("Sealer", PortErrorKind::Unexpected, cause)
}
