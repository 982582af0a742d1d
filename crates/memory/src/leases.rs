//! Leases within the process: what the one copy that there is lends itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use parking_lot::Mutex;
use parlance_domain::caching::{Lease, Leases};
use parlance_domain::port::PortError;

use crate::limits::Elapsed;

/// How often leases that ran out without being given back are looked for.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// Lends keys within the process.
///
/// What is remembered is what is lent, and what ran out in the last minute.
pub struct MemoryLeases {
    lent: Mutex<Lent>,
    elapsed: Elapsed,
}

#[derive(Default)]
struct Lent {
    /// The token of each key, and until when it is lent.
    leases: HashMap<String, (u64, Duration)>,
    tokens: u64,
    swept_at: Duration,
}

impl MemoryLeases {
    /// Leases that nobody holds; `elapsed` tells the time.
    pub fn new(elapsed: Elapsed) -> Self {
        Self {
            lent: Mutex::default(),
            elapsed,
        }
    }
}

impl Default for MemoryLeases {
    /// Leases that go by the machine's monotonic clock.
    fn default() -> Self {
        let start = Instant::now();
        Self::new(Arc::new(move || start.elapsed()))
    }
}

impl Lent {
    fn take(&mut self, key: &str, lifetime: Duration, now: Duration) -> Option<Lease> {
        if now >= self.swept_at.saturating_add(SWEEP_EVERY) {
            self.leases.retain(|_, (_, until)| now < *until);
            self.leases.shrink_to(2 * self.leases.len());
            self.swept_at = now;
        }
        if self.leases.get(key).is_some_and(|(_, until)| now < *until) {
            return None;
        }
        self.tokens += 1;
        let until = now.saturating_add(lifetime);
        self.leases.insert(key.to_owned(), (self.tokens, until));
        Some(Lease {
            key: key.to_owned(),
            token: self.tokens.to_string(),
        })
    }

    fn prolong(&mut self, lease: &Lease, lifetime: Duration, now: Duration) -> bool {
        let Some((token, until)) = self.leases.get_mut(&lease.key) else {
            return false;
        };
        let is_held = now < *until && token.to_string() == lease.token;
        if is_held {
            *until = now.saturating_add(lifetime);
        }
        is_held
    }

    fn give_back(&mut self, lease: &Lease) {
        let held = self.leases.get(&lease.key);
        if held.is_some_and(|(token, _)| token.to_string() == lease.token) {
            self.leases.remove(&lease.key);
        }
    }
}

#[async_trait]
impl Leases for MemoryLeases {
    async fn take(&self, key: &str, lifetime: Duration) -> Result<Option<Lease>, PortError> {
        let mut lent = self.lent.lock();
        let now = (self.elapsed)();
        Ok(lent.take(key, lifetime, now))
    }

    async fn prolong(&self, lease: &Lease, lifetime: Duration) -> Result<bool, PortError> {
        let mut lent = self.lent.lock();
        let now = (self.elapsed)();
        Ok(lent.prolong(lease, lifetime, now))
    }

    async fn give_back(&self, lease: &Lease) -> Result<(), PortError> {
        self.lent.lock().give_back(lease);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use parlance_contract::fakes::TestElapsed;

    use super::*;

    parlance_contract::leases_contract!(Arc::new(MemoryLeases::default()));

    fn leases() -> (MemoryLeases, Arc<TestElapsed>) {
        let time = Arc::new(TestElapsed::default());
        let told = Arc::clone(&time);
        (MemoryLeases::new(Arc::new(move || told.elapsed())), time)
    }

    #[tokio::test]
    async fn a_lease_lasts_to_the_end_of_its_lifetime_and_not_longer() {
        const SECOND: Duration = Duration::from_secs(1);
        const INSTANT: Duration = Duration::from_nanos(1);
        let (leases, time) = leases();
        assert!(leases.take("key", SECOND).await.unwrap().is_some());
        time.advance(SECOND.saturating_sub(INSTANT));
        assert!(leases.take("key", SECOND).await.unwrap().is_none());
        time.advance(INSTANT);
        assert!(leases.take("key", Duration::MAX).await.unwrap().is_some());
        time.advance(Duration::from_hours(1_000_000));
        assert!(leases.take("key", SECOND).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn leases_that_nobody_gives_back_are_forgotten() {
        let (leases, time) = leases();
        for number in 0..10_000 {
            let key = number.to_string();
            leases.take(&key, Duration::from_secs(20)).await.unwrap();
            time.advance(Duration::from_millis(100));
        }
        let remembered = leases.lent.lock().leases.len();
        // Those of twenty seconds, and of the minute in which nobody looked.
        assert!((200..=800).contains(&remembered), "{remembered}");
    }
}
