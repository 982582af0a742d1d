//! One policy for all calls of a provider: places, deadlines, retries, a circuit breaker, and figures.

mod config;
mod meter;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder, Retryable};
use parlance_domain::health::{Circuit, CircuitState};
use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep, timeout};

pub use self::config::GuardConfig;
use self::meter::Meter;
pub use self::meter::Metered;
use crate::{Breaker, BreakerConfig, Elapsed, LeftAlone, monotonic};

/// Whoever finds no place is told to come again after this.
const COME_AGAIN: Duration = Duration::from_secs(1);

/// Calls a provider with care.
///
/// - Each attempt ends within its deadline, and all together within theirs.
/// - What may help is tried again, after a pause of random length or the one that the provider asks for; not at all when
///   that is longer than there is time. Every attempt counts for the breaker.
/// - While the breaker is open there is an answer at once: [`ProviderErrorKind::LeftAlone`], with the time that it will
///   still be open. When it is half-open one attempt goes through.
/// - So many calls run at once; others wait for a moment and are then [`ProviderErrorKind::Full`].
/// - What the provider refuses, or a key that it does not accept, tells nothing about how it is.
pub struct Guard {
    config: GuardConfig,
    breaker: Breaker,
    places: Arc<Semaphore>,
    meter: Meter,
    /// Whether many keys are asked with, so that one that was used too often tells nothing about the provider.
    many_keys: bool,
}

impl Guard {
    /// A guard that goes by the machine's monotonic clock.
    pub fn new(config: GuardConfig) -> Self {
        Self::with_clock(config, monotonic())
    }

    /// A guard whose breaker is told the time by `elapsed`.
    pub fn with_clock(config: GuardConfig, elapsed: Elapsed) -> Self {
        Self {
            breaker: Breaker::with_clock(config.breaker, elapsed),
            places: Arc::new(Semaphore::new(config.at_once.clamp(1, Semaphore::MAX_PERMITS))),
            meter: Meter::default(),
            many_keys: false,
            config,
        }
    }

    /// A guard of calls for the same service that are made with many keys, none of them ours.
    ///
    /// They take the same places and have the same deadlines, but figures and a circuit of their own, which does not open
    /// for what a key does wrong.
    #[must_use]
    pub fn beside(&self, provider: &'static str, circuit: &'static str) -> Self {
        let breaker = BreakerConfig {
            name: circuit,
            ..self.config.breaker
        };
        Self {
            breaker: Breaker::with_clock(breaker, self.breaker.clock()),
            places: Arc::clone(&self.places),
            meter: Meter::default(),
            many_keys: true,
            config: GuardConfig {
                provider,
                breaker,
                ..self.config
            },
        }
    }

    /// The provider, as errors name it.
    pub const fn provider(&self) -> &'static str {
        self.config.provider
    }

    /// What the calls came to so far.
    pub fn metered(&self) -> Metered {
        self.meter.read()
    }

    /// Calls the provider; `attempt` is one attempt.
    pub async fn call<T, F>(&self, attempt: impl Fn() -> F + Send) -> Result<T, ProviderError>
    where
        F: Future<Output = Result<T, ProviderError>> + Send,
    {
        self.call_while(ProviderError::is_transient, attempt).await
    }

    /// The same, but what may be paid for already is not tried again.
    pub async fn call_unpaid<T, F>(&self, attempt: impl Fn() -> F + Send) -> Result<T, ProviderError>
    where
        F: Future<Output = Result<T, ProviderError>> + Send,
    {
        let may_help = |error: &ProviderError| error.is_transient() && !error.may_be_paid();
        self.call_while(may_help, attempt).await
    }

    async fn call_while<T, F>(
        &self,
        may_help: fn(&ProviderError) -> bool,
        attempt: impl Fn() -> F + Send,
    ) -> Result<T, ProviderError>
    where
        F: Future<Output = Result<T, ProviderError>> + Send,
    {
        let deadline = Instant::now() + self.config.overall;
        // Nobody waits for a place only to hear that there is nothing to be had.
        if let Some(left) = self.breaker.left_alone_for() {
            return Err(self.left_alone(left));
        }
        let _place = self.place().await?;
        let attempts = || self.attempt(deadline, &attempt);
        attempts
            .retry(self.pauses())
            .sleep(sleep)
            .when(|error| may_help(error) && self.breaker.left_alone_for().is_none())
            .adjust(|error, pause| pause_before_retry(error, pause?, deadline))
            .notify(|_, _| self.meter.retry())
            .await
    }

    async fn place(&self) -> Result<SemaphorePermit<'_>, ProviderError> {
        if let Ok(Ok(place)) = timeout(self.config.wait, self.places.acquire()).await {
            return Ok(place);
        }
        let error = self.failure(ProviderErrorKind::Full);
        Err(error.retry_after(Some(COME_AGAIN)))
    }

    async fn attempt<T, F>(
        &self,
        deadline: Instant,
        attempt: &(impl Fn() -> F + Send),
    ) -> Result<T, ProviderError>
    where
        F: Future<Output = Result<T, ProviderError>> + Send,
    {
        let Some(permit) = self.breaker.enter() else {
            return Err(self.left_alone(self.breaker.left_alone_for().unwrap_or_default()));
        };
        let _running = self.meter.attempt();
        let patience = self.config.attempt.min(deadline.duration_since(Instant::now()));
        match timeout(patience, attempt()).await {
            Ok(Ok(value)) => {
                self.meter.success();
                permit.succeeded();
                Ok(value)
            }
            Ok(Err(error)) => {
                self.meter.failure(error.kind);
                if self.tells(&error) {
                    permit.failed(&error);
                }
                Err(error)
            }
            Err(elapsed) => {
                let error = self.failure(ProviderErrorKind::Timeout).caused_by(elapsed);
                permit.failed(&error);
                Err(error)
            }
        }
    }

    /// Whether a failure tells that the provider is unwell.
    fn tells(&self, error: &ProviderError) -> bool {
        error.is_failure() && !(self.many_keys && error.kind == ProviderErrorKind::Exhausted)
    }

    fn pauses(&self) -> impl BackoffBuilder {
        ExponentialBuilder::new()
            .with_min_delay(self.config.pause)
            .with_max_delay(self.config.longest_pause)
            .with_max_times(self.config.retries)
    }

    fn left_alone(&self, left: Duration) -> ProviderError {
        let error = self.failure(ProviderErrorKind::LeftAlone);
        error.caused_by(LeftAlone).retry_after(Some(left))
    }

    fn failure(&self, kind: ProviderErrorKind) -> ProviderError {
        self.meter.failure(kind);
        ProviderError::new(self.config.provider, kind)
    }
}

/// How long to wait before the next attempt; `None` when there is no time for one.
fn pause_before_retry(error: &ProviderError, longest: Duration, deadline: Instant) -> Option<Duration> {
    // Any length up to the longest is as likely, so that those who failed together do not come back together.
    let pause = longest.mul_f64(rand::random());
    let pause = pause.max(error.retry_after.unwrap_or_default());
    (Instant::now() + pause < deadline).then_some(pause)
}

impl Circuit for Guard {
    fn state(&self) -> CircuitState {
        self.breaker.state()
    }
}

#[cfg(test)]
mod tests;
