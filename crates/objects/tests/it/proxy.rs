//! Something between a store and its server that does harm.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What befalls each connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    /// Nothing.
    None,
    /// It is closed at once.
    Refuse,
    /// Nothing is ever answered.
    Hang,
    /// Every request is answered with this status and, in XML, this code.
    Status(&'static str, &'static str),
    /// Of all that the server says only so many bytes are passed on before it is cut.
    CutAnswer(usize),
    /// Of all that the client says only so many bytes are passed on before it is cut.
    CutRequest(usize),
    /// What the server says is passed on byte by byte, one each time that a timer ticks.
    Trickle,
}

/// Passes bytes on to a server, until dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    harm: watch::Sender<Harm>,
    dials: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (harm, harms) = watch::channel(Harm::None);
        let dials = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&dials);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(until_changed(client, server, harms.clone()));
            }
        });
        Self {
            address,
            harm,
            dials,
            accepting,
        }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Does this from now on; the connections that are there are cut.
    pub(crate) fn set(&self, harm: Harm) {
        self.dials.store(0, Ordering::Relaxed);
        self.harm.send_replace(harm);
    }

    /// How often it was connected to since it was set.
    pub(crate) fn dials(&self) -> usize {
        self.dials.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn until_changed(client: TcpStream, server: SocketAddr, mut harms: watch::Receiver<Harm>) {
    let harm = *harms.borrow_and_update();
    tokio::select! {
        _ = befall(harm, client, server) => {}
        _ = harms.changed() => {}
    }
}

async fn befall(harm: Harm, mut client: TcpStream, server: SocketAddr) -> std::io::Result<()> {
    match harm {
        Harm::Refuse => return client.set_zero_linger(),
        Harm::Hang => return drain(&mut client).await,
        Harm::Status(status, code) => return answer_all(client, status, code).await,
        _ => {}
    }
    let mut server = TcpStream::connect(server).await?;
    match harm {
        Harm::CutAnswer(bytes) => cut(&mut client, &mut server, usize::MAX, bytes).await,
        Harm::CutRequest(bytes) => cut(&mut client, &mut server, bytes, usize::MAX).await,
        Harm::Trickle => trickle(&mut client, &mut server).await,
        _ => copy_bidirectional(&mut client, &mut server).await.map(drop),
    }
}

async fn drain(client: &mut TcpStream) -> std::io::Result<()> {
    let mut buffer = [0; 4_096];
    while client.read(&mut buffer).await? > 0 {}
    Ok(())
}

/// Passes on so many bytes in each direction, and ends when one has no more to give.
async fn cut(client: &mut TcpStream, server: &mut TcpStream, up: usize, down: usize) -> std::io::Result<()> {
    let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
    let (mut up, mut down) = (from_client.take(up as u64), from_server.take(down as u64));
    let (mut to_server, mut to_client) = (to_server, to_client);
    tokio::select! {
        copied = tokio::io::copy(&mut up, &mut to_server) => copied.map(drop),
        copied = tokio::io::copy(&mut down, &mut to_client) => copied.map(drop),
    }
}

async fn trickle(client: &mut TcpStream, server: &mut TcpStream) -> std::io::Result<()> {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.split(), server.split());
    let slowly = async {
        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(100));
        loop {
            let byte = from_server.read_u8().await?;
            ticks.tick().await;
            to_client.write_u8(byte).await?;
        }
    };
    tokio::select! {
        copied = tokio::io::copy(&mut from_client, &mut to_server) => copied.map(drop),
        slow = slowly => slow,
    }
}

/// Answers each request once all of it was heard.
async fn answer_all(mut client: TcpStream, status: &str, code: &str) -> std::io::Result<()> {
    let mut heard = Vec::new();
    while client.read_buf(&mut heard).await? > 0 {
        while let Some(length) = request_length(&heard).filter(|length| heard.len() >= *length) {
            heard.drain(..length);
            let body = format!("<Error><Code>{code}</Code></Error>");
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            client.write_all(answer.as_bytes()).await?;
        }
    }
    Ok(())
}

/// How long the request is that begins here, once its head is there.
fn request_length(heard: &[u8]) -> Option<usize> {
    let body_at = heard.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&heard[..body_at]).to_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    Some(body_at + length.unwrap_or(0))
}
