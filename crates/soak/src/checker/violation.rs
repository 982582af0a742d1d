//! What can be wrong.

use serde::{Deserialize, Serialize};

/// Which promise was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A review was lost, counted twice, altered, or nobody ever made it.
    Set,
    /// A state is not what its log gives, or devices read different ones.
    Merge,
    /// The change feed skipped something, or does not end in the rows.
    Cursor,
    /// A device did not read what it had written or read before, or a session had two heads, or rose from the dead.
    Session,
    /// Statistics or activity are not the sums over the log.
    Counters,
    /// Somebody saw what is another's.
    Isolation,
    /// A word that was forgotten came back by itself.
    Tombstone,
    /// An email had two accounts.
    Unique,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Set,
        Self::Merge,
        Self::Cursor,
        Self::Session,
        Self::Counters,
        Self::Isolation,
        Self::Tombstone,
        Self::Unique,
    ];
}

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Which promise.
    pub kind: Kind,
    /// Whose data: learner and word, email, or session.
    pub key: String,
    /// What was seen, and what should have been.
    pub evidence: String,
}

impl Violation {
    pub(super) fn new(kind: Kind, key: impl Into<String>, evidence: impl Into<String>) -> Self {
        Self {
            kind,
            key: key.into(),
            evidence: evidence.into(),
        }
    }
}
