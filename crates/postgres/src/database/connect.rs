//! Makes connections, and drives each in a task of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::future::{Either, join, select};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use tokio_postgres::config::Host;
use tokio_postgres::{Config, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::{OpenError, Unreachable};
use super::tls;
use super::url::Target;
use crate::config::PgConfig;

/// How long a connection that nobody needs any more has to take its leave of the server.
const FAREWELL: Duration = Duration::from_secs(1);
/// Within what time the end of a connection shows after the statement that it failed.
const MOMENT: Duration = Duration::from_millis(50);

/// How a session is set up: within which times its statements must end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// How long a statement may take; for ever, if this is zero.
    pub(super) statement: Duration,
    /// How long a statement may wait for a lock.
    pub(super) lock: Duration,
}

/// Knows how connections to a database are made.
pub(super) struct Connector {
    hosts: Vec<Config>,
    /// Which host the next attempt begins with, when they take turns.
    turn: Option<AtomicUsize>,
    tls: MakeRustlsConnect,
    limits: Limits,
}

/// A connection, which ends when this is dropped.
pub(crate) struct Link {
    /// The connection itself.
    pub(crate) connection: Arc<AsyncPgConnection>,
    /// Closed when the connection has ended.
    ended: watch::Receiver<()>,
    /// Closed when nobody needs the connection any more.
    _needed: oneshot::Sender<()>,
}

impl Link {
    /// Whether the connection has ended, as far as is known by now.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.has_changed().is_err()
    }

    /// Waits for the end of the connection.
    pub(super) async fn ended(&self) {
        let _ = self.ended.clone().changed().await;
    }

    /// Whether the connection has ended or does so in a moment, as it does after some errors.
    pub(crate) async fn ends_now(&self) -> bool {
        timeout(MOMENT, self.ended()).await.is_ok()
    }

    /// Lets go of the connection, and waits until all others have and it has ended.
    pub(super) async fn released(self: Arc<Self>) {
        let mut ended = self.ended.clone();
        drop(self);
        let _ = ended.changed().await;
    }

    /// Takes leave of the server.
    pub(crate) async fn close(self) {
        let mut ended = self.ended.clone();
        drop(self);
        let _ = ended.changed().await;
    }
}

impl Connector {
    /// Reads the URL, and the certificates that it names.
    pub(super) fn new(config: &PgConfig) -> Result<Self, OpenError> {
        let target = Target::read(&config.url, &config.application_name, config.connect_timeout)?;
        Ok(Self {
            tls: tls::connector(target.tls, &target.roots)?,
            hosts: target.hosts,
            turn: target.in_turns.then(AtomicUsize::default),
            limits: Limits {
                statement: config.statement_timeout,
                lock: config.lock_timeout,
            },
        })
    }

    /// Makes a connection for ordinary statements.
    pub(super) async fn connect(&self) -> Result<Link, Unreachable> {
        self.connect_within(self.limits).await
    }

    /// The same, for whichever task is to do it.
    pub(super) fn dial(self: &Arc<Self>) -> impl Future<Output = Result<Link, Unreachable>> + Send + use<> {
        let connector = Arc::clone(self);
        async move { connector.connect().await }
    }

    /// Makes a connection to the first host that answers.
    pub(super) async fn connect_within(&self, limits: Limits) -> Result<Link, Unreachable> {
        let turn = self.turn.as_ref();
        let first = turn.map_or(0, |turn| turn.fetch_add(1, Ordering::Relaxed)) % self.hosts.len();
        let (behind, from) = self.hosts.split_at(first);
        let mut failure = None;
        for host in from.iter().chain(behind) {
            match self.connect_to(host, limits).await {
                Ok(link) => return Ok(link),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or(Unreachable::TimedOut))
    }

    async fn connect_to(&self, host: &Config, limits: Limits) -> Result<Link, Unreachable> {
        let patience = host.get_connect_timeout().copied().unwrap_or(Duration::MAX);
        timeout(patience, self.try_connect(host, limits))
            .await
            .unwrap_or_else(|_| Err(Unreachable::Silent(place(host))))
    }

    async fn try_connect(&self, host: &Config, limits: Limits) -> Result<Link, Unreachable> {
        let connected = host.connect(self.tls.clone()).await;
        let (client, connection) = connected.map_err(|error| Unreachable::Refused {
            host: place(host),
            source: Arc::new(error),
        })?;
        let (ended, needed) = drive(connection);
        let connection = AsyncPgConnection::try_from(client).await?;
        set_up(&connection, limits).await?;
        Ok(Link {
            connection: Arc::new(connection),
            ended,
            _needed: needed,
        })
    }
}

/// Where a server should be.
fn place(host: &Config) -> Arc<str> {
    let port = host.get_ports().first().copied().unwrap_or_default();
    match (host.get_hosts().first(), host.get_hostaddrs().first()) {
        (Some(Host::Tcp(name)), _) => format!("{name}:{port}").into(),
        #[cfg(unix)]
        (Some(Host::Unix(folder)), _) => folder.to_string_lossy().into(),
        (None, Some(address)) => format!("{address}:{port}").into(),
        (None, None) => "nowhere".into(),
    }
}

/// Drives a connection until it breaks or nobody needs it.
///
/// Left to Diesel, this would neither tell of the end of a connection that is idle, nor let one that is dropped
/// take its leave.
fn drive<S>(connection: tokio_postgres::Connection<Socket, S>) -> (watch::Receiver<()>, oneshot::Sender<()>)
where
    S: tokio_postgres::tls::TlsStream + Unpin + Send + 'static,
{
    let (alive, ended) = watch::channel(());
    let (needed, unneeded) = oneshot::channel::<()>();
    tokio::spawn(async move {
        let broken = match select(connection, unneeded).await {
            Either::Left((outcome, _)) => outcome.err(),
            Either::Right((_, connection)) => timeout(FAREWELL, connection).await.ok().and_then(Result::err),
        };
        if let Some(error) = broken {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "a connection to the database broke"
            );
        }
        drop(alive);
    });
    (ended, needed)
}

async fn set_up(mut connection: &AsyncPgConnection, limits: Limits) -> Result<(), Unreachable> {
    let settings = format!(
        "SET statement_timeout = {}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = '10s'",
        limits.statement.as_millis(),
        limits.lock.as_millis(),
    );
    let mut other = connection;
    // A client that is gone is noticed even in the middle of a statement, by servers that can.
    let (set, _) = join(
        connection.batch_execute(&settings),
        other.batch_execute("SET client_connection_check_interval = '2s'"),
    )
    .await;
    Ok(set?)
}
