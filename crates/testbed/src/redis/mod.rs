//! A Redis server of one test, alone, watched by a sentinel, or as a part of a cluster.

mod builder;
mod cluster;
mod resp;
mod sentinel;

use std::fmt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use nix::unistd::Pid;

pub use builder::RedisBuilder;
pub use cluster::RedisCluster;
pub use sentinel::Sentinel;

use crate::port::Port;
use crate::server::Server;

/// A server that answers does so within this.
const ANSWER: Duration = Duration::from_secs(5);

/// A private Redis that keeps nothing on disk, stopped and removed when this is dropped.
///
/// It listens on a port of 127.0.0.1. Any thread may stop, freeze and start it.
pub struct Redis {
    server: Server,
    port: Port,
    password: Option<String>,
    tls: bool,
}

impl Redis {
    /// Starts a server with the usual settings; see [`builder`](Self::builder).
    pub fn start() -> Result<Self> {
        Self::builder().start()
    }

    /// A server to be described.
    pub fn builder() -> RedisBuilder {
        RedisBuilder::default()
    }

    /// The URL of database 0: `redis://127.0.0.1:<port>/0`, with `rediss` and the password where they apply.
    pub fn url(&self) -> String {
        let password = self.password.as_deref();
        let login = password.map_or_else(String::new, |password| format!(":{password}@"));
        format!("{}://{login}{}/0", self.scheme(), self.address())
    }

    const fn scheme(&self) -> &'static str {
        if self.tls { "rediss" } else { "redis" }
    }

    /// Where it listens: `127.0.0.1:<port>`.
    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }

    /// The port, the same over the whole life of this value.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The id of the process.
    ///
    /// # Errors
    ///
    /// When the server is stopped.
    pub fn pid(&self) -> Result<Pid> {
        self.server.pid()
    }

    /// Ends the process without asking; everything it kept is gone.
    pub fn kill(&self) -> Result<()> {
        self.server.kill()
    }

    /// Stops the server in order.
    pub fn stop(&self) -> Result<()> {
        self.server.stop(Signal::SIGTERM)
    }

    /// Starts the server after [`kill`](Self::kill) or [`stop`](Self::stop): same port, no data.
    ///
    /// Returns when it answers.
    pub fn start_again(&self) -> Result<()> {
        self.server.start()?;
        self.server
            .wait_until_ready(|| self.command(&["PING"]).is_ok_and(|reply| reply == "PONG"))
    }

    /// Stops the process where it is: connections stay open and are accepted, and nothing answers.
    pub fn freeze(&self) -> Result<()> {
        self.server.signal(Signal::SIGSTOP)
    }

    /// Lets the process go on after [`freeze`](Self::freeze).
    pub fn thaw(&self) -> Result<()> {
        self.server.signal(Signal::SIGCONT)
    }

    /// Sends a command on a connection of its own.
    ///
    /// Gives back the reply as text: an array one element a line, nil as nothing.
    ///
    /// # Errors
    ///
    /// When Redis refuses, or does not answer within five seconds.
    pub fn command(&self, parts: &[&str]) -> Result<String> {
        // Through the socket, where there is no TLS.
        let path = self.server.folder().join(builder::SOCKET);
        let stream = UnixStream::connect(path).context("cannot connect to Redis")?;
        stream.set_read_timeout(Some(ANSWER))?;
        stream.set_write_timeout(Some(ANSWER))?;
        if let Some(password) = &self.password {
            resp::call(&stream, &["AUTH", password])?;
        }
        resp::call(&stream, parts)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            server,
            port,
            password: _,
            tls,
        } = self;
        formatter
            .debug_struct("Redis")
            .field("server", server)
            .field("port", port)
            .field("tls", tls)
            .finish_non_exhaustive()
    }
}
