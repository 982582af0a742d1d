//! The place of one connection: whether there is one, and who makes it.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use parking_lot::RwLock;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::connect::Link;
use super::error::Unreachable;

/// How long a server that could not be reached is left alone, at first and in the end.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The making of a connection, whose outcome all share who wait for it.
pub(super) type Dial = Shared<BoxFuture<'static, Result<Arc<Link>, Unreachable>>>;

/// The place of one connection.
#[derive(Default)]
pub(super) struct Slot {
    state: RwLock<State>,
    /// How many statements are under way on it.
    busy: AtomicUsize,
    /// How many connections were begun.
    dials: AtomicU64,
}

#[derive(Default)]
enum State {
    #[default]
    Vacant,
    Dialling {
        dial: Dial,
        /// How many attempts failed before this one, since there was a connection.
        failures: u32,
    },
    Connected(Arc<Link>),
    /// The last attempt failed.
    Failed {
        failures: u32,
        until: Instant,
        why: Unreachable,
    },
}

/// How somebody who wants a connection gets on.
enum Step {
    Take(Arc<Link>),
    Wait(Dial),
    Refuse(Unreachable),
}

impl Slot {
    /// How many statements are under way.
    pub(super) fn busy(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }

    /// How many connections were begun, since the start.
    pub(super) fn dials(&self) -> u64 {
        self.dials.load(Ordering::Relaxed)
    }

    /// A statement begins.
    pub(super) fn enter(&self) {
        self.busy.fetch_add(1, Ordering::Relaxed);
    }

    /// A statement has ended.
    pub(super) fn leave(&self) {
        self.busy.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether there is neither a connection nor an attempt at one.
    pub(super) fn is_vacant(&self) -> bool {
        matches!(&*self.state.read(), State::Vacant)
    }

    /// Whether whoever wants a connection now is refused at once.
    pub(super) fn is_failing(&self) -> bool {
        matches!(&*self.state.read(), State::Failed { until, .. } if Instant::now() < *until)
    }

    /// The connection; made by `connect` if there is none, once for all who want it, in a task of its own on the
    /// runtime of the driver, else the caller's.
    ///
    /// For a while after a failure, everybody is told of that one.
    pub(super) async fn link<F>(
        &self,
        driver: Option<&Handle>,
        connect: impl FnOnce() -> F,
    ) -> Result<Arc<Link>, Unreachable>
    where
        F: Future<Output = Result<Link, Unreachable>> + Send + 'static,
    {
        if let Some(link) = self.current() {
            return Ok(link);
        }
        match self.step(driver, connect) {
            Step::Take(link) => Ok(link),
            Step::Refuse(why) => Err(why),
            Step::Wait(dial) => self.settled(dial).await,
        }
    }

    /// Begins to make the connection, unless it is there or may not be made now; what comes of it is to be waited for by
    /// `settled`.
    pub(super) fn begin<F>(&self, driver: Option<&Handle>, connect: impl FnOnce() -> F) -> Option<Dial>
    where
        F: Future<Output = Result<Link, Unreachable>> + Send + 'static,
    {
        match self.step(driver, connect) {
            Step::Wait(dial) => Some(dial),
            Step::Take(_) | Step::Refuse(_) => None,
        }
    }

    /// Waits for what comes of an attempt, and keeps it.
    pub(super) async fn settled(&self, dial: Dial) -> Result<Arc<Link>, Unreachable> {
        let outcome = dial.clone().await;
        self.settle(&dial, &outcome);
        outcome
    }

    /// Lets go of a connection, unless another one has taken its place already.
    pub(super) fn give_up(&self, broken: &Arc<Link>) {
        let mut state = self.state.write();
        if matches!(&*state, State::Connected(link) if Arc::ptr_eq(link, broken)) {
            *state = State::Vacant;
        }
    }

    /// Lets go of whatever there is, and returns the connection if that was one.
    pub(super) fn vacate(&self) -> Option<Arc<Link>> {
        match std::mem::take(&mut *self.state.write()) {
            State::Connected(link) => Some(link),
            _ => None,
        }
    }

    /// Whether there is a connection.
    pub(super) fn is_connected(&self) -> bool {
        matches!(&*self.state.read(), State::Connected(link) if !link.has_ended())
    }

    /// The connection, if there is one.
    pub(super) fn current(&self) -> Option<Arc<Link>> {
        match &*self.state.read() {
            State::Connected(link) if !link.has_ended() => Some(Arc::clone(link)),
            _ => None,
        }
    }

    fn step<F>(&self, driver: Option<&Handle>, connect: impl FnOnce() -> F) -> Step
    where
        F: Future<Output = Result<Link, Unreachable>> + Send + 'static,
    {
        let mut state = self.state.write();
        let failures = match &*state {
            State::Connected(link) if !link.has_ended() => return Step::Take(Arc::clone(link)),
            State::Dialling { dial, .. } => return Step::Wait(dial.clone()),
            State::Failed { until, why, .. } if Instant::now() < *until => return Step::Refuse(why.clone()),
            State::Failed { failures, .. } => *failures,
            State::Connected(_) | State::Vacant => 0,
        };
        self.dials.fetch_add(1, Ordering::Relaxed);
        let dial = in_a_task(driver, connect());
        *state = State::Dialling {
            dial: dial.clone(),
            failures,
        };
        Step::Wait(dial)
    }

    /// Keeps what came of an attempt, unless somebody else has.
    fn settle(&self, settled: &Dial, outcome: &Result<Arc<Link>, Unreachable>) {
        let mut state = self.state.write();
        let State::Dialling { dial, failures } = &*state else {
            return;
        };
        if !dial.ptr_eq(settled) {
            return;
        }
        *state = match outcome {
            Ok(link) => State::Connected(Arc::clone(link)),
            // Its thread ended: that says nothing of the server.
            Err(Unreachable::GivenUp) => State::Vacant,
            Err(why) => State::Failed {
                failures: failures.saturating_add(1),
                until: Instant::now() + pause(*failures),
                why: why.clone(),
            },
        };
    }
}

/// Whoever began it may go away while others wait for it.
fn in_a_task(
    driver: Option<&Handle>,
    connect: impl Future<Output = Result<Link, Unreachable>> + Send + 'static,
) -> Dial {
    let task = match driver {
        Some(driver) => driver.spawn(connect),
        None => tokio::spawn(connect),
    };
    let outcome = async move {
        let link = task.await.unwrap_or(Err(Unreachable::GivenUp))?;
        Ok(Arc::new(link))
    };
    outcome.boxed().shared()
}

fn pause(failures: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(1 << failures.min(8))
        .min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn an_attempt_that_ended_with_its_thread_is_not_held_against_the_server() {
        let slot = Slot::default();
        let thread = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let driver = thread.handle().clone();
        let attempt = slot.link(Some(&driver), pending);
        thread.shutdown_background();
        assert!(matches!(attempt.await, Err(Unreachable::GivenUp)));
        assert!(!slot.is_failing());
    }
}
