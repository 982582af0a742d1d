//! When a breaker opens, and for how long.

use std::time::Duration;

/// What makes a breaker open.
#[derive(Debug, Clone, Copy)]
pub enum Opens {
    /// So many failures in a row; at least one.
    InARow(u32),
    /// Too large a share of the calls of late: of the window, or of its last third.
    Share {
        /// How many of a hundred calls fail then.
        percent: u32,
        /// Of fewer calls than this nothing follows; at least one.
        calls: u32,
        /// How far back calls count, to a tenth of it.
        window: Duration,
    },
}

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct BreakerConfig {
    /// What is behind it, for the log.
    pub name: &'static str,
    /// What makes it open.
    pub opens: Opens,
    /// How long it is open at first, and up to a fifth longer.
    pub rest: Duration,
    /// How long it is open at most, or up to a fifth less: each trial that fails doubles the rest.
    pub longest_rest: Duration,
    /// How long it is open, or up to a fifth less, when it opens within `longest_rest` of having closed, if that is longer: what
    /// comes and goes is left alone until it has made up its mind.
    pub flapping: Duration,
}

impl BreakerConfig {
    /// For what is asked on every request: opens after three failures in a row, rests 2 seconds, growing to 5.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            opens: Opens::InARow(3),
            rest: Duration::from_secs(2),
            longest_rest: Duration::from_secs(5),
            flapping: Duration::ZERO,
        }
    }

    /// For a provider: opens when half of at least ten calls fail within 30 seconds, or within 9; rests 30 seconds,
    /// growing to a minute, and two minutes if it fails again within a minute of working.
    pub const fn of_provider(name: &'static str) -> Self {
        Self {
            name,
            opens: Opens::Share {
                percent: 50,
                calls: 10,
                window: Duration::from_secs(30),
            },
            rest: Duration::from_secs(30),
            longest_rest: Duration::from_mins(1),
            flapping: Duration::from_mins(2),
        }
    }
}
