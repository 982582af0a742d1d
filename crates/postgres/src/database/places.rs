//! Places: how much may be under way at once, and how long the rest waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::error::StoreError;

/// A number of places, each for one piece of work.
pub(super) struct Places {
    free: Arc<Semaphore>,
    count: usize,
    /// How long one may wait for a place.
    wait: Duration,
    waiting: AtomicUsize,
    refused: AtomicU64,
}

/// Counts down when dropped.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Places {
    /// So many, all of them free.
    pub(super) fn new(count: usize, wait: Duration) -> Self {
        Self {
            free: Arc::new(Semaphore::new(count)),
            count,
            wait,
            waiting: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// How many wait for one.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// How many gave up waiting, since the start.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Whether none are given out any more.
    pub(super) fn is_closed(&self) -> bool {
        self.free.is_closed()
    }

    /// A place, when there is one; it is given back when dropped.
    pub(super) async fn take(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        match Arc::clone(&self.free).try_acquire_owned() {
            Ok(place) => Ok(place),
            Err(_) => self.wait_for_one().await,
        }
    }

    /// Waits until all are free, but not for longer than this; then none are given out any more.
    pub(super) async fn close(&self, patience: Duration) {
        let all = u32::try_from(self.count).unwrap_or(u32::MAX);
        let done = timeout(patience, self.free.acquire_many(all)).await;
        self.free.close();
        drop(done);
    }

    async fn wait_for_one(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        let _waiting = Counted::new(&self.waiting);
        match timeout(self.wait, Arc::clone(&self.free).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) => Err(StoreError::Closed),
            Err(_) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Err(StoreError::Full)
            }
        }
    }
}
