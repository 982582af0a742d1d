//! How the database is reached, and how much is asked of it at once.

use std::thread::available_parallelism;
use std::time::Duration;

use secrecy::SecretString;

/// How the database is reached, and how much is asked of it at once.
#[derive(Debug, Clone)]
pub struct PgConfig {
    /// `postgres://user:password@host:port/database`, with `sslmode` and `sslrootcert` as libpq knows them.
    pub url: SecretString,
    /// How many connections reads and small writes share; each carries several statements at once. One more is made
    /// for what must not wait.
    pub connections: usize,
    /// How many threads that have a runtime of their own share them.
    pub threads: usize,
    /// How many statements may be under way on one connection.
    pub depth: usize,
    /// How many connections do transactions of several statements, such as sign-ins and changes of accounts.
    pub transactions: usize,
    /// How many connections write progress, a group of writes at a time.
    pub writers: usize,
    /// How many writes of progress may wait for the next group.
    pub queue: usize,
    /// How long a statement may wait for its turn.
    pub wait: Duration,
    /// How long the server may work on one statement (`statement_timeout`).
    pub statement_timeout: Duration,
    /// How long a statement may wait for a lock (`lock_timeout`).
    pub lock_timeout: Duration,
    /// How long the making of a connection may take.
    pub connect_timeout: Duration,
    /// What the server shows the connections as.
    pub application_name: String,
    /// Whether opening applies pending migrations.
    pub migrate: bool,
}

impl PgConfig {
    /// The usual settings for this URL.
    pub fn new(url: impl Into<SecretString>) -> Self {
        Self {
            url: url.into(),
            connections: 4,
            threads: available_parallelism().map_or(1, usize::from),
            depth: 8,
            transactions: 4,
            writers: 2,
            queue: 4_096,
            wait: Duration::from_secs(1),
            statement_timeout: Duration::from_secs(3),
            lock_timeout: Duration::from_secs(2),
            connect_timeout: Duration::from_secs(2),
            application_name: "parlance".to_owned(),
            migrate: true,
        }
    }

    /// How long a statement is waited for: longer than the server would work on it, so that only a server that
    /// cannot be reached exceeds it.
    pub(crate) fn patience(&self) -> Duration {
        self.statement_timeout + Duration::from_millis(500)
    }
}
