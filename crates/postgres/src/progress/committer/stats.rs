//! Counters and gauges of the writes.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Of so many groups the fastest says how long one takes: all of them are slow where the database is, one alone may be
/// where it only paused.
const GROUPS_OF_LATE: usize = 4;

/// What became of the writes so far, and how many wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriteStats {
    /// Writes that wait for a group.
    pub waiting: usize,
    /// Groups committed, each a transaction.
    pub groups_committed: u64,
    /// Writes committed in them; those that changed nothing are not counted.
    pub members_committed: u64,
    /// Groups that failed and whose members were tried one by one.
    pub groups_retried: u64,
    /// Writes tried again because another copy of the program had written for the same learner.
    pub conflicts: u64,
    /// Writes refused because too many waited.
    pub refused: u64,
    /// Writes that were not begun because nobody waited for them any more.
    pub abandoned: u64,
    /// Writes whose time was over before they were committed.
    pub expired: u64,
    /// Connections made for writing.
    pub connects: u64,
}

/// The counters behind [`WriteStats`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    groups_committed: AtomicU64,
    members_committed: AtomicU64,
    groups_retried: AtomicU64,
    conflicts: AtomicU64,
    refused: AtomicU64,
    abandoned: AtomicU64,
    expired: AtomicU64,
    connects: AtomicU64,
    /// How long the last groups took, in microseconds.
    took: [AtomicU64; GROUPS_OF_LATE],
    /// How many groups were timed.
    timed: AtomicUsize,
}

impl Counters {
    /// How long a group takes of late, at least.
    pub(super) fn round(&self) -> Duration {
        let took = self.took.iter().map(|took| took.load(Ordering::Relaxed)).min();
        Duration::from_micros(took.unwrap_or_default())
    }

    /// Notes how long a group took.
    pub(super) fn group_took(&self, time: Duration) {
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let place = self.timed.fetch_add(1, Ordering::Relaxed) % GROUPS_OF_LATE;
        self.took[place].store(time, Ordering::Relaxed);
    }

    pub(super) fn group_committed(&self, members: usize) {
        self.groups_committed.fetch_add(1, Ordering::Relaxed);
        self.members_committed
            .fetch_add(members as u64, Ordering::Relaxed);
    }

    pub(super) fn group_retried(&self) {
        self.groups_retried.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn overtaken(&self) {
        self.conflicts.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn abandoned(&self) {
        self.abandoned.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn expired(&self) {
        self.expired.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn connected(&self) {
        self.connects.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self, waiting: usize) -> WriteStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        WriteStats {
            waiting,
            groups_committed: read(&self.groups_committed),
            members_committed: read(&self.members_committed),
            groups_retried: read(&self.groups_retried),
            conflicts: read(&self.conflicts),
            refused: read(&self.refused),
            abandoned: read(&self.abandoned),
            expired: read(&self.expired),
            connects: read(&self.connects),
        }
    }
}
