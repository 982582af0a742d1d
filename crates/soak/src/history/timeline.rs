//! The one monotonic clock of a run, and when faults were in force.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// A fault that was in force for a while; times in microseconds since the timeline began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What was done.
    pub name: String,
    /// When it was begun.
    pub from: u64,
    /// When everything was well again; still in force if absent.
    pub to: Option<u64>,
}

/// The clock that clients and faults share. Clones share it.
#[derive(Debug, Clone)]
pub struct Timeline {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    began: Instant,
    began_at: Duration,
    faults: Mutex<Vec<Fault>>,
}

impl Timeline {
    /// A timeline that begins now.
    pub fn begin() -> Self {
        let began_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            shared: Arc::new(Shared {
                began: Instant::now(),
                began_at,
                faults: Mutex::default(),
            }),
        }
    }

    /// Microseconds since it began.
    pub fn now(&self) -> u64 {
        micros(self.shared.began.elapsed())
    }

    /// What the wall clock said when it began, in microseconds since 1970.
    pub fn began_at(&self) -> u64 {
        micros(self.shared.began_at)
    }

    /// The present by this clock, in milliseconds since 1970.
    pub fn epoch_millis(&self) -> i64 {
        i64::try_from((self.began_at() + self.now()) / 1000).unwrap_or(i64::MAX)
    }

    /// Notes that a fault is in force from now until what is returned is dropped.
    ///
    /// Drop it when the cluster should be well again, time to recover included: what fails outside of
    /// every fault counts against availability.
    pub fn fault(&self, name: impl Into<String>) -> InForce {
        let mut faults = self.shared.faults.lock();
        faults.push(Fault {
            name: name.into(),
            from: self.now(),
            to: None,
        });
        InForce {
            timeline: self.clone(),
            index: faults.len() - 1,
        }
    }

    /// The faults so far.
    pub fn faults(&self) -> Vec<Fault> {
        self.shared.faults.lock().clone()
    }
}

/// A fault in force; it ends when this is dropped.
#[derive(Debug)]
#[must_use = "the fault ends when this is dropped"]
pub struct InForce {
    timeline: Timeline,
    index: usize,
}

impl Drop for InForce {
    fn drop(&mut self) {
        let now = self.timeline.now();
        if let Some(fault) = self.timeline.shared.faults.lock().get_mut(self.index) {
            fault.to = Some(now);
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
