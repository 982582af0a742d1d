//! Usernames: a second name to sign in with.

use std::str::FromStr;

/// A username of 3 to 32 characters out of `A-Za-z0-9_.-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username(String);

/// A text that is not a username.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 3 to 32 characters out of A-Z, a-z, 0-9, '_', '.' and '-'")]
pub struct InvalidUsername;

impl Username {
    /// The name as its owner writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What two usernames have in common when they are the same.
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl FromStr for Username {
    type Err = InvalidUsername;

    fn from_str(text: &str) -> Result<Self, InvalidUsername> {
        let fits = (3..=32).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        fits.then(|| Self(text.to_owned())).ok_or(InvalidUsername)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_and_alphabet_are_checked() {
        for good in ["ann", "Ann_B.c-1", &"a".repeat(32)] {
            assert!(good.parse::<Username>().is_ok(), "{good}");
        }
        for bad in ["", "ab", "a b c", "änn", "ann\0", &"a".repeat(33)] {
            assert_eq!(bad.parse::<Username>(), Err(InvalidUsername), "{bad:?}");
        }
    }

    #[test]
    fn case_does_not_matter_for_the_key() {
        let (a, b): (Username, Username) = ("Ann".parse().unwrap(), "aNN".parse().unwrap());
        assert_eq!(a.key(), b.key());
    }
}
