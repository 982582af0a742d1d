//! Links to Redis, each with a prefix of its own.

use std::error::Error;
use std::fmt::Write;
use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use parlance_contract::limits::PassTime;
use parlance_domain::port::PortError;
use parlance_redis::{RedisConfig, RedisLimiter, RedisLink};

/// So long a machine that has much to do may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What no other test's keys begin with.
pub(crate) fn prefix() -> String {
    format!("test:{:016x}:", RandomState::new().build_hasher().finish())
}

/// How a server is reached, with a prefix of its own and the usual deadline.
pub(crate) fn config(url: &str) -> RedisConfig {
    RedisConfig {
        prefix: prefix(),
        ..RedisConfig::new(url)
    }
}

/// A link with the usual deadline.
pub(crate) fn link_to(url: &str) -> RedisLink {
    RedisLink::new(config(url)).unwrap()
}

/// A link for tests of what is answered, not how fast.
pub(crate) fn patient_link_to(url: &str) -> RedisLink {
    RedisLink::new(RedisConfig {
        deadline: PATIENCE,
        ..config(url)
    })
    .unwrap()
}

/// A patient link to the Redis that the tests share.
pub(crate) fn link() -> RedisLink {
    patient_link_to(&parlance_testbed::redis_url())
}

/// The time that a limiter goes by, in microseconds.
pub(crate) struct Moved(pub(crate) Arc<AtomicU64>);

impl Default for Moved {
    /// As many digits as the time has.
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(1_772_366_400_123_456)))
    }
}

#[async_trait]
impl PassTime for Moved {
    async fn pass(&self, by: Duration) {
        let micros = u64::try_from(by.as_micros()).unwrap();
        self.0.fetch_add(micros, Ordering::Relaxed);
    }
}

/// A limiter, and the time it goes by.
pub(crate) fn limiter(link: RedisLink) -> (Arc<RedisLimiter>, Arc<Moved>) {
    let time = Moved::default();
    let limiter = RedisLimiter::with_time(link, Arc::clone(&time.0));
    (Arc::new(limiter), Arc::new(time))
}

/// Waits until something is so.
pub(crate) async fn until<Asked: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> Asked) {
    let begun = Instant::now();
    while !ask().await {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// How long it takes, half of the time, out of so many times.
pub(crate) async fn median<Asked: Future>(times: usize, mut ask: impl FnMut() -> Asked) -> Duration {
    let mut taken = Vec::new();
    for _ in 0..times {
        let begun = Instant::now();
        ask().await;
        taken.push(begun.elapsed());
    }
    taken.sort();
    taken[times / 2]
}

/// The whole text of an error, with its causes and its `Debug`.
pub(crate) fn whole_text(error: &PortError) -> String {
    let mut text = format!("{error} {error:?}");
    let mut next = error.source();
    while let Some(cause) = next {
        write!(text, " {cause} {cause:?}").unwrap();
        next = cause.source();
    }
    text
}
