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
use parking_lot::RwLock;
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::connect::Connector;
use super::error::StoreError;
use super::Repeat;
use crate::config::PgConfig;

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
    /// How many connections were made, since the start.
    pub connects: u64,
    /// How many statements were not answered in time, since the start.
    pub timeouts: u64,
}

/// The shared connections.
pub(super) struct Connections {
    connector: Connector,
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

/// The place of one connection.
#[derive(Default)]
struct Slot {
    connection: RwLock<Option<Arc<AsyncPgConnection>>>,
    /// Held while a connection is made, so that one is made however many want it.
    connecting: Mutex<()>,
    busy: AtomicUsize,
}

/// A statement's place on a slot, given back when dropped.
struct Place<'a> {
    slot: &'a Slot,
    _permit: SemaphorePermit<'a>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.slot.busy.fetch_sub(1, Ordering::Relaxed);
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

impl Connections {
    /// As many as the settings say; each is made when it is first wanted.
    pub(super) fn new(connector: Connector, config: &PgConfig) -> Self {
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
        let connected = |slot: &&Slot| slot.connection.read().is_some();
        Stats {
            connections: self.slots.len(),
            connected: self.slots.iter().filter(connected).count(),
            places,
            busy: places.saturating_sub(self.places.available_permits()),
            waiting: self.waiting.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            connects: self.connects.load(Ordering::Relaxed),
            timeouts: self.timeouts.load(Ordering::Relaxed),
        }
    }

    /// Runs a statement; once more on a new connection if the old one broke and it may be repeated.
    pub(super) async fn run<T, F>(
        &self,
        repeat: Repeat,
        statement: impl Fn(Arc<AsyncPgConnection>) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, DieselError>>,
    {
        let place = self.place().await?;
        let first = self.attempt(place.slot, &statement).await;
        match first {
            // One that was not answered in time is not waited for twice.
            Err(error @ StoreError::Timeout) => Err(error),
            Err(error) if error.breaks_connection() && repeat == Repeat::Safe => {
                self.attempt(place.slot, &statement).await
            }
            result => result,
        }
    }

    async fn attempt<T, F>(
        &self,
        slot: &Slot,
        statement: impl Fn(Arc<AsyncPgConnection>) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, DieselError>>,
    {
        let connection = self.connection(slot).await?;
        let answered = timeout(self.patience, statement(Arc::clone(&connection))).await;
        let result = match answered {
            Ok(result) => result.map_err(StoreError::from),
            Err(_) => {
                self.timeouts.fetch_add(1, Ordering::Relaxed);
                Err(StoreError::Timeout)
            }
        };
        if result.as_ref().is_err_and(StoreError::breaks_connection) {
            slot.give_up(&connection);
        }
        result
    }

    async fn place(&self) -> Result<Place<'_>, StoreError> {
        let permit = match self.places.try_acquire() {
            Ok(permit) => permit,
            Err(_) => self.wait_for_place().await?,
        };
        let slot = self.choose();
        slot.busy.fetch_add(1, Ordering::Relaxed);
        Ok(Place { slot, _permit: permit })
    }

    async fn wait_for_place(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        let _waiting = Counted::new(&self.waiting);
        match timeout(self.wait, self.places.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Err(StoreError::Full)
            }
        }
    }

    /// The slot of this thread, unless it is full and another one is not.
    ///
    /// A connection is driven by the thread that made it: on the same one a statement wakes nobody else.
    fn choose(&self) -> &Slot {
        let home = &self.slots[home() % self.slots.len()];
        if home.busy.load(Ordering::Relaxed) < self.depth {
            return home;
        }
        self.slots
            .iter()
            .min_by_key(|slot| slot.busy.load(Ordering::Relaxed))
            .unwrap_or(home)
    }

    async fn connection(&self, slot: &Slot) -> Result<Arc<AsyncPgConnection>, StoreError> {
        if let Some(connection) = slot.current() {
            return Ok(connection);
        }
        let _connecting = slot.connecting.lock().await;
        if let Some(connection) = slot.current() {
            return Ok(connection);
        }
        self.connects.fetch_add(1, Ordering::Relaxed);
        let connection = Arc::new(self.connector.connect().await?);
        *slot.connection.write() = Some(Arc::clone(&connection));
        Ok(connection)
    }
}

impl Slot {
    fn current(&self) -> Option<Arc<AsyncPgConnection>> {
        self.connection.read().clone()
    }

    /// Lets go of a connection, unless another one has taken its place already.
    fn give_up(&self, broken: &Arc<AsyncPgConnection>) {
        let mut connection = self.connection.write();
        if connection.as_ref().is_some_and(|current| Arc::ptr_eq(current, broken)) {
            *connection = None;
        }
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
