//! What a key for programs may do.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// What a key for programs may do of all that its owner may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Read progress, statistics, what is due and what changed.
    ProgressRead,
    /// Record reviews and change progress.
    ProgressWrite,
    /// Read the profile.
    ProfileRead,
    /// Have speech made and understood.
    Speech,
    /// Have conversations written.
    Conversations,
}

/// What a key may do; never nothing.
pub type Scopes = BTreeSet<Scope>;

/// A name that no scope has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of progress:read, progress:write, profile:read, speech, conversations")]
pub struct UnknownScope;

impl Scope {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::ProgressRead,
        Self::ProgressWrite,
        Self::ProfileRead,
        Self::Speech,
        Self::Conversations,
    ];

    /// Its name in requests, answers and stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProgressRead => "progress:read",
            Self::ProgressWrite => "progress:write",
            Self::ProfileRead => "profile:read",
            Self::Speech => "speech",
            Self::Conversations => "conversations",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let found = Self::ALL.into_iter().find(|scope| scope.as_str() == text);
        found.ok_or(UnknownScope)
    }
}
