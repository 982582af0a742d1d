//! How connections come to be: dialed apart from whoever asked, and again by themselves when that fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use deadpool_redis::redis::PushInfo;
use deadpool_redis::redis::aio::MultiplexedConnection;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::pace::{Backoff, Budget};
use super::target::Target;
use super::wire::{Closed, Wire};
use crate::failure::Failure;

/// How long a dial may take: by way of a sentinel that hangs it has to ask the next.
const DIAL_DEADLINE: Duration = Duration::from_secs(4);

/// Makes connections for the pool and judges whether they are still good.
pub(crate) struct Dialer(pub(super) Arc<Dialing>);

/// What is being dialed.
pub(super) struct Dialing {
    target: Target,
    runtime: Handle,
    state: Mutex<State>,
    changed: Notify,
    /// Connections of an earlier generation are not used again.
    generation: AtomicU64,
}

struct State {
    /// Connections that nobody has taken yet.
    landed: Vec<Wire>,
    /// How many dials are under way.
    dials: usize,
    /// How many calls wait for one.
    waiting: usize,
    /// Why there is no connection, while one dial is tried again and again.
    down: Option<Failure>,
    budget: Budget,
}

/// What a call that needs a connection has to do.
enum Next {
    Take(Wire),
    Dial,
    Wait,
    Fail(Failure),
}

impl Dialing {
    pub(super) fn new(target: Target, runtime: Handle) -> Arc<Self> {
        Arc::new(Self {
            target,
            runtime,
            state: Mutex::new(State {
                landed: Vec::new(),
                dials: 0,
                waiting: 0,
                down: None,
                budget: Budget::new(Instant::now()),
            }),
            changed: Notify::new(),
            generation: AtomicU64::new(1),
        })
    }

    /// Gives up the connections of this generation, if that has not been done yet.
    pub(super) fn retire(&self, generation: u64) {
        let next = generation + 1;
        let _ = self
            .generation
            .compare_exchange(generation, next, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn is_good(&self, wire: &Wire) -> bool {
        wire.is_open() && wire.generation() == self.generation.load(Ordering::Relaxed)
    }

    fn next(&self) -> Next {
        let mut state = self.state.lock();
        while let Some(wire) = state.landed.pop() {
            if self.is_good(&wire) {
                return Next::Take(wire);
            }
        }
        if let Some(failure) = &state.down {
            return Next::Fail(Failure::Down(Box::new(failure.clone())));
        }
        if state.dials >= state.waiting {
            return Next::Wait;
        }
        if state.budget.take(Instant::now()).is_err() {
            return Next::Fail(Failure::Throttled);
        }
        state.dials += 1;
        Next::Dial
    }

    /// Dials; the connection lies ready when it comes, even if nobody waits for it any more.
    fn dial(self: &Arc<Self>) {
        // A link that is gone is not dialed for.
        let weak = Arc::downgrade(self);
        self.runtime.spawn(async move {
            let mut backoff = Backoff::default();
            let mut persists = false;
            while let Some(this) = weak.upgrade() {
                let dialed = this.dial_once().await;
                persists = this.landed(dialed, persists);
                if !persists {
                    return;
                }
                drop(this);
                sleep(backoff.rest()).await;
                if let Some(this) = weak.upgrade() {
                    this.may_dial().await;
                }
            }
        });
    }

    /// Waits until one more dial may be made.
    async fn may_dial(&self) {
        loop {
            let spent = self.state.lock().budget.take(Instant::now());
            match spent {
                Ok(()) => return,
                Err(rest) => sleep(rest).await,
            }
        }
    }

    async fn dial_once(&self) -> Result<Wire, Failure> {
        let generation = self.generation.load(Ordering::Relaxed);
        let closed = Closed::default();
        let connection = timeout(DIAL_DEADLINE, self.target.dial(closed.clone()))
            .await
            .map_err(|_| Failure::Timeout)??;
        Ok(Wire::new(connection, generation, closed))
    }

    /// Notes what came of a dial; says whether it is to be tried again.
    fn landed(&self, dialed: Result<Wire, Failure>, persists: bool) -> bool {
        let mut state = self.state.lock();
        let again = match dialed {
            Ok(wire) => {
                state.down = None;
                state.landed.push(wire);
                false
            }
            // Of all that fail, one goes on.
            Err(failure) => {
                let again = persists || state.down.is_none();
                state.down = Some(failure);
                again
            }
        };
        if !again {
            state.dials -= 1;
        }
        drop(state);
        self.changed.notify_waiters();
        again
    }

    pub(super) async fn listen(
        &self,
        hear: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Result<MultiplexedConnection, Failure> {
        self.may_dial().await;
        let dialed = timeout(DIAL_DEADLINE, self.target.dial_server(hear)).await;
        Ok(dialed.map_err(|_| Failure::Timeout)??)
    }
}

/// A call that waits for a connection, for as long as it does.
struct Waiting<'a>(&'a Dialing);

impl<'a> Waiting<'a> {
    fn new(dialing: &'a Dialing) -> Self {
        dialing.state.lock().waiting += 1;
        Self(dialing)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state.lock().waiting -= 1;
    }
}

impl Manager for Dialer {
    type Type = Wire;
    type Error = Failure;

    async fn create(&self) -> Result<Wire, Failure> {
        let _waiting = Waiting::new(&self.0);
        loop {
            let mut changed = std::pin::pin!(self.0.changed.notified());
            // From here on, not from the first poll.
            changed.as_mut().enable();
            match self.0.next() {
                Next::Take(wire) => return Ok(wire),
                Next::Fail(failure) => return Err(failure),
                Next::Dial => self.0.dial(),
                Next::Wait => {}
            }
            changed.await;
        }
    }

    async fn recycle(&self, wire: &mut Wire, _: &Metrics) -> RecycleResult<Failure> {
        if self.0.is_good(wire) {
            Ok(())
        } else {
            Err(RecycleError::message("given up"))
        }
    }
}
