//! Where answers of providers are kept: in the process, before what all copies share.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parlance_domain::cache::Cache;
use parlance_domain::caching::{Lease, Leases};
use parlance_domain::port::PortError;
use parlance_domain::time::Clock;
use parlance_memory::MemoryCache;
use parlance_resilience::{AnswerPorts, Breaker, CachedAnswers, LeftAlone, Nearby, TieredCache};

use crate::settings::Settings;
use crate::shared::Shared;

/// How long a copy serves what another may have replaced; what another forgot is announced.
const NEAR_FOR: Duration = Duration::from_mins(1);

/// The cache that copies share, and who of them makes an answer.
#[derive(Clone)]
pub(crate) struct Far {
    /// Where answers are kept.
    pub(crate) cache: Arc<dyn Cache>,
    /// Leaves it alone when it fails.
    pub(crate) breaker: Arc<Breaker>,
    /// Who makes an answer.
    pub(crate) leases: Arc<GuardedLeases>,
}

/// Leases that are left alone when they fail: a Redis that hangs is not waited for again and again.
///
/// They have a circuit of their own. The cache is asked much more often, and a moment in which it was slow is no reason
/// to let every copy pay for the same answer.
pub(crate) struct GuardedLeases {
    /// Those of Redis.
    pub(crate) inner: Arc<dyn Leases>,
    /// Leaves them alone.
    pub(crate) breaker: Arc<Breaker>,
}

#[async_trait]
impl Leases for GuardedLeases {
    async fn take(&self, key: &str, lifetime: Duration) -> Result<Option<Lease>, PortError> {
        let taken = self.breaker.call(self.inner.take(key, lifetime)).await;
        taken.unwrap_or_else(|| Err(PortError::unavailable("Leases", LeftAlone)))
    }

    async fn give_back(&self, lease: &Lease) -> Result<(), PortError> {
        let given = self.breaker.call(self.inner.give_back(lease)).await;
        given.unwrap_or_else(|| Err(PortError::unavailable("Leases", LeftAlone)))
    }
}

/// The cache of the process, and the answers that are kept in it and further away.
pub(crate) struct Cached {
    /// What is nearby.
    pub(crate) near: Arc<MemoryCache>,
    /// The answers.
    pub(crate) answers: Arc<CachedAnswers>,
}

impl Cached {
    /// Answers over the tiers that the settings name.
    pub(crate) fn new(settings: &Settings, shared: &Shared, clock: &Arc<dyn Clock>) -> Self {
        let near = Arc::new(MemoryCache::with_max_bytes(settings.cache_bytes));
        let nearby = Arc::clone(&near) as Arc<dyn Cache>;
        let ports = match &shared.far {
            Some(far) => through(far, nearby, shared, clock),
            None => AnswerPorts::new(nearby, Arc::clone(clock)),
        };
        Self {
            near,
            answers: Arc::new(CachedAnswers::new(ports)),
        }
    }
}

fn through(far: &Far, near: Arc<dyn Cache>, shared: &Shared, clock: &Arc<dyn Clock>) -> AnswerPorts {
    let Far {
        cache,
        breaker,
        leases,
    } = far.clone();
    let tiers = Arc::new(TieredCache::new(
        near,
        cache,
        breaker,
        Arc::clone(clock),
        NEAR_FOR,
    ));
    AnswerPorts {
        nearby: Some(Arc::clone(&tiers) as Arc<dyn Nearby>),
        leases: Some(leases),
        pubsub: Some(Arc::clone(&shared.pubsub)),
        ..AnswerPorts::new(tiers, Arc::clone(clock))
    }
}
