//! Rate limits counted in the process by an exact sliding window.
//!
//! The keyed limiters at hand (`governor`) run GCRA: after a pause they let the whole quota through at once and
//! then one more each `window / quota`, so that nearly twice the quota passes within one window. What clients
//! are promised, and read in `RateLimit`, is a sliding window; hence a log of the instants of each key, which
//! is exact and costs 8 bytes for each request in the window.

mod window;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use parking_lot::Mutex;
use parlance_domain::limits::{Limit, RateLimiter, Taken};
use parlance_domain::port::PortError;

use self::window::Window;

/// How many keys are remembered unless told otherwise: at 100 requests each about 60 MB.
const DEFAULT_MAX_KEYS: usize = 50_000;
/// So many that callers on different cores seldom meet.
const SHARDS: usize = 64;
/// How often a shard looks for keys that count nothing any more.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// Tells how much time has passed since some fixed instant. It never goes back, whatever the wall clock does.
pub type Elapsed = Arc<dyn Fn() -> Duration + Send + Sync>;

/// Counts requests per key in the process, for a bounded number of keys.
///
/// When all places are taken, the key that was quiet for longest gives way: whoever comes with many addresses
/// makes the limiter forget those that ask seldom first, and locks nobody out.
pub struct MemoryRateLimiter {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    max_keys_per_shard: usize,
    elapsed: Elapsed,
}

#[derive(Default)]
struct Shard {
    windows: HashMap<String, Window>,
    swept_at: Duration,
}

impl MemoryRateLimiter {
    /// A limiter that remembers about `max_keys` keys and is told the time by `elapsed`.
    pub fn new(max_keys: usize, elapsed: Elapsed) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            max_keys_per_shard: max_keys.div_ceil(SHARDS).max(1),
            elapsed,
        }
    }

    /// How many keys are remembered now.
    pub fn keys(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().windows.len()).sum()
    }

    fn shard(&self, key: &str) -> &Mutex<Shard> {
        let hash = self.hasher.hash_one(key);
        // The remainder fits a `usize` because it is smaller than the number of shards.
        &self.shards[usize::try_from(hash % SHARDS as u64).unwrap_or(0)]
    }
}

impl Default for MemoryRateLimiter {
    /// A limiter that goes by the machine's monotonic clock.
    fn default() -> Self {
        let start = Instant::now();
        Self::new(DEFAULT_MAX_KEYS, Arc::new(move || start.elapsed()))
    }
}

impl Shard {
    fn window(&mut self, key: String, now: Duration, max_keys: usize) -> &mut Window {
        if !self.windows.contains_key(&key) {
            self.make_room(now, max_keys);
        }
        self.windows.entry(key).or_default()
    }

    /// Forgets the keys that count nothing any more, now and then; and one that does, if there is no room.
    fn make_room(&mut self, now: Duration, max_keys: usize) {
        if now >= self.swept_at + SWEEP_EVERY || self.windows.len() >= max_keys {
            self.windows.retain(|_, window| now < window.stale_at());
            let kept = self.windows.len();
            self.windows.shrink_to(2 * kept);
            self.swept_at = now;
        }
        if self.windows.len() >= max_keys {
            let quiet = self.windows.iter().min_by_key(|(_, window)| window.stale_at());
            if let Some(key) = quiet.map(|(key, _)| key.clone()) {
                self.windows.remove(&key);
            }
        }
    }
}

#[async_trait]
impl RateLimiter for MemoryRateLimiter {
    async fn take_up_to(&self, key: &str, limit: &Limit, wanted: u32) -> Result<Taken, PortError> {
        if !limit.is_on() {
            return Ok(Taken::unlimited(wanted));
        }
        // No limit's name holds a NUL, so no two pairs make the same text.
        let key = format!("{}\0{key}", limit.name);
        let mut shard = self.shard(&key).lock();
        // Asked under the lock: the instants of a window are in order.
        let now = (self.elapsed)();
        let window = shard.window(key, now, self.max_keys_per_shard);
        Ok(window.take_up_to(limit, wanted, now))
    }
}

#[cfg(test)]
mod tests {
    use parlance_contract::fakes::TestElapsed;

    use super::*;

    const LIMIT: Limit = Limit::per_minute("default", 3);

    fn limiter(max_keys: usize) -> (MemoryRateLimiter, Arc<TestElapsed>) {
        let time = Arc::new(TestElapsed::default());
        let told = Arc::clone(&time);
        let limiter = MemoryRateLimiter::new(max_keys, Arc::new(move || told.elapsed()));
        (limiter, time)
    }

    parlance_contract::rate_limiter_contract!({
        let (limiter, time) = limiter(1_000);
        (Arc::new(limiter), time)
    });

    #[tokio::test]
    async fn keys_that_count_nothing_any_more_are_forgotten() {
        let (limiter, time) = limiter(100_000);
        for number in 0..10_000 {
            limiter.take(&number.to_string(), &LIMIT).await.unwrap();
        }
        assert_eq!(limiter.keys(), 10_000);
        time.advance(Duration::from_mins(2));
        // Enough to come by every shard.
        for number in 0..1_000 {
            limiter.take(&format!("new {number}"), &LIMIT).await.unwrap();
        }
        assert_eq!(limiter.keys(), 1_000);
    }

    #[tokio::test]
    async fn a_flood_of_keys_takes_no_more_than_the_room_there_is() {
        let (limiter, time) = limiter(640);
        for number in 0..10_000 {
            time.advance(Duration::from_millis(1));
            limiter.take(&number.to_string(), &LIMIT).await.unwrap();
        }
        assert!(limiter.keys() <= 640);
    }

    #[tokio::test]
    async fn a_busy_key_survives_a_flood_of_others() {
        let (limiter, time) = limiter(640);
        for number in 0..10_000 {
            let busy = limiter.take("busy", &LIMIT).await.unwrap();
            assert_eq!(busy.allowed, number < 3);
            time.advance(Duration::from_millis(1));
            limiter.take(&number.to_string(), &LIMIT).await.unwrap();
        }
    }

    #[test]
    fn threat_74_the_time_of_a_limiter_is_monotonic() {
        // `Instant` cannot be set, unlike the wall clock; nothing else tells this limiter the time.
        let limiter = MemoryRateLimiter::default();
        let instants: Vec<_> = (0..1_000).map(|_| (limiter.elapsed)()).collect();
        assert!(instants.is_sorted());
        assert!(
            instants[0] < Duration::from_mins(1),
            "counts from its own start, not from an epoch"
        );
    }
}
