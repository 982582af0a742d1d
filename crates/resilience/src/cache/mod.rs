//! A cache in the process before one that all copies share.

mod coalesced;
mod entry;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use parlance_domain::cache::Cache;
use parlance_domain::port::PortError;
use parlance_domain::time::Clock;

pub use self::coalesced::CoalescedCache;
use self::entry::{Entry, expiry};
use crate::{Breaker, LeftAlone, Nearby};

const PORT: &str = "Cache";

/// Looks nearby first, then far away; what was found far away is kept nearby for a while.
///
/// - A far cache that fails or is left alone is as if it were empty: `get` and `put` never fail for its sake.
/// - Who waits for an answer looks; who has one made keeps it, and [renews](Nearby::renew) what is nearby. The latter may
///   be given a way of its own to the far cache, with more patience: what they do not find or cannot keep is paid for.
/// - What all copies see is replaced first; where they see something else, what is nearby is forgotten. What is nearby
///   alone is replaced there alone.
/// - Forgetting fails when the far cache does, since there the value may live on.
/// - What another copy forgets or replaces may be served from nearby for `near_for` longer.
///
/// That the far cache fails is in the log once, when the breaker opens.
pub struct TieredCache {
    near: Arc<dyn Cache>,
    /// For those who wait for an answer.
    far: Way,
    /// For those who have one made.
    makers: Way,
    clock: Arc<dyn Clock>,
    near_for: Duration,
}

/// A way to the far cache.
#[derive(Clone)]
struct Way {
    cache: Arc<dyn Cache>,
    breaker: Arc<Breaker>,
}

impl TieredCache {
    /// Keeps values in `near` for at most `near_for`, and in `far` for their whole lifetime.
    ///
    /// While `far` cannot be reached, `near` keeps new values for their whole lifetime.
    pub fn new(
        near: Arc<dyn Cache>,
        far: Arc<dyn Cache>,
        breaker: Arc<Breaker>,
        clock: Arc<dyn Clock>,
        near_for: Duration,
    ) -> Self {
        let far = Way { cache: far, breaker };
        Self {
            near,
            makers: far.clone(),
            far,
            clock,
            near_for,
        }
    }

    /// Lets those who have answers made reach the same far cache by a way of their own.
    pub fn with_makers_way(self, cache: Arc<dyn Cache>, breaker: Arc<Breaker>) -> Self {
        let makers = Way { cache, breaker };
        Self { makers, ..self }
    }

    /// What is far away and has not expired, with how long it has to live.
    async fn look_far(&self, way: &Way, key: &str) -> Option<(Entry, Duration)> {
        let found = way.breaker.call(way.cache.get(key)).await?.ok()??;
        let entry = Entry::read(found)?;
        let left = (entry.expires_at - self.clock.now()).to_std().ok()?;
        (!left.is_zero()).then_some((entry, left))
    }

    /// What is far away, kept nearby from now on.
    async fn fetch(&self, way: &Way, key: &str) -> Option<Bytes> {
        let (entry, left) = self.look_far(way, key).await?;
        let Entry { value, group, .. } = entry;
        let lifetime = left.min(self.near_for);
        // It is found again, only further away.
        let _ = self
            .near
            .put(key, value.clone(), lifetime, group.as_deref())
            .await;
        Some(value)
    }

    async fn put_far(&self, key: &str, value: &Bytes, lifetime: Duration, group: Option<&str>) -> bool {
        let written = Entry::write(value, expiry(self.clock.now(), lifetime), group);
        let put = self.makers.cache.put(key, written, lifetime, group);
        matches!(self.makers.breaker.call(put).await, Some(Ok(())))
    }

    async fn is_nearby(&self, key: &str, value: &Bytes) -> bool {
        self.get_nearby(key).await.is_some_and(|nearby| nearby == *value)
    }

    /// Whether what is far away was `old`, and now is `new`; `None` where there is nothing, or it is out of reach.
    async fn replace_far(&self, key: &str, old: &[u8], new: &[u8]) -> Option<bool> {
        let Way { cache, breaker } = &self.far;
        let found = breaker.call(cache.get(key)).await?.ok()??;
        let entry = Entry::read(found.clone())?;
        if entry.value != old {
            return Some(false);
        }
        let written = Entry::write(new, entry.expires_at, entry.group.as_deref());
        breaker.call(cache.replace(key, &found, written)).await?.ok()
    }
}

/// What was to be forgotten may live on.
fn not_forgotten() -> PortError {
    PortError::unavailable(PORT, LeftAlone)
}

#[async_trait]
impl Cache for TieredCache {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, PortError> {
        if let Ok(Some(value)) = self.near.get(key).await {
            return Ok(Some(value));
        }
        Ok(self.fetch(&self.far, key).await)
    }

    async fn put(
        &self,
        key: &str,
        value: Bytes,
        lifetime: Duration,
        group: Option<&str>,
    ) -> Result<(), PortError> {
        if lifetime.is_zero() {
            return self.forget(key).await;
        }
        let near_for = if self.put_far(key, &value, lifetime, group).await {
            lifetime.min(self.near_for)
        } else {
            lifetime
        };
        self.near.put(key, value, near_for, group).await
    }

    async fn replace(&self, key: &str, old: &[u8], new: Bytes) -> Result<bool, PortError> {
        let far = self.replace_far(key, old, &new).await;
        let near = far != Some(false) && self.near.replace(key, old, new).await?;
        if far.is_some() && !near {
            // It is not what all copies see.
            self.near.forget(key).await?;
        }
        Ok(far.unwrap_or(near))
    }

    async fn forget(&self, key: &str) -> Result<(), PortError> {
        // First where it would be fetched from again.
        let far = self.far.breaker.call(self.far.cache.forget(key)).await;
        self.near.forget(key).await?;
        far.unwrap_or_else(|| Err(not_forgotten()))
    }

    async fn forget_group(&self, group: &str) -> Result<(), PortError> {
        let far = self.far.breaker.call(self.far.cache.forget_group(group)).await;
        self.near.forget_group(group).await?;
        far.unwrap_or_else(|| Err(not_forgotten()))
    }
}

#[async_trait]
impl Nearby for TieredCache {
    async fn renew(&self, key: &str) -> Option<Bytes> {
        self.fetch(&self.makers, key).await
    }

    async fn get_nearby(&self, key: &str) -> Option<Bytes> {
        self.near.get(key).await.ok().flatten()
    }

    async fn put_nearby(&self, key: &str, value: Bytes, lifetime: Duration, group: Option<&str>) {
        // What cannot be kept is made again.
        let _ = self.near.put(key, value, lifetime, group).await;
    }

    async fn share(&self, key: &str, value: Bytes, lifetime: Duration, group: Option<&str>) {
        if !self.is_nearby(key, &value).await || !self.put_far(key, &value, lifetime, group).await {
            return;
        }
        if self.is_nearby(key, &value).await {
            self.put_nearby(key, value, lifetime.min(self.near_for), group)
                .await;
        }
    }

    async fn forget_nearby(&self, group: &str) {
        if let Err(error) = self.near.forget_group(group).await {
            tracing::warn!(%error, "what another copy forgot is served for a while");
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use parlance_contract::fakes::{TestClock, TestElapsed};

    use super::*;
    use crate::BreakerConfig;
    use crate::tests::{MapCache, clock_of, lines_of};

    const NEAR_FOR: Duration = Duration::from_mins(1);
    const LONG: Duration = Duration::from_hours(1);

    struct Installation {
        far: Arc<MapCache>,
        near: Vec<Arc<MapCache>>,
        copies: Vec<Arc<TieredCache>>,
        clock: Arc<TestClock>,
        time: Arc<TestElapsed>,
    }

    fn installation(number: usize) -> Installation {
        let (far, clock) = (Arc::new(MapCache::default()), Arc::new(TestClock::default()));
        let time = Arc::new(TestElapsed::default());
        let near: Vec<_> = (0..number).map(|_| Arc::new(MapCache::default())).collect();
        let copies = near.iter().map(|near| {
            let breaker = Breaker::with_clock(BreakerConfig::new("test"), clock_of(&time));
            Arc::new(TieredCache::new(
                Arc::clone(near) as Arc<dyn Cache>,
                Arc::clone(&far) as Arc<dyn Cache>,
                Arc::new(breaker),
                Arc::clone(&clock) as Arc<dyn Clock>,
                NEAR_FOR,
            ))
        });
        Installation {
            copies: copies.collect(),
            far,
            near,
            clock,
            time,
        }
    }

    parlance_contract::cache_contract!(installation(1).copies.remove(0));

    async fn get(cache: &TieredCache, key: &str) -> Option<Bytes> {
        cache.get(key).await.unwrap()
    }

    #[tokio::test]
    async fn what_was_found_far_away_is_near_the_next_time() {
        let Installation {
            far, near, copies, ..
        } = installation(2);
        copies[0].put("key", "value".into(), LONG, None).await.unwrap();
        for _ in 0..10 {
            assert_eq!(get(&copies[1], "key").await.unwrap(), "value");
        }
        assert_eq!(far.asked(), 2);
        assert_eq!(near[1].lifetime("key"), Some(NEAR_FOR));
    }

    #[tokio::test]
    async fn what_is_near_lives_no_longer_than_the_value() {
        let Installation {
            near, copies, clock, ..
        } = installation(2);
        copies[0].put("key", "value".into(), LONG, None).await.unwrap();
        clock.advance(TimeDelta::minutes(59) + TimeDelta::seconds(30));
        assert_eq!(get(&copies[1], "key").await.unwrap(), "value");
        assert_eq!(near[1].lifetime("key"), Some(Duration::from_secs(30)));
        clock.advance(TimeDelta::minutes(1));
        near[1].clear();
        assert_eq!(get(&copies[1], "key").await, None);
    }

    #[tokio::test]
    async fn a_group_is_forgotten_of_what_came_from_far_away_too() {
        let Installation { copies, .. } = installation(2);
        copies[0]
            .put("key", "value".into(), LONG, Some("group"))
            .await
            .unwrap();
        assert!(get(&copies[1], "key").await.is_some());
        copies[1].forget_group("group").await.unwrap();
        assert_eq!(get(&copies[1], "key").await, None);
    }

    #[tokio::test]
    async fn what_somebody_else_wrote_far_away_is_not_there() {
        let Installation { far, copies, .. } = installation(1);
        far.put("key", "x".into(), LONG, None).await.unwrap();
        assert_eq!(get(&copies[0], "key").await, None);
    }

    #[tokio::test]
    async fn threat_62_a_far_cache_that_fails_is_as_if_it_were_empty() {
        let Installation {
            far,
            near,
            copies,
            time,
            ..
        } = installation(1);
        far.fail(true);
        for number in 0..100 {
            let key = number.to_string();
            assert_eq!(get(&copies[0], &key).await, None);
            copies[0].put(&key, "value".into(), LONG, None).await.unwrap();
            assert_eq!(get(&copies[0], &key).await.unwrap(), "value");
        }
        assert_eq!(far.asked(), 3, "left alone after three failures");
        assert_eq!(near[0].lifetime("0"), Some(LONG));
        assert!(copies[0].forget("0").await.is_err());
        assert_eq!(get(&copies[0], "0").await, None);
        far.fail(false);
        time.advance(Duration::from_secs(5));
        copies[0].forget("0").await.unwrap();
    }

    #[tokio::test]
    async fn what_is_shared_afterwards_is_nearby_for_a_while_only() {
        let Installation {
            far, near, copies, ..
        } = installation(1);
        let share = async || copies[0].share("key", "value".into(), LONG, Some("group")).await;
        copies[0]
            .put_nearby("key", "value".into(), LONG, Some("group"))
            .await;
        far.fail(true);
        share().await;
        assert_eq!(near[0].lifetime("key"), Some(LONG), "nobody else has it");
        far.fail(false);
        share().await;
        assert_eq!(near[0].lifetime("key"), Some(NEAR_FOR));
        assert_eq!(far.lifetime("key"), Some(LONG));
    }

    #[tokio::test]
    async fn what_was_forgotten_is_not_shared_afterwards() {
        let Installation { far, copies, .. } = installation(1);
        let group = Some("group");
        copies[0].put_nearby("key", "value".into(), LONG, group).await;
        copies[0].forget_group("group").await.unwrap();
        copies[0].share("key", "value".into(), LONG, group).await;
        assert_eq!(far.lifetime("key"), None);
    }

    #[tokio::test]
    async fn threat_55_who_has_an_answer_made_goes_on_while_those_who_wait_for_one_are_refused() {
        let Installation { far, near, clock, .. } = installation(1);
        let gone = Arc::new(MapCache::default());
        gone.fail(true);
        let breaker = || Arc::new(Breaker::new(BreakerConfig::new("test")));
        let cache = TieredCache::new(
            Arc::clone(&near[0]) as Arc<dyn Cache>,
            Arc::clone(&gone) as Arc<dyn Cache>,
            breaker(),
            clock,
            NEAR_FOR,
        );
        let cache = cache.with_makers_way(Arc::clone(&far) as Arc<dyn Cache>, breaker());
        for _ in 0..10 {
            assert_eq!(get(&cache, "key").await, None);
        }
        cache.put("key", "value".into(), LONG, None).await.unwrap();
        assert!(far.lifetime("key").is_some());
        near[0].clear();
        assert_eq!(get(&cache, "key").await, None);
        assert_eq!(cache.renew("key").await.unwrap(), "value");
        assert_eq!(get(&cache, "key").await.unwrap(), "value");
        assert!(cache.forget("key").await.is_err());
        assert_eq!(gone.asked(), 3);
    }

    #[test]
    fn a_far_cache_that_fails_fills_no_log() {
        let lines = lines_of(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let Installation { far, copies, .. } = installation(1);
                far.fail(true);
                for _ in 0..1_000 {
                    get(&copies[0], "key").await;
                }
            });
        });
        assert_eq!(lines.len(), 1, "{lines:?}");
    }
}
