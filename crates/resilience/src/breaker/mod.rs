//! A circuit breaker: what fails again and again is left alone for a while.
//!
//! The crates at hand do not fit: `failsafe` lets every call through while half-open, and `recloser` opens by a rate
//! over a ring of calls; neither tells its state, takes a clock, or notices that the one call it waits for was given up.

mod config;
mod watch;

use std::error::Error;
use std::future::Future;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use parlance_domain::health::{Circuit, CircuitState};
use parlance_domain::port::{PortError, PortErrorKind};

pub use self::config::{BreakerConfig, Opens};
use self::watch::Watch;
use crate::{Elapsed, monotonic};

/// Whoever comes while a call is being tried is told to come again after this.
const TRIAL_TAKES: Duration = Duration::from_secs(1);

/// Something was not called because it failed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("left alone for a while after failures")]
pub struct LeftAlone;

/// Lets calls through while they succeed, and one now and then while they do not.
pub struct Breaker {
    config: BreakerConfig,
    elapsed: Elapsed,
    inner: Mutex<Inner>,
}

struct Inner {
    standing: Standing,
    /// Counts while it is closed.
    watch: Watch,
}

#[derive(Debug, Clone, Copy)]
enum Standing {
    Closed {
        /// How long the last rest was and when it was over.
        rested: Option<(Duration, Duration)>,
    },
    Open {
        until: Duration,
        rest: Duration,
    },
    /// One call is being tried.
    HalfOpen {
        rest: Duration,
    },
}

impl Breaker {
    /// A closed breaker that goes by the machine's monotonic clock.
    pub fn new(config: BreakerConfig) -> Self {
        Self::with_clock(config, monotonic())
    }

    /// A closed breaker that is told the time by `elapsed`.
    pub fn with_clock(config: BreakerConfig, elapsed: Elapsed) -> Self {
        let inner = Inner {
            standing: Standing::Closed { rested: None },
            watch: Watch::new(config.opens),
        };
        Self {
            config,
            elapsed,
            inner: Mutex::new(inner),
        }
    }

    /// By what it tells the time.
    pub(crate) fn clock(&self) -> Elapsed {
        Arc::clone(&self.elapsed)
    }

    /// Leave to call, unless what is behind is to be left alone.
    pub fn enter(&self) -> Option<Permit<'_>> {
        let standing = &mut self.inner.lock().standing;
        let is_trial = match *standing {
            Standing::Closed { .. } => false,
            Standing::Open { until, rest } if (self.elapsed)() >= until => {
                *standing = Standing::HalfOpen { rest };
                true
            }
            Standing::Open { .. } | Standing::HalfOpen { .. } => return None,
        };
        Some(Permit {
            breaker: self,
            is_trial,
        })
    }

    /// How long what is behind is still to be left alone; `None` when a call may be made now.
    pub fn left_alone_for(&self) -> Option<Duration> {
        match self.inner.lock().standing {
            Standing::Closed { .. } => None,
            Standing::Open { until, .. } => {
                let left = until.saturating_sub((self.elapsed)());
                (!left.is_zero()).then_some(left)
            }
            Standing::HalfOpen { .. } => Some(TRIAL_TAKES),
        }
    }

    /// Makes a call if it may be made, and notes what came of it; `None` when it may not.
    ///
    /// The call must end by itself in some time: while it is the one that is tried there is no other.
    pub async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, PortError>>,
    ) -> Option<Result<T, PortError>> {
        let permit = self.enter()?;
        let result = call.await;
        permit.note(&result);
        Some(result)
    }

    fn succeeded(&self, is_trial: bool) {
        let now = (self.elapsed)();
        let mut inner = self.inner.lock();
        match (inner.standing, is_trial) {
            (Standing::Closed { .. }, false) => inner.watch.succeeded(now),
            (Standing::HalfOpen { rest }, true) => {
                let rested = Some((rest, now));
                inner.standing = Standing::Closed { rested };
                inner.watch.clear();
                tracing::info!(circuit = self.config.name, "works again");
            }
            // It began before the breaker opened.
            _ => {}
        }
    }

    fn failed(&self, is_trial: bool, error: &dyn Error) {
        let now = (self.elapsed)();
        let mut inner = self.inner.lock();
        match (inner.standing, is_trial) {
            (Standing::Closed { rested }, false) if inner.watch.failed(now) => {
                let rest = self.first_rest(rested, now);
                inner.standing = self.open(rest, now);
                self.say_open(error, rest);
            }
            (Standing::HalfOpen { rest }, true) => inner.standing = self.open(self.longer(rest), now),
            _ => {}
        }
    }

    /// The trial was given up, or told nothing: the next call may be the trial.
    fn given_up(&self) {
        let standing = &mut self.inner.lock().standing;
        if let Standing::HalfOpen { rest } = *standing {
            let until = (self.elapsed)();
            *standing = Standing::Open { until, rest };
        }
    }

    /// What fails again as soon as it worked is left alone for longer.
    fn first_rest(&self, rested: Option<(Duration, Duration)>, now: Duration) -> Duration {
        let BreakerConfig {
            rest: first,
            longest_rest,
            flapping,
            ..
        } = self.config;
        match rested {
            Some((rest, over)) if now < over + longest_rest => self.longer(rest).max(flapping),
            _ => first,
        }
    }

    fn longer(&self, rest: Duration) -> Duration {
        rest.saturating_mul(2).min(self.config.longest_rest)
    }

    fn open(&self, rest: Duration, now: Duration) -> Standing {
        // So that copies do not all come back at once, a fifth is random: it comes on top, but of what must not get longer
        // it is a part.
        let spread = rest / 5;
        let latest_start = rest.max(self.config.longest_rest).saturating_sub(spread);
        let until = now + rest.min(latest_start) + spread.mul_f64(rand::random());
        Standing::Open { until, rest }
    }

    fn say_open(&self, error: &dyn Error, rest: Duration) {
        let causes = causes(error);
        tracing::warn!(
            circuit = self.config.name,
            rest_ms = rest.as_millis(),
            %error,
            causes,
            "left alone after failures"
        );
    }
}

fn causes(error: &dyn Error) -> String {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    causes.join(": ")
}

impl Circuit for Breaker {
    fn state(&self) -> CircuitState {
        match self.inner.lock().standing {
            Standing::Closed { .. } => CircuitState::Closed,
            // The next call is the trial: as long as nobody calls, nothing is known to be broken.
            Standing::Open { until, .. } if (self.elapsed)() >= until => CircuitState::HalfOpen,
            Standing::Open { .. } => CircuitState::Open,
            Standing::HalfOpen { .. } => CircuitState::HalfOpen,
        }
    }
}

/// Leave to make one call. Dropped without a word, the call is taken for given up: nothing is known.
#[must_use]
pub struct Permit<'a> {
    breaker: &'a Breaker,
    is_trial: bool,
}

impl Permit<'_> {
    /// Tells what came of the call. That somebody's owner is gone is an answer like any other.
    pub fn note<T>(self, result: &Result<T, PortError>) {
        match result {
            Err(error) if error.kind != PortErrorKind::OwnerGone => self.failed(error),
            _ => self.succeeded(),
        }
    }

    /// The call did what it should.
    pub fn succeeded(self) {
        self.breaker.succeeded(self.is_trial);
        mem::forget(self);
    }

    /// What is behind failed.
    pub fn failed(self, error: &dyn Error) {
        self.breaker.failed(self.is_trial, error);
        mem::forget(self);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.is_trial {
            self.breaker.given_up();
        }
    }
}

#[cfg(test)]
mod tests;
