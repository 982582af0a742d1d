//! Turns moments of the history into the server's time.

use crate::history::{Evidence, Op};
use crate::oracle::Placed;

/// How far the two clocks may be apart at the beginning, in milliseconds.
const SLACK: i64 = 5;
/// By how much a wall clock that is being adjusted runs faster or slower: one part of so many.
const DRIFT: i64 = 2_000;

/// The wall clock of the machine, by the monotonic clock of the history.
#[derive(Clone, Copy)]
pub(super) struct WallClock {
    began_at: i64,
}

impl WallClock {
    pub(super) fn of(evidence: &Evidence) -> Self {
        Self {
            began_at: millis(evidence.setup.began_at),
        }
    }

    /// The earliest time that a moment may have been, in milliseconds since 1970.
    pub(super) fn earliest(self, micros: u64) -> i64 {
        let since = millis(micros);
        self.began_at + since - SLACK - since / DRIFT
    }

    /// The latest time that a moment may have been.
    pub(super) fn latest(self, micros: u64) -> i64 {
        let since = millis(micros);
        self.began_at
            .saturating_add(since)
            .saturating_add(SLACK + since / DRIFT)
    }

    /// When an operation took effect.
    pub(super) fn placed(self, op: &Op) -> Placed {
        let end = op.settled_at();
        Placed {
            lo: self.earliest(op.t_invoke),
            hi: (end != u64::MAX).then(|| self.latest(end)),
            certain: op.is_ok(),
        }
    }
}

fn millis(micros: u64) -> i64 {
    i64::try_from(micros / 1000).unwrap_or(i64::MAX)
}
