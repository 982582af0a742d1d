//! Transactions of several statements, each on a connection that nobody else uses meanwhile.

use std::sync::Arc;
use std::time::Duration;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::future::BoxFuture;
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;

use super::connect::{Connector, Limits, Link};
use super::error::StoreError;

/// Such work is rare, large and waited for by nobody at the other end of a request.
const LIMITS: Limits = Limits {
    statement: Duration::from_mins(1),
    lock: Duration::from_mins(1),
};
const PATIENCE: Duration = Duration::from_mins(5);

/// How a transaction that writes begins.
pub(crate) const WRITES: &str = "BEGIN";
/// How a transaction begins whose statements all see the same state.
pub(crate) const READS: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A connection for one transaction after the other; made when it is needed, it ends with this.
#[derive(Clone)]
pub(crate) struct Bulk {
    connector: Arc<Connector>,
    closing: Arc<watch::Sender<bool>>,
    link: Arc<Mutex<Option<Link>>>,
}

impl Bulk {
    /// One with no connection yet.
    pub(super) fn new(connector: Arc<Connector>, closing: Arc<watch::Sender<bool>>) -> Self {
        Self {
            connector,
            closing,
            link: Arc::default(),
        }
    }

    /// Does work in a transaction: all of it, or nothing if it fails.
    ///
    /// It goes on to its end even if the caller goes away.
    pub(crate) async fn transaction<T, W>(&self, begin: &'static str, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c AsyncPgConnection) -> BoxFuture<'c, Result<T, StoreError>> + Send + 'static,
    {
        let this = self.clone();
        let task = tokio::spawn(async move {
            timeout(PATIENCE, this.run(begin, work))
                .await
                .unwrap_or(Err(StoreError::Timeout))
        });
        task.await.unwrap_or(Err(StoreError::Panicked))
    }

    async fn run<T, W>(&self, begin: &'static str, work: W) -> Result<T, StoreError>
    where
        W: for<'c> FnOnce(&'c AsyncPgConnection) -> BoxFuture<'c, Result<T, StoreError>> + Send,
    {
        // The closing of the database waits for this.
        let closing = self.closing.subscribe();
        if *closing.borrow() {
            return Err(StoreError::Closed);
        }
        let mut place = self.link.lock().await;
        let link = match place.take().filter(|link| !link.has_ended()) {
            Some(link) => link,
            None => self.connector.connect_within(LIMITS).await?,
        };
        let mut connection = &*link.connection;
        connection.batch_execute(begin).await?;
        // What fails takes its connection along, and the transaction with it.
        let done = work(connection).await?;
        connection.batch_execute("COMMIT").await?;
        *place = Some(link);
        Ok(done)
    }
}
