//! Stand-ins for ports whose answers a test has to choose: the time, ids, password hashing.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta};
use parking_lot::Mutex;
use parlance_domain::accounts::{
    HashingRoom, Password, PasswordHash, PasswordHasher, PasswordHasherError, Verification,
};
use parlance_domain::ids::IdGenerator;
use parlance_domain::time::{Clock, Timestamp, to_millis};
use uuid::Uuid;

use crate::limits::PassTime;

/// 2026-03-01T12:00:00Z, where tests begin, in milliseconds since the Unix epoch.
const START_MILLIS: i64 = 1_772_366_400_000;

/// A clock that stands still until a test moves it; share it by `Arc`.
#[derive(Debug)]
pub struct TestClock(Mutex<Timestamp>);

impl TestClock {
    /// A clock that shows this instant, cut to whole milliseconds.
    pub fn new(now: Timestamp) -> Self {
        Self(Mutex::new(to_millis(now)))
    }

    /// Moves the clock by this much, backwards if it is negative.
    pub fn advance(&self, by: TimeDelta) {
        let mut now = self.0.lock();
        *now = to_millis(*now + by);
    }

    /// Sets the clock to this instant, cut to whole milliseconds.
    pub fn set(&self, now: Timestamp) {
        *self.0.lock() = to_millis(now);
    }
}

impl Default for TestClock {
    /// A clock that shows 2026-03-01T12:00:00Z.
    fn default() -> Self {
        Self::new(DateTime::from_timestamp_millis(START_MILLIS).unwrap_or_default())
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock()
    }
}

/// A monotonic clock that stands still until a test moves it; share it by `Arc`.
#[derive(Debug, Default)]
pub struct TestElapsed(Mutex<Duration>);

impl TestElapsed {
    /// How far it was moved so far.
    pub fn elapsed(&self) -> Duration {
        *self.0.lock()
    }

    /// Moves it on by this much.
    pub fn advance(&self, by: Duration) {
        *self.0.lock() += by;
    }
}

#[async_trait]
impl PassTime for TestElapsed {
    async fn pass(&self, by: Duration) {
        self.advance(by);
    }
}

/// Gives the same UUIDv7 values in the same order in every run.
///
/// All carry the instant at which [`TestClock::default`] stands; a counter tells them apart.
#[derive(Debug, Default)]
pub struct SequentialIds(AtomicU64);

impl IdGenerator for SequentialIds {
    fn next(&self) -> Uuid {
        let count = self.0.fetch_add(1, Ordering::Relaxed);
        let millis = u128::from(START_MILLIS.unsigned_abs());
        // The layout of RFC 9562: 48 bits of time, the version, 12 bits, the variant, 62 bits.
        Uuid::from_u128(millis << 80 | 0x7 << 76 | 0b10 << 62 | u128::from(count))
    }
}

/// Hashes passwords at once and without any strength, and counts how often.
#[derive(Debug, Default)]
pub struct PlainHasher(AtomicUsize);

impl PlainHasher {
    /// How many passwords were hashed or compared so far.
    pub fn evaluations(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn evaluate(&self, password: &Password) -> PasswordHash {
        self.0.fetch_add(1, Ordering::Relaxed);
        let mut hasher = DefaultHasher::new();
        password.expose().hash(&mut hasher);
        PasswordHash::from_stored(format!("plain${:016x}", hasher.finish()))
    }
}

#[async_trait]
impl PasswordHasher for PlainHasher {
    async fn room(&self) -> Option<HashingRoom> {
        Some(HashingRoom::held_by(()))
    }

    async fn hash(&self, password: &Password) -> Result<PasswordHash, PasswordHasherError> {
        Ok(self.evaluate(password))
    }

    async fn verify(
        &self,
        password: &Password,
        hash: Option<&PasswordHash>,
    ) -> Result<Verification, PasswordHasherError> {
        let evaluated = self.evaluate(password);
        Ok(match hash {
            Some(hash) if *hash == evaluated => Verification::Match,
            _ => Verification::Mismatch,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_clock_begins_at_noon_and_moves_only_when_told() {
        let clock = TestClock::default();
        assert_eq!(clock.now().to_rfc3339(), "2026-03-01T12:00:00+00:00");
        clock.advance(TimeDelta::milliseconds(1_500));
        assert_eq!(clock.now().to_rfc3339(), "2026-03-01T12:00:01.500+00:00");
        clock.set(DateTime::UNIX_EPOCH + TimeDelta::microseconds(1_999));
        assert_eq!(clock.now(), DateTime::UNIX_EPOCH + TimeDelta::milliseconds(1));
    }

    #[test]
    fn sequential_ids_are_increasing_version_7_and_the_same_in_every_run() {
        let (one, two) = (SequentialIds::default(), SequentialIds::default());
        let ids: Vec<_> = (0..1_000).map(|_| one.next()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        for id in &ids {
            assert_eq!(id.get_version_num(), 7);
            assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
            assert_eq!(*id, two.next());
        }
    }
}
