//! A passkey as it is kept: the public half of a key pair, and what its owner calls it.

use std::str::FromStr;

use crate::ids::{PasskeyId, UserId};
use crate::time::Timestamp;

/// The public half of a key pair whose private half a device of the owner keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    /// Its id.
    pub id: PasskeyId,
    /// Whose it is.
    pub user_id: UserId,
    /// What its owner calls it.
    pub name: PasskeyName,
    /// By what its answers are checked.
    pub credential: PasskeyCredential,
    /// What the device counted when it was used last; 0 before that, and for as long as it does not count.
    pub counter: u32,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was used last, if ever.
    pub last_used_at: Option<Timestamp>,
}

/// By what the answers of a passkey are checked. Nothing of it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasskeyCredential {
    /// What the device calls it.
    pub id: CredentialId,
    /// The public key with its circumstances, in the form of whoever conducts the ceremonies.
    pub public_key: String,
}

/// What a device calls a passkey: 1 to 1023 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CredentialId(Vec<u8>);

impl CredentialId {
    /// The most bytes that there may be, by the specification of `WebAuthn`.
    pub const MAX_BYTES: usize = 1023;

    /// The id of these bytes; `None` where there are none or too many.
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        (1..=Self::MAX_BYTES)
            .contains(&bytes.len())
            .then_some(Self(bytes))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What the owner calls a passkey: 1 to 64 characters, none of them a control character, no space at either end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PasskeyName(String);

/// A text is no name of a passkey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be 1 to {} characters, none of them a control character",
    PasskeyName::MAX_CHARACTERS
)]
pub struct InvalidPasskeyName;

impl PasskeyName {
    /// The longest, in characters.
    pub const MAX_CHARACTERS: usize = 64;

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PasskeyName {
    type Err = InvalidPasskeyName;

    fn from_str(text: &str) -> Result<Self, InvalidPasskeyName> {
        let text = text.trim();
        let is_short = (1..=Self::MAX_CHARACTERS).contains(&text.chars().count());
        let is_good = is_short && !text.chars().any(char::is_control);
        is_good.then(|| Self(text.to_owned())).ok_or(InvalidPasskeyName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_of_one_line() {
        let name = |text: &str| text.parse::<PasskeyName>().map(|name| name.as_str().to_owned());
        assert_eq!(name("  手机 of Ann "), Ok("手机 of Ann".to_owned()));
        assert!(name(&"学".repeat(64)).is_ok());
        for bad in ["", "  ", "a\nb", "a\0b", &"x".repeat(65)] {
            assert_eq!(name(bad), Err(InvalidPasskeyName), "{bad:?}");
        }
    }

    #[test]
    fn ids_of_credentials_are_neither_empty_nor_endless() {
        assert_eq!(CredentialId::new(Vec::new()), None);
        assert_eq!(CredentialId::new(vec![7; 1024]), None);
        assert_eq!(CredentialId::new(vec![7; 1023]).unwrap().as_bytes().len(), 1023);
    }
}
