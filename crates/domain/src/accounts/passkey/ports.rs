//! The store of passkeys and of the challenges that wait for an answer.

use async_trait::async_trait;

use super::{CeremonyState, Passkey, PasskeyAudience, PasskeyChallenge, PasskeyName};
use crate::consequences::Consequences;
use crate::ids::{PasskeyChallengeId, PasskeyId, SessionId, UserId};
use crate::port::PortError;
use crate::time::Timestamp;

/// Why a passkey was not kept.
#[derive(Debug, thiserror::Error)]
pub enum InsertPasskeyError {
    /// The account has it already.
    #[error("the account has this passkey already")]
    Exists,
    /// There are too many.
    #[error("the account has as many passkeys as it can have")]
    TooMany,
    /// The session that adds it has ended.
    #[error("the session has ended")]
    SessionEnded,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Why a passkey was not taken away.
#[derive(Debug, thiserror::Error)]
pub enum RemovePasskeyError {
    /// The account has no such passkey.
    #[error("there is no such passkey")]
    NotFound,
    /// Nobody could sign in any more.
    #[error("the last way to sign in stays")]
    LastWayIn,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// That a passkey was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasskeyUse {
    /// What the device counts.
    pub counter: u32,
    /// When.
    pub at: Timestamp,
}

/// Keeps passkeys, and challenges until they are answered.
#[async_trait]
pub trait PasskeyStore: Send + Sync {
    /// Keeps a challenge.
    async fn issue(&self, challenge: &PasskeyChallenge) -> Result<(), PortError>;

    /// Uses a challenge up; gives the state of its ceremony if it was good.
    ///
    /// - Of many that use it at once, one does.
    /// - It is not good for another audience, nor from the time on at which it expires.
    async fn redeem(
        &self,
        id: PasskeyChallengeId,
        audience: PasskeyAudience,
        now: Timestamp,
    ) -> Result<Option<CeremonyState>, PortError>;

    /// Keeps a new passkey with its consequences, on behalf of a session of its owner.
    ///
    /// - Where that session has ended it is refused: whoever ends it finds the passkey.
    /// - One whose credential the owner has already is refused, and what is refused leaves nothing.
    /// - Where the owner has `most` already it is refused; of several at once none is kept beyond that.
    async fn insert(
        &self,
        passkey: &Passkey,
        by: SessionId,
        most: u32,
        consequences: &Consequences,
    ) -> Result<(), InsertPasskeyError>;

    /// The passkeys of a user, the one added first first.
    async fn list(&self, user: UserId) -> Result<Vec<Passkey>, PortError>;

    /// Notes that a passkey of a user was used; whether its counter went on.
    ///
    /// - It did when it is greater than the one that is noted, or when both are 0.
    /// - Otherwise, and where there is no such passkey, nothing is written; of many with the same counter at once, one is.
    async fn used(&self, user: UserId, id: PasskeyId, using: &PasskeyUse) -> Result<bool, PortError>;

    /// Gives a passkey of a user another name, with the consequences; whether it was there.
    ///
    /// - Where it was not, nothing is written.
    async fn rename(
        &self,
        user: UserId,
        id: PasskeyId,
        name: &PasskeyName,
        consequences: &Consequences,
    ) -> Result<bool, PortError>;

    /// Takes a passkey of a user away, with the consequences.
    ///
    /// - The last one stays where [`WaysIn`](crate::accounts::WaysIn) says so, however many are taken away at once.
    /// - What is refused leaves no consequences.
    async fn remove(
        &self,
        user: UserId,
        id: PasskeyId,
        consequences: &Consequences,
    ) -> Result<(), RemovePasskeyError>;

    /// Deletes at most `limit` challenges that expired before an instant; says how many.
    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u32, PortError>;
}
