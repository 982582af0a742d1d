//! Seals the audit log, and knows for the metrics how far behind it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use parlance_domain::audit::{AuditLog, Backlog, ChainError};
use parlance_domain::port::PortError;
use parlance_domain::time::Clock;

/// What stands for the time of the oldest entry where there is none.
const NOTHING: i64 = i64::MAX;

/// Seals the audit log.
pub(crate) struct Sealer {
    log: Arc<AuditLog>,
    clock: Arc<dyn Clock>,
    unsealed: AtomicU64,
    /// The time of the oldest entry without a seal, in milliseconds since 1970.
    oldest: AtomicI64,
    is_stopped: AtomicBool,
}

impl Sealer {
    /// A sealer of a log; nothing is known of it yet.
    pub(crate) fn new(log: Arc<AuditLog>, clock: Arc<dyn Clock>) -> Self {
        Self {
            log,
            clock,
            unsealed: AtomicU64::new(0),
            oldest: AtomicI64::new(NOTHING),
            is_stopped: AtomicBool::new(false),
        }
    }

    /// Seals what waits.
    ///
    /// A chain whose key nobody here has is not gone on with: whoever has tampered with it would have it sealed.
    pub(crate) async fn seal(&self) -> Result<(), PortError> {
        let backlog = self.log.backlog().await?;
        self.note(backlog);
        if backlog.entries == 0 {
            return Ok(());
        }
        let sealed = self.log.seal().await;
        let is_stopped = matches!(sealed, Err(ChainError::UnknownHead(_)));
        let was_stopped = self.is_stopped.swap(is_stopped, Ordering::Relaxed);
        match sealed {
            Ok(_) => self.note(self.log.backlog().await?),
            Err(ChainError::Port(error)) => return Err(error),
            Err(ChainError::UnknownHead(_)) if was_stopped => {}
            Err(error) => tracing::error!(%error, "the audit log is not sealed: ask `parlance audit verify`"),
        }
        Ok(())
    }

    /// Deletes what is old; says how many entries, and tells the log of the program how far the chain goes.
    ///
    /// Whoever keeps that log elsewhere can show by it that nobody put back an earlier state.
    pub(crate) async fn purge(&self) -> Result<u64, PortError> {
        let purged = match self.log.purge().await {
            Ok(purged) => purged,
            Err(ChainError::Port(error)) => return Err(error),
            // Whoever seals says so.
            Err(ChainError::UnknownHead(_)) => 0,
        };
        if let Some(last) = self.log.last().await?.filter(|last| last.position > 0) {
            tracing::info!(position = last.position, seal = %last.seal, "the audit log is sealed so far");
        }
        Ok(purged)
    }

    /// How many entries waited when it was looked at last.
    pub(crate) fn unsealed(&self) -> u64 {
        self.unsealed.load(Ordering::Relaxed)
    }

    /// For how many seconds the oldest of them has waited.
    pub(crate) fn oldest_seconds(&self) -> u64 {
        let waited = match self.oldest.load(Ordering::Relaxed) {
            NOTHING => 0,
            oldest => (self.clock.now().timestamp_millis() - oldest) / 1_000,
        };
        waited.max(0).unsigned_abs()
    }

    /// Whether nothing is sealed because nobody here has the key of the chain.
    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }

    fn note(&self, backlog: Backlog) {
        let Backlog { entries, oldest } = backlog;
        let oldest = oldest.map_or(NOTHING, |oldest| oldest.timestamp_millis());
        self.unsealed.store(entries, Ordering::Relaxed);
        self.oldest.store(oldest, Ordering::Relaxed);
    }
}
