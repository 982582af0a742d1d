//! What copies of the program share beside the database: through Redis, or each its own where there is none.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use parlance_domain::health::{Circuit, Probe};
use parlance_domain::limits::RateLimiter;
use parlance_domain::pubsub::PubSub;
use parlance_memory::{Elapsed, MemoryPubSub, MemoryRateLimiter};
use parlance_redis::{RedisCache, RedisConfig, RedisLeases, RedisLimiter, RedisLink, RedisPubSub};
use parlance_resilience::{
    Breaker, BreakerConfig, CoalescedCache, FallbackLimiter, GuardedLeases, GuardedPubSub, LeasedLimiter,
};

use crate::cached::Far;
use crate::settings::{RedisSettings, Settings};

/// The limit of everything, the only one that is not exact to the request when copies share it.
pub(crate) const DEFAULT_LIMIT: &str = "default";
/// The limit of what has a provider asked.
pub(crate) const AI_LIMIT: &str = "ai";
/// The circuits between the requests and Redis, as `/health` names them. A Redis may refuse the one and do the other:
/// one that only reads still carries announcements.
pub(crate) const REDIS_LIMITS: &str = "redisLimits";
pub(crate) const REDIS_ANNOUNCEMENTS: &str = "redisAnnouncements";
pub(crate) const REDIS_CACHE: &str = "redisCache";
pub(crate) const REDIS_LEASES: &str = "redisLeases";
/// Who has an answer made waits for Redis so many times as long as others: whatever is done without it is paid for.
/// Where it does not tell whose turn it is, they wait for nothing else of it.
const MAKERS_PATIENCE: u32 = 4;
/// By so much later than Redis has to answer it is noticed that it did not.
const SLACK: Duration = Duration::from_millis(50);
/// How many keys the limiter in the process remembers.
const LIMITER_KEYS: usize = 50_000;

/// What copies share beside the database.
pub(crate) struct Shared {
    /// Counts requests.
    pub(crate) limiter: Arc<dyn RateLimiter>,
    /// Tells of ended sessions.
    pub(crate) pubsub: Arc<dyn PubSub>,
    /// Where answers are kept for all copies; `None` where nothing is shared.
    pub(crate) far: Option<Far>,
    /// Whether it works; `None` where nothing is shared.
    pub(crate) probe: Option<Arc<dyn Probe>>,
    /// What stands between the requests and a Redis that is gone.
    pub(crate) circuits: Vec<(&'static str, Arc<dyn Circuit>)>,
}

impl Shared {
    /// Puts together what the settings name; whether Redis is there is not asked.
    pub(crate) fn new(settings: &Settings, elapsed: Option<Elapsed>) -> anyhow::Result<Self> {
        let local: Arc<dyn RateLimiter> = Arc::new(match elapsed {
            Some(elapsed) => MemoryRateLimiter::new(LIMITER_KEYS, elapsed),
            None => MemoryRateLimiter::default(),
        });
        match &settings.redis {
            Some(redis) => Self::through_redis(redis, local),
            None => Ok(Self {
                limiter: local,
                pubsub: Arc::new(MemoryPubSub::default()),
                far: None,
                probe: None,
                circuits: Vec::new(),
            }),
        }
    }

    fn through_redis(settings: &RedisSettings, local: Arc<dyn RateLimiter>) -> anyhow::Result<Self> {
        let link = RedisLink::new(config(settings)).context("REDIS_URL")?;
        let limits = Arc::new(Breaker::new(BreakerConfig::new(REDIS_LIMITS)));
        let announcements = Arc::new(Breaker::new(BreakerConfig::new(REDIS_ANNOUNCEMENTS)));
        let answers = Arc::new(Breaker::new(BreakerConfig::new(REDIS_CACHE)));
        let making = Arc::new(Breaker::new(BreakerConfig::new(REDIS_LEASES)));
        let limiter = FallbackLimiter::new(
            Arc::new(RedisLimiter::new(link.clone())),
            local,
            Arc::clone(&limits),
        );
        let pubsub = GuardedPubSub::new(
            Arc::new(RedisPubSub::new(link.clone())),
            Arc::clone(&announcements),
        );
        let patient = link.patient(MAKERS_PATIENCE);
        let leases = GuardedLeases::new(Arc::new(RedisLeases::new(patient.clone())), Arc::clone(&making));
        Ok(Self {
            limiter: Arc::new(LeasedLimiter::new(Arc::new(limiter), [DEFAULT_LIMIT])),
            pubsub: Arc::new(pubsub),
            far: Some(Far {
                cache: Arc::new(CoalescedCache::new(Arc::new(RedisCache::new(link.clone())))),
                breaker: Arc::clone(&answers),
                makers_cache: Arc::new(RedisCache::new(patient)),
                makers_breaker: Arc::clone(&making),
                leases: Arc::new(leases),
                patience: settings.deadline * MAKERS_PATIENCE + SLACK,
            }),
            probe: Some(Arc::new(link)),
            circuits: vec![
                (REDIS_LIMITS, limits),
                (REDIS_ANNOUNCEMENTS, announcements),
                (REDIS_CACHE, answers),
                (REDIS_LEASES, making),
            ],
        })
    }
}

fn config(settings: &RedisSettings) -> RedisConfig {
    let RedisSettings {
        url,
        prefix,
        deadline,
        ca_file,
        sentinel_password,
    } = settings;
    RedisConfig {
        prefix: prefix.clone(),
        deadline: *deadline,
        ca_file: ca_file.clone(),
        sentinel_password: sentinel_password.clone(),
        ..RedisConfig::new(url.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::{CONVERSATIONS, RECOGNITION, SPEECH};

    #[test]
    fn the_runbook_tells_of_every_circuit_of_redis_and_the_providers() {
        let runbook = include_str!("../../../docs/operations/runbook.md");
        let of_redis = [REDIS_LIMITS, REDIS_ANNOUNCEMENTS, REDIS_CACHE, REDIS_LEASES];
        for circuit in of_redis.into_iter().chain([SPEECH, RECOGNITION, CONVERSATIONS]) {
            assert!(runbook.contains(&format!("`{circuit}`")), "{circuit}");
        }
    }
}
