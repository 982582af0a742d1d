//! A load whose rate does not depend on how fast it is answered, over many open connections.
//!
//! Each request has an instant at which it is due; its latency is measured from then, so that a server that stalls
//! cannot hide what it did to those who would have come meanwhile.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use super::client::WORDS;
use super::median::median;
use super::server::Server;

/// How many connections are usually open.
const CONNECTIONS: u32 = 1_000;
/// What is asked of providers.
pub(super) const SPEECH: &str = r#"{"text":"你好"}"#;
pub(super) const CONVERSATION: &str = r#"{"type":"text","wordId":"zh-00003","word":"我"}"#;

/// The load.
pub(super) struct OpenLoop<'a> {
    server: &'a Server,
    tokens: &'a [String],
    connections: u32,
    /// How many requests there were so far.
    asked: Cell<u64>,
}

/// Latencies, in milliseconds, and what the server needed.
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
    /// The server's resident memory at the end, while all connections were open, in kibibytes.
    pub(super) memory: f64,
}

impl Latency {
    /// The median of each over some rounds.
    pub(super) fn medians(rounds: &[Self]) -> Self {
        Self {
            rate: median(rounds, |round| round.rate),
            p50: median(rounds, |round| round.p50),
            p95: median(rounds, |round| round.p95),
            p99: median(rounds, |round| round.p99),
            memory: median(rounds, |round| round.memory),
        }
    }
}

/// One of all requests: who asks, and for which word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Draw {
    number: u64,
    learner: usize,
    word: usize,
}

impl Draw {
    /// The draw of a request; over many of them, each learner and each word comes as often as any other.
    fn of(number: u64, learners: usize) -> Self {
        Self {
            number,
            learner: below(learners, 2 * number),
            word: below(WORDS, 2 * number + 1),
        }
    }
}

/// A number below a bound, drawn by the finaliser of `SplitMix64`: always the same from the same seed.
fn below(bound: usize, seed: u64) -> usize {
    let mixed = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap_or_default()
}

/// What is asked by the bearer of a token.
type Request = fn(&str, Draw) -> String;

/// What came of a run: latencies in milliseconds, and kibibytes of the server.
struct Run {
    millis: Vec<f64>,
    memory: u64,
}

impl<'a> OpenLoop<'a> {
    /// Against this server, by the bearers of these tokens.
    pub(super) fn new(server: &'a Server, tokens: &'a [String]) -> Self {
        Self {
            server,
            tokens,
            connections: CONNECTIONS,
            asked: Cell::new(0),
        }
    }

    /// The same over another number of connections. A server closes one that asks nothing for seconds.
    pub(super) fn over(self, connections: u32) -> Self {
        Self { connections, ..self }
    }

    /// So many reads of one word's progress a second.
    pub(super) fn reads(&self, rate: u32, seconds: u32) -> Result<Latency> {
        self.drive(rate, seconds, |token, Draw { word, .. }| {
            format!(
                "GET /api/v1/progress/bench-{word:03} HTTP/1.1\r\nHost: bench\r\n\
                 Authorization: Bearer {token}\r\n\r\n"
            )
        })
    }

    /// So many writes of one word's progress a second; each with another value, so that each of them writes.
    pub(super) fn writes(&self, rate: u32, seconds: u32) -> Result<Latency> {
        self.drive(rate, seconds, |token, Draw { number, word, .. }| {
            let body = format!("{{\"studyCount\":{}}}", number + 2);
            format!(
                "PUT /api/v1/progress/bench-{word:03} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
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
        println!(
            "{rate} requests a second over {} connections, open loop",
            self.connections
        );
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let Run { mut millis, memory } = runtime.block_on(self.drive_all(rate, seconds, request))?;
        millis.sort_by(f64::total_cmp);
        ensure!(!millis.is_empty(), "nothing was asked");
        let at = |part: usize| millis[(millis.len() * part / 100).min(millis.len() - 1)];
        Ok(Latency {
            rate: f64::from(rate),
            p50: at(50),
            p95: at(95),
            p99: at(99),
            memory: f64::from(u32::try_from(memory)?),
        })
    }

    async fn drive_all(&self, rate: u32, seconds: u32, request: Request) -> Result<Run> {
        let mut streams = Vec::new();
        for _ in 0..self.connections {
            streams.push(TcpStream::connect(self.server.address()).await?);
        }
        let first = self.asked.get();
        self.asked.set(first + u64::from(rate) * u64::from(seconds));
        let tokens: Arc<[String]> = self.tokens.into();
        let begin = Instant::now() + Duration::from_millis(200);
        let step = Duration::from_secs(1) / rate;
        let mut tasks = tokio::task::JoinSet::new();
        for (place, stream) in (0_u32..).zip(streams) {
            stream.set_nodelay(true)?;
            let tokens = Arc::clone(&tokens);
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
                    let draw = Draw::of(first + u64::from(number), tokens.len());
                    ask(&mut stream, &request(&tokens[draw.learner], draw)).await?;
                    millis.push(instant.elapsed().as_secs_f64() * 1_000.0);
                }
                anyhow::Ok((stream, millis))
            });
        }
        let (mut open, mut all) = (Vec::new(), Vec::new());
        while let Some(done) = tasks.join_next().await {
            let (stream, millis) = done??;
            open.push(stream);
            all.extend(millis);
        }
        let memory = self.server.memory()?;
        drop(open);
        Ok(Run { millis: all, memory })
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

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    #[test]
    fn learners_and_words_are_drawn_evenly() {
        let (learners, draws) = (1_000, 100_000);
        let (mut rows, mut by_learner) = (HashSet::new(), HashMap::new());
        for number in 0..draws {
            let Draw { learner, word, .. } = Draw::of(number, learners);
            rows.insert((learner, word));
            *by_learner.entry(learner).or_insert(0_u32) += 1;
        }
        // 100,000 draws out of 500,000 hit some 90,600 of them.
        assert!((90_000..91_500).contains(&rows.len()), "{}", rows.len());
        assert_eq!(by_learner.len(), learners);
        assert!(by_learner.values().all(|times| (50..160).contains(times)));
    }
}
