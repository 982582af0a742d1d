//! A bare connection, for bytes that no client library would send.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than the server lets anybody wait.
const PATIENCE: Duration = Duration::from_secs(45);

/// A bare connection.
pub(crate) struct RawConnection {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// A response as it came.
#[derive(Debug)]
pub(crate) struct RawResponse {
    /// The status.
    pub(crate) status: u16,
    /// The status line and the header lines.
    pub(crate) head: String,
    /// The body; chunks as they came.
    pub(crate) body: Vec<u8>,
}

impl RawConnection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            unread: Vec::new(),
        }
    }

    /// Sends bytes; a server that has closed is no failure.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
        let _ = self.stream.flush().await;
    }

    /// Reads one response whose length its head tells; `None` when the server closed instead.
    pub(crate) async fn response(&mut self) -> Option<RawResponse> {
        let end = loop {
            if let Some(at) = find(&self.unread, b"\r\n\r\n") {
                break at + 4;
            }
            if !self.read_more().await {
                return None;
            }
        };
        let head = String::from_utf8_lossy(&self.unread[..end]).into_owned();
        self.unread.drain(..end);
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let body = if status == 204 || status == 304 || status < 200 {
            Vec::new()
        } else if header(&head, "transfer-encoding").is_some_and(|value| value.contains("chunked")) {
            self.take_until(b"0\r\n\r\n").await?
        } else {
            let length = header(&head, "content-length").and_then(|value| value.parse().ok());
            self.take(length.unwrap_or(0)).await?
        };
        Some(RawResponse { status, head, body })
    }

    /// Whatever comes until the server closes.
    pub(crate) async fn until_closed(mut self) -> Vec<u8> {
        while self.read_more().await {}
        self.unread
    }

    /// What comes until the first response is whole, and whatever has come with it.
    pub(crate) async fn until_closed_or_first(mut self) -> Vec<u8> {
        let mut all = Vec::new();
        if let Some(response) = self.response().await {
            all.extend(response.head.into_bytes());
            all.extend(response.body);
        }
        all.extend(self.until_closed().await);
        all
    }

    async fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.unread.len() < length {
            if !self.read_more().await {
                return None;
            }
        }
        Some(self.unread.drain(..length).collect())
    }

    async fn take_until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = find(&self.unread, end) {
                return Some(self.unread.drain(..at + end.len()).collect());
            }
            if !self.read_more().await {
                return None;
            }
        }
    }

    /// `false` at the end of the stream.
    async fn read_more(&mut self) -> bool {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.unread)).await;
        let read = read.expect("the server neither answered nor closed the connection");
        read.is_ok_and(|count| count > 0)
    }
}

impl RawResponse {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
