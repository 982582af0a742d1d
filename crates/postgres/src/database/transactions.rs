//! Transactions of several statements on behalf of requests, each on a connection that nobody else uses meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::future::{BoxFuture, join, join_all};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::timeout;

use super::connect::{Connector, Link};
use super::connections::Stats;
use super::error::{Fail, StoreError, Verdict};
use super::places::Places;
use super::slot::Slot;
use crate::config::PgConfig;

/// How often a transaction is begun that loses against others, or whose connection breaks before it was to be committed.
const ATTEMPTS: u32 = 4;

/// Connections for transactions: made when they are needed, kept for the next.
#[derive(Clone)]
pub(super) struct Transactions {
    inner: Arc<Inner>,
}

struct Inner {
    connector: Arc<Connector>,
    closing: Arc<watch::Sender<bool>>,
    /// Where transactions and their connections are driven: a runtime that outlives those of requests.
    runtime: Handle,
    places: Places,
    /// One for each place.
    slots: Box<[Slot]>,
    /// The numbers of the slots that nobody has, that which was used last at the end.
    free: Mutex<Vec<usize>>,
    patience: Duration,
    timeouts: AtomicU64,
}

/// A slot that one transaction has for itself, given back when dropped.
struct Turn<'a> {
    transactions: &'a Inner,
    slot: usize,
    /// The connection since a transaction was begun on it; it ends with that, unless it is kept.
    at_work: Option<Arc<Link>>,
    _place: OwnedSemaphorePermit,
}

impl Turn<'_> {
    fn slot(&self) -> &Slot {
        &self.transactions.slots[self.slot]
    }

    /// A connection to begin a transaction on. While the server cannot be reached, it is left alone for a while.
    async fn link(&mut self) -> Result<Arc<Link>, StoreError> {
        self.let_go();
        let connector = &self.transactions.connector;
        let link = self.slot().link(None, || connector.dial()).await?;
        self.at_work = Some(Arc::clone(&link));
        Ok(link)
    }

    /// Keeps the connection for the next transaction.
    fn keep(&mut self) {
        if !*self.transactions.closing.borrow() {
            self.at_work = None;
        }
    }

    fn let_go(&mut self) {
        if let Some(link) = self.at_work.take() {
            self.slot().give_up(&link);
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.let_go();
        self.transactions.free.lock().push(self.slot);
    }
}

impl Transactions {
    /// None is made yet. To be called on the runtime that is to drive them.
    pub(super) fn new(
        connector: Arc<Connector>,
        closing: Arc<watch::Sender<bool>>,
        config: &PgConfig,
    ) -> Self {
        let count = config.transactions.max(1);
        let inner = Inner {
            connector,
            closing,
            runtime: Handle::current(),
            places: Places::new(count, config.wait),
            slots: (0..count).map(|_| Slot::default()).collect(),
            free: Mutex::new((0..count).collect()),
            patience: config.patience(),
            timeouts: AtomicU64::new(0),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Does work in a transaction: all of it, or nothing if it fails or is refused.
    ///
    /// It goes on to its end even if the caller goes away. It is done again when it lost against others.
    pub(super) async fn transact<T, R, W>(&self, work: W) -> Result<T, Fail<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
        W: for<'c> Fn(&'c AsyncPgConnection) -> BoxFuture<'c, Result<T, Fail<R>>> + Send + Sync + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let task = self.inner.runtime.spawn(async move { inner.run(work).await });
        task.await.unwrap_or(Err(StoreError::Panicked.into()))
    }

    /// How busy their connections are.
    pub(super) fn stats(&self) -> Stats {
        let Inner { places, slots, .. } = &*self.inner;
        Stats {
            connections: slots.len(),
            connected: slots.iter().filter(|slot| slot.is_connected()).count(),
            places: places.count(),
            busy: slots.len() - self.inner.free.lock().len(),
            waiting: places.waiting(),
            refused: places.refused(),
            connects: slots.iter().map(Slot::dials).sum(),
            timeouts: self.inner.timeouts.load(Ordering::Relaxed),
        }
    }

    /// Ends the connections that nobody uses; the others end with their transactions.
    pub(super) async fn close(&self) {
        let links = self.inner.slots.iter().filter_map(Slot::vacate);
        let idle = links.filter_map(Arc::into_inner);
        join_all(idle.map(Link::close)).await;
    }
}

impl Inner {
    async fn run<T, R, W>(&self, work: W) -> Result<T, Fail<R>>
    where
        W: for<'c> Fn(&'c AsyncPgConnection) -> BoxFuture<'c, Result<T, Fail<R>>> + Send + Sync,
    {
        // The closing of the database waits for this.
        let closing = self.closing.subscribe();
        if *closing.borrow() {
            return Err(StoreError::Closed.into());
        }
        let mut turn = self.turn().await?;
        let mut attempt = 1;
        loop {
            match self.attempt(&mut turn, &work).await {
                Err(Undone::Lost(_)) if attempt < ATTEMPTS => attempt += 1,
                Err(Undone::Lost(error)) => return Err(error.into()),
                Err(Undone::Failed(failure)) => {
                    if matches!(failure, Fail::Store(StoreError::Timeout)) {
                        self.timeouts.fetch_add(1, Ordering::Relaxed);
                    }
                    return Err(failure);
                }
                Ok(done) => return Ok(done),
            }
        }
    }

    async fn turn(&self) -> Result<Turn<'_>, StoreError> {
        let place = self.places.take().await?;
        Ok(Turn {
            transactions: self,
            slot: self.choose().ok_or(StoreError::Full)?,
            at_work: None,
            _place: place,
        })
    }

    /// Takes a free slot: that with the connection that was used last, else one whose server need not be left alone.
    fn choose(&self) -> Option<usize> {
        let mut free = self.free.lock();
        let preference = |place: &usize| {
            let slot = &self.slots[free[*place]];
            (slot.is_failing(), !slot.is_connected())
        };
        let chosen = (0..free.len()).rev().min_by_key(preference)?;
        Some(free.remove(chosen))
    }

    async fn attempt<T, R, W>(&self, turn: &mut Turn<'_>, work: &W) -> Result<T, Undone<R>>
    where
        W: for<'c> Fn(&'c AsyncPgConnection) -> BoxFuture<'c, Result<T, Fail<R>>> + Send + Sync,
    {
        let link = turn.link().await?;
        let connection = &*link.connection;
        let mut connection_to_begin = connection;
        // Nobody waits for the beginning: what comes first is sent right behind it.
        let begun = self.within(connection_to_begin.batch_execute("BEGIN"));
        let (begun, worked) = join(begun, timeout(self.patience, work(connection))).await;
        begun.map_err(Undone::before_the_end)?;
        match worked.unwrap_or(Err(StoreError::Timeout.into())) {
            Ok(done) => {
                // Whether it took effect is not known if this fails.
                let mut connection = connection;
                let committed = self.within(connection.batch_execute("COMMIT")).await;
                committed.map_err(|error| Undone::Failed(error.into()))?;
                turn.keep();
                Ok(done)
            }
            Err(Fail::Refused(refusal)) => {
                self.roll_back(turn, connection).await;
                Err(Undone::Failed(Fail::Refused(refusal)))
            }
            // Nobody knows what its server is doing: it ends with this.
            Err(Fail::Store(StoreError::Timeout)) => Err(StoreError::Timeout.into()),
            Err(Fail::Store(error)) if error.verdict() == Verdict::Unclear && link.ends_now().await => {
                Err(Undone::Lost(error))
            }
            Err(Fail::Store(error)) => {
                self.roll_back(turn, connection).await;
                Err(Undone::before_the_end(error))
            }
        }
    }

    /// A connection that cannot even do this ends, and its transaction with it.
    async fn roll_back(&self, turn: &mut Turn<'_>, mut connection: &AsyncPgConnection) {
        if self.within(connection.batch_execute("ROLLBACK")).await.is_ok() {
            turn.keep();
        }
    }

    async fn within<T>(
        &self,
        statement: impl Future<Output = diesel::QueryResult<T>>,
    ) -> Result<T, StoreError> {
        match timeout(self.patience, statement).await {
            Ok(done) => Ok(done?),
            Err(_) => Err(StoreError::Timeout),
        }
    }
}

/// Why a transaction was not committed, as far as is known.
enum Undone<R> {
    /// It was certainly not, and may be the next time.
    Lost(StoreError),
    /// For good.
    Failed(Fail<R>),
}

impl<R> Undone<R> {
    /// Something failed before it was to be committed.
    fn before_the_end(error: StoreError) -> Self {
        match error.verdict() {
            // The server closed its connection while it lay idle, or just now; another may do.
            Verdict::Broken if !matches!(error, StoreError::Timeout) => Self::Lost(error),
            Verdict::Lost => Self::Lost(error),
            Verdict::Broken | Verdict::Unclear | Verdict::Final => Self::Failed(error.into()),
        }
    }
}

impl<R> From<StoreError> for Undone<R> {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}
