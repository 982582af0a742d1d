//! A proxy in front of a correct server that makes it look as if it had one of six bugs: what the checker is
//! checked with.

mod bugs;
mod http;
mod memory;

use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use self::bugs::Planted;
use self::http::{read_request, write_response};

/// A bug that a server of this kind may well have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// Of a word's reviews, only those count that are newer than all before, by the clocks of the devices.
    LastWriteWins,
    /// A review that is sent again counts again.
    MissingDedupe,
    /// The change feed leaves something out, and its cursor moves on.
    CursorGap,
    /// A word is read from a cache that nobody tells of writes.
    StaleCache,
    /// Some reviews are acknowledged and never written.
    AckBeforeCommit,
    /// Two exchanges of one refresh token lead to two heads.
    SplitRefresh,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::LastWriteWins,
        Self::MissingDedupe,
        Self::CursorGap,
        Self::StaleCache,
        Self::AckBeforeCommit,
        Self::SplitRefresh,
    ];
}

/// A running proxy; it stops when this is dropped.
pub struct Mutant {
    url: String,
    task: AbortHandle,
}

impl Mutant {
    /// Plants a bug, or none, before the server at this base URL.
    pub async fn plant(bug: Option<Bug>, upstream: &str) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.context("cannot listen")?;
        let url = format!("http://{}", listener.local_addr()?);
        let planted = Arc::new(Planted::new(bug, upstream.to_owned())?);
        let task = tokio::spawn(accept(listener, planted)).abort_handle();
        Ok(Self { url, task })
    }

    /// Where it answers, as a base URL.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Mutant {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, planted: Arc<Planted>) {
    // Connections end with the set, and the set with this task.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let planted = Arc::clone(&planted);
        connections.spawn(async move {
            // A connection that breaks concerns its client alone.
            let _ = serve(stream, &planted).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(mut stream: TcpStream, planted: &Planted) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    while let Some(request) = read_request(&mut stream, &mut buffer).await? {
        let response = planted.answer(request).await?;
        write_response(&mut stream, &response).await?;
    }
    Ok(())
}
