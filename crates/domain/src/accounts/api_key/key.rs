//! A key for programs, and the text that its bearer shows.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Scopes;
use crate::ids::{ApiKeyId, UserId};
use crate::time::Timestamp;

/// What the text of a key begins with, by which scanners of secrets know it.
pub const API_KEY_PREFIX: &str = "pk_";

const ID_BYTES: usize = 16;
const SECRET_BYTES: usize = 32;
const CHECK_BYTES: usize = 3;
const BYTES: usize = ID_BYTES + SECRET_BYTES + CHECK_BYTES;
/// How many characters of a text say which key it is and nothing of its secret.
const SHOWN_CHARACTERS: usize = 21;

/// A key with which programs act for its owner; kept without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id, which the text begins with.
    pub id: ApiKeyId,
    /// Whose it is.
    pub user_id: UserId,
    /// What its owner calls it.
    pub name: ApiKeyName,
    /// What it may do.
    pub scopes: Scopes,
    /// SHA-256 of the text.
    pub digest: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops being good, if ever.
    pub expires_at: Option<Timestamp>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// What the owner calls a key: 1 to 64 characters, none of them a control character, no space at either end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ApiKeyName(String);

/// A text is no name of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be 1 to {} characters, none of them a control character",
    ApiKeyName::MAX_CHARACTERS
)]
pub struct InvalidApiKeyName;

impl ApiKeyName {
    /// The longest, in characters.
    pub const MAX_CHARACTERS: usize = 64;

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ApiKeyName {
    type Err = InvalidApiKeyName;

    fn from_str(text: &str) -> Result<Self, InvalidApiKeyName> {
        let text = text.trim();
        let is_short = (1..=Self::MAX_CHARACTERS).contains(&text.chars().count());
        let is_good = is_short && !text.chars().any(char::is_control);
        is_good.then(|| Self(text.to_owned())).ok_or(InvalidApiKeyName)
    }
}

impl ApiKey {
    /// Whether it is good at a time.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }

    /// What its text begins with: enough to tell which it is, and nothing of its secret.
    pub fn beginning(&self) -> String {
        let id = URL_SAFE_NO_PAD.encode(self.id.0.as_bytes());
        let shown = id.get(..SHOWN_CHARACTERS).unwrap_or_default();
        format!("{API_KEY_PREFIX}{shown}")
    }
}

/// The text of a key.
///
/// It is `pk_` and `base64url(id ‖ secret ‖ check)`: 16, 32 and 3 bytes, 71 characters in all. The check is the first
/// bytes of SHA-256 of id and secret; it tells a slip of the pen, or what only looks like a key, from a key without asking a
/// store.
#[derive(Debug)]
pub struct ApiKeyText {
    /// Which key it claims to be.
    pub id: ApiKeyId,
    text: SecretString,
}

impl ApiKeyText {
    /// Writes the text of a key.
    pub fn write(id: ApiKeyId, secret: &SecretBox<[u8; SECRET_BYTES]>) -> Self {
        let mut bytes = [0; BYTES];
        bytes[..ID_BYTES].copy_from_slice(id.0.as_bytes());
        bytes[ID_BYTES..ID_BYTES + SECRET_BYTES].copy_from_slice(secret.expose_secret());
        let check = check(&bytes[..ID_BYTES + SECRET_BYTES]);
        bytes[ID_BYTES + SECRET_BYTES..].copy_from_slice(&check);
        let text = format!("{API_KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
        Self {
            id,
            text: text.into(),
        }
    }

    /// Reads the text of a key; `None` for whatever this program did not write.
    pub fn read(text: &str) -> Option<Self> {
        let encoded = text.strip_prefix(API_KEY_PREFIX)?;
        let mut bytes = [0; BYTES];
        // One byte more or less is an error, as are unused bits.
        let length = URL_SAFE_NO_PAD.decode_slice(encoded, &mut bytes).ok()?;
        let (signed, told) = bytes.split_at(ID_BYTES + SECRET_BYTES);
        let id = Uuid::from_slice(&bytes[..ID_BYTES]).ok()?;
        (length == BYTES && check(signed) == told).then(|| Self {
            id: ApiKeyId(id),
            text: text.into(),
        })
    }

    /// What is kept of it: its SHA-256. Whoever finds out by the time that a comparison takes how this begins knows nothing
    /// of a text.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.text.expose_secret()).into()
    }

    /// For its owner, once.
    pub fn into_secret(self) -> SecretString {
        self.text
    }
}

fn check(signed: &[u8]) -> [u8; CHECK_BYTES] {
    let digest = Sha256::digest(signed);
    [digest[0], digest[1], digest[2]]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: u128) -> String {
        let secret = SecretBox::init_with(|| [7; SECRET_BYTES]);
        let text = ApiKeyText::write(ApiKeyId(Uuid::from_u128(number)), &secret);
        text.into_secret().expose_secret().to_owned()
    }

    #[test]
    fn a_text_is_read_back_and_always_looks_the_same() {
        let text = text(u128::MAX / 3);
        assert_eq!(text.len(), 71);
        let read = ApiKeyText::read(&text).unwrap();
        assert_eq!(read.id, ApiKeyId(Uuid::from_u128(u128::MAX / 3)));
        assert_eq!(read.digest(), <[u8; 32]>::from(Sha256::digest(&text)));
        assert!(!format!("{read:?}").contains(&text[3..]));
    }

    #[test]
    fn threat_12_whatever_is_changed_it_is_no_key_of_ours() {
        let text = text(1);
        for at in 0..text.len() {
            for replacement in ["A", "B", "-", "=", " ", ""] {
                let mut changed = text.clone();
                changed.replace_range(at..=at, replacement);
                assert!(
                    changed == text || ApiKeyText::read(&changed).is_none(),
                    "{at} {replacement:?}"
                );
            }
        }
        for changed in [
            format!("{text}A"),
            format!(" {text}"),
            text.to_uppercase(),
            text[3..].to_owned(),
        ] {
            assert!(ApiKeyText::read(&changed).is_none(), "{changed}");
        }
        for odd in ["", "pk_", "pk_AAAA", &format!("pk_{}", "A".repeat(100_000))] {
            assert!(ApiKeyText::read(odd).is_none());
        }
    }

    #[test]
    fn names_are_short_and_of_one_line() {
        let name = |text: &str| text.parse::<ApiKeyName>().map(|name| name.as_str().to_owned());
        assert_eq!(name("  手机 backup "), Ok("手机 backup".to_owned()));
        assert!(name(&"学".repeat(64)).is_ok());
        for bad in ["", "  ", "a\nb", "a\0b", &"x".repeat(65)] {
            assert_eq!(name(bad), Err(InvalidApiKeyName), "{bad:?}");
        }
    }
}
