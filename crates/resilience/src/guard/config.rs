//! How a provider is called.

use std::time::Duration;

use crate::BreakerConfig;

/// How a provider is called.
#[derive(Debug, Clone, Copy)]
pub struct GuardConfig {
    /// The provider, as errors name it.
    pub provider: &'static str,
    /// When it is left alone, and for how long.
    pub breaker: BreakerConfig,
    /// Within what time one attempt is done or given up.
    pub attempt: Duration,
    /// Within what time all attempts are, the pauses between them included.
    pub overall: Duration,
    /// How often it is tried again at most, when trying again may help.
    pub retries: usize,
    /// The longest pause before the first retry; it doubles with each, and as much of it as chance says is waited for.
    pub pause: Duration,
    /// What no pause is longer than, unless the provider asks for it.
    pub longest_pause: Duration,
    /// How many calls may run at once; at least one.
    pub at_once: usize,
    /// How long a call waits for one of these places.
    pub wait: Duration,
}

impl GuardConfig {
    /// Two retries, 10 seconds for an attempt and 15 in all, 32 calls at once, [`BreakerConfig::of_provider`].
    ///
    /// `circuit` is the name of its breaker.
    pub const fn new(provider: &'static str, circuit: &'static str) -> Self {
        Self {
            provider,
            breaker: BreakerConfig::of_provider(circuit),
            attempt: Duration::from_secs(10),
            overall: Duration::from_secs(15),
            retries: 2,
            pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(2),
            at_once: 32,
            wait: Duration::from_millis(250),
        }
    }
}
