//! Rate limits that all copies count together, by an exact sliding window.
//!
//! A list per key holds the instants at which requests were let through, oldest first, and beside each how many there
//! had been in all, so that one script counts in constant time whatever the quota. Time is that of the Redis server:
//! copies whose clocks differ agree.
//!
//! Up to a quota of 1,000 every instant has an entry of its own, about 30 bytes, and the window is exact to the
//! microsecond. Above, what falls into the same thousandth of the window shares one entry, dated by its last: a quota
//! of a million costs a key 30 kB rather than 30 MB, is never exceeded, and frees a place up to a thousandth of the
//! window late. A key that nobody asks for is gone after the window.

use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use deadpool_redis::redis::Script;
use parlance_domain::limits::{Limit, RateLimiter, Taken};
use parlance_domain::port::PortError;

use crate::failure::Failure;
use crate::link::RedisLink;

const PORT: &str = "RateLimiter";
/// The largest quota of which each instant is kept, and into how many parts the window is cut above it.
const EXACT: u32 = 1_000;

static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("take.lua")));

/// Counts requests per key in Redis: one script, one round trip.
pub struct RedisLimiter {
    link: RedisLink,
    time: Option<Arc<AtomicU64>>,
}

impl RedisLimiter {
    /// A limiter over a link.
    pub fn new(link: RedisLink) -> Self {
        Self { link, time: None }
    }

    /// A limiter for tests: it goes by this time, in microseconds, and not by the server's.
    #[doc(hidden)]
    pub fn with_time(link: RedisLink, microseconds: Arc<AtomicU64>) -> Self {
        Self {
            link,
            time: Some(microseconds),
        }
    }

    async fn ask(&self, key: &str, limit: &Limit, wanted: u32) -> Result<(u32, u32, u64), Failure> {
        let window = micros(limit.window);
        let time = self.time.as_ref();
        let time = time.map_or_else(String::new, |time| time.load(Ordering::Relaxed).to_string());
        let mut take = TAKE.prepare_invoke();
        // No limit's name holds a colon, so no two pairs make the same text.
        take.key(format!("{}limit:{}:{key}", self.link.prefix(), limit.name))
            .arg(limit.quota)
            .arg(window)
            .arg(wanted)
            .arg(grain(limit.quota, window))
            .arg(time);
        self.link
            .call(|mut wire| async move { take.invoke_async(&mut *wire).await })
            .await
    }
}

/// How far apart instants are that have an entry of their own.
fn grain(quota: u32, window: u64) -> u64 {
    if quota <= EXACT {
        1
    } else {
        (window / u64::from(EXACT)).max(1)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[async_trait]
impl RateLimiter for RedisLimiter {
    async fn take_up_to(&self, key: &str, limit: &Limit, wanted: u32) -> Result<Taken, PortError> {
        if !limit.is_on() {
            return Ok(Taken::unlimited(wanted));
        }
        let asked = self.ask(key, limit, wanted).await;
        let (granted, remaining, reset_after) = asked.map_err(|failure| failure.into_port(PORT))?;
        Ok(Taken {
            granted,
            remaining,
            reset_after: Duration::from_micros(reset_after).min(limit.window),
        })
    }
}
