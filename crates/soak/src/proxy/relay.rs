//! One connection through the proxy.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::{Manner, Shared};

/// How much is read at once.
const CHUNK: usize = 16 * 1024;
/// How many chunks are on their way in one direction.
const ON_THE_WAY: usize = 256;

/// Why a connection is over.
enum End {
    /// Both sides have said all.
    Done,
    /// It is to be reset.
    Reset,
}

/// What is on its way to the other side, and when it is to arrive.
struct Chunk {
    bytes: Vec<u8>,
    due: Instant,
}

/// Serves a client until the connection ends or is cut.
pub(super) async fn serve(mut client: TcpStream, shared: Arc<Shared>, mut cuts: watch::Receiver<u64>) {
    shared.open.fetch_add(1, Ordering::Relaxed);
    let mut server = None;
    let end = tokio::select! {
        end = relay(&mut client, &mut server, &shared) => end,
        _ = cuts.changed() => End::Reset,
    };
    if matches!(end, End::Reset) {
        for stream in [Some(&client), server.as_ref()].into_iter().flatten() {
            // A stream that is closed already needs no reset.
            let _ = stream.set_zero_linger();
        }
    }
    shared.open.fetch_sub(1, Ordering::Relaxed);
}

async fn relay(client: &mut TcpStream, server: &mut Option<TcpStream>, shared: &Shared) -> End {
    let mut manner = shared.manner.subscribe();
    if !passes(&mut manner).await || *manner.borrow() == Manner::Refuse {
        return End::Reset;
    }
    let Some(dialled) = shared.dial().await else {
        return End::Reset;
    };
    let server = server.insert(dialled);
    // Small packets are to go when they come: it is the proxy that is slow, not the kernel.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let requests = pump(from_client, to_server, shared, false);
    let answers = pump(from_server, to_client, shared, true);
    match tokio::try_join!(requests, answers) {
        Ok(_) => End::Done,
        Err(Broken) => End::Reset,
    }
}

/// Waits while everything is held; false when the proxy is gone.
async fn passes(manner: &mut watch::Receiver<Manner>) -> bool {
    manner.wait_for(|manner| *manner != Manner::Hold).await.is_ok()
}

/// One direction of a connection cannot go on.
struct Broken;

/// Moves what comes from one side to the other, in the manner of the moment.
async fn pump(from: ReadHalf<'_>, to: WriteHalf<'_>, shared: &Shared, answers: bool) -> Result<(), Broken> {
    let (send, receive) = mpsc::channel(ON_THE_WAY);
    tokio::try_join!(
        take(from, send, shared, answers),
        give(to, receive, shared, answers)
    )?;
    Ok(())
}

async fn take(
    mut from: ReadHalf<'_>,
    send: mpsc::Sender<Chunk>,
    shared: &Shared,
    answers: bool,
) -> Result<(), Broken> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = from.read(&mut buffer).await.map_err(|_| Broken)?;
        if count == 0 {
            return Ok(());
        }
        let delay = match *shared.manner.borrow() {
            Manner::Delay(delay) if answers => delay,
            _ => Duration::ZERO,
        };
        let chunk = Chunk {
            bytes: buffer[..count].to_vec(),
            due: Instant::now() + delay,
        };
        send.send(chunk).await.map_err(|_| Broken)?;
    }
}

async fn give(
    mut to: WriteHalf<'_>,
    mut receive: mpsc::Receiver<Chunk>,
    shared: &Shared,
    answers: bool,
) -> Result<(), Broken> {
    let mut manner = shared.manner.subscribe();
    let mut passed = 0;
    while let Some(mut chunk) = receive.recv().await {
        sleep_until(chunk.due).await;
        if !passes(&mut manner).await {
            return Err(Broken);
        }
        let present = *manner.borrow_and_update();
        let mut cut = false;
        match present {
            Manner::LoseAnswers if answers => {
                shared.lost.fetch_add(chunk.bytes.len() as u64, Ordering::Relaxed);
                continue;
            }
            Manner::CutAfter(most) if answers => {
                let left = usize::try_from(most.saturating_sub(passed)).unwrap_or(usize::MAX);
                cut = chunk.bytes.len() >= left;
                chunk.bytes.truncate(left);
                passed += chunk.bytes.len() as u64;
            }
            Manner::Throttle(rate) if answers => {
                let share = u32::try_from(chunk.bytes.len()).unwrap_or(u32::MAX);
                sleep(Duration::from_secs(1).mul_f64(f64::from(share) / f64::from(rate.max(1)))).await;
            }
            _ => passed = 0,
        }
        to.write_all(&chunk.bytes).await.map_err(|_| Broken)?;
        if cut {
            return Err(Broken);
        }
    }
    to.shutdown().await.map_err(|_| Broken)
}
