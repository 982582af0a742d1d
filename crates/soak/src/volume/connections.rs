//! A thousand connections that stay open, at a fixed rate, over minutes: what the process holds must not grow.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant as TokioInstant, sleep, sleep_until, timeout};

use super::{Learner, Session, fix};
use crate::cluster::{Client, Cluster, Request, Setup};
use crate::report::{Figures, millis, quantile};

/// How many connections, each of a learner of its own.
const CONNECTIONS: u32 = 1_000;
/// How many words each learner has progress with.
const WORDS: u32 = 500;
const READS_PER_SECOND: f64 = 1_000.0;
const WRITES_PER_SECOND: f64 = 500.0;
/// How many learners are prepared at the same time.
const AT_ONCE: usize = 16;
/// What the process may hold, in kibibytes: 100 MB.
const MOST_MEMORY: u64 = 100_000_000 / 1024;
/// By how much of itself memory may grow from the first third of the time to the end: this and nothing more.
const GROWTH: u64 = 10;
/// How often memory is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was measured so far.
#[derive(Debug, Default)]
struct Seen {
    reads: Vec<Duration>,
    writes: Vec<Duration>,
}

/// What the cluster is to be: one copy, whose access tokens outlive the run.
pub fn patient() -> Setup {
    Setup::copies(1).setting("ACCESS_TOKEN_TTL_SECONDS", "86400")
}

/// Keeps the connections busy for so long, and looks at what the copy holds.
pub async fn keep_connections(cluster: &Cluster, seed: u64, length: Duration) -> Result<Figures> {
    let client = cluster.client(0)?;
    let tag = format!("connections-{}", rand::rng().random::<u32>());
    let learners = (0..CONNECTIONS).map(|number| prepare(&client, &tag, number));
    let learners: Vec<(Learner, Session)> = stream::iter(learners).buffered(AT_ONCE).try_collect().await?;
    // What it needed to load the vocabulary at its first start, and for the learners, it keeps: that is not meant here.
    cluster.copy(0).stop().await?;
    cluster.copy(0).start().await?;
    let address = cluster.copy(0).address();
    let times = Mutex::new(Seen::default());
    let (began, usage) = (Instant::now(), cluster.copy(0).usage().await?);
    let mut rng = StdRng::seed_from_u64(seed);
    let visits = learners.iter().map(|(learner, session)| {
        let rng = StdRng::from_rng(&mut rng);
        Ok(visit(address, learner, session, &times, (rng, length)))
    });
    // The first that fails ends it.
    let visits = stream::iter(visits).try_for_each_concurrent(None, |visit| visit);
    let (memory, ()) = tokio::try_join!(watch(cluster, length), visits)?;
    let took = began.elapsed();
    let cpu = cluster.copy(0).usage().await?.cpu_since(&usage);
    let (first, rest) = memory.split_at(memory.len() / 3);
    let (early, late) = (highest(first), highest(rest));
    ensure!(
        late <= MOST_MEMORY,
        "the process holds {late} KiB, more than {MOST_MEMORY}"
    );
    ensure!(
        late <= early + early / GROWTH,
        "memory grew from {early} KiB to {late} KiB"
    );
    let Seen { reads, writes } = times.into_inner();
    let requests = u32::try_from(reads.len() + writes.len())?;
    Ok(Figures::default()
        .with("connections", CONNECTIONS)
        .with("requests", requests)
        .with(
            "requestsPerSecond",
            (f64::from(requests) / took.as_secs_f64()).round(),
        )
        .with("readP95Ms", millis(quantile(reads, 0.95)))
        .with("writeP95Ms", millis(quantile(writes, 0.95)))
        .with("cpuMsPerRequest", millis(cpu / requests.max(1)))
        .with("residentKibEarly", early)
        .with("residentKibLate", late))
}

fn highest(memory: &[u64]) -> u64 {
    memory.iter().copied().max().unwrap_or_default()
}

/// Makes an account with progress.
async fn prepare(client: &Client, tag: &str, number: u32) -> Result<(Learner, Session)> {
    let (learner, session) = Learner::register(client, tag, number).await?;
    let updates: Vec<Value> = (0..WORDS)
        .map(|word| json!({ "wordId": learner.word(word), "studyCount": 1, "confidence": 0.5 }))
        .collect();
    let request = Request::post("/progress/batch", json!({ "updates": updates }));
    client.expect(200, request.token(&session.access)).await?;
    Ok((learner, session))
}

/// The resident memory of the first copy, looked at again and again.
async fn watch(cluster: &Cluster, length: Duration) -> Result<Vec<u64>> {
    let until = Instant::now() + length;
    let mut memory = Vec::new();
    while Instant::now() < until {
        sleep(LOOK).await;
        memory.push(cluster.copy(0).usage().await?.resident_kib);
    }
    Ok(memory)
}

/// Asks on one connection, at its share of the rate; how long an answer took counts from when it was due.
async fn visit(
    address: SocketAddr,
    learner: &Learner,
    session: &Session,
    seen: &Mutex<Seen>,
    (mut rng, length): (StdRng, Duration),
) -> Result<()> {
    let mut stream = TcpStream::connect(address)
        .await
        .context("a connection was refused")?;
    stream.set_nodelay(true)?;
    let gap = Duration::from_secs_f64(f64::from(CONNECTIONS) / (READS_PER_SECOND + WRITES_PER_SECOND));
    let began = TokioInstant::now();
    let mut due = began + gap.mul_f64(rng.random());
    let mut count = 1;
    while due < began + length {
        sleep_until(due).await;
        let word = learner.word(rng.random_range(0..WORDS));
        let writes = rng.random_bool(WRITES_PER_SECOND / (READS_PER_SECOND + WRITES_PER_SECOND));
        let request = if writes {
            count += 1;
            fix(&word, count)
        } else {
            Request::get(&format!("/progress/{word}"))
        };
        ask(&mut stream, address, &request.token(&session.access)).await?;
        let took = due.elapsed();
        let mut seen = seen.lock();
        if writes {
            seen.writes.push(took);
        } else {
            seen.reads.push(took);
        }
        drop(seen);
        due += gap.mul_f64(rng.random_range(0.5..1.5));
    }
    Ok(())
}

/// Sends a request on an open connection and reads its answer, which must be 200 and say how long it is.
async fn ask(stream: &mut TcpStream, address: SocketAddr, request: &Request) -> Result<Vec<u8>> {
    stream.write_all(&request.bytes(address)).await?;
    let mut answer = Vec::new();
    loop {
        let read = timeout(PATIENCE, stream.read_buf(&mut answer)).await;
        if read.with_context(|| format!("{request} was not answered"))?? == 0 {
            bail!("the connection was closed");
        }
        if let Some(length) = length_of(&answer)
            && answer.len() >= length
        {
            let is_ok = answer.starts_with(b"HTTP/1.1 200");
            ensure!(is_ok, "{request} answered {}", String::from_utf8_lossy(&answer));
            return Ok(answer);
        }
    }
}

/// How long an answer is as a whole, once its head is there.
fn length_of(answer: &[u8]) -> Option<usize> {
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))?;
    Some(end + length.trim().parse::<usize>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::length_of;

    #[test]
    fn the_length_of_an_answer_is_that_of_head_and_body() {
        assert_eq!(length_of(b"HTTP/1.1 200 OK\r\nContent-Le"), None);
        assert_eq!(
            length_of(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"),
            Some(40)
        );
    }
}
