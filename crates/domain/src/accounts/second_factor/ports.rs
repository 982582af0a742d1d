//! The store of second factors.

use async_trait::async_trait;

use crate::accounts::Ends;
use crate::consequences::Consequences;
use crate::ids::{SessionId, UserId};
use crate::port::PortError;
use crate::sealing::Sealed;
use crate::time::Timestamp;

/// A second factor as it is kept: codes by time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondFactor {
    /// Whose it is.
    pub user_id: UserId,
    /// The secret, sealed.
    pub secret: Sealed,
    /// When it was begun.
    pub created_at: Timestamp,
    /// Since when it is asked for; `None` while its owner has not shown a first code.
    pub confirmed_at: Option<Timestamp>,
    /// How many recovery codes are left.
    pub codes_left: u32,
}

impl SecondFactor {
    /// Whether it is asked for.
    pub const fn is_active(&self) -> bool {
        self.confirmed_at.is_some()
    }
}

/// A second factor whose owner showed a first code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFactor {
    /// Whose it is.
    pub user_id: UserId,
    /// The secret that the code was of.
    pub secret: Sealed,
    /// The step of the code, which is not good again.
    pub step: u64,
    /// The digests of the recovery codes.
    pub codes: Vec<[u8; 32]>,
    /// When.
    pub now: Timestamp,
}

/// Everything that is kept of a second factor, to be moved to another store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondFactorRecord {
    /// The secret, sealed.
    pub secret: Sealed,
    /// When it was begun.
    pub created_at: Timestamp,
    /// Since when it is asked for.
    pub confirmed_at: Option<Timestamp>,
    /// The last step whose code was used.
    pub last_step: u64,
    /// The digests of the recovery codes that are left, in their order.
    pub codes: Vec<[u8; 32]>,
}

/// Keeps second factors and their recovery codes.
#[async_trait]
pub trait SecondFactorStore: Send + Sync {
    /// The second factor of a user, confirmed or not.
    async fn by_user(&self, user: UserId) -> Result<Option<SecondFactor>, PortError>;

    /// Keeps a secret that is yet to be confirmed; whether it did.
    ///
    /// - It takes the place of one that was not confirmed.
    /// - One that was confirmed stays.
    async fn begin(&self, user: UserId, secret: &Sealed, now: Timestamp) -> Result<bool, PortError>;

    /// Makes the secret that waits one that is asked for, with its recovery codes and the consequences; whether it did.
    ///
    /// - Only the very secret that the code was of, and only once: of many at once, one does.
    /// - The account's revision rises: a sign-in under way that was not asked for a code begins no session.
    /// - Where it did not, nothing is written.
    async fn confirm(&self, factor: &NewFactor, consequences: &Consequences) -> Result<bool, PortError>;

    /// Notes that the code of a step was used; whether it was still good.
    ///
    /// - It is not when the code of this or a later step was used before: of many at once, one is.
    /// - Nothing is noted where the second factor is not confirmed.
    async fn use_step(&self, user: UserId, step: u64) -> Result<bool, PortError>;

    /// Uses a recovery code up, with the consequences; whether it was good.
    ///
    /// - Of many that use it at once, one does.
    /// - Where it was not, nothing is written.
    async fn use_code(
        &self,
        user: UserId,
        digest: &[u8; 32],
        consequences: &Consequences,
    ) -> Result<bool, PortError>;

    /// Puts new recovery codes in the place of those that are left, with the consequences; whether it did.
    ///
    /// - Where no second factor is confirmed, nothing is written.
    async fn renew_codes(
        &self,
        user: UserId,
        codes: &[[u8; 32]],
        consequences: &Consequences,
    ) -> Result<bool, PortError>;

    /// Takes a confirmed second factor away with its recovery codes, with the consequences; says which sessions ended,
    /// or `None` where there was none.
    ///
    /// - The account's revision rises: a sign-in under way by a code of it begins no session.
    /// - Where there was none, nothing is written and no session ends.
    async fn remove(
        &self,
        user: UserId,
        ends: Ends,
        now: Timestamp,
        consequences: &Consequences,
    ) -> Result<Option<Vec<SessionId>>, PortError>;
}
