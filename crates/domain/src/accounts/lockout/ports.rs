//! The store of attempts.

use async_trait::async_trait;

use super::key::LockoutKey;
use super::policy::{Admission, Counts, LockoutPolicy, Outcome, Verdict};
use super::tally::Tally;
use crate::accounts::Ends;
use crate::consequences::Consequences;
use crate::ids::{SecretId, SessionId, UserId};
use crate::port::PortError;
use crate::time::Timestamp;

/// Whom an attempt is counted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// The account, or what would be one.
    pub account: LockoutKey,
    /// The device, where the account knows it.
    pub device: Option<LockoutKey>,
    /// The address, where it is known and counted.
    pub address: Option<LockoutKey>,
}

impl Attempt {
    /// What it is counted by: address, account, device, as far as there are any.
    pub fn keys(&self) -> impl Iterator<Item = LockoutKey> {
        let keys = [self.address, Some(self.account), self.device];
        keys.into_iter().flatten()
    }

    /// Each key with what was counted by it.
    pub fn tallies<'a>(&self, counts: &'a Counts) -> impl Iterator<Item = (LockoutKey, &'a Tally)> {
        let tallies = [
            (self.address, counts.address.as_ref()),
            (Some(self.account), Some(&counts.account)),
            (self.device, counts.device.as_ref()),
        ];
        tallies.into_iter().filter_map(|(key, tally)| key.zip(tally))
    }
}

/// The end of a lock, with all that goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlock {
    /// Whose lock it is.
    pub user: UserId,
    /// What it is counted by.
    pub account: LockoutKey,
    /// The one-time secret that is used up by it.
    pub redeems: Option<SecretId>,
    /// The sessions that end with it.
    pub ends: Ends,
    /// When.
    pub now: Timestamp,
    /// What is written with it.
    pub consequences: Consequences,
}

/// What came of the end of a lock.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unlocked {
    /// Whether there was a lock.
    pub was_locked: bool,
    /// The sessions that ended.
    pub ended: Vec<SessionId>,
}

/// Keeps attempts to show who somebody is, shared by all copies of the program.
#[async_trait]
pub trait LockoutStore: Send + Sync {
    /// Applies [`LockoutPolicy::judge`] to what was counted and keeps what comes of it.
    ///
    /// - The look and the change are one: of many attempts at once, no more are let through than one after the other.
    /// - What is refused leaves nothing behind.
    async fn count(
        &self,
        attempt: &Attempt,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Result<Verdict, PortError>;

    /// Applies [`LockoutPolicy::settle`] and keeps what comes of it.
    async fn settle(
        &self,
        attempt: &Attempt,
        policy: &LockoutPolicy,
        admission: &Admission,
        outcome: Outcome,
    ) -> Result<(), PortError>;

    /// Writes the consequences of a lock, if it is still there; whether it is.
    async fn announce(
        &self,
        account: LockoutKey,
        until: Timestamp,
        consequences: &Consequences,
    ) -> Result<bool, PortError>;

    /// Until when an account is locked, if it is.
    async fn locked_until(&self, account: LockoutKey, now: Timestamp)
    -> Result<Option<Timestamp>, PortError>;

    /// Ends a lock, forgets the attempts and does what goes with it, all or nothing.
    ///
    /// - `None`, and nothing is done, when its secret was used before, has expired or is somebody else's; of many that use
    ///   it at once, one does.
    /// - Without a secret, the consequences are written only where there was a lock.
    async fn unlock(&self, unlock: &Unlock) -> Result<Option<Unlocked>, PortError>;

    /// Forgets at most `limit` counts that make no difference any more since an instant; says how many.
    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u32, PortError>;
}
