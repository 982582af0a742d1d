//! Secrets that must be read again, such as somebody's key of a provider: kept encrypted, each for one place alone.

mod anew;

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretSlice;

pub use self::anew::{KeptSecret, Resealed, Resealing, SealedSecrets, Shut};

use crate::port::PortError;

/// Encrypts what is kept, and reads it again.
///
/// - What was sealed opens for the label that it was sealed for, and for no other: what is moved to another row stays shut.
/// - What was changed, wherever, stays shut.
/// - The first key seals; all of them open.
/// - Sealing the same again gives something else.
/// - No `Debug` shows a key or what was sealed.
pub trait Sealer: Send + Sync {
    /// Seals a secret for the place that the label names.
    fn seal(&self, label: &Label, secret: &[u8]) -> Result<Sealed, SealError>;

    /// Opens what was sealed for this label.
    fn open(&self, label: &Label, sealed: &Sealed) -> Result<SecretSlice<u8>, OpenError>;

    /// The key that seals; `None` when there is none, and nothing can be sealed.
    fn newest(&self) -> Option<&KeyId>;
}

/// Why something was not sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The installation has no key to seal with.
    #[error("no key to seal with: ENCRYPTION_KEYS is not set")]
    NoKey,
    /// The sealing itself failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Why something stays shut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It was sealed with a key that the installation does not have.
    #[error("sealed with the key `{0}`, which is not among ENCRYPTION_KEYS")]
    UnknownKey(KeyId),
    /// It was changed, moved, or sealed with another key of the same name.
    #[error("changed since it was sealed with the key `{0}`, or sealed for another place")]
    Refused(KeyId),
}

impl From<OpenError> for PortError {
    fn from(error: OpenError) -> Self {
        Self::corrupt("Sealer", error)
    }
}

/// Where a sealed secret belongs: what it is, and whose.
///
/// It is not kept with the secret, but known from the row that holds it. Each part is written as its length in bytes (32
/// bits, big-endian) and its bytes: no two lists of parts are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label(Vec<u8>);

impl Label {
    /// The label of secrets of this kind, such as `provider-key`.
    pub fn new(kind: &'static str) -> Self {
        Self(Vec::new()).with(kind)
    }

    /// The same with one more part, such as the id of whose it is.
    #[must_use]
    pub fn with(mut self, part: impl AsRef<[u8]>) -> Self {
        let part = part.as_ref();
        // Ids and names: never as long.
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(part);
        self
    }

    /// What is authenticated with the secret: `parlance sealed v1`, a zero byte, and the parts.
    pub fn associated_data(&self) -> Vec<u8> {
        [b"parlance sealed v1\0".as_slice(), &self.0].concat()
    }
}

/// Names a key: 1 to 32 characters out of `A-Za-z0-9_-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

/// A name that no key can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name of a key must be 1 to 32 characters out of A-Z, a-z, 0-9, '_' and '-'")]
pub struct InvalidKeyId;

impl KeyId {
    const MAX_BYTES: usize = 32;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for KeyId {
    type Err = InvalidKeyId;

    fn from_str(text: &str) -> Result<Self, InvalidKeyId> {
        let fits = (1..=Self::MAX_BYTES).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        fits.then(|| Self(text.to_owned())).ok_or(InvalidKeyId)
    }
}

/// A secret as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The key that it was sealed with.
    pub key_id: KeyId,
    /// The nonce, used once.
    pub nonce: [u8; Self::NONCE_BYTES],
    /// What was encrypted, and behind it the code of 16 bytes that shows a change.
    pub ciphertext: Vec<u8>,
}

/// A text that is no sealed secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a sealed secret of version 1")]
pub struct InvalidSealed;

impl Sealed {
    /// How long a nonce is.
    pub const NONCE_BYTES: usize = 12;
    /// How long the code behind the ciphertext is.
    pub const TAG_BYTES: usize = 16;

    const VERSION: &str = "v1";

    /// As stores keep it: `v1.<key id>.<base64url(nonce ‖ ciphertext)>`, without padding.
    pub fn encode(&self) -> String {
        let bytes = [self.nonce.as_slice(), &self.ciphertext].concat();
        let text = URL_SAFE_NO_PAD.encode(bytes);
        format!("{}.{}.{text}", Self::VERSION, self.key_id)
    }
}

impl FromStr for Sealed {
    type Err = InvalidSealed;

    fn from_str(text: &str) -> Result<Self, InvalidSealed> {
        let (version, rest) = text.split_once('.').ok_or(InvalidSealed)?;
        let (key_id, text) = rest.split_once('.').ok_or(InvalidSealed)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidSealed)?;
        let (nonce, ciphertext) = bytes.split_first_chunk().ok_or(InvalidSealed)?;
        if version != Self::VERSION || ciphertext.len() < Self::TAG_BYTES {
            return Err(InvalidSealed);
        }
        Ok(Self {
            key_id: key_id.parse().map_err(|_| InvalidSealed)?,
            nonce: *nonce,
            ciphertext: ciphertext.to_vec(),
        })
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> Sealed {
        Sealed {
            key_id: "2026-11".parse().unwrap(),
            nonce: *b"twelve bytes",
            ciphertext: b"at least sixteen of them".to_vec(),
        }
    }

    #[test]
    fn what_is_kept_reads_back() {
        let text = sealed().encode();
        assert!(text.starts_with("v1.2026-11."), "{text}");
        assert_eq!(text.parse(), Ok(sealed()));
    }

    #[test]
    fn what_was_never_written_is_refused() {
        let text = sealed().encode();
        let short = Sealed {
            ciphertext: vec![0; Sealed::TAG_BYTES - 1],
            ..sealed()
        };
        for bad in [
            "",
            "v1",
            "v1.",
            "v1.a.",
            "v1..AAAA",
            &text.replacen("v1", "v2", 1),
            &text.replacen("2026-11", "2026 11", 1),
            &format!("{text}="),
            &format!("{text}\n"),
            &short.encode(),
        ] {
            assert_eq!(bad.parse::<Sealed>(), Err(InvalidSealed), "{bad:?}");
        }
    }

    #[test]
    fn debug_shows_the_name_of_the_key_alone() {
        let shown = format!("{:?}", sealed());
        assert_eq!(shown, r#"Sealed { key_id: KeyId("2026-11"), .. }"#);
    }

    #[test]
    fn no_two_lists_of_parts_make_the_same_label() {
        let labels = [
            Label::new("totp"),
            Label::new("totp").with(""),
            Label::new("totp").with("ab"),
            Label::new("totp").with("a").with("b"),
            Label::new("totp").with("").with("ab"),
            Label::new("totpab"),
        ];
        for (at, label) in labels.iter().enumerate() {
            assert!(!labels[..at].contains(label), "{label:?}");
        }
    }

    #[test]
    fn keys_have_names_that_need_no_quoting() {
        for good in ["1", "2026-11", "main_A", &"k".repeat(32)] {
            assert_eq!(good.parse::<KeyId>().unwrap().as_str(), good);
        }
        for bad in ["", "a.b", "a:b", "a b", "ä", &"k".repeat(33)] {
            assert_eq!(bad.parse::<KeyId>(), Err(InvalidKeyId), "{bad}");
        }
    }
}
