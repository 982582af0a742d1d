//! What accounts an administrator looks for.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use crate::accounts::{DisplayName, Email, Role, Standing};

/// What accounts are looked for; what is absent filters nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountQuery {
    /// How the email, the username or the display name begins.
    pub text: Option<NamePrefix>,
    /// Which role they have.
    pub role: Option<Role>,
    /// How they stand.
    pub status: Option<AccountStatus>,
}

impl AccountQuery {
    /// Where the keys of emails lie that are looked for, byte by byte.
    pub fn emails(&self) -> Range<&str> {
        self.text.as_ref().map_or(EVERYTHING, NamePrefix::of_email)
    }

    /// Where the keys of usernames and display names lie that are looked for, byte by byte.
    pub fn names(&self) -> Range<&str> {
        self.text.as_ref().map_or(EVERYTHING, NamePrefix::of_name)
    }
}

/// Where all keys lie.
const EVERYTHING: Range<&str> = ""..LAST;
/// The last character of Unicode, which no name holds.
const LAST: &str = "\u{10FFFF}";

/// How an account stands, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountStatus {
    /// It is in use.
    Active,
    /// An administrator put it out of use.
    Deactivated,
    /// It was deleted, and is not yet gone.
    Deleted,
}

impl AccountStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Active, Self::Deactivated, Self::Deleted];

    /// Its name in views.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deactivated => "deactivated",
            Self::Deleted => "deleted",
        }
    }
}

impl From<&Standing> for AccountStatus {
    fn from(standing: &Standing) -> Self {
        match standing {
            Standing::Active => Self::Active,
            Standing::Deactivated { .. } => Self::Deactivated,
            Standing::Deleted(_) => Self::Deleted,
        }
    }
}

/// A name that no status has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of active, deactivated and deleted")]
pub struct UnknownStatus;

impl FromStr for AccountStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        let found = Self::ALL.into_iter().find(|status| status.as_str() == text);
        found.ok_or(UnknownStatus)
    }
}

/// How a name begins: 1 to 254 characters without control characters, trimmed.
///
/// Compared with the keys of emails, usernames and display names, so that case and Unicode form do not matter.
#[derive(Clone, PartialEq, Eq)]
pub struct NamePrefix {
    email: [String; 2],
    name: [String; 2],
}

/// A text that no name begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 254 characters without control characters")]
pub struct InvalidNamePrefix;

impl NamePrefix {
    /// The longest, in characters.
    pub const MAX_CHARACTERS: usize = 254;

    fn of_email(&self) -> Range<&str> {
        let [start, end] = &self.email;
        start..end
    }

    fn of_name(&self) -> Range<&str> {
        let [start, end] = &self.name;
        start..end
    }
}

/// May be somebody's address.
impl fmt::Debug for NamePrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NamePrefix([redacted])")
    }
}

impl FromStr for NamePrefix {
    type Err = InvalidNamePrefix;

    fn from_str(text: &str) -> Result<Self, InvalidNamePrefix> {
        let text = text.trim();
        let fits =
            (1..=Self::MAX_CHARACTERS).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if !fits {
            return Err(InvalidNamePrefix);
        }
        let name = DisplayName::fold(text);
        // A whole address is looked for by its own key, which has the domain in another form.
        let email = text.parse::<Email>();
        let email = email.map_or_else(|_| name.clone(), |email| email.key().to_owned());
        Ok(Self {
            email: with_end(email),
            name: with_end(name),
        })
    }
}

/// How something begins, and what lies behind all that begins so.
fn with_end(start: String) -> [String; 2] {
    let end = format!("{start}{LAST}");
    [start, end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_found_by_their_names() {
        for status in AccountStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        assert_eq!("locked".parse::<AccountStatus>(), Err(UnknownStatus));
    }

    #[test]
    fn a_prefix_is_folded_as_the_keys_are() {
        let prefix: NamePrefix = " ÄNN@Bücher.example ".parse().unwrap();
        assert_eq!(prefix.of_email().start, "änn@xn--bcher-kva.example");
        assert_eq!(prefix.of_name().start, "änn@bücher.example");
        let part: NamePrefix = "Ann@Bü".parse().unwrap();
        assert_eq!(
            (part.of_email().start, part.of_name().start),
            ("ann@bü", "ann@bü")
        );
    }

    #[test]
    fn what_begins_so_lies_within_and_nothing_else_does() {
        let prefix: NamePrefix = "an".parse().unwrap();
        let range = prefix.of_name();
        for inside in ["an", "ana", "anz", "an字", "an\u{1f600}"] {
            assert!(range.contains(&inside), "{inside}");
        }
        for outside in ["a", "am", "ao", "bn", "", "än"] {
            assert!(!range.contains(&outside), "{outside}");
            assert!(AccountQuery::default().names().contains(&outside), "{outside}");
        }
    }

    #[test]
    fn threat_45_a_prefix_has_an_end_and_holds_no_nul() {
        for bad in ["", " ", "a\0", "\u{7f}", &"%".repeat(255)] {
            assert_eq!(bad.parse::<NamePrefix>(), Err(InvalidNamePrefix), "{bad:?}");
        }
        assert!("%".repeat(254).parse::<NamePrefix>().is_ok());
    }

    #[test]
    fn debug_does_not_show_what_is_looked_for() {
        let prefix: NamePrefix = "ann@example.com".parse().unwrap();
        assert_eq!(format!("{prefix:?}"), "NamePrefix([redacted])");
    }
}
