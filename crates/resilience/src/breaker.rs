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
mod tests {
    use std::io;
    use std::sync::Arc;

    use parlance_contract::fakes::TestElapsed;

    use super::*;

    const CONFIG: BreakerConfig = BreakerConfig::new("test");

    fn breaker() -> (Breaker, Arc<TestElapsed>) {
        let time = Arc::new(TestElapsed::default());
        let told = Arc::clone(&time);
        (
            Breaker::with_clock(CONFIG, Arc::new(move || told.elapsed())),
            time,
        )
    }

    fn failure(kind: PortErrorKind) -> Result<(), PortError> {
        Err(PortError::new("Cache", kind, io::Error::other("gone")))
    }

    fn note(breaker: &Breaker, result: &Result<(), PortError>) {
        breaker.enter().expect("the call may be made").note(result);
    }

    fn fail(breaker: &Breaker, times: u32) {
        for _ in 0..times {
            note(breaker, &failure(PortErrorKind::Timeout));
        }
    }

    /// Longer than any rest of this length is.
    fn rested(rest: Duration) -> Duration {
        rest * 13 / 10
    }

    #[test]
    fn it_opens_after_so_many_failures_in_a_row() {
        let (breaker, _) = breaker();
        fail(&breaker, 2);
        note(&breaker, &Ok(()));
        fail(&breaker, 2);
        assert_eq!(breaker.state(), CircuitState::Closed);
        fail(&breaker, 1);
        assert_eq!(breaker.state(), CircuitState::Open);
        assert!(breaker.enter().is_none());
    }

    #[test]
    fn threat_63_while_half_open_one_call_is_tried() {
        let (breaker, time) = breaker();
        fail(&breaker, 3);
        time.advance(CONFIG.rest * 7 / 10);
        assert!(breaker.enter().is_none());
        time.advance(CONFIG.rest);
        let trial = breaker.enter().unwrap();
        assert_eq!(breaker.state(), CircuitState::HalfOpen);
        assert!((0..100).all(|_| breaker.enter().is_none()));
        trial.note(&Ok(()));
        assert_eq!(breaker.state(), CircuitState::Closed);
        // Failures are counted anew.
        fail(&breaker, 2);
        assert_eq!(breaker.state(), CircuitState::Closed);
    }

    #[test]
    fn a_trial_that_fails_makes_the_rest_longer_up_to_a_bound() {
        let (breaker, time) = breaker();
        fail(&breaker, 3);
        let mut rest = CONFIG.rest;
        for _ in 0..6 {
            time.advance(rested(rest));
            fail(&breaker, 1);
            rest = (rest * 2).min(CONFIG.longest_rest);
            time.advance(rest * 7 / 10);
            assert!(breaker.enter().is_none());
        }
        time.advance(CONFIG.longest_rest * 6 / 10);
        assert!(breaker.enter().is_some());
    }

    #[test]
    fn threat_63_what_fails_as_soon_as_it_worked_is_left_alone_for_longer() {
        let (breaker, time) = breaker();
        let mut changes = 0;
        let mut before = breaker.state();
        // A minute in which every call but those tried fails.
        for _ in 0..600 {
            time.advance(Duration::from_millis(100));
            if let Some(permit) = breaker.enter() {
                let is_trial = permit.is_trial;
                permit.note(&if is_trial {
                    Ok(())
                } else {
                    failure(PortErrorKind::Unavailable)
                });
            }
            changes += u32::from(breaker.state() != before);
            before = breaker.state();
        }
        assert!(changes <= 2 * 60 / 4, "{changes}");
    }

    #[test]
    fn a_trial_that_is_given_up_leaves_room_for_the_next() {
        let (breaker, time) = breaker();
        fail(&breaker, 3);
        time.advance(rested(CONFIG.rest));
        drop(breaker.enter().unwrap());
        assert_eq!(breaker.state(), CircuitState::Open);
        note(&breaker, &Ok(()));
        assert_eq!(breaker.state(), CircuitState::Closed);
    }

    #[test]
    fn calls_from_before_it_opened_change_nothing() {
        let (breaker, time) = breaker();
        let (early, late) = (breaker.enter().unwrap(), breaker.enter().unwrap());
        fail(&breaker, 3);
        early.note(&Ok(()));
        assert_eq!(breaker.state(), CircuitState::Open);
        time.advance(rested(CONFIG.rest));
        let _trial = breaker.enter().unwrap();
        late.note(&failure(PortErrorKind::Timeout));
        assert_eq!(breaker.state(), CircuitState::HalfOpen);
    }

    #[test]
    fn an_answer_about_its_owner_is_no_failure() {
        let (breaker, _) = breaker();
        for _ in 0..10 {
            note(&breaker, &failure(PortErrorKind::OwnerGone));
        }
        assert_eq!(breaker.state(), CircuitState::Closed);
    }

    #[test]
    fn each_change_is_logged_once() {
        let lines = crate::tests::lines_of(|| {
            let (breaker, time) = breaker();
            fail(&breaker, 3);
            for _ in 0..5 {
                time.advance(rested(CONFIG.longest_rest));
                fail(&breaker, 1);
                assert!(breaker.enter().is_none());
            }
            time.advance(rested(CONFIG.longest_rest));
            note(&breaker, &Ok(()));
            note(&breaker, &Ok(()));
        });
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains("WARN") && lines[0].contains("left alone") && lines[0].contains("gone"));
        assert!(lines[1].contains("INFO") && lines[1].contains("works again"));
    }

    #[test]
    fn threat_74_the_time_of_a_breaker_is_monotonic() {
        // `Instant` cannot be set, unlike the wall clock; nothing else tells a breaker the time.
        let breaker = Breaker::new(CONFIG);
        let instants: Vec<_> = (0..1_000).map(|_| (breaker.elapsed)()).collect();
        assert!(instants.is_sorted() && instants[0] < Duration::from_mins(1));
    }
}
