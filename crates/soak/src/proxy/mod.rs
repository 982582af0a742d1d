//! A TCP proxy that delays, holds, loses and cuts what passes through it.

mod relay;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What happens to what passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// It passes.
    Pass,
    /// Answers arrive this much later.
    Delay(Duration),
    /// Nothing passes in either direction and nothing is told to anybody, as when packets are dropped; what was held
    /// passes afterwards.
    Hold,
    /// Connections are accepted and reset at once; those that are open stay.
    Refuse,
    /// Requests pass, answers are thrown away.
    LoseAnswers,
    /// A connection is reset when so many more bytes of answers have passed on it.
    CutAfter(u64),
    /// Answers pass at this many bytes a second.
    Throttle(u32),
}

/// A proxy in front of one server, or of several that take turns; it ends when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    targets: Vec<SocketAddr>,
    next: AtomicUsize,
    manner: watch::Sender<Manner>,
    /// How many times all connections were cut.
    cuts: watch::Sender<u64>,
    dials: AtomicU64,
    open: AtomicU64,
    lost: AtomicU64,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1 for connections to these servers.
    ///
    /// Each connection goes to the next server that accepts it.
    pub async fn start(targets: Vec<SocketAddr>) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .context("no port for a proxy")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            targets,
            next: AtomicUsize::new(0),
            manner: watch::Sender::new(Manner::Pass),
            cuts: watch::Sender::new(0),
            dials: AtomicU64::new(0),
            open: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            accepting,
        })
    }

    /// Listens for connections to a port of 127.0.0.1.
    pub async fn to_port(port: u16) -> Result<Self> {
        Self::start(vec![SocketAddr::from(([127, 0, 0, 1], port))]).await
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port of that address.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Changes what happens from now on, on open connections too.
    pub fn set(&self, manner: Manner) {
        self.shared.manner.send_replace(manner);
    }

    /// Resets all connections.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// How many connections clients have made so far.
    pub fn dials(&self) -> u64 {
        self.shared.dials.load(Ordering::Relaxed)
    }

    /// How many connections are open.
    pub fn open(&self) -> u64 {
        self.shared.open.load(Ordering::Relaxed)
    }

    /// How many bytes of answers were thrown away so far.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        // What cannot be accepted, for want of descriptors, is tried again.
        let Ok((client, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        shared.dials.fetch_add(1, Ordering::Relaxed);
        let cuts = shared.cuts.subscribe();
        tokio::spawn(relay::serve(client, Arc::clone(&shared), cuts));
    }
}

impl Shared {
    /// Connects to the next server that accepts.
    async fn dial(&self) -> Option<TcpStream> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        for step in 0..self.targets.len() {
            let target = self.targets[(first + step) % self.targets.len()];
            if let Ok(server) = TcpStream::connect(target).await {
                return Some(server);
            }
        }
        None
    }
}
