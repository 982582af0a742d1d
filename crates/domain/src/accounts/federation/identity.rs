//! An identity at a provider, and whose account it opens.

use std::fmt;
use std::str::FromStr;

use crate::accounts::Email;
use crate::ids::{IdentityId, UserId};
use crate::time::Timestamp;

/// The name of a provider in settings and paths: 1 to 32 characters out of `a-z0-9-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderId(String);

/// A text that is not the name of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 32 characters out of a-z, 0-9 and '-'")]
pub struct InvalidProviderId;

impl ProviderId {
    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ProviderId {
    type Err = InvalidProviderId;

    fn from_str(text: &str) -> Result<Self, InvalidProviderId> {
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let fits = (1..=32).contains(&text.len()) && text.bytes().all(is_plain);
        fits.then(|| Self(text.to_owned())).ok_or(InvalidProviderId)
    }
}

/// Whom a provider means: the `sub` of its tokens, 1 to 255 ASCII characters (`OpenID Connect` Core 1.0, 2), never shown by
/// `Debug`.
///
/// It is compared byte for byte, and only together with the issuer that said it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Subject(String);

/// A text that is not a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 255 visible ascii characters")]
pub struct InvalidSubject;

impl Subject {
    /// The subject itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subject([redacted])")
    }
}

impl FromStr for Subject {
    type Err = InvalidSubject;

    fn from_str(text: &str) -> Result<Self, InvalidSubject> {
        let is_seen = |b: u8| b == b' ' || b.is_ascii_graphic();
        let fits = (1..=255).contains(&text.len()) && text.bytes().all(is_seen);
        fits.then(|| Self(text.to_owned())).ok_or(InvalidSubject)
    }
}

/// An identity at a provider that opens an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedIdentity {
    /// Its id.
    pub id: IdentityId,
    /// Whose account it opens.
    pub user_id: UserId,
    /// The provider's name in the settings; an account has at most one identity of each.
    pub provider: ProviderId,
    /// Who said whose identity it is: the `iss` of the provider's tokens.
    pub issuer: String,
    /// Whose identity it is; with the issuer, it opens one account.
    pub subject: Subject,
    /// The address that its provider vouched for when it was linked.
    pub email: Option<Email>,
    /// When it was linked.
    pub linked_at: Timestamp,
}

impl LinkedIdentity {
    /// Whether its provider vouched for this address, so that who reads its mail is who signs in with it.
    pub fn has_address(&self, email: &Email) -> bool {
        self.email.as_ref().is_some_and(|own| own.key() == email.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_providers_fit_into_paths() {
        for good in ["google", "a", "company-2", &"x".repeat(32)] {
            assert_eq!(good.parse::<ProviderId>().unwrap().as_str(), good);
        }
        for bad in ["", "Google", "a/b", "a.b", "a_b", "字", "a b", &"x".repeat(33)] {
            assert_eq!(bad.parse::<ProviderId>(), Err(InvalidProviderId), "{bad:?}");
        }
    }

    #[test]
    fn subjects_are_ascii_and_not_shown() {
        let subject: Subject = "auth0|5f7c8ec7".parse().unwrap();
        assert!(!format!("{subject:?}").contains("5f7c"));
        for bad in ["", "a\0", "a\n", "字", &"x".repeat(256)] {
            assert_eq!(bad.parse::<Subject>(), Err(InvalidSubject), "{bad:?}");
        }
    }
}
