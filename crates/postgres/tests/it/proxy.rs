//! Something between a copy and its database that does harm.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

/// What is done to the connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    /// Nothing: what is said is passed on.
    None,
    /// The database's answers are thrown away.
    LoseAnswers,
    /// The client's side is cut off; the database hears nothing of it.
    CutOff,
}

/// Passes bytes on to a server on this machine, until dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    harm: Arc<watch::Sender<Harm>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(to: &str) -> Self {
        let to = Url::parse(to).unwrap();
        let to = format!("{}:{}", to.host_str().unwrap(), to.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let harm = Arc::new(watch::Sender::new(Harm::None));
        let told = Arc::clone(&harm);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass_on(client, to.clone(), told.subscribe()));
            }
        });
        Self {
            address,
            harm,
            accepting,
        }
    }

    /// The URL of the same database by way of here.
    pub(crate) fn url(&self, direct: &str) -> String {
        let mut url = Url::parse(direct).unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(self.address.port())).unwrap();
        url.to_string()
    }

    /// Does this to all connections from now on, also to those that are made later.
    pub(crate) fn harm(&self, harm: Harm) {
        self.harm.send_replace(harm);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn pass_on(client: TcpStream, to: String, mut harm: watch::Receiver<Harm>) {
    let Ok(server) = TcpStream::connect(to).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let told = harm.clone();
    tokio::select! {
        () = copy(&mut from_client, &mut to_server, || false) => return,
        () = copy(&mut from_server, &mut to_client, || *told.borrow() != Harm::None) => return,
        cut = harm.wait_for(|harm| *harm == Harm::CutOff) => drop(cut),
    }
    drop((from_client, to_client));
    // Until the server ends it by itself.
    while next(&mut from_server).await.is_some() {}
}

/// Passes on what is said, unless it is to be lost.
async fn copy(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf, is_lost: impl Fn() -> bool) {
    while let Some(some) = next(from).await {
        if !is_lost() && to.write_all(&some).await.is_err() {
            return;
        }
    }
}

async fn next(from: &mut OwnedReadHalf) -> Option<Vec<u8>> {
    let mut some = vec![0; 16_384];
    let read = from.read(&mut some).await.ok().filter(|read| *read > 0)?;
    some.truncate(read);
    Some(some)
}
