//! A PostgreSQL server of one test.

mod builder;
mod processes;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub use builder::PostgresBuilder;

use crate::port::Port;
use crate::server::Server;
use crate::{sql, wait};

/// Killed processes are gone after this, or something holds them.
const GONE: Duration = Duration::from_secs(30);

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// Open transactions are rolled back, sessions end, and what is in memory is written.
    Fast,
    /// All processes end at once; the next start recovers from the log.
    Immediate,
}

/// A private PostgreSQL with throw-away data, stopped and removed when this is dropped.
///
/// It listens on a port of 127.0.0.1 and on a socket in [`folder`](Self::folder), and trusts whoever calls itself
/// `postgres`. Any thread may stop and start it.
#[derive(Debug)]
pub struct Postgres {
    server: Server,
    port: Port,
}

impl Postgres {
    /// Starts a server with the usual settings; see [`builder`](Self::builder).
    pub fn start() -> Result<Self> {
        Self::builder().start()
    }

    /// A server to be described.
    ///
    /// Without more it commits durably (`fsync=on`), takes 200 connections, and logs to a file in its data directory
    /// that SQL can read: `SELECT pg_read_file(pg_current_logfile())`.
    pub fn builder() -> PostgresBuilder {
        PostgresBuilder::default()
    }

    /// The URL of a database: `postgres://postgres@127.0.0.1:<port>/<database>`.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port())
    }

    /// The port, the same over the whole life of this value.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The folder with the Unix socket and the data directory.
    pub fn folder(&self) -> &std::path::Path {
        self.server.folder()
    }

    /// The id of the postmaster's process.
    ///
    /// # Errors
    ///
    /// When the server is stopped.
    pub fn pid(&self) -> Result<Pid> {
        self.server.pid()
    }

    /// Sends the postmaster a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.server.signal(signal)
    }

    /// Stops the server and waits until it has.
    pub fn stop(&self, mode: StopMode) -> Result<()> {
        self.server.stop(match mode {
            StopMode::Fast => Signal::SIGINT,
            StopMode::Immediate => Signal::SIGQUIT,
        })
    }

    /// Starts the server after [`stop`](Self::stop) or [`kill`](Self::kill): same port, same data.
    ///
    /// Returns when it accepts connections.
    pub fn start_again(&self) -> Result<()> {
        self.server.start()?;
        self.wait_until_ready()
    }

    /// Stops the server and starts it again.
    pub fn restart(&self, mode: StopMode) -> Result<()> {
        self.stop(mode)?;
        self.start_again()
    }

    /// Waits until the server accepts connections, as after one of its processes has aborted.
    pub fn wait_until_ready(&self) -> Result<()> {
        let url = self.url("postgres");
        self.server.wait_until_ready(|| {
            sql::blocking(async { sql::run(&sql::connect(&url).await?, "SELECT 1").await }).is_ok()
        })
    }

    /// Kills the postmaster and all its children without asking, and waits until they are gone.
    pub fn kill(&self) -> Result<()> {
        let postmaster = self.pid()?;
        // A postmaster that is stopped makes no child between the look and the kill.
        self.signal(Signal::SIGSTOP)?;
        let children = processes::children(postmaster)?;
        for child in &children {
            // One that has ended meanwhile needs no killing.
            let _ = kill(*child, Signal::SIGKILL);
        }
        self.server.kill()?;
        wait_until_gone(&children)
    }

    /// Kills one process that serves a client of a database, without asking; all other sessions end with it, for the
    /// postmaster starts afresh. Returns when it accepts connections again.
    ///
    /// # Errors
    ///
    /// When no client is connected to the database.
    pub fn kill_a_backend(&self, database: &str) -> Result<()> {
        let clients = format!(
            "backend_type = 'client backend' AND datname = {}",
            sql::literal(database)
        );
        let Some(backend) = self.backends(&clients)?.into_iter().next() else {
            bail!("no client is connected to {database}");
        };
        let all = self.backends("true")?;
        kill(backend, Signal::SIGKILL).context("cannot kill a backend")?;
        // Until the postmaster has noticed, it accepts connections as before.
        wait_until_gone(&all)?;
        self.wait_until_ready()
    }

    /// The server's processes for which a condition on `pg_stat_activity` holds, without the one that looks.
    fn backends(&self, condition: &str) -> Result<Vec<Pid>> {
        let statement =
            format!("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND ({condition})");
        let pids = self
            .query("postgres", &statement)?
            .into_iter()
            .flatten()
            .flatten();
        pids.map(|pid| {
            Ok(Pid::from_raw(
                pid.parse().context("pg_stat_activity named no process")?,
            ))
        })
        .collect()
    }

    /// Sends statements as text on a connection of their own; gives back the rows of all as text, NULL as none.
    pub fn query(&self, database: &str, statements: &str) -> Result<Vec<Vec<Option<String>>>> {
        let url = self.url(database);
        sql::blocking(async { sql::run(&sql::connect(&url).await?, statements).await })
    }

    /// What the server has logged so far.
    pub fn log(&self) -> Result<String> {
        let path = self.folder().join(builder::LOG);
        std::fs::read_to_string(path).context("cannot read the log of PostgreSQL")
    }
}

fn wait_until_gone(processes: &[Pid]) -> Result<()> {
    wait::until("processes of PostgreSQL were to be gone", GONE, || {
        Ok((!processes.iter().any(|process| processes::is_running(*process))).then_some(()))
    })
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // In order if possible, for the processes give shared memory back. One that is stopped already needs neither.
        if self.stop(StopMode::Immediate).is_err() {
            let _ = self.kill();
        }
    }
}
