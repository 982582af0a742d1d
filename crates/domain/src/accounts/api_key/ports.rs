//! The store of keys for programs.

use async_trait::async_trait;

use super::ApiKey;
use crate::consequences::Consequences;
use crate::ids::{ApiKeyId, SessionId, UserId};
use crate::port::PortError;
use crate::time::Timestamp;

/// Why a key was not kept.
#[derive(Debug, thiserror::Error)]
pub enum InsertApiKeyError {
    /// There are too many.
    #[error("the account has as many keys as it can have")]
    TooMany,
    /// The session that makes it has ended.
    #[error("the session has ended")]
    SessionEnded,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Keeps keys for programs, never their secrets.
///
/// An account that gets a new password and loses all its sessions by the same change loses its keys by it, too.
#[async_trait]
pub trait ApiKeyStore: Send + Sync {
    /// Keeps a new key with its consequences, on behalf of a session of its owner.
    ///
    /// - Where that session has ended, nothing is written: whoever ends it finds the key.
    /// - Where the owner has `most` keys already, whether expired or not, nothing is written; of several at once none is
    ///   kept beyond that.
    async fn insert(
        &self,
        key: &ApiKey,
        by: SessionId,
        most: u32,
        consequences: &Consequences,
    ) -> Result<(), InsertApiKeyError>;

    /// The keys of a user, the one made last first.
    async fn list(&self, user: UserId) -> Result<Vec<ApiKey>, PortError>;

    /// Takes a key of a user away with its consequences; whether it was there.
    ///
    /// - Where it was not, nothing is written; of several at once one succeeds.
    async fn revoke(
        &self,
        user: UserId,
        id: ApiKeyId,
        consequences: &Consequences,
    ) -> Result<bool, PortError>;

    /// The key of this id, if its owner's account is in use.
    ///
    /// - The keys of accounts that were deactivated or deleted are absent until the account is in use again.
    /// - Whether it has expired is not looked at.
    async fn of_bearer(&self, id: ApiKeyId) -> Result<Option<ApiKey>, PortError>;

    /// Notes that a key of a user was used.
    ///
    /// - A time before the one that is noted changes nothing.
    async fn used(&self, user: UserId, id: ApiKeyId, at: Timestamp) -> Result<(), PortError>;
}
