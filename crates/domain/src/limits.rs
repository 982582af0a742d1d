//! Rate limits: how often a caller may do something, and the port that counts.

use std::time::Duration;

use async_trait::async_trait;

use crate::port::PortError;

/// How often something may happen: at most `quota` times in any `window`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The policy's name, as clients see it (`default`, `login`, `ai`).
    pub name: &'static str,
    /// How many are let through in a window; 0 means no limit.
    pub quota: u32,
    /// The length of the sliding window.
    pub window: Duration,
}

impl Limit {
    /// A limit per minute.
    pub const fn per_minute(name: &'static str, quota: u32) -> Self {
        Self {
            name,
            quota,
            window: Duration::from_mins(1),
        }
    }

    /// Whether anything is counted at all.
    pub const fn is_on(&self) -> bool {
        self.quota > 0
    }
}

/// What a limiter says of one more request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitDecision {
    /// Whether it may go on; one that may not is not counted.
    pub allowed: bool,
    /// How many more would be let through right now.
    pub remaining: u32,
    /// After how long there is more room than now; never longer than the window.
    pub reset_after: Duration,
}

/// What a limiter gave of what was asked for at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// How many were let through and counted.
    pub granted: u32,
    /// How many more would be let through right now.
    pub remaining: u32,
    /// After how long there is more room than now; never longer than the window.
    pub reset_after: Duration,
}

impl Taken {
    /// What a limit that is off gives.
    pub const fn unlimited(wanted: u32) -> Self {
        Self {
            granted: wanted,
            remaining: u32::MAX,
            reset_after: Duration::ZERO,
        }
    }
}

/// Counts requests per key in a sliding window.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Counts up to `wanted` more for `key` under `limit`, as many as there is room for.
    ///
    /// - At most `limit.quota` are granted in any window of `limit.window`.
    /// - What is not granted is not counted.
    /// - Keys do not influence each other, nor do limits of different names.
    /// - As many parallel calls as there may be, no more than the quota are granted.
    async fn take_up_to(&self, key: &str, limit: &Limit, wanted: u32) -> Result<Taken, PortError>;

    /// Counts one more for `key` under `limit` and says whether it may go on.
    async fn take(&self, key: &str, limit: &Limit) -> Result<LimitDecision, PortError> {
        let taken = self.take_up_to(key, limit, 1).await?;
        Ok(LimitDecision {
            allowed: taken.granted == 1,
            remaining: taken.remaining,
            reset_after: taken.reset_after,
        })
    }
}
