//! What copies of the program share beside the database: through Redis, or each its own where there is none.

use std::sync::Arc;

use anyhow::Context;
use parlance_domain::health::{Circuit, Probe};
use parlance_domain::limits::RateLimiter;
use parlance_domain::pubsub::PubSub;
use parlance_memory::{Elapsed, MemoryPubSub, MemoryRateLimiter};
use parlance_redis::{RedisConfig, RedisLimiter, RedisLink, RedisPubSub};
use parlance_resilience::{Breaker, FallbackLimiter, LeasedLimiter};

use crate::settings::{RedisSettings, Settings};
use crate::wiring::DEFAULT_LIMIT;

/// How many keys the limiter in the process remembers.
const LIMITER_KEYS: usize = 50_000;

/// What copies share beside the database.
pub(crate) struct Shared {
    /// Counts requests.
    pub(crate) limiter: Arc<dyn RateLimiter>,
    /// Tells of ended sessions.
    pub(crate) pubsub: Arc<dyn PubSub>,
    /// Whether it works; `None` where nothing is shared.
    pub(crate) probe: Option<Arc<dyn Probe>>,
    /// What stands between the requests and a Redis that is gone.
    pub(crate) circuits: Vec<(&'static str, Arc<dyn Circuit>)>,
}
