//! Connections that many share: each carries several statements at once, pipelined.
//!
//! A statement on them is a transaction of its own, so that neither a caller who hangs up nor an error leaves
//! anything behind on the connection; there is nothing to give back, and nothing to be found dirty.

use std::cell::Cell;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use diesel::result::Error as DieselError;
use diesel_async::AsyncPgConnection;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

use super::Repeat;
use super::connect::{Connector, Link};
use super::error::{StoreError, Unreachable, Verdict};
use super::slot::Slot;
use crate::config::PgConfig;

/// How often a statement is sent again that lost against others.
const AGAIN: u32 = 3;

/// How busy the connections are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// How many connections there may be.
    pub connections: usize,
    /// How many there are.
    pub connected: usize,
    /// How many statements may be under way at once.
    pub places: usize,
    /// How many are under way.
    pub busy: usize,
    /// How many wait for a place.
    pub waiting: usize,
    /// How many gave up waiting, since the start.
    pub refused: u64,
    /// How many connections were begun, since the start.
    pub connects: u64,
    /// How many statements were not answered in time, since the start.
    pub timeouts: u64,
}

/// The shared connections.
pub(super) struct Connections {
    connector: Arc<Connector>,
    slots: Box<[Slot]>,
    places: Semaphore,
    depth: usize,
    wait: Duration,
    patience: Duration,
    waiting: AtomicUsize,
    refused: AtomicU64,
    connects: AtomicU64,
    timeouts: AtomicU64,
}

/// A statement's place on a slot, given back when dropped.
struct Place<'a> {
    slot: &'a Slot,
    _permit: SemaphorePermit<'a>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.slot.leave();
    }
}

/// Counts down when dropped.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A statement that failed, and what to do about it.
struct Failure {
    error: StoreError,
    verdict: Verdict,
}

impl<E: Into<StoreError>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        let verdict = error.verdict();
        Self { error, verdict }
    }
}

impl Connections {
    /// As many as the settings say; each is made when it is first wanted.
    pub(super) fn new(connector: Arc<Connector>, config: &PgConfig) -> Self {
        let (count, depth) = (config.connections.max(1), config.depth.max(1));
        Self {
            connector,
            slots: (0..count).map(|_| Slot::default()).collect(),
            places: Semaphore::new(count * depth),
            depth,
            wait: config.wait,
            patience: config.patience(),
            waiting: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            connects: AtomicU64::new(0),
            timeouts: AtomicU64::new(0),
        }
    }

    /// How busy they are.
    pub(super) fn stats(&self) -> Stats {
        let places = self.slots.len() * self.depth;
        Stats {
            connections: self.slots.len(),
            connected: self.slots.iter().filter_map(Slot::current).count(),
            places,
            busy: self.slots.iter().map(Slot::busy).sum(),
            waiting: self.waiting.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            connects: self.connects.load(Ordering::Relaxed),
            timeouts: self.timeouts.load(Ordering::Relaxed),
        }
    }

    /// Runs a statement when there is a place for it.
    pub(super) async fn run<T, F>(
        &self,
        repeat: Repeat,
        statement: impl Fn(Arc<AsyncPgConnection>) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, DieselError>>,
    {
        let place = self.place().await?;
        self.run_on(place.slot, repeat, statement).await
    }

    /// Runs a statement that reads, whether or not there is a place for it: to see whether anything works at all.
    pub(super) async fn run_at_once<T, F>(
        &self,
        statement: impl Fn(Arc<AsyncPgConnection>) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, DieselError>>,
    {
        if self.places.is_closed() {
            return Err(StoreError::Closed);
        }
        self.run_on(self.choose(), Repeat::Safe, statement).await
    }

    /// Waits until nothing is under way, as long as a statement may take, and ends the connections.
    pub(super) async fn close(&self) {
        let all = u32::try_from(self.slots.len() * self.depth).unwrap_or(u32::MAX);
        let done = timeout(self.patience, self.places.acquire_many(all)).await;
        self.places.close();
        drop(done);
        for slot in &self.slots {
            slot.clear();
        }
    }

    /// Once more on a new connection if the old one broke and that may be; again if it lost against others, for then
    /// nothing of it is left.
    async fn run_on<T, F>(
        &self,
        slot: &Slot,
        repeat: Repeat,
        statement: impl Fn(Arc<AsyncPgConnection>) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, DieselError>>,
    {
        let deadline = Instant::now() + self.patience;
        let (mut lost, mut broken) = (0, 0);
        loop {
            let failure = match self.attempt(slot, deadline, &statement).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let again = match failure.verdict {
                // One that was not answered in time is not waited for twice.
                _ if matches!(failure.error, StoreError::Timeout) => false,
                Verdict::Lost => {
                    lost += 1;
                    lost <= AGAIN
                }
                Verdict::Broken => {
                    broken += 1;
                    repeat == Repeat::Safe && broken == 1
                }
                Verdict::Final | Verdict::Unclear => false,
            };
            if !again {
                return Err(failure.error);
            }
        }
    }

    async fn attempt<T, F>(
        &self,
        slot: &Slot,
        deadline: Instant,
        statement: impl Fn(Arc<AsyncPgConnection>) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, DieselError>>,
    {
        let link = self.link(slot, deadline).await?;
        let mut failure = match timeout_at(deadline, statement(Arc::clone(&link.connection))).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => Failure::from(error),
            Err(_) => {
                self.timeouts.fetch_add(1, Ordering::Relaxed);
                StoreError::Timeout.into()
            }
        };
        if failure.verdict == Verdict::Unclear && link.ends_now().await {
            failure.verdict = Verdict::Broken;
        }
        if failure.verdict == Verdict::Broken {
            self.slots.iter().for_each(|slot| slot.give_up(&link));
        }
        Err(failure)
    }

    /// The slot's connection, or any that there is while that one cannot be made.
    async fn link(&self, slot: &Slot, deadline: Instant) -> Result<Arc<Link>, Unreachable> {
        let connect = || {
            self.connects.fetch_add(1, Ordering::Relaxed);
            let connector = Arc::clone(&self.connector);
            async move { connector.connect().await }
        };
        match timeout_at(deadline, slot.link(connect)).await {
            Ok(Ok(link)) => Ok(link),
            Ok(Err(why)) => self.slots.iter().find_map(Slot::current).ok_or(why),
            Err(_) => Err(Unreachable::TimedOut),
        }
    }

    async fn place(&self) -> Result<Place<'_>, StoreError> {
        let permit = match self.places.try_acquire() {
            Ok(permit) => permit,
            Err(_) => self.wait_for_place().await?,
        };
        let slot = self.choose();
        slot.enter();
        Ok(Place {
            slot,
            _permit: permit,
        })
    }

    async fn wait_for_place(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        let _waiting = Counted::new(&self.waiting);
        match timeout(self.wait, self.places.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(StoreError::Closed),
            Err(_) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Err(StoreError::Full)
            }
        }
    }

    /// The slot of this thread, unless it is full or out of order and another one is not.
    ///
    /// A connection is driven by the thread that made it: on the same one a statement wakes nobody else.
    fn choose(&self) -> &Slot {
        let home = &self.slots[home() % self.slots.len()];
        if home.busy() < self.depth && !home.is_failing() {
            return home;
        }
        self.slots
            .iter()
            .min_by_key(|slot| (slot.is_failing(), slot.busy()))
            .unwrap_or(home)
    }
}

/// A number of this thread.
fn home() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static HOME: Cell<Option<usize>> = const { Cell::new(None) };
    }
    HOME.with(|home| {
        let number = home.get().unwrap_or_else(|| NEXT.fetch_add(1, Ordering::Relaxed));
        home.set(Some(number));
        number
    })
}
