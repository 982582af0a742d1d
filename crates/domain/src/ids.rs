//! Typed identifiers and the port that makes new ones.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Makes identifiers that nobody made before.
pub trait IdGenerator: Send + Sync {
    /// A new UUIDv7 (RFC 9562): unique, and ordered by the time of its making.
    fn next(&self) -> Uuid;
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }
    };
}

uuid_id! {
    /// Names an account.
    UserId
}
uuid_id! {
    /// Names a session: the family of all refresh tokens that descend from one sign-in.
    SessionId
}
uuid_id! {
    /// Names an event of a user's progress log; a review's id is chosen by the client.
    EventId
}
uuid_id! {
    /// Names one life of a progress row: a word forgotten and begun again has a new one.
    ProgressId
}

uuid_id! {
    /// Names a device that an account signed in on.
    DeviceId
}
uuid_id! {
    /// Names an entry of the audit log.
    AuditId
}
uuid_id! {
    /// Names a mail that is to be sent once.
    MailId
}
uuid_id! {
    /// Names a one-time secret, such as the one in a link to set a new password.
    SecretId
}
uuid_id! {
    /// Names a key for programs.
    ApiKeyId
}
uuid_id! {
    /// Names a passkey.
    PasskeyId
}
uuid_id! {
    /// Names a challenge that waits for the answer of a device.
    PasskeyChallengeId
}
uuid_id! {
    /// Names an identity at a provider that is linked to an account.
    IdentityId
}
uuid_id! {
    /// Names a sign-in at a provider that is under way.
    AuthorizationId
}
uuid_id! {
    /// Names an archive of everything that is held of a learner.
    ExportId
}

/// A text that is not a slug of 1 to 64 characters out of `A-Za-z0-9._:-`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 64 characters out of A-Z, a-z, 0-9, '.', '_', ':' and '-'")]
pub struct InvalidSlug;

fn check_slug(text: &str) -> Result<(), InvalidSlug> {
    let fits = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-'));
    fits.then_some(()).ok_or(InvalidSlug)
}

macro_rules! slug_id {
    ($(#[$doc:meta])* $name:ident, reserved: $reserved:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The slug itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            fn check(text: &str) -> Result<(), InvalidSlug> {
                let reserved: &[&str] = $reserved;
                check_slug(text)?;
                (!reserved.contains(&text)).then_some(()).ok_or(InvalidSlug)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidSlug;

            fn from_str(text: &str) -> Result<Self, InvalidSlug> {
                Self::check(text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidSlug;

            fn try_from(text: String) -> Result<Self, InvalidSlug> {
                Self::check(&text)?;
                Ok(Self(text))
            }
        }
    };
}

slug_id! {
    /// Names a word: one of the vocabulary, or one that a client brought along.
    ///
    /// The names of routes beside `/progress/{wordId}` are not word ids.
    WordId,
    reserved: &["stats", "due", "activity", "changes", "batch", "import", ".", ".."]
}
slug_id! {
    /// Names a word list.
    ListId,
    reserved: &[".", ".."]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_id_is_a_slug_of_1_to_64_characters() {
        for good in ["a", "zh-00001", "A.b_c:d-9", "...", &"x".repeat(64)] {
            assert!(good.parse::<WordId>().is_ok(), "{good}");
        }
        for bad in ["", "a b", "a/b", "字", "a\0", "a\n", "%2e", &"x".repeat(65)] {
            assert_eq!(bad.parse::<WordId>(), Err(InvalidSlug), "{bad:?}");
        }
    }

    #[test]
    fn the_names_of_routes_beside_it_are_no_word_ids() {
        for reserved in [
            "stats", "due", "activity", "changes", "batch", "import", ".", "..",
        ] {
            assert_eq!(reserved.parse::<WordId>(), Err(InvalidSlug), "{reserved}");
        }
        assert!("Stats".parse::<WordId>().is_ok());
    }
}
