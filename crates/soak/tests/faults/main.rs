//! Copies of the program on real servers, and what goes wrong with them.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and tells what it was up to"
)]

#[cfg(target_os = "linux")]
mod clock;
mod copies;
mod injected;
mod leftovers;
mod threats;
mod volume;

use rand::Rng;
use tokio::sync::{Semaphore, SemaphorePermit};

/// How many clusters run at the same time.
static CLUSTERS: Semaphore = Semaphore::const_new(2);

/// Waits until there is room for a cluster.
pub(crate) async fn room() -> SemaphorePermit<'static> {
    CLUSTERS.acquire().await.unwrap()
}

/// What the random choices of a test follow from: `PARLANCE_SEED`, or another one each time, which is printed.
pub(crate) fn seed() -> u64 {
    let wanted = std::env::var("PARLANCE_SEED").ok();
    let seed = wanted.map_or_else(
        || rand::rng().random_range(0..1_000_000),
        |seed| seed.parse().unwrap(),
    );
    println!("PARLANCE_SEED={seed}");
    seed
}
