//! Passwords: what makes one acceptable, and the port that hashes them.

use std::fmt;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use crate::port::PortError;

/// A password in the clear, shown by no `Debug`, wiped from memory when dropped.
#[derive(Debug, Clone)]
pub struct Password(SecretString);

/// A text that cannot be a password at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPassword {
    /// Fewer than 8 or more than 128 characters.
    #[error("must be 8 to 128 characters long")]
    Length,
    /// It holds a NUL character.
    #[error("must not contain a NUL character")]
    Nul,
}

impl Password {
    /// The longest password, in characters. Every one of them counts.
    pub const MAX_CHARACTERS: usize = 128;
    /// The shortest password for a new account, in characters.
    pub const MIN_CHARACTERS: usize = 8;

    /// Checks the form of a password that is to be set.
    pub fn check(text: &str) -> Result<(), InvalidPassword> {
        Self::check_attempt(text)?;
        if text.chars().count() < Self::MIN_CHARACTERS {
            return Err(InvalidPassword::Length);
        }
        Ok(())
    }

    /// Checks the form of a password that is tried: nothing that was ever acceptable is refused.
    pub fn check_attempt(text: &str) -> Result<(), InvalidPassword> {
        // Bytes first: a megabyte is refused without being counted.
        if text.is_empty()
            || text.len() > 4 * Self::MAX_CHARACTERS
            || text.chars().count() > Self::MAX_CHARACTERS
        {
            return Err(InvalidPassword::Length);
        }
        if text.contains('\0') {
            return Err(InvalidPassword::Nul);
        }
        Ok(())
    }

    /// A password to be set, its form checked.
    pub fn parse(text: &str) -> Result<Self, InvalidPassword> {
        Self::check(text)?;
        Ok(Self(text.into()))
    }

    /// A password that is tried, its form checked.
    pub fn attempt(text: &str) -> Result<Self, InvalidPassword> {
        Self::check_attempt(text)?;
        Ok(Self(text.into()))
    }

    /// The password itself, for the hasher.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// A stored hash, with the version of the scheme that made it; shown by no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// A hash as it was stored.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// What stands in the place of a hash where there is no password; no password matches it.
    pub fn absent() -> Self {
        Self("-".to_owned())
    }

    /// Whether there is a password at all.
    pub fn is_absent(&self) -> bool {
        *self == Self::absent()
    }

    /// The hash as it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash([redacted])")
    }
}

/// What came of comparing a password with a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// It is the password, and the hash is as new ones are made.
    Match,
    /// It is the password; the hash is of an older scheme or cost, and this one should replace it.
    MatchOutdated(PasswordHash),
    /// It is not the password, or the hash is unreadable.
    Mismatch,
}

/// Why a password was not hashed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordHasherError {
    /// So many wait for their turn that this one would wait too long.
    #[error("too many passwords are waiting to be hashed")]
    Busy,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// The right to come to have a password hashed; given back when dropped.
pub struct HashingRoom(#[expect(dead_code, reason = "held, and dropped")] Box<dyn Send + Sync>);

impl HashingRoom {
    /// What gives the room back when it is dropped.
    pub fn held_by(guard: impl Send + Sync + 'static) -> Self {
        Self(Box::new(guard))
    }
}

/// Hashes passwords slowly, off the threads that answer requests, a bounded number at a time.
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// Room for one more on the way to have a password hashed, waited for for a fraction of a second; none where too many
    /// are. Asked for before anything else, it spares the work for those who would be told in the end that too many wait.
    async fn room(&self) -> Option<HashingRoom>;

    /// Hashes a password; every character counts.
    async fn hash(&self, password: &Password) -> Result<PasswordHash, PasswordHasherError>;

    /// Compares a password with a hash, or does the same work in vain when there is none.
    ///
    /// An unreadable hash is a mismatch, not an error.
    async fn verify(
        &self,
        password: &Password,
        hash: Option<&PasswordHash>,
    ) -> Result<Verification, PasswordHasherError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_counted_in_characters() {
        assert!(Password::check(&"字".repeat(128)).is_ok());
        assert_eq!(Password::check(&"字".repeat(129)), Err(InvalidPassword::Length));
        assert_eq!(Password::check("Abcdef1"), Err(InvalidPassword::Length));
        assert!(Password::check("Abcdefg1").is_ok());
        assert_eq!(Password::check("Abcdefg1\0"), Err(InvalidPassword::Nul));
    }

    #[test]
    fn a_short_password_may_be_tried_but_not_set() {
        assert!(Password::attempt("x").is_ok());
        assert!(Password::parse("x").is_err());
        assert!(Password::attempt("").is_err());
    }

    #[test]
    fn debug_shows_neither_password_nor_hash() {
        let password = Password::parse("Abcdefg1").unwrap();
        let hash = PasswordHash::from_stored("v1$secret".into());
        assert!(!format!("{password:?} {hash:?}").contains("Abcdefg1"));
        assert!(!format!("{password:?} {hash:?}").contains("secret"));
    }
}
