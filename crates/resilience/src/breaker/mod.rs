//! A circuit breaker: what fails again and again is left alone for a while.
//!
//! The crates at hand do not fit: `failsafe` lets every call through while half-open, and `recloser` opens by a rate
//! over a ring of calls; neither tells its state, takes a clock, or notices that the one call it waits for was given up.

use std::error::Error;
use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::mem;
use std::time::Duration;

use parking_lot::Mutex;
use parlance_domain::health::{Circuit, CircuitState};
use parlance_domain::port::{PortError, PortErrorKind};

use crate::{Elapsed, monotonic};

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct BreakerConfig {
    /// What is behind it, for the log.
    pub name: &'static str,
    /// After how many failures in a row it opens; at least one.
    pub failures: u32,
    /// How long it is open at first, give or take a fifth.
    pub rest: Duration,
    /// How long it is open at most: each trial that fails doubles the rest.
    pub longest_rest: Duration,
}

impl BreakerConfig {
    /// Three failures in a row, a rest of 2 seconds, growing to 5.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            failures: 3,
            rest: Duration::from_secs(2),
            longest_rest: Duration::from_secs(5),
        }
    }
}

/// Something was not called because it failed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("left alone for a while after failures")]
pub struct LeftAlone;

/// Lets calls through while they succeed, and one now and then while they do not.
pub struct Breaker {
    config: BreakerConfig,
    elapsed: Elapsed,
    standing: Mutex<Standing>,
}

#[derive(Debug, Clone, Copy)]
enum Standing {
    Closed {
        /// In a row.
        failures: u32,
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
        Self {
            config,
            elapsed,
            standing: Mutex::new(Standing::Closed {
                failures: 0,
                rested: None,
            }),
        }
    }

    /// Leave to call, unless what is behind is to be left alone.
    pub fn enter(&self) -> Option<Permit<'_>> {
        let mut standing = self.standing.lock();
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
        let mut standing = self.standing.lock();
        match (&mut *standing, is_trial) {
            (Standing::Closed { failures, .. }, false) => *failures = 0,
            (Standing::HalfOpen { rest }, true) => {
                let rested = Some((*rest, (self.elapsed)()));
                *standing = Standing::Closed { failures: 0, rested };
                tracing::info!(circuit = self.config.name, "works again");
            }
            // It began before the breaker opened.
            _ => {}
        }
    }

    fn failed(&self, is_trial: bool, error: &PortError) {
        let now = (self.elapsed)();
        let mut standing = self.standing.lock();
        match (&mut *standing, is_trial) {
            (Standing::Closed { failures, rested }, false) => {
                *failures += 1;
                if *failures >= self.config.failures {
                    let rest = self.first_rest(*rested, now);
                    *standing = Self::open(rest, now);
                    self.say_open(error, rest);
                }
            }
            (Standing::HalfOpen { rest }, true) => *standing = Self::open(self.longer(*rest), now),
            _ => {}
        }
    }

    /// The trial was given up: nothing is known, and the next call may be the trial.
    fn given_up(&self) {
        let mut standing = self.standing.lock();
        if let Standing::HalfOpen { rest } = *standing {
            let until = (self.elapsed)();
            *standing = Standing::Open { until, rest };
        }
    }

    /// What fails again as soon as it worked is left alone for longer.
    fn first_rest(&self, rested: Option<(Duration, Duration)>, now: Duration) -> Duration {
        match rested {
            Some((rest, over)) if now < over + self.config.longest_rest => self.longer(rest),
            _ => self.config.rest,
        }
    }

    fn longer(&self, rest: Duration) -> Duration {
        rest.saturating_mul(2).min(self.config.longest_rest)
    }

    fn open(rest: Duration, now: Duration) -> Standing {
        // Four to six fifths, so that copies do not all come back at once.
        let thousandths = u32::try_from(RandomState::new().build_hasher().finish() % 401).unwrap_or(200);
        let until = now + rest.saturating_mul(800 + thousandths) / 1_000;
        Standing::Open { until, rest }
    }

    fn say_open(&self, error: &PortError, rest: Duration) {
        let causes = causes(error);
        tracing::warn!(
            circuit = self.config.name,
            failures = self.config.failures,
            rest_ms = rest.as_millis(),
            %error,
            causes,
            "left alone after failures in a row"
        );
    }
}

fn causes(error: &PortError) -> String {
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
        match *self.standing.lock() {
            Standing::Closed { .. } => CircuitState::Closed,
            // The next call is the trial: as long as nobody calls, nothing is known to be broken.
            Standing::Open { until, .. } if (self.elapsed)() >= until => CircuitState::HalfOpen,
            Standing::Open { .. } => CircuitState::Open,
            Standing::HalfOpen { .. } => CircuitState::HalfOpen,
        }
    }
}

/// Leave to make one call. Dropped without a word, the call is taken for given up.
#[must_use]
pub struct Permit<'a> {
    breaker: &'a Breaker,
    is_trial: bool,
}

impl Permit<'_> {
    /// Tells what came of the call. That somebody's owner is gone is an answer like any other.
    pub fn note<T>(self, result: &Result<T, PortError>) {
        match result {
            Err(error) if error.kind != PortErrorKind::OwnerGone => self.breaker.failed(self.is_trial, error),
            _ => self.breaker.succeeded(self.is_trial),
        }
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
