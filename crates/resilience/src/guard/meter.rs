//! What calls of a provider came to.

use std::sync::atomic::{AtomicU64, Ordering};

use parlance_domain::providers::ProviderErrorKind;

/// Every kind of failure, in the order in which they are counted.
const KINDS: [ProviderErrorKind; 9] = [
    ProviderErrorKind::Missing,
    ProviderErrorKind::Unavailable,
    ProviderErrorKind::Timeout,
    ProviderErrorKind::Exhausted,
    ProviderErrorKind::Unauthorized,
    ProviderErrorKind::Refused,
    ProviderErrorKind::Invalid,
    ProviderErrorKind::LeftAlone,
    ProviderErrorKind::Full,
];

/// What calls of a provider came to since the start, and how many run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metered {
    /// How often the provider was asked, retries included.
    pub attempts: u64,
    /// How many of these it answered as it should.
    pub successes: u64,
    /// How many of these were made because another had failed.
    pub retries: u64,
    /// How many ended in each kind of failure; without an attempt those that are left alone or find no place.
    pub failures: Vec<(ProviderErrorKind, u64)>,
    /// How many run now.
    pub in_flight: u64,
}

impl Metered {
    /// How many ended in this kind of failure.
    pub fn failures_of(&self, kind: ProviderErrorKind) -> u64 {
        let of_kind = self.failures.iter().find(|(other, _)| *other == kind);
        of_kind.map_or(0, |(_, count)| *count)
    }
}

/// Counts.
#[derive(Debug, Default)]
pub(super) struct Meter {
    attempts: AtomicU64,
    successes: AtomicU64,
    retries: AtomicU64,
    failures: [AtomicU64; KINDS.len()],
    in_flight: AtomicU64,
}

/// An attempt that runs; it ends when this is dropped.
pub(super) struct Running<'a>(&'a Meter);

impl Meter {
    pub(super) fn attempt(&self) -> Running<'_> {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Running(self)
    }

    pub(super) fn success(&self) {
        self.successes.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failure(&self, kind: ProviderErrorKind) {
        let place = KINDS.iter().position(|other| *other == kind);
        if let Some(count) = place.and_then(|place| self.failures.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn read(&self) -> Metered {
        let counts = self.failures.iter().map(|count| count.load(Ordering::Relaxed));
        Metered {
            attempts: self.attempts.load(Ordering::Relaxed),
            successes: self.successes.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            failures: KINDS.into_iter().zip(counts).collect(),
            in_flight: self.in_flight.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
