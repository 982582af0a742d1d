//! The use-cases of lockout: let an attempt through, tell of a lock, end it.

use std::sync::Arc;

use chrono::TimeDelta;

use super::key::LockoutKey;
use super::policy::{Admission, LockoutPolicy, Outcome, Verdict};
use super::ports::{Attempt, LockoutStore, Unlock};
use crate::accounts::{Account, AccountStore, Ends, OneTimeSecrets, Purpose};
use crate::audit::{Action, Actor, Circumstances};
use crate::consequences::{Consequences, Recorder};
use crate::ids::{IdGenerator, SecretId, SessionId};
use crate::mail::Message;
use crate::port::PortError;
use crate::time::{Clock, Timestamp};

/// How long the link in the mail about a lock is good: longer than most locks, to end sessions that are somebody else's.
pub const UNLOCK_LIFETIME: TimeDelta = TimeDelta::days(1);

/// What [`Lockouts`] calls.
#[derive(Clone)]
pub struct LockoutPorts {
    /// What was counted.
    pub lockouts: Arc<dyn LockoutStore>,
    /// The accounts.
    pub accounts: Arc<dyn AccountStore>,
    /// The one-time secrets.
    pub secrets: OneTimeSecrets,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdGenerator>,
}

/// An attempt that was let through; until something else comes of it, it counts as one that failed.
#[derive(Debug, Clone, Copy)]
#[must_use = "an attempt that succeeds counts as failed until that is noted"]
pub struct Admitted {
    attempt: Attempt,
    admission: Admission,
}

/// Why an attempt was not let through.
#[derive(Debug, thiserror::Error)]
pub enum NotAdmitted {
    /// Too many failed for the account.
    #[error("too many attempts failed for the account")]
    Locked {
        /// How long the next must wait.
        retry_after: TimeDelta,
    },
    /// Too many failed from the address.
    #[error("too many attempts failed from the address")]
    Throttled {
        /// How long the next must wait.
        retry_after: TimeDelta,
    },
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Why a link ended no lock.
#[derive(Debug, thiserror::Error)]
pub enum UnlockError {
    /// It was never sent, was used before, or has expired.
    #[error("the link is not good any more")]
    Invalid,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Counts attempts to show who somebody is: by password, second factor, recovery code, or whatever else can be guessed.
///
/// Whoever looks at such a thing asks [`Lockouts::admit`] before, and notes what came of it by one of
/// [`Lockouts::succeeded`], [`Lockouts::failed`] and [`Lockouts::abandoned`].
pub struct Lockouts {
    ports: LockoutPorts,
    recorder: Recorder,
    policy: LockoutPolicy,
}

impl Lockouts {
    /// The use-cases over these ports.
    pub fn new(ports: LockoutPorts, policy: LockoutPolicy) -> Self {
        Self {
            recorder: Recorder::new(Arc::clone(&ports.clock), Arc::clone(&ports.ids)),
            ports,
            policy,
        }
    }

    /// Counts an attempt before it is looked at, or refuses it.
    ///
    /// The account is one by [`LockoutKey::of_email`], or what would be one; `device` is given for a device that the
    /// account knows, or the session within which somebody shows again who they are: it is let through despite a lock,
    /// a few times.
    pub async fn admit(
        &self,
        account: LockoutKey,
        device: Option<LockoutKey>,
        circumstances: &Circumstances,
    ) -> Result<Admitted, NotAdmitted> {
        let counts_addresses = self.policy.address_attempts > 0;
        let address = circumstances.address.filter(|_| counts_addresses);
        let attempt = Attempt {
            account,
            device,
            address: address.map(LockoutKey::of_address),
        };
        let now = self.ports.clock.now();
        match self.ports.lockouts.count(&attempt, &self.policy, now).await? {
            Verdict::Admitted(admission) => Ok(Admitted { attempt, admission }),
            Verdict::Locked { until } => Err(NotAdmitted::Locked {
                retry_after: until - now,
            }),
            Verdict::Throttled { until } => Err(NotAdmitted::Throttled {
                retry_after: until - now,
            }),
        }
    }

    /// Notes that an attempt was right: everything that somebody was asked for, so that no part of it can be guessed
    /// behind another that is known.
    pub async fn succeeded(&self, admitted: Admitted) -> Result<(), PortError> {
        self.settle(admitted, Outcome::Succeeded).await
    }

    /// Notes that nobody looked whether an attempt was right, or that it was right but is not all that is asked for.
    pub async fn abandoned(&self, admitted: Admitted) -> Result<(), PortError> {
        self.settle(admitted, Outcome::Abandoned).await
    }

    async fn settle(&self, admitted: Admitted, outcome: Outcome) -> Result<(), PortError> {
        let Admitted { attempt, admission } = admitted;
        let lockouts = &self.ports.lockouts;
        lockouts.settle(&attempt, &self.policy, &admission, outcome).await
    }

    /// Notes that an attempt was wrong. If it locked an account that is there, its owner is told.
    ///
    /// What would be an account costs the same.
    pub async fn failed(
        &self,
        admitted: Admitted,
        account: Option<&Account>,
        circumstances: &Circumstances,
    ) -> Result<(), PortError> {
        let Some(until) = admitted.admission.locks else {
            return Ok(());
        };
        let told = account.map(|account| self.news_of_lock(account, until, circumstances));
        let consequences = told.unwrap_or_default();
        let key = admitted.attempt.account;
        self.ports.lockouts.announce(key, until, &consequences).await?;
        Ok(())
    }

    fn news_of_lock(
        &self,
        account: &Account,
        until: Timestamp,
        circumstances: &Circumstances,
    ) -> Consequences {
        let entry = self.recorder.entry(
            Actor::Anonymous,
            Action::AccountLocked,
            Some(account.id),
            circumstances,
        );
        let secret = self
            .ports
            .secrets
            .make(account.id, Purpose::Unlock, UNLOCK_LIFETIME);
        let message = Message::AccountLocked {
            secret: secret.id,
            until,
        };
        let mail = self.recorder.mail(account, message);
        Consequences::from(entry).and_secret(secret).and_mail(mail)
    }

    /// Until when an account is locked, if it is.
    pub async fn locked_until(&self, account: &Account) -> Result<Option<Timestamp>, PortError> {
        let key = LockoutKey::of_email(&account.email);
        let now = self.ports.clock.now();
        self.ports.lockouts.locked_until(key, now).await
    }

    /// Ends the lock of an account on behalf of somebody who looks after it; whether there was one.
    pub async fn unlock(
        &self,
        account: &Account,
        actor: Actor,
        circumstances: &Circumstances,
    ) -> Result<bool, PortError> {
        let entry = self
            .recorder
            .entry(actor, Action::AccountUnlocked, Some(account.id), circumstances);
        let unlock = self.unlocking(account, None, Ends::Nothing, entry.into());
        let unlocked = self.ports.lockouts.unlock(&unlock).await?;
        Ok(unlocked.is_some_and(|unlocked| unlocked.was_locked))
    }

    /// Ends the lock of an account and all its sessions by the link of the mail about it; says which sessions ended.
    pub(crate) async fn unlock_by_link(
        &self,
        token: &str,
        circumstances: &Circumstances,
    ) -> Result<Vec<SessionId>, UnlockError> {
        let secret = self.ports.secrets.by_token(Purpose::Unlock, token).await?;
        let secret = secret.ok_or(UnlockError::Invalid)?;
        let account = self.ports.accounts.by_id(secret.user_id).await?;
        let account = account.ok_or(UnlockError::Invalid)?;
        let entry = self
            .recorder
            .by_owner(account.id, Action::AccountUnlocked, circumstances);
        let unlock = self.unlocking(&account, Some(secret.id), Ends::AllSessions, entry.into());
        let unlocked = self.ports.lockouts.unlock(&unlock).await?;
        Ok(unlocked.ok_or(UnlockError::Invalid)?.ended)
    }

    fn unlocking(
        &self,
        account: &Account,
        redeems: Option<SecretId>,
        ends: Ends,
        consequences: Consequences,
    ) -> Unlock {
        Unlock {
            user: account.id,
            account: LockoutKey::of_email(&account.email),
            redeems,
            ends,
            now: self.ports.clock.now(),
            consequences,
        }
    }

    /// Forgets at most `limit` counts that make no difference any more; says how many.
    pub async fn purge(&self, limit: u32) -> Result<u32, PortError> {
        self.ports.lockouts.purge(self.ports.clock.now(), limit).await
    }
}
