//! The database: connections that are shared, the schema, and what goes wrong with them.

mod bulk;
mod connect;
mod connections;
mod error;
mod migrations;
mod migrator;
mod places;
mod slot;
mod tls;
mod transactions;
mod url;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use diesel::result::Error as DieselError;
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::future::BoxFuture;
use parlance_domain::health::Probe;
use parlance_domain::port::PortError;
use tokio::sync::watch;
use tokio::time::timeout;

pub(crate) use self::bulk::{Bulk, READS, WRITES};
use self::connect::Connector;
pub(crate) use self::connect::Link;
use self::connections::Connections;
pub use self::connections::Stats;
pub(crate) use self::error::{Fail, NoRefusal, StoreError, Verdict};
pub use self::error::{MigrateError, OpenError, Unreachable};
use self::migrations::Migrations;
pub use self::tls::TlsError;
use self::transactions::Transactions;
pub use self::url::UrlError;
use crate::config::PgConfig;
use crate::statement::statement;

statement!(
    Language() -> (Text,) = "SELECT current_setting('lc_messages')"
);

/// How long the database has to show that it works.
const PROBE_DEADLINE: Duration = Duration::from_secs(1);

/// Whether a statement may be sent again when the connection broke before it was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It reads, or writes the same however often it is sent.
    Safe,
    /// Whether it took effect is not known, and must not be guessed.
    Never,
}

/// A PostgreSQL database; its copies share its connections.
#[derive(Clone)]
pub struct PgDatabase {
    connector: Arc<Connector>,
    connections: Arc<Connections>,
    transactions: Transactions,
    config: Arc<PgConfig>,
    /// Whether it is closed; watched by those with connections of their own while they have any.
    closing: Arc<watch::Sender<bool>>,
}

impl PgDatabase {
    /// Connects, and applies pending migrations where that is wanted.
    ///
    /// A database that holds migrations which this program does not know is refused.
    pub async fn open(config: PgConfig) -> Result<Self, OpenError> {
        let connector = Arc::new(Connector::new(&config)?);
        let closing = Arc::default();
        let database = Self {
            connections: Arc::new(Connections::new(Arc::clone(&connector), &config)),
            transactions: Transactions::new(Arc::clone(&connector), Arc::clone(&closing), &config),
            connector,
            config: Arc::new(config),
            closing,
        };
        let link = database.connector.connect().await.map_err(MigrateError::from)?;
        database.check_language(&link).await;
        let Migrations { pending, unknown } = database.migrations_on(&link).await?;
        link.close().await;
        if !unknown.is_empty() {
            return Err(OpenError::NewerSchema(unknown));
        }
        if database.config.migrate && !pending.is_empty() {
            database.migrate().await?;
        }
        Ok(database)
    }

    /// Applies the pending migrations; says which they were.
    ///
    /// Waits while another copy of the program migrates. It goes on to its end even if the caller does not wait.
    pub async fn migrate(&self) -> Result<Vec<String>, MigrateError> {
        migrations::run(Arc::clone(&self.connector)).await
    }

    /// The migrations that are still to be applied, by version.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, MigrateError> {
        Ok(self.migrations().await?.pending)
    }

    /// How busy the connections are that statements share.
    pub fn stats(&self) -> Stats {
        self.connections.stats()
    }

    /// How busy the connections for transactions are.
    pub fn transaction_stats(&self) -> Stats {
        self.transactions.stats()
    }

    /// Leaves the connections to the threads that want them from now on: each drives those that it makes.
    pub async fn hand_out(&self) {
        self.connections.hand_out().await;
    }

    /// Takes the connections over from other threads, which are about to end and would break theirs.
    pub async fn take_over(&self) {
        self.connections.take_over().await;
    }

    /// Waits for what is under way and ends the connections; what is asked afterwards is refused as unavailable.
    pub async fn close(&self) {
        self.closing.send_replace(true);
        self.connections.close().await;
        self.transactions.close().await;
        // Those that do not come to an end are left to the process's.
        let _ = timeout(self.patience(), self.closing.closed()).await;
    }

    /// Runs one statement on a connection that others use at the same time.
    ///
    /// The statement must be a transaction of its own: nothing that outlives it, such as `BEGIN` or `SET`.
    pub(crate) async fn run<T, F>(
        &self,
        repeat: Repeat,
        statement: impl Fn(Arc<AsyncPgConnection>) -> F + Send + Sync,
    ) -> Result<T, StoreError>
    where
        T: Send,
        F: Future<Output = Result<T, DieselError>> + Send,
    {
        self.connections.run(repeat, statement).await
    }

    /// Runs one statement that reads whether or not there is a place for it, on a connection apart from the others.
    pub(crate) async fn run_at_once<T, F>(
        &self,
        statement: impl Fn(Arc<AsyncPgConnection>) -> F + Send + Sync,
    ) -> Result<T, StoreError>
    where
        T: Send,
        F: Future<Output = Result<T, DieselError>> + Send,
    {
        self.connections.run_at_once(statement).await
    }

    /// Does work of several statements in a transaction: all of it, or nothing if it fails or is refused.
    ///
    /// It goes on to its end even if the caller goes away, and is done again when it lost against others.
    pub(crate) async fn transact<T, R, W>(&self, work: W) -> Result<T, Fail<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
        W: for<'c> Fn(&'c AsyncPgConnection) -> BoxFuture<'c, Result<T, Fail<R>>> + Send + Sync + 'static,
    {
        self.transactions.transact(work).await
    }

    /// Whether it is closed.
    pub(crate) fn is_closed(&self) -> bool {
        *self.closing.borrow()
    }

    /// Tells when the database is closed, which waits until this is dropped.
    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    /// A connection of one's own for transactions, not made yet.
    pub(crate) fn bulk(&self) -> Bulk {
        Bulk::new(Arc::clone(&self.connector), Arc::clone(&self.closing))
    }

    /// A connection of one's own for statements one behind the other, with these settings besides the usual ones.
    pub(crate) async fn link(&self, settings: &str) -> Result<Link, StoreError> {
        let link = self.connector.connect().await?;
        let mut connection = &*link.connection;
        timeout(self.patience(), connection.batch_execute(settings))
            .await
            .map_err(|_| StoreError::Timeout)??;
        Ok(link)
    }

    /// The settings.
    pub(crate) fn config(&self) -> &PgConfig {
        &self.config
    }

    /// How long a statement is waited for.
    pub(crate) fn patience(&self) -> Duration {
        self.config.patience()
    }

    async fn migrations(&self) -> Result<Migrations, MigrateError> {
        let link = self.connector.connect().await?;
        self.migrations_on(&link).await
    }

    async fn migrations_on(&self, link: &Link) -> Result<Migrations, MigrateError> {
        let applied = timeout(self.patience(), migrations::applied(&link.connection)).await;
        migrations::compare(&applied.map_err(|_| Unreachable::TimedOut)??)
    }

    /// Warns of messages in a language in which interruptions are not told from defects: Diesel passes on no SQLSTATE.
    async fn check_language(&self, link: &Link) {
        let statement = Language::new();
        let read = statement.get_result::<(String,)>(&mut &*link.connection);
        if let Ok(Ok((language,))) = timeout(self.patience(), read).await
            && !is_english(&language)
        {
            tracing::warn!(
                lc_messages = language,
                "the database should be set to tell its errors in English"
            );
        }
    }

    async fn check_schema(&self) -> Result<(), StoreError> {
        let read = |connection: Arc<AsyncPgConnection>| async move { migrations::applied(&connection).await };
        let applied = timeout(PROBE_DEADLINE, self.run_at_once(read)).await;
        let applied = applied.map_err(|_| StoreError::Timeout)??;
        match migrations::compare(&applied) {
            Ok(Migrations { pending, .. }) if pending.is_empty() => Ok(()),
            Ok(Migrations { pending, .. }) => Err(StoreError::PendingMigrations(pending)),
            Err(_) => Err(StoreError::Closed),
        }
    }
}

#[async_trait]
impl Probe for PgDatabase {
    /// Reads, and sees to it that the schema is current. Needs no place among the statements: busy is not broken.
    async fn check(&self) -> Result<(), PortError> {
        let checked = self.check_schema().await;
        checked.map_err(|error| error.into_port("Probe"))
    }
}

/// The row of a statement that writes and tells what it wrote, read by `load`.
///
/// Never by `get_result`: that returns with the row, which the server sends before it commits. What the commit says is told
/// at the end of all rows alone.
pub(crate) fn only<T>(rows: Vec<T>) -> Result<T, DieselError> {
    rows.into_iter().next().ok_or(DieselError::NotFound)
}

/// Whether messages of this locale are in English.
fn is_english(locale: &str) -> bool {
    let language = locale.split(['.', '_', '@']).next().unwrap_or_default();
    ["", "C", "POSIX", "en"].contains(&language)
}

#[cfg(test)]
mod tests {
    use super::is_english;

    #[test]
    fn locales_that_speak_english_are_known() {
        for locale in ["", "C", "C.UTF-8", "POSIX", "en_US.utf8", "en_GB", "en"] {
            assert!(is_english(locale), "{locale}");
        }
        for locale in ["de_DE.UTF-8", "fr", "zh_CN@pinyin", "enm"] {
            assert!(!is_english(locale), "{locale}");
        }
    }
}
