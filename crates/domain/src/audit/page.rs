//! Which entries are asked for, and a page of them.

use super::{Action, AuditRecord};
use crate::ids::{AuditId, UserId};
use crate::time::Timestamp;

/// Which entries are asked for: those that fit every member that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AuditFilter {
    /// By whom: the owner of the account, or a program with a key of it.
    pub actor: Option<UserId>,
    /// To whose account.
    pub subject: Option<UserId>,
    /// What was done.
    pub action: Option<Action>,
    /// At this instant or later.
    pub from: Option<Timestamp>,
    /// Before this instant.
    pub to: Option<Timestamp>,
}

/// A place in the log, the newest entry first: that of the entry with this time and id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditCursor {
    /// The time.
    pub at: Timestamp,
    /// The id.
    pub id: AuditId,
}

/// A page of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries, the newest first.
    pub records: Vec<AuditRecord>,
    /// Where the next page begins, if there is one.
    pub next: Option<AuditCursor>,
}

impl AuditPage {
    /// The page of at most `limit` entries out of one more, where there is one.
    pub(super) fn of(mut records: Vec<AuditRecord>, limit: u32) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = records.len() > limit;
        records.truncate(limit);
        let last = records.last().filter(|_| has_more);
        let next = last.map(|record| AuditCursor {
            at: record.at,
            id: record.id,
        });
        Self { records, next }
    }
}
