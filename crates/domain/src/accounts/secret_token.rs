//! One-time secrets: the tokens in links that mails carry, each good for one purpose, once.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;
use secrecy::{SecretBox, SecretString};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::keyed;
use crate::ids::{SecretId, UserId};
use crate::time::Timestamp;

/// What a one-time secret is good for; one for another purpose is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Shows whose the address of an account is.
    VerifyEmail,
    /// Sets a new password.
    ResetPassword,
    /// Confirms a change of the address at the old one.
    ConfirmOldEmail,
    /// Confirms a change of the address at the new one.
    ConfirmNewEmail,
    /// Ends a lock.
    Unlock,
    /// Links an identity at a provider.
    LinkIdentity,
    /// Fetches what is held of a learner.
    Export,
}

impl Purpose {
    const ALL: [Self; 7] = [
        Self::VerifyEmail,
        Self::ResetPassword,
        Self::ConfirmOldEmail,
        Self::ConfirmNewEmail,
        Self::Unlock,
        Self::LinkIdentity,
        Self::Export,
    ];

    /// Its name in stores and in what is signed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
            Self::ConfirmOldEmail => "confirm_old_email",
            Self::ConfirmNewEmail => "confirm_new_email",
            Self::Unlock => "unlock",
            Self::LinkIdentity => "link_identity",
            Self::Export => "export",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that no purpose has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such purpose")]
pub struct UnknownPurpose;

impl FromStr for Purpose {
    type Err = UnknownPurpose;

    fn from_str(text: &str) -> Result<Self, UnknownPurpose> {
        let found = Self::ALL.into_iter().find(|purpose| purpose.as_str() == text);
        found.ok_or(UnknownPurpose)
    }
}

/// A one-time secret as it is kept: never the token, only its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneTimeSecret {
    /// Its id, which the token holds.
    pub id: SecretId,
    /// Whose it is.
    pub user_id: UserId,
    /// What it is good for.
    pub purpose: Purpose,
    /// SHA-256 of the token.
    pub digest: [u8; 32],
    /// What belongs to it, such as the address that is to be confirmed.
    pub payload: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops being good.
    pub expires_at: Timestamp,
    /// When it was used, or another took its place.
    pub used_at: Option<Timestamp>,
}

impl OneTimeSecret {
    /// Whether it can still be used.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.used_at.is_none() && self.expires_at > now
    }
}

/// Writes and reads the tokens of one-time secrets with a key of its own.
///
/// A token is `base64url(id ‖ HMAC-SHA-256(key, purpose ‖ 0x00 ‖ id))`: 16 and 32 bytes. The key is
/// `HKDF-SHA-256(secret, info = "parlance one-time secret v1")`. The same secret gives the same token, so that a mail can be
/// written, and written again, from the id alone: neither the database nor the outbox holds a token.
#[derive(Debug)]
pub struct SecretTokens {
    key: SecretBox<[u8; 32]>,
}

const TOKEN_BYTES: usize = 16 + 32;

impl SecretTokens {
    /// Derives the key from a secret.
    pub fn new(secret: &SecretString) -> Self {
        Self {
            key: keyed::derive(secret, b"parlance one-time secret v1"),
        }
    }

    /// Writes the token of a secret.
    pub fn write(&self, purpose: Purpose, id: SecretId) -> SecretString {
        let mut bytes = Vec::with_capacity(TOKEN_BYTES);
        bytes.extend_from_slice(id.0.as_bytes());
        let tag = self.mac(purpose, id).finalize().into_bytes();
        bytes.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(bytes).into()
    }

    /// Reads a token; `None` for whatever this key did not write for this purpose.
    pub fn read(&self, purpose: Purpose, text: &str) -> Option<SecretId> {
        // Longer than any token: not worth decoding.
        if text.len() > 2 * TOKEN_BYTES {
            return None;
        }
        let bytes: [u8; TOKEN_BYTES] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (id, tag) = bytes.split_at(16);
        let id = SecretId(Uuid::from_slice(id).ok()?);
        self.mac(purpose, id).verify_slice(tag).ok()?;
        Some(id)
    }

    /// The digest of a token, as it is kept.
    pub fn digest(token: &str) -> [u8; 32] {
        Sha256::digest(token).into()
    }

    fn mac(&self, purpose: Purpose, id: SecretId) -> keyed::HmacSha256 {
        let mut mac = keyed::mac(&self.key);
        mac.update(purpose.as_str().as_bytes());
        mac.update(&[0]);
        mac.update(id.0.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn id() -> SecretId {
        SecretId(Uuid::from_u128(7))
    }

    fn token(secret: &str, purpose: Purpose) -> String {
        let tokens = SecretTokens::new(&secret.into());
        tokens.write(purpose, id()).expose_secret().to_owned()
    }

    #[test]
    fn a_token_reads_back_for_its_purpose_alone() {
        let tokens = SecretTokens::new(&"secret".into());
        for purpose in Purpose::ALL {
            let text = token("secret", purpose);
            for other in Purpose::ALL {
                let read = tokens.read(other, &text);
                assert_eq!(read, (other == purpose).then_some(id()), "{purpose} as {other}");
            }
        }
    }

    #[test]
    fn another_key_reads_nothing() {
        let text = token("other", Purpose::ResetPassword);
        let tokens = SecretTokens::new(&"secret".into());
        assert_eq!(tokens.read(Purpose::ResetPassword, &text), None);
    }

    #[test]
    fn threat_12_any_changed_character_or_length_is_refused() {
        let tokens = SecretTokens::new(&"secret".into());
        let text = token("secret", Purpose::ResetPassword);
        for at in 0..text.len() {
            for replacement in ["A", "B", "=", "\n", "."] {
                let mut changed = text.clone();
                changed.replace_range(at..=at, replacement);
                let read = tokens.read(Purpose::ResetPassword, &changed);
                assert!(changed == text || read.is_none(), "{at} {replacement:?}");
            }
        }
        for changed in [&text[1..], &format!("{text}="), &format!("{text}A"), ""] {
            assert_eq!(tokens.read(Purpose::ResetPassword, changed), None);
        }
    }

    #[test]
    fn purposes_are_found_by_their_names() {
        for purpose in Purpose::ALL {
            assert_eq!(purpose.as_str().parse(), Ok(purpose));
        }
        assert_eq!("reset".parse::<Purpose>(), Err(UnknownPurpose));
    }
}
