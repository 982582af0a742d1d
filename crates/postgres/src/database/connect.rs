//! Makes connections.

use std::time::Duration;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use secrecy::ExposeSecret;
use tokio::time::timeout;
use tokio_postgres::NoTls;

use super::error::{OpenError, StoreError};
use crate::config::PgConfig;

/// Knows how connections to a database are made.
pub(super) struct Connector {
    config: tokio_postgres::Config,
    set_up: String,
    patience: Duration,
}

impl Connector {
    /// Reads the URL.
    pub(super) fn new(config: &PgConfig) -> Result<Self, OpenError> {
        let mut parsed: tokio_postgres::Config = config
            .url
            .expose_secret()
            .parse()
            .map_err(|_| OpenError::Url("it cannot be parsed"))?;
        parsed
            .application_name(&config.application_name)
            .connect_timeout(config.connect_timeout);
        // A client that is gone is noticed even in the middle of a statement.
        let set_up = format!(
            "SET statement_timeout = {}; SET lock_timeout = {}; \
             SET idle_in_transaction_session_timeout = '10s'; SET client_connection_check_interval = '2s'",
            config.statement_timeout.as_millis(),
            config.lock_timeout.as_millis(),
        );
        Ok(Self {
            config: parsed,
            set_up,
            patience: config.connect_timeout,
        })
    }

    /// Makes a connection and sets it up.
    pub(super) async fn connect(&self) -> Result<AsyncPgConnection, StoreError> {
        timeout(self.patience, self.try_connect())
            .await
            .unwrap_or(Err(StoreError::Timeout))
    }

    async fn try_connect(&self) -> Result<AsyncPgConnection, StoreError> {
        let unreachable = |error: Box<dyn std::error::Error + Send + Sync>| StoreError::Unreachable(error);
        let (client, connection) = self
            .config
            .connect(NoTls)
            .await
            .map_err(|error| unreachable(error.into()))?;
        let mut connection = AsyncPgConnection::try_from_client_and_connection(client, connection)
            .await
            .map_err(|error| unreachable(error.into()))?;
        connection.batch_execute(&self.set_up).await?;
        Ok(connection)
    }
}
