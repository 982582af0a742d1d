//! Transactions of several statements on behalf of requests, each on a connection that nobody else uses meanwhile.

use std::sync::Arc;
use std::time::Duration;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::future::{BoxFuture, join};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::connect::{Connector, Link};
use super::error::{Fail, StoreError, Verdict};
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
    places: Semaphore,
    idle: Mutex<Vec<Link>>,
    wait: Duration,
    patience: Duration,
}

impl Transactions {
    /// None is made yet. To be called on the runtime that is to drive them.
    pub(super) fn new(
        connector: Arc<Connector>,
        closing: Arc<watch::Sender<bool>>,
        config: &PgConfig,
    ) -> Self {
        let inner = Inner {
            connector,
            closing,
            runtime: Handle::current(),
            places: Semaphore::new(config.transactions),
            idle: Mutex::default(),
            wait: config.wait,
            patience: config.patience(),
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

    /// Ends the connections that nobody uses.
    pub(super) async fn close(&self) {
        let idle = std::mem::take(&mut *self.inner.idle.lock());
        for link in idle {
            link.close().await;
        }
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
        let place = timeout(self.wait, self.places.acquire()).await;
        let Ok(Ok(_place)) = place else {
            return Err(StoreError::Full.into());
        };
        let mut attempt = 1;
        loop {
            match self.attempt(&work).await {
                Err(Undone::Lost(_)) if attempt < ATTEMPTS => attempt += 1,
                Err(Undone::Lost(error)) => return Err(error.into()),
                Err(Undone::Failed(failure)) => return Err(failure),
                Ok(done) => return Ok(done),
            }
        }
    }

    async fn attempt<T, R, W>(&self, work: &W) -> Result<T, Undone<R>>
    where
        W: for<'c> Fn(&'c AsyncPgConnection) -> BoxFuture<'c, Result<T, Fail<R>>> + Send + Sync,
    {
        let link = self.link().await?;
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
                self.keep(link);
                Ok(done)
            }
            Err(Fail::Refused(refusal)) => {
                self.roll_back(link).await;
                Err(Undone::Failed(Fail::Refused(refusal)))
            }
            // Nobody knows what its server is doing: it ends with this.
            Err(Fail::Store(StoreError::Timeout)) => Err(StoreError::Timeout.into()),
            Err(Fail::Store(error)) if error.verdict() == Verdict::Unclear && link.ends_now().await => {
                Err(Undone::Lost(error))
            }
            Err(Fail::Store(error)) => {
                self.roll_back(link).await;
                Err(Undone::before_the_end(error))
            }
        }
    }

    async fn link(&self) -> Result<Link, StoreError> {
        loop {
            let idle = self.idle.lock().pop();
            match idle {
                Some(link) if link.has_ended() => {}
                Some(link) => return Ok(link),
                None => return Ok(self.connector.connect().await?),
            }
        }
    }

    fn keep(&self, link: Link) {
        if !*self.closing.borrow() {
            self.idle.lock().push(link);
        }
    }

    /// A connection that cannot even do this ends, and its transaction with it.
    async fn roll_back(&self, link: Link) {
        let mut connection = &*link.connection;
        if self.within(connection.batch_execute("ROLLBACK")).await.is_ok() {
            self.keep(link);
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
