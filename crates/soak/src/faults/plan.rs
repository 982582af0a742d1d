//! How long and how often a fault is injected.

use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;

/// How thorough a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Seconds, on a busy machine and a build without optimisation: what must hold is asserted, not how fast.
    Short,
    /// Minutes: what must hold, and how fast.
    Full,
}

/// What a fault is injected by.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// What every random choice follows from.
    pub seed: u64,
    /// How thorough it is to be.
    pub extent: Extent,
}

impl Plan {
    /// Seconds.
    pub fn short(seed: u64) -> Self {
        Self {
            seed,
            extent: Extent::Short,
        }
    }

    /// Minutes.
    pub fn full(seed: u64) -> Self {
        Self {
            seed,
            extent: Extent::Full,
        }
    }

    /// One or the other.
    pub fn pick<T>(&self, short: T, full: T) -> T {
        match self.extent {
            Extent::Short => short,
            Extent::Full => full,
        }
    }

    /// So many milliseconds or so many seconds.
    pub fn time(&self, short_millis: u64, full_seconds: u64) -> Duration {
        self.pick(
            Duration::from_millis(short_millis),
            Duration::from_secs(full_seconds),
        )
    }

    /// A limit of a time: generous where nothing is to be said of speed.
    pub fn limit(&self, full: Duration) -> Duration {
        self.pick(full * 3 + Duration::from_secs(2), full)
    }

    /// Random choices.
    pub fn rng(&self) -> StdRng {
        StdRng::seed_from_u64(self.seed)
    }
}
