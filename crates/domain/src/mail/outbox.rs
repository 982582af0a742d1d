//! The port of the outbox: mails that wait to be sent, each by one worker at a time.

use async_trait::async_trait;
use uuid::Uuid;

use super::OutgoingMail;
use crate::ids::{MailId, UserId};
use crate::port::PortError;
use crate::time::Timestamp;

/// Names an attempt to send mails; only the last one that took a mail says what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AttemptId(pub Uuid);

/// On which terms mails are taken.
#[derive(Debug, Clone, Copy)]
pub struct Lease {
    /// Who takes them.
    pub attempt: AttemptId,
    /// The present instant.
    pub now: Timestamp,
    /// Until when nobody else takes them.
    pub until: Timestamp,
    /// How many are taken at most.
    pub limit: u32,
}

/// A mail that was taken to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenMail {
    /// Whose account it is about.
    pub user_id: UserId,
    /// Its id.
    pub id: MailId,
    /// When its cause was.
    pub created_at: Timestamp,
    /// How often the other side did not take it.
    pub refusals: u32,
    /// What is to be sent; `None` where this release cannot read it, such as one that a later release wrote.
    pub mail: Option<OutgoingMail>,
}

/// What became of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was sent.
    Sent {
        /// When.
        at: Timestamp,
    },
    /// It is to be tried again.
    Postponed {
        /// When.
        due: Timestamp,
        /// How often the other side did not take it until now.
        refusals: u32,
    },
    /// It will not be sent.
    GivenUp {
        /// When that was decided.
        at: Timestamp,
    },
}

/// What waits to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// How many mails.
    pub waiting: u64,
    /// When the cause of the oldest was.
    pub oldest: Option<Timestamp>,
}

/// Keeps mails from their cause until they were sent. They are put there as
/// [`Consequences`](crate::consequences::Consequences) of what causes them.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Takes mails that are due, those first that have been due for longest.
    ///
    /// - Of as many parallel calls as there may be, one takes a mail.
    /// - A mail that was taken is due again when the lease is over.
    /// - What was sent or given up is taken no more.
    /// - A mail that cannot be read keeps no other from being taken.
    async fn take(&self, lease: &Lease) -> Result<Vec<TakenMail>, PortError>;

    /// Notes what became of a mail; whether this attempt was the last one that took it. If not, nothing is noted.
    async fn note(&self, user: UserId, id: MailId, attempt: AttemptId, fate: Fate)
    -> Result<bool, PortError>;

    /// What waits, taken or not.
    async fn backlog(&self) -> Result<Backlog, PortError>;

    /// Forgets mails whose cause was before this instant, sent or not; how many, at most `limit`.
    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u32, PortError>;
}
