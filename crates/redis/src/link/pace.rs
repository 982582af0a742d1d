//! How often Redis is dialed: no storm of connections, however it fails.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

/// So many dials may be made at once; then one for each `REFILL`. Within any second that is less than 20.
const BURST: u32 = 10;
const REFILL: Duration = Duration::from_millis(125);
/// How long the first rest is, about.
const SHORTEST: Duration = Duration::from_millis(50);
/// How long no rest is exceeded.
const LONGEST: Duration = Duration::from_secs(1);

/// How many dials may be made now.
#[derive(Debug)]
pub(super) struct Budget {
    left: u32,
    counted_at: Instant,
}

impl Budget {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            left: BURST,
            counted_at: now,
        }
    }

    /// Takes one dial, or says how long it takes until there is one.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        while self.left < BURST && now >= self.counted_at + REFILL {
            self.left += 1;
            self.counted_at += REFILL;
        }
        if self.left == BURST {
            self.counted_at = now;
        }
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err((self.counted_at + REFILL).saturating_duration_since(now)),
        }
    }
}

/// Rests between attempts that fail: each up to twice as long as the one before, none longer than a second.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// How long to rest after one more failure.
    ///
    /// At random between half of it and all, so that copies that failed together do not come back together.
    pub(crate) fn rest(&mut self) -> Duration {
        let longest = SHORTEST
            .saturating_mul(2_u32.saturating_pow(self.failures))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let thousandths = RandomState::new().build_hasher().finish() % 1_000;
        longest / 2 + (longest / 2).mul_f64(f64::from(u32::try_from(thousandths).unwrap_or(0)) / 1_000.0)
    }

    /// It works again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_18_no_second_has_more_than_twenty_dials() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        let mut dials = Vec::new();
        for millis in 0..10_000 {
            let now = start + Duration::from_millis(millis);
            while budget.take(now).is_ok() {
                dials.push(now);
            }
        }
        for first in &dials {
            let second = first..&(*first + Duration::from_secs(1));
            assert!(dials.iter().filter(|dial| second.contains(dial)).count() <= 20);
        }
        // Nor is it stingy.
        assert!(dials.len() >= 80);
    }

    #[test]
    fn who_is_refused_a_dial_gets_one_after_the_time_named() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        while budget.take(start).is_ok() {}
        let rest = budget.take(start).unwrap_err();
        assert!(budget.take(start + rest - Duration::from_nanos(1)).is_err());
        assert!(budget.take(start + rest).is_ok());
    }

    #[test]
    fn rests_grow_to_a_second_and_differ() {
        let mut backoff = Backoff::default();
        let rests: Vec<_> = (0..20).map(|_| backoff.rest()).collect();
        assert!(rests[0] <= SHORTEST && rests[0] >= SHORTEST / 2);
        assert!(
            rests[10..]
                .iter()
                .all(|rest| (LONGEST / 2..=LONGEST).contains(rest))
        );
        assert!(rests[10..].iter().any(|rest| *rest != rests[19]));
        backoff.reset();
        assert!(backoff.rest() <= SHORTEST);
    }
}
