//! A load whose rate does not depend on how fast it is answered, over many open connections.
//!
//! Each request has an instant at which it is due; its latency is measured from then, so that a server that stalls
//! cannot hide what it did to those who would have come meanwhile.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use super::median::median;

/// How many connections are usually open.
const CONNECTIONS: u32 = 1_000;
/// What is asked of providers.
pub(super) const SPEECH: &str = r#"{"text":"你好"}"#;
pub(super) const CONVERSATION: &str = r#"{"type":"text","wordId":"zh-00003","word":"我"}"#;

/// The load.
pub(super) struct OpenLoop<'a> {
    address: SocketAddr,
    tokens: &'a [String],
    connections: u32,
}

/// Latencies, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Latency {
    /// How many requests there were in a second.
    pub(super) rate: f64,
    /// The median.
    pub(super) p50: f64,
    /// The 95th percentile.
    pub(super) p95: f64,
    /// The 99th percentile.
    pub(super) p99: f64,
}

impl Latency {
    /// The median of each over some rounds.
    pub(super) fn medians(rounds: &[Self]) -> Self {
        Self {
            rate: median(rounds, |round| round.rate),
            p50: median(rounds, |round| round.p50),
            p95: median(rounds, |round| round.p95),
            p99: median(rounds, |round| round.p99),
        }
    }
}

/// What one connection asks.
type Request = fn(&str, u64) -> String;

impl<'a> OpenLoop<'a> {
    /// Against this server, by the bearers of these tokens.
    pub(super) fn new(address: SocketAddr, tokens: &'a [String]) -> Self {
        Self {
            address,
            tokens,
            connections: CONNECTIONS,
        }
    }

    /// The same over another number of connections. A server closes one that asks nothing for seconds.
    pub(super) fn over(self, connections: u32) -> Self {
        Self { connections, ..self }
    }

    /// So many reads of one word's progress a second.
    pub(super) fn reads(&self, rate: u32, seconds: u32) -> Result<Latency> {
        self.drive(rate, seconds, |token, number| {
            format!(
                "GET /api/v1/progress/bench-{:03} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n",
                number % 500
            )
        })
    }

    /// So many writes of one word's progress a second; in each round other values, so that each of them writes.
    pub(super) fn writes(&self, rate: u32, seconds: u32, round: u32) -> Result<Latency> {
        self.drive_from(round * rate * seconds, rate, seconds, |token, number| {
            let body = format!("{{\"studyCount\":{}}}", number + 2);
            format!(
                "PUT /api/v1/progress/bench-{:03} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                number % 500,
                body.len()
            )
        })
    }

    /// So many requests a second for what was spoken before.
    pub(super) fn speech(&self, rate: u32, seconds: u32) -> Result<Latency> {
        self.drive(rate, seconds, |token, _| post("/api/v1/tts", token, SPEECH))
    }

    /// So many requests a second for what was written before.
    pub(super) fn conversations(&self, rate: u32, seconds: u32) -> Result<Latency> {
        self.drive(rate, seconds, |token, _| {
            post("/api/v1/conversations", token, CONVERSATION)
        })
    }

    fn drive(&self, rate: u32, seconds: u32, request: Request) -> Result<Latency> {
        self.drive_from(0, rate, seconds, request)
    }

    /// Drives with requests that are counted from `first`.
    fn drive_from(&self, first: u32, rate: u32, seconds: u32, request: Request) -> Result<Latency> {
        println!(
            "{rate} requests a second over {} connections, open loop",
            self.connections
        );
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut millis = runtime.block_on(self.drive_all(first, rate, seconds, request))?;
        millis.sort_by(f64::total_cmp);
        ensure!(!millis.is_empty(), "nothing was asked");
        let at = |part: usize| millis[(millis.len() * part / 100).min(millis.len() - 1)];
        Ok(Latency {
            rate: f64::from(rate),
            p50: at(50),
            p95: at(95),
            p99: at(99),
        })
    }

    async fn drive_all(&self, first: u32, rate: u32, seconds: u32, request: Request) -> Result<Vec<f64>> {
        let mut streams = Vec::new();
        for _ in 0..self.connections {
            streams.push(TcpStream::connect(self.address).await?);
        }
        let begin = Instant::now() + Duration::from_millis(200);
        let step = Duration::from_secs(1) / rate;
        let mut tasks = tokio::task::JoinSet::new();
        for (place, stream) in (0_u32..).zip(streams) {
            stream.set_nodelay(true)?;
            let token = self.tokens[place as usize * 7 % self.tokens.len()].clone();
            let connections = self.connections;
            let due = (0..)
                .map(move |round: u32| place + round * connections)
                .take_while(move |number| *number < rate * seconds);
            tasks.spawn(async move {
                let mut millis = Vec::new();
                let mut stream = stream;
                for number in due {
                    let instant = begin + step * number;
                    sleep_until(instant).await;
                    ask(&mut stream, &request(&token, u64::from(first + number))).await?;
                    millis.push(instant.elapsed().as_secs_f64() * 1_000.0);
                }
                anyhow::Ok(millis)
            });
        }
        let mut all = Vec::new();
        while let Some(done) = tasks.join_next().await {
            all.extend(done??);
        }
        Ok(all)
    }
}

fn post(path: &str, token: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Sends a request and reads its answer, which must be 200.
async fn ask(stream: &mut TcpStream, request: &str) -> Result<()> {
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::with_capacity(2_048);
    loop {
        ensure!(
            stream.read_buf(&mut answer).await? > 0,
            "the connection was closed"
        );
        let Some(end) = find(&answer, b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
        ensure!(head.starts_with("http/1.1 200"), "answered {head}");
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .context("an answer without a length")?;
        let length: usize = length.trim().parse()?;
        while answer.len() < end + 4 + length {
            ensure!(
                stream.read_buf(&mut answer).await? > 0,
                "the connection was closed"
            );
        }
        return Ok(());
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
