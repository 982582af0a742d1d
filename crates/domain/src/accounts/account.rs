//! The account: a learner as the system knows them.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization;

use super::{Email, LanguageTag, PasswordHash, Username};
use crate::ids::UserId;
use crate::time::{TimeZone, Timestamp};

/// A learner's account, without its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id, for ever the same.
    pub id: UserId,
    /// Where mail goes; unique by [`Email::key`].
    pub email: Email,
    /// A second name to sign in with; unique by [`Username::key`].
    pub username: Option<Username>,
    /// What others see.
    pub display_name: Option<DisplayName>,
    /// What its owner may do.
    pub roles: Roles,
    /// The language its owner speaks.
    pub native_language: Option<LanguageTag>,
    /// The language its owner learns.
    pub target_language: Option<LanguageTag>,
    /// How well they know it.
    pub proficiency_level: Option<CefrLevel>,
    /// Where their days begin and end.
    pub time_zone: TimeZone,
    /// Whether they pay.
    pub is_premium: bool,
    /// Whether they have shown that the address is theirs.
    pub email_verified: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When its owner last signed in.
    pub last_login_at: Option<Timestamp>,
    /// Whether it may be used.
    pub standing: Standing,
    /// Counts its changes; a save names the one it read.
    pub revision: u64,
}

/// An account with the hash of its password, for signing in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountWithPassword {
    /// The account.
    pub account: Account,
    /// The stored hash of its password.
    pub password_hash: PasswordHash,
}

/// Whether an account may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It may.
    Active,
    /// An administrator put it out of use.
    Deactivated {
        /// When.
        since: Timestamp,
    },
    /// It was deleted, and can be brought back until it is purged.
    Deleted(Deletion),
}

/// The end of an account that is to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// Who wanted it: the owner may change their mind by signing in, an administrator restores what administrators deleted.
    pub by_owner: bool,
    /// Why, in the words of the administrator.
    pub reason: Option<String>,
    /// When it was deleted.
    pub since: Timestamp,
    /// When it will be gone for good.
    pub purge_at: Timestamp,
}

/// What an account may do beyond being a learner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Every account has it.
    User,
    /// May look after other accounts.
    Admin,
}

impl Role {
    /// Its name in tokens, stores and views.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }
}

/// A name that no role has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such role")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        match text {
            "user" => Ok(Self::User),
            "admin" => Ok(Self::Admin),
            _ => Err(UnknownRole),
        }
    }
}

/// The roles of an account, each once.
pub type Roles = std::collections::BTreeSet<Role>;

/// A name of 1 to 100 characters without control characters, trimmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplayName(String);

/// A text that is not a display name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 100 characters without control characters")]
pub struct InvalidDisplayName;

impl DisplayName {
    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as it is looked for; many may have the same.
    pub fn key(&self) -> String {
        Self::fold(&self.0)
    }

    /// A text in the form of [`DisplayName::key`]: in lower case, letter by letter, and in Unicode form NFC.
    pub fn fold(text: &str) -> String {
        let lower: String = text.nfc().flat_map(char::to_lowercase).collect();
        lower.nfc().collect()
    }
}

impl FromStr for DisplayName {
    type Err = InvalidDisplayName;

    fn from_str(text: &str) -> Result<Self, InvalidDisplayName> {
        let name = text.trim();
        let fits = (1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control);
        fits.then(|| Self(name.to_owned())).ok_or(InvalidDisplayName)
    }
}

/// A level of the Common European Framework of Reference for Languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CefrLevel {
    /// Breakthrough.
    A1,
    /// Waystage.
    A2,
    /// Threshold.
    B1,
    /// Vantage.
    B2,
    /// Advanced.
    C1,
    /// Mastery.
    C2,
}

/// A text that is not one of A1, A2, B1, B2, C1 and C2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of A1, A2, B1, B2, C1 and C2")]
pub struct InvalidLevel;

impl CefrLevel {
    /// The level's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A1 => "A1",
            Self::A2 => "A2",
            Self::B1 => "B1",
            Self::B2 => "B2",
            Self::C1 => "C1",
            Self::C2 => "C2",
        }
    }
}

impl fmt::Display for CefrLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CefrLevel {
    type Err = InvalidLevel;

    fn from_str(text: &str) -> Result<Self, InvalidLevel> {
        [Self::A1, Self::A2, Self::B1, Self::B2, Self::C1, Self::C2]
            .into_iter()
            .find(|level| level.as_str() == text)
            .ok_or(InvalidLevel)
    }
}

/// What a JSON Merge Patch (RFC 7396) says of one member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// The member is absent: leave it.
    #[default]
    Keep,
    /// The member is null: take it away.
    Clear,
    /// The member has a value: set it.
    Set(T),
}

impl<T> Patch<T> {
    fn apply(self, to: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *to = None,
            Self::Set(value) => *to = Some(value),
        }
    }
}

/// The change that an account's owner may make to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProfilePatch {
    /// What others see.
    pub display_name: Patch<DisplayName>,
    /// The language its owner speaks.
    pub native_language: Patch<LanguageTag>,
    /// The language its owner learns.
    pub target_language: Patch<LanguageTag>,
    /// How well they know it.
    pub proficiency_level: Patch<CefrLevel>,
    /// Where their days begin and end; cleared, it is UTC again.
    pub time_zone: Patch<TimeZone>,
}

impl Account {
    /// Whether it may be used.
    pub fn is_active(&self) -> bool {
        self.standing == Standing::Active
    }

    /// Whether its owner can use it, if only by signing in after having deleted it.
    pub fn may_come_back(&self) -> bool {
        match &self.standing {
            Standing::Active => true,
            Standing::Deleted(deletion) => deletion.by_owner,
            Standing::Deactivated { .. } => false,
        }
    }

    /// Whether its owner may look after other accounts.
    pub fn is_administrator(&self) -> bool {
        self.is_active() && self.roles.contains(&Role::Admin)
    }

    /// The account as a change leaves it: a revision later.
    pub fn changed(&self, now: Timestamp, change: impl FnOnce(&mut Self)) -> Self {
        let mut next = self.clone();
        change(&mut next);
        next.updated_at = now;
        next.revision = self.revision + 1;
        next
    }

    /// The account after a change by its owner; the same, where nothing differs.
    pub fn patched(&self, patch: ProfilePatch, now: Timestamp) -> Self {
        let mut next = self.clone();
        patch.display_name.apply(&mut next.display_name);
        patch.native_language.apply(&mut next.native_language);
        patch.target_language.apply(&mut next.target_language);
        patch.proficiency_level.apply(&mut next.proficiency_level);
        match patch.time_zone {
            Patch::Keep => {}
            Patch::Clear => next.time_zone = TimeZone::UTC,
            Patch::Set(zone) => next.time_zone = zone,
        }
        if next != *self {
            next.updated_at = now;
            next.revision += 1;
        }
        next
    }
}
