//! A Redis that fails, behind what stands before it in the program: requests go on, and it is found again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use parlance_contract::fakes::TestClock;
use parlance_domain::cache::Cache;
use parlance_domain::health::{Circuit, CircuitState};
use parlance_domain::limits::{Limit, RateLimiter, Taken};
use parlance_domain::port::{PortError, PortErrorKind};
use parlance_redis::{RedisCache, RedisLimiter, RedisLink};
use parlance_resilience::{Breaker, BreakerConfig, FallbackLimiter, TieredCache};
use parlance_testbed::{Port, Redis};

use crate::support::{link_to, median, patient_link_to, until};

const LIMIT: Limit = Limit::per_minute("default", 1_000_000);
const LONG: Duration = Duration::from_hours(1);
/// What a call may take while it is not known yet that Redis hangs.
const HANGING: Duration = Duration::from_millis(100);
/// What a call may take once it is known.
const LEFT_ALONE: Duration = Duration::from_millis(5);

/// Lets everybody through and counts them.
#[derive(Default)]
struct Local(AtomicU32);

#[async_trait]
impl RateLimiter for Local {
    async fn take_up_to(&self, _: &str, limit: &Limit, wanted: u32) -> Result<Taken, PortError> {
        self.0.fetch_add(wanted, Ordering::Relaxed);
        Ok(Taken {
            granted: wanted,
            remaining: limit.quota,
            reset_after: limit.window,
        })
    }
}

/// Keeps nothing.
struct Nothing;

#[async_trait]
impl Cache for Nothing {
    async fn get(&self, _: &str) -> Result<Option<Bytes>, PortError> {
        Ok(None)
    }

    async fn put(&self, _: &str, _: Bytes, _: Duration, _: Option<&str>) -> Result<(), PortError> {
        Ok(())
    }

    async fn replace(&self, _: &str, _: &[u8], _: Bytes) -> Result<bool, PortError> {
        Ok(false)
    }

    async fn forget(&self, _: &str) -> Result<(), PortError> {
        Ok(())
    }

    async fn forget_group(&self, _: &str) -> Result<(), PortError> {
        Ok(())
    }
}

/// What the program puts before Redis.
struct Guarded {
    redis: Redis,
    link: RedisLink,
    limiter: FallbackLimiter,
    limits: Arc<Breaker>,
    cache: TieredCache,
    values: Arc<Breaker>,
}

impl Guarded {
    fn start() -> Self {
        let redis = Redis::start().unwrap();
        let link = link_to(&redis.url());
        let limits = Arc::new(Breaker::new(BreakerConfig::new("limits")));
        let values = Arc::new(Breaker::new(BreakerConfig::new("cache")));
        let limiter = FallbackLimiter::new(
            Arc::new(RedisLimiter::new(link.clone())),
            Arc::new(Local::default()),
            Arc::clone(&limits),
        );
        let cache = TieredCache::new(
            Arc::new(Nothing),
            Arc::new(RedisCache::new(link.clone())),
            Arc::clone(&values),
            Arc::new(TestClock::default()),
            LONG,
        );
        Self {
            redis,
            link,
            limiter,
            limits,
            cache,
            values,
        }
    }

    async fn request(&self) {
        assert!(self.limiter.take("key", &LIMIT).await.unwrap().allowed);
        self.cache.get("key").await.unwrap();
        self.cache
            .put("key", "value".into(), LONG, Some("group"))
            .await
            .unwrap();
    }

    /// Requests until everything works.
    async fn until_it_works(&self) {
        until("Redis was to be used again", async || {
            self.request().await;
            let closed = [&self.limits, &self.values].map(|breaker| breaker.state());
            // Of the last value there is one.
            closed == [CircuitState::Closed; 2] && self.cache.get("key").await.unwrap().is_some()
        })
        .await;
    }

    /// Requests until it is known that Redis does not work.
    async fn until_left_alone(&self) {
        until("Redis was to be left alone", async || {
            self.request().await;
            self.limits.state() == CircuitState::Open && self.values.state() == CircuitState::Open
        })
        .await;
    }

    async fn requests_cost_little(&self) {
        let taken = median(200, async || self.request().await).await;
        assert!(taken < LEFT_ALONE, "{taken:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_15_requests_go_on_while_redis_is_stopped_and_it_is_found_again() {
    let guarded = Guarded::start();
    guarded.until_it_works().await;
    guarded.redis.kill().unwrap();
    guarded.until_left_alone().await;
    guarded.requests_cost_little().await;
    guarded.redis.start_again().unwrap();
    guarded.until_it_works().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_16_a_call_ends_in_time_while_redis_hangs() {
    let guarded = Guarded::start();
    guarded.until_it_works().await;
    guarded.redis.freeze().unwrap();
    let bare = RedisLimiter::new(guarded.link.clone());
    let taken = median(9, async || bare.take("key", &LIMIT).await.unwrap_err()).await;
    assert!(taken < HANGING, "{taken:?}");
    guarded.until_left_alone().await;
    guarded.requests_cost_little().await;
    guarded.redis.thaw().unwrap();
    guarded.until_it_works().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_16_a_pause_is_like_a_hang() {
    let guarded = Guarded::start();
    guarded.until_it_works().await;
    guarded
        .redis
        .command(&["CLIENT", "PAUSE", "3000", "ALL"])
        .unwrap();
    guarded.until_left_alone().await;
    guarded.requests_cost_little().await;
    guarded.until_it_works().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_17_requests_go_on_while_redis_may_not_be_written() {
    let guarded = Guarded::start();
    guarded.until_it_works().await;
    let nobody = Port::claim().unwrap().number().to_string();
    guarded
        .redis
        .command(&["REPLICAOF", "127.0.0.1", &nobody])
        .unwrap();
    let bare = RedisLimiter::new(patient_link_to(&guarded.redis.url()));
    let error = bare.take("key", &LIMIT).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Unavailable);
    for _ in 0..20 {
        guarded.request().await;
    }
    assert_ne!(guarded.limits.state(), CircuitState::Closed);
    guarded.redis.command(&["REPLICAOF", "NO", "ONE"]).unwrap();
    guarded.until_it_works().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_17_requests_go_on_while_redis_has_no_memory() {
    let guarded = Guarded::start();
    guarded.until_it_works().await;
    guarded
        .redis
        .command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"])
        .unwrap();
    guarded
        .redis
        .command(&["CONFIG", "SET", "maxmemory", "1mb"])
        .unwrap();
    let bare = RedisCache::new(patient_link_to(&guarded.redis.url()));
    let value = Bytes::from(vec![0; 1_000_000]);
    let mut put = bare.put("big", value.clone(), LONG, None).await;
    if put.is_ok() {
        put = bare.put("bigger", value, LONG, None).await;
    }
    assert_eq!(put.unwrap_err().kind, PortErrorKind::Unavailable);
    for _ in 0..20 {
        guarded.request().await;
    }
    assert_ne!(guarded.limits.state(), CircuitState::Closed);
    guarded
        .redis
        .command(&["CONFIG", "SET", "maxmemory", "0"])
        .unwrap();
    guarded.until_it_works().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_17_a_redis_that_was_emptied_is_filled_again() {
    let guarded = Guarded::start();
    guarded.until_it_works().await;
    guarded.redis.command(&["FLUSHALL"]).unwrap();
    guarded.redis.command(&["SCRIPT", "FLUSH"]).unwrap();
    guarded.until_it_works().await;
    let closed = [&guarded.limits, &guarded.values].map(|breaker| breaker.state());
    assert_eq!(closed, [CircuitState::Closed; 2]);
}
