//! The stores of accounts and sessions, and the set of revoked sessions in the process.

use async_trait::async_trait;

use super::{Account, AccountWithPassword, Email, PasswordHash, Rotation, RotationTerms, Session, Username};
use crate::ids::{SessionId, UserId};
use crate::port::PortError;
use crate::time::Timestamp;

/// Why an account was not made.
#[derive(Debug, thiserror::Error)]
pub enum InsertAccountError {
    /// An account with the same email exists.
    #[error("the email is taken")]
    EmailTaken,
    /// An account with the same username exists.
    #[error("the username is taken")]
    UsernameTaken,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Why an account was not saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveAccountError {
    /// Somebody else changed it first, or it is gone.
    #[error("the account has changed meanwhile")]
    Conflict,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Keeps accounts.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Keeps a new account and its first session, both or neither.
    ///
    /// - A second account with the same [`Email::key`] is refused, whoever comes first.
    /// - A second account with the same [`Username::key`] is refused.
    /// - When both are taken, the email is named.
    async fn insert(
        &self,
        account: &AccountWithPassword,
        session: &Session,
    ) -> Result<(), InsertAccountError>;

    /// The account of this id.
    async fn by_id(&self, id: UserId) -> Result<Option<Account>, PortError>;

    /// The account of this address, compared by its key.
    async fn by_email(&self, email: &Email) -> Result<Option<AccountWithPassword>, PortError>;

    /// The account of this username, compared by its key.
    async fn by_username(&self, username: &Username) -> Result<Option<AccountWithPassword>, PortError>;

    /// Saves the profile of an account that still has the revision `expected`.
    ///
    /// - Another revision is a conflict and changes nothing.
    async fn save(&self, account: &Account, expected: u64) -> Result<(), SaveAccountError>;

    /// Puts `new` in the place of the password hash `old`.
    ///
    /// - A hash that is no longer `old` is left as it is: a password changed meanwhile wins.
    async fn replace_password_hash(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<(), PortError>;
}

/// A session that was ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevokedSession {
    /// Which one.
    pub id: SessionId,
    /// When it was ended.
    pub revoked_at: Timestamp,
}

/// Keeps sessions.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Keeps a new session of an account and notes the time of the sign-in on the account.
    async fn insert(&self, session: &Session) -> Result<(), PortError>;

    /// Applies [`Session::rotate`] to the session and keeps what comes of it.
    ///
    /// - The look and the change are one: of many that present the same head at once, one rotates it
    ///   and the others are told the same successor.
    /// - `None` when there is no such session.
    async fn rotate(
        &self,
        id: SessionId,
        presented: u64,
        terms: RotationTerms,
    ) -> Result<Option<Rotation>, PortError>;

    /// Ends a session; `false` when it had ended before or never was.
    async fn revoke(&self, id: SessionId, now: Timestamp) -> Result<bool, PortError>;

    /// The sessions that were ended at or after an instant.
    async fn revoked_since(&self, since: Timestamp) -> Result<Vec<RevokedSession>, PortError>;

    /// Deletes at most `limit` sessions that expired before an instant; says how many.
    async fn purge_expired(&self, before: Timestamp, limit: u32) -> Result<u32, PortError>;
}

/// The sessions whose access tokens are refused before their time, held in the process.
pub trait RevokedSessions: Send + Sync {
    /// Refuses the access tokens of a session until they have expired anyway.
    fn insert(&self, id: SessionId, until: Timestamp);

    /// Whether the access tokens of a session are refused.
    fn contains(&self, id: SessionId) -> bool;

    /// Forgets the sessions whose access tokens have all expired.
    fn forget_before(&self, now: Timestamp);
}
