//! Asks for leave before a provider is asked.

use std::sync::Arc;

use chrono::{Days, NaiveTime};

use super::{Caps, Meter, ReserveError, Spending, SpendingStore};
use crate::caching::{Denial, MakeError};
use crate::ids::UserId;
use crate::limits::{Limit, RateLimiter};
use crate::time::{Clock, Timestamp};

/// How much may be spent.
#[derive(Debug, Clone, Copy)]
pub struct AllowancePolicy {
    /// How often one user may have a provider asked.
    pub limit: Limit,
    /// Characters made into speech in a day.
    pub characters: Caps,
    /// Tokens of language models in a day.
    pub tokens: Caps,
}

/// Something reserved.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct Reservation(Spending);

/// Asks for leave before a provider is asked, and settles afterwards.
pub struct Allowance {
    store: Arc<dyn SpendingStore>,
    limiter: Arc<dyn RateLimiter>,
    clock: Arc<dyn Clock>,
    policy: AllowancePolicy,
}

impl Allowance {
    /// Over these ports.
    pub fn new(
        store: Arc<dyn SpendingStore>,
        limiter: Arc<dyn RateLimiter>,
        clock: Arc<dyn Clock>,
        policy: AllowancePolicy,
    ) -> Self {
        Self {
            store,
            limiter,
            clock,
            policy,
        }
    }

    /// Counts one call of a user; only the limit applies.
    pub async fn call(&self, user: UserId) -> Result<(), MakeError> {
        let limit = &self.policy.limit;
        if !limit.is_on() {
            return Ok(());
        }
        let decision = self.limiter.take(&user.to_string(), limit).await?;
        if decision.allowed {
            Ok(())
        } else {
            Err(MakeError::Denied(Denial::Limit(decision)))
        }
    }

    /// Counts one call and reserves what it may cost at most; for nobody in particular, only the budget of all applies.
    pub async fn reserve(
        &self,
        user: Option<UserId>,
        meter: Meter,
        amount: u64,
    ) -> Result<Reservation, MakeError> {
        if let Some(user) = user {
            self.call(user).await?;
        }
        let now = self.clock.now();
        let spending = Spending {
            user,
            day: now.date_naive(),
            meter,
            amount,
        };
        match self.store.reserve(&spending, &self.caps(meter)).await {
            Ok(()) => Ok(Reservation(spending)),
            Err(ReserveError::UserSpent | ReserveError::AllSpent) => Err(MakeError::Denied(Denial::Budget {
                resets_at: next_day(now),
            })),
            Err(ReserveError::Port(error)) => Err(error.into()),
        }
    }

    /// Gives back what was reserved and not spent, or counts what was spent beyond it, though it may exceed a cap: it is
    /// spent. With a store that fails then, the sum is wrong until tomorrow, for which nobody is to lose an answer.
    pub async fn settle(&self, Reservation(spending): Reservation, spent: u64) {
        let reserved = spending.amount;
        let amount_of = |amount| Spending { amount, ..spending };
        if spent < reserved {
            let _ = self.store.give_back(&amount_of(reserved - spent)).await;
        }
        if spent > reserved {
            let beyond = amount_of(spent - reserved);
            let _ = self.store.reserve(&beyond, &Caps::default()).await;
        }
    }

    fn caps(&self, meter: Meter) -> Caps {
        match meter {
            Meter::Characters => self.policy.characters,
            Meter::Tokens => self.policy.tokens,
        }
    }
}

fn next_day(now: Timestamp) -> Timestamp {
    let tomorrow = now.date_naive().checked_add_days(Days::new(1));
    tomorrow.map_or(now, |day| day.and_time(NaiveTime::MIN).and_utc())
}
