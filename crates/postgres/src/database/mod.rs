//! The database: connections that are shared, and what goes wrong with them.

mod connect;
mod connections;
mod error;

use std::future::Future;
use std::sync::Arc;

use diesel::result::Error as DieselError;
use diesel_async::AsyncPgConnection;

use self::connect::Connector;
use self::connections::Connections;
pub use self::connections::Stats;
pub use self::error::OpenError;
pub(crate) use self::error::StoreError;
use crate::config::PgConfig;

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
    connections: Arc<Connections>,
    config: Arc<PgConfig>,
}

impl PgDatabase {
    /// Connects, and applies pending migrations where that is wanted.
    pub async fn open(config: PgConfig) -> Result<Self, OpenError> {
        let connector = Connector::new(&config)?;
        let config = Arc::new(config);
        let connections = Arc::new(Connections::new(connector, &config));
        Ok(Self { connections, config })
    }

    /// How busy the connections are.
    pub fn stats(&self) -> Stats {
        self.connections.stats()
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
}
