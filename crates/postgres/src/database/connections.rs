//! Connections that many share: each carries several statements at once, pipelined.
//!
//! A statement on them is a transaction of its own, so that neither a caller who hangs up nor an error leaves
//! anything behind on the connection; there is nothing to give back, and nothing to be found dirty.

use std::cell::OnceCell;
use std::future::Future;
use std::mem::take;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use diesel::result::Error as DieselError;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::future::join_all;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

use super::Repeat;
use super::connect::{Connector, Link};
use super::error::{StoreError, Unreachable, Verdict};
use super::places::Places;
use super::slot::Slot;
use crate::config::PgConfig;

/// How often a statement is sent again that lost against others.
const AGAIN: u32 = 3;

/// How long the connections of threads that are about to end are waited for.
const HANDING_OVER: Duration = Duration::from_secs(1);

/// How busy connections are: those that statements share, or those of which a transaction has one for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// How many connections there may be.
    pub connections: usize,
    /// How many there are.
    pub connected: usize,
    /// How many statements, or transactions, may be under way at once.
    pub places: usize,
    /// How many are under way.
    pub busy: usize,
    /// How many wait for a place.
    pub waiting: usize,
    /// How many gave up waiting, since the start.
    pub refused: u64,
    /// How many connections were begun, since the start.
    pub connects: u64,
    /// How many statements, or transactions, were not answered in time, since the start.
    pub timeouts: u64,
}

/// The shared connections.
pub(super) struct Connections {
    connector: Arc<Connector>,
    /// One for each connection, and a last one for what must not wait.
    slots: Arc<[Slot]>,
    /// How many threads have slots of their own.
    threads: usize,
    places: Places,
    /// Who drives new connections; before it is set, whoever wants them first.
    driver: OnceLock<Handle>,
    /// Whether threads with a runtime of their own were left to make them.
    handed_out: AtomicBool,
    depth: usize,
    patience: Duration,
    timeouts: AtomicU64,
}

/// A statement's place on a slot, given back when dropped and when the connection is done with the statement.
struct Place {
    slots: Arc<[Slot]>,
    slot: usize,
    permit: Option<OwnedSemaphorePermit>,
    /// The connection that works on the statement at the moment.
    at_work: Option<Arc<Link>>,
    patience: Duration,
}

impl Place {
    fn slot(&self) -> &Slot {
        &self.slots[self.slot]
    }

    /// Gives the place back after the connection has answered everything that was sent on it.
    ///
    /// Whoever goes away does not take the statement along: it is still in the pipeline.
    fn give_back_later(&mut self, link: Arc<Link>, runtime: &Handle) {
        let rest = Self {
            slots: Arc::clone(&self.slots),
            permit: take(&mut self.permit),
            at_work: None,
            ..*self
        };
        runtime.spawn(async move {
            let _ = timeout(rest.patience, (&*link.connection).batch_execute("")).await;
            drop(rest);
        });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        match (take(&mut self.at_work), Handle::try_current()) {
            (Some(link), Ok(runtime)) => self.give_back_later(link, &runtime),
            _ => self.slot().leave(),
        }
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
            slots: (0..=count).map(|_| Slot::default()).collect(),
            threads: config.threads.clamp(1, count),
            places: Places::new(count * depth, config.wait),
            driver: OnceLock::new(),
            handed_out: AtomicBool::new(false),
            depth,
            patience: config.patience(),
            timeouts: AtomicU64::new(0),
        }
    }

    /// How busy they are, but for the one for what must not wait.
    pub(super) fn stats(&self) -> Stats {
        let ordinary = self.ordinary();
        Stats {
            connections: ordinary.len(),
            connected: ordinary.iter().filter(|slot| slot.is_connected()).count(),
            places: self.places.count(),
            busy: ordinary.iter().map(Slot::busy).sum(),
            waiting: self.places.waiting(),
            refused: self.places.refused(),
            connects: self.slots.iter().map(Slot::dials).sum(),
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
        let mut place = self.place().await?;
        let slot = &self.slots[place.slot];
        self.run_on(slot, repeat, &mut place.at_work, statement).await
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
        let slot = &self.slots[self.slots.len() - 1];
        self.run_on(slot, Repeat::Safe, &mut None, statement).await
    }

    /// Lets go of the ordinary connections, so that each is made anew by the thread that wants it next.
    ///
    /// Waits, though not for long, for what is under way on the old ones.
    pub(super) async fn hand_out(&self) {
        self.handed_out.store(true, Ordering::Relaxed);
        self.vacate().await;
    }

    async fn vacate(&self) {
        let old = self.ordinary().iter().filter_map(Slot::vacate);
        let _ = timeout(HANDING_OVER, join_all(old.map(Link::released))).await;
    }

    /// Lets the runtime of the caller drive the connections from now on, before other threads end.
    ///
    /// Waits, though not for long, for what is under way on the old ones.
    pub(super) async fn take_over(&self) {
        if self.driver.set(Handle::current()).is_ok() {
            self.vacate().await;
        }
    }

    /// Waits until nothing is under way, as long as a statement may take, and ends the connections.
    pub(super) async fn close(&self) {
        self.places.close(self.patience).await;
        for slot in &*self.slots {
            slot.vacate();
        }
    }

    /// Once more on a new connection if the old one broke and that may be; again if it lost against others, for then
    /// nothing of it is left.
    async fn run_on<T, F>(
        &self,
        slot: &Slot,
        repeat: Repeat,
        at_work: &mut Option<Arc<Link>>,
        statement: impl Fn(Arc<AsyncPgConnection>) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, DieselError>>,
    {
        let deadline = Instant::now() + self.patience;
        let (mut lost, mut broken) = (0, 0);
        loop {
            let failure = match self.attempt(slot, deadline, at_work, &statement).await {
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
        at_work: &mut Option<Arc<Link>>,
        statement: impl Fn(Arc<AsyncPgConnection>) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, DieselError>>,
    {
        let link = self.link(slot, deadline).await?;
        *at_work = Some(Arc::clone(&link));
        let answer = timeout_at(deadline, statement(Arc::clone(&link.connection))).await;
        *at_work = None;
        let mut failure = match answer {
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
        let link = slot.link(self.driver.get(), || self.connector.dial());
        match timeout_at(deadline, link).await {
            Ok(Ok(link)) => Ok(link),
            Ok(Err(why)) => self.slots.iter().find_map(Slot::current).ok_or(why),
            Err(_) => Err(Unreachable::TimedOut),
        }
    }

    async fn place(&self) -> Result<Place, StoreError> {
        let permit = self.places.take().await?;
        let slot = self.choose();
        self.slots[slot].enter();
        Ok(Place {
            slots: Arc::clone(&self.slots),
            slot,
            permit: Some(permit),
            at_work: None,
            patience: self.patience,
        })
    }

    /// Every slot but the one for what must not wait.
    fn ordinary(&self) -> &[Slot] {
        &self.slots[..self.slots.len() - 1]
    }

    /// The number of a slot with a connection, and the least busy of them.
    ///
    /// A connection is driven by the thread that made it: on the same one a statement wakes nobody else. Another
    /// thread's is used only when its queue is shorter by all that one connection should carry. While this thread could
    /// do with one more, one is made, and others are used meanwhile.
    fn choose(&self) -> usize {
        let home = home();
        let is_foreign =
            |number: usize| home.is_some_and(|home| number % self.threads != home % self.threads);
        let preference = |(number, slot): &(usize, &Slot)| {
            let (is_closed, is_foreign) = (!slot.is_connected(), is_foreign(*number));
            let detour = if is_foreign { self.depth } else { 0 };
            (
                slot.is_failing(),
                is_closed,
                is_closed && is_foreign,
                slot.busy() + detour,
            )
        };
        let slots = self.ordinary().iter().enumerate();
        let chosen = slots.min_by_key(preference).map_or(0, |(number, _)| number);
        if home.is_none() && self.is_handed_out() && !self.slots[chosen].is_connected() {
            // Whoever makes one of the threads' connections would drive it for ever.
            return self.slots.len() - 1;
        }
        if is_foreign(chosen) || self.slots[chosen].busy() > 0 {
            let mut own = (0..self.ordinary().len()).filter(|number| !is_foreign(*number));
            if let Some(vacant) = own.find(|number| self.slots[*number].is_vacant()) {
                self.dial_ahead(vacant);
            }
        }
        chosen
    }

    /// Whether the connections are left to threads with a runtime of their own.
    fn is_handed_out(&self) -> bool {
        self.handed_out.load(Ordering::Relaxed) && self.driver.get().is_none()
    }

    /// Has a slot's connection made while nobody waits for it.
    fn dial_ahead(&self, number: usize) {
        let begun = self.slots[number].begin(self.driver.get(), || self.connector.dial());
        if let Some(dial) = begun {
            let slots = Arc::clone(&self.slots);
            tokio::spawn(async move { slots[number].settled(dial).await });
        }
    }
}

/// A number of this thread, if it has a runtime of its own.
///
/// Threads that share a runtime hand their tasks around: none of them is nearer to a connection than the others.
fn home() -> Option<usize> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static HOME: OnceCell<Option<usize>> = const { OnceCell::new() };
    }
    let number = || {
        let alone = Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread;
        alone.then(|| NEXT.fetch_add(1, Ordering::Relaxed))
    };
    HOME.with(|home| *home.get_or_init(number))
}
