//! Where answers of providers are kept: in the process, before what all copies share.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parlance_domain::cache::Cache;
use parlance_domain::caching::{CONVERSATIONS, Leases, SPEECH, VOICES};
use parlance_domain::time::Clock;
use parlance_memory::MemoryCache;
use parlance_resilience::{AnswerPorts, Breaker, CachedAnswers, Nearby, TieredCache};

use crate::settings::{ProtectionSettings, Settings};
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
    /// The same for those who have an answer made, with more patience.
    pub(crate) makers_cache: Arc<dyn Cache>,
    /// Leaves that alone, and the leases.
    pub(crate) makers_breaker: Arc<Breaker>,
    /// Who makes an answer.
    pub(crate) leases: Arc<dyn Leases>,
    /// How long any of these is waited for at most.
    pub(crate) patience: Duration,
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
            Some(far) => AnswerPorts {
                budgets: budgets(&settings.protection),
                ..through(far, nearby, shared, clock)
            },
            None => AnswerPorts::new(nearby, Arc::clone(clock)),
        };
        Self {
            near,
            answers: Arc::new(CachedAnswers::new(ports)),
        }
    }
}

/// Within what time callers are answered: within that of the provider, whichever copy asks it.
fn budgets(protection: &ProtectionSettings) -> HashMap<&'static str, Duration> {
    HashMap::from([
        (SPEECH.service, protection.speech_timeout),
        (VOICES.service, protection.speech_timeout),
        (CONVERSATIONS.service, protection.conversation_timeout),
    ])
}

fn through(far: &Far, near: Arc<dyn Cache>, shared: &Shared, clock: &Arc<dyn Clock>) -> AnswerPorts {
    let Far {
        cache,
        breaker,
        makers_cache,
        makers_breaker,
        leases,
        patience,
    } = far.clone();
    let tiers = TieredCache::new(near, cache, breaker, Arc::clone(clock), NEAR_FOR);
    let tiers = Arc::new(tiers.with_makers_way(makers_cache, makers_breaker));
    AnswerPorts {
        nearby: Some(Arc::clone(&tiers) as Arc<dyn Nearby>),
        leases: Some(leases),
        patience,
        pubsub: Some(Arc::clone(&shared.pubsub)),
        ..AnswerPorts::new(tiers, Arc::clone(clock))
    }
}
