//! Counters and gauges of the database.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What the database is doing and has done since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DatabaseStats {
    /// Writes that wait for the next group.
    pub writes_waiting: usize,
    /// Reads that wait for a reader.
    pub reads_waiting: usize,
    /// How many readers there are.
    pub readers: usize,
    /// How many of them are reading.
    pub readers_busy: usize,
    /// Transactions committed.
    pub groups_committed: u64,
    /// Writes committed in them, refused ones not counted.
    pub members_committed: u64,
    /// Groups that failed and whose members were tried one by one.
    pub groups_retried: u64,
    /// Writes and reads that were not begun because nobody waited for them any more.
    pub abandoned: u64,
}

/// The counters behind [`DatabaseStats`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    readers_busy: AtomicU64,
    groups_committed: AtomicU64,
    members_committed: AtomicU64,
    groups_retried: AtomicU64,
    abandoned: AtomicU64,
    writer_ended: AtomicBool,
}

impl Counters {
    pub(super) fn group_committed(&self, members: usize) {
        self.groups_committed.fetch_add(1, Ordering::Relaxed);
        self.members_committed
            .fetch_add(members as u64, Ordering::Relaxed);
    }

    pub(super) fn group_retried(&self) {
        self.groups_retried.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn abandoned(&self) {
        self.abandoned.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn reader_began(&self) {
        self.readers_busy.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn reader_ended(&self) {
        self.readers_busy.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn writer_ended(&self) {
        self.writer_ended.store(true, Ordering::Release);
    }

    pub(super) fn writer_is_alive(&self) -> bool {
        !self.writer_ended.load(Ordering::Acquire)
    }

    /// The counters, with the gauges left to whoever knows them.
    pub(super) fn read(&self) -> DatabaseStats {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        DatabaseStats {
            readers_busy: usize::try_from(load(&self.readers_busy)).unwrap_or(usize::MAX),
            groups_committed: load(&self.groups_committed),
            members_committed: load(&self.members_committed),
            groups_retried: load(&self.groups_retried),
            abandoned: load(&self.abandoned),
            ..DatabaseStats::default()
        }
    }
}
