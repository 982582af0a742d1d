//! Something between a link and its server that does harm.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// What befalls each connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Harm {
    /// How late the first answer comes.
    pub(crate) first_answer_after: Duration,
    /// After how long the connection is cut.
    pub(crate) cut_after: Duration,
}

/// Passes bytes on to a server on this machine, until dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    dials: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(port: u16, harm: Harm) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let dials = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&dials);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(timeout(harm.cut_after, pass_on(client, port, harm)));
            }
        });
        Self {
            address,
            dials,
            accepting,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// How often it was connected to.
    pub(crate) fn dials(&self) -> usize {
        self.dials.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn pass_on(mut client: TcpStream, port: u16, harm: Harm) {
    // Cut off means reset, not closed in order.
    let _ = client.set_zero_linger();
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else {
        return;
    };
    let mut first = [0; 4_096];
    let Ok(read) = client.read(&mut first).await else {
        return;
    };
    let _ = server.write_all(&first[..read]).await;
    sleep(harm.first_answer_after).await;
    let _ = copy_bidirectional(&mut client, &mut server).await;
}
