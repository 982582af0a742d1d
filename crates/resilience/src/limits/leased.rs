//! Quota taken from a shared limiter a little at a time, and spent without asking.
//!
//! A lease is counted by the shared limiter when it is taken, and good until that count leaves the window there. So
//! nothing that was counted is lost: a client whom one copy serves is refused only when its whole quota lies within the
//! window. In return a window may hold, for each copy, what was left of one lease when the window began: with `n`
//! copies at most `quota + n × (lease − 1)` are let through, and while other copies hold leases, a client may be
//! refused up to `n × (lease − 1)` early.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use moka::future::Cache;
use moka::policy::EvictionPolicy;
use parlance_domain::limits::{Limit, RateLimiter, Taken};
use parlance_domain::port::PortError;
use tokio::sync::Mutex;

use crate::{Elapsed, monotonic};

/// How many keys have a lease at a time unless told otherwise.
const DEFAULT_MAX_KEYS: usize = 50_000;
/// A key that nobody asks for is forgotten after this; what it still held is lost to its client.
const FORGET_AFTER: Duration = Duration::from_mins(10);
/// A lease is at most this, and a twentieth of the quota.
const LARGEST: u32 = 10;
const SHARE: u32 = 20;
/// What the shared limiter said is repeated for so long; then it is asked again, even if quota is left.
const FIGURES_LAST: Duration = Duration::from_secs(10);

/// Stands before a limiter that is far away and answers most of the questions itself.
///
/// Limits whose name it was not told go straight through, exact as they are, and so does one whose quota is too small
/// for leases. A refusal is remembered until there is more room, so that a flood costs the shared limiter nothing. The
/// figures in an answer are those of the shared limiter, at most ten seconds old, with what is held here counted as
/// free. Of all keys, those asked for last have a place.
pub struct LeasedLimiter {
    shared: Arc<dyn RateLimiter>,
    leased: BTreeSet<&'static str>,
    // The lock is held while the shared limiter is asked: a key has one lease, however many ask at once.
    held: Cache<String, Arc<Mutex<Held>>>,
    elapsed: Elapsed,
}

/// What is held of one key.
#[derive(Debug, Default)]
struct Held {
    /// When it becomes void, and how much; the first to become void comes first.
    quota: VecDeque<(Duration, u32)>,
    told: Option<Told>,
}

/// What the shared limiter said last.
#[derive(Debug, Clone, Copy)]
struct Told {
    at: Duration,
    remaining: u32,
    more_room_at: Duration,
}

impl LeasedLimiter {
    /// Takes leases from `shared` for the limits of these names.
    pub fn new(shared: Arc<dyn RateLimiter>, leased: impl IntoIterator<Item = &'static str>) -> Self {
        Self::with_clock(shared, leased, DEFAULT_MAX_KEYS, monotonic())
    }

    /// The same for at most `max_keys` keys at a time, told the time by `elapsed`.
    pub fn with_clock(
        shared: Arc<dyn RateLimiter>,
        leased: impl IntoIterator<Item = &'static str>,
        max_keys: usize,
        elapsed: Elapsed,
    ) -> Self {
        Self {
            shared,
            leased: leased.into_iter().collect(),
            held: Cache::builder()
                .max_capacity(max_keys.try_into().unwrap_or(u64::MAX))
                .eviction_policy(EvictionPolicy::lru())
                .time_to_idle(FORGET_AFTER)
                .build(),
            elapsed,
        }
    }

    /// How much is taken at once under a limit: 1 where it is exact.
    pub fn lease(&self, limit: &Limit) -> u32 {
        if self.leased.contains(limit.name) {
            (limit.quota / SHARE).clamp(1, LARGEST)
        } else {
            1
        }
    }

    async fn held(&self, key: &str, limit: &Limit) -> Arc<Mutex<Held>> {
        // No limit's name holds a NUL, so no two pairs make the same text.
        let key = format!("{}\0{key}", limit.name);
        self.held.get_with(key, async { Arc::default() }).await
    }

    /// Asks the shared limiter for what is wanted and a lease besides.
    async fn ask(&self, key: &str, limit: &Limit, wanted: u32, held: &mut Held) -> Result<(), PortError> {
        // It counts no earlier than this, and what it says is true no later than it is heard.
        let asked_at = (self.elapsed)();
        let spare = if wanted == 0 { 0 } else { self.lease(limit) - 1 };
        let missing = wanted.saturating_add(spare).saturating_sub(held.sum());
        let taken = self.shared.take_up_to(key, limit, missing).await?;
        let told_at = (self.elapsed)();
        if taken.granted > 0 {
            held.quota.push_back((asked_at + limit.window, taken.granted));
        }
        held.told = Some(Told {
            at: told_at,
            remaining: taken.remaining,
            more_room_at: told_at + taken.reset_after,
        });
        Ok(())
    }
}

impl Held {
    fn sum(&self) -> u32 {
        self.quota.iter().map(|(_, quota)| quota).sum()
    }

    fn drop_void(&mut self, now: Duration) {
        while self.quota.front().is_some_and(|(void_at, _)| *void_at <= now) {
            self.quota.pop_front();
        }
    }

    /// Whether this many can be answered for without asking.
    fn suffices(&self, wanted: u32, now: Duration) -> bool {
        self.told.is_some_and(|told| {
            let is_full = told.remaining == 0 && now < told.more_room_at;
            let is_fresh = now < told.at + FIGURES_LAST;
            is_full || is_fresh && wanted <= self.sum()
        })
    }

    /// Gives up to this many of what is held.
    fn spend(&mut self, wanted: u32, limit: &Limit, now: Duration) -> Taken {
        let mut left = wanted;
        while let Some((_, quota)) = self.quota.front_mut() {
            let spent = left.min(*quota);
            left -= spent;
            *quota -= spent;
            if *quota > 0 {
                break;
            }
            self.quota.pop_front();
        }
        let (elsewhere, more_room_at) = self
            .told
            .map_or((0, now), |told| (told.remaining, told.more_room_at));
        Taken {
            granted: wanted - left,
            remaining: elsewhere.saturating_add(self.sum()),
            reset_after: more_room_at.saturating_sub(now).min(limit.window),
        }
    }
}

#[async_trait]
impl RateLimiter for LeasedLimiter {
    async fn take_up_to(&self, key: &str, limit: &Limit, wanted: u32) -> Result<Taken, PortError> {
        if self.lease(limit) == 1 {
            return self.shared.take_up_to(key, limit, wanted).await;
        }
        let held = self.held(key, limit).await;
        let mut held = held.lock().await;
        let now = (self.elapsed)();
        held.drop_void(now);
        if !held.suffices(wanted, now)
            && let Err(error) = self.ask(key, limit, wanted, &mut held).await
            && held.sum() < wanted.max(1)
        {
            return Err(error);
        }
        Ok(held.spend(wanted, limit, (self.elapsed)()))
    }
}

#[cfg(test)]
mod tests {
    use parlance_contract::fakes::TestElapsed;
    use proptest::prelude::*;

    use super::*;
    use crate::tests::{WindowLimiter, clock_of};

    const LIMIT: Limit = Limit::per_minute("default", 100);

    struct Installation {
        time: Arc<TestElapsed>,
        shared: Arc<WindowLimiter>,
        copies: Vec<Arc<LeasedLimiter>>,
    }

    fn installation(number: usize) -> Installation {
        let time = Arc::new(TestElapsed::default());
        let shared = Arc::new(WindowLimiter::new(clock_of(&time)));
        let copies = (0..number).map(|_| {
            let shared = Arc::clone(&shared) as Arc<dyn RateLimiter>;
            Arc::new(LeasedLimiter::with_clock(
                shared,
                ["default", "contract"],
                1_000,
                clock_of(&time),
            ))
        });
        let copies = copies.collect();
        Installation { time, shared, copies }
    }

    parlance_contract::rate_limiter_contract!({
        let Installation { time, mut copies, .. } = installation(1);
        (copies.remove(0), time)
    });

    async fn allowed(limiter: &LeasedLimiter, attempts: u32) -> u32 {
        let mut allowed = 0;
        for _ in 0..attempts {
            allowed += u32::from(limiter.take("key", &LIMIT).await.unwrap().allowed);
        }
        allowed
    }

    #[test]
    fn a_lease_is_a_twentieth_of_the_quota_and_at_most_ten() {
        let limiter = installation(1).copies.remove(0);
        let leases = [0, 1, 19, 39, 40, 100, 199, 200, 1_000_000].map(|quota| {
            let limit = Limit { quota, ..LIMIT };
            limiter.lease(&limit)
        });
        assert_eq!(leases, [1, 1, 1, 1, 2, 5, 9, 10, 10]);
        assert_eq!(limiter.lease(&Limit::per_minute("login", 100)), 1);
    }

    #[tokio::test]
    async fn most_requests_do_not_ask_the_shared_limiter() {
        let Installation { shared, copies, .. } = installation(1);
        assert_eq!(allowed(&copies[0], 100).await, 100);
        assert_eq!(shared.asked(), 20);
    }

    #[tokio::test]
    async fn a_flood_that_is_refused_does_not_reach_the_shared_limiter() {
        let Installation {
            shared, copies, time, ..
        } = installation(1);
        assert_eq!(allowed(&copies[0], 10_000).await, 100);
        assert_eq!(shared.asked(), 20);
        time.advance(LIMIT.window);
        assert_eq!(allowed(&copies[0], 1_000).await, 100);
    }

    #[tokio::test]
    async fn other_limits_are_exact() {
        let Installation { shared, copies, .. } = installation(2);
        let login = Limit::per_minute("login", 100);
        let mut allowed = 0;
        for attempt in 0..300 {
            let decision = copies[attempt % 2].take("key", &login).await.unwrap();
            allowed += u32::from(decision.allowed);
        }
        assert_eq!((allowed, shared.asked()), (100, 300));
    }

    #[tokio::test]
    async fn every_answer_tells_truly_what_is_left() {
        let Installation { copies, .. } = installation(1);
        for left in (0..100).rev() {
            let decision = copies[0].take("key", &LIMIT).await.unwrap();
            assert_eq!((decision.allowed, decision.remaining), (true, left));
            assert_eq!(decision.reset_after, LIMIT.window);
        }
        let refused = copies[0].take("key", &LIMIT).await.unwrap();
        assert_eq!((refused.allowed, refused.remaining), (false, 0));
    }

    #[tokio::test]
    async fn what_is_left_elsewhere_is_heard_of_within_ten_seconds() {
        let Installation { copies, time, .. } = installation(2);
        assert_eq!(allowed(&copies[0], 1).await, 1);
        assert_eq!(allowed(&copies[1], 90).await, 90);
        time.advance(FIGURES_LAST);
        // 1 here, 90 there, 1 now.
        let decision = copies[0].take("key", &LIMIT).await.unwrap();
        assert!(decision.remaining.abs_diff(8) <= 5, "{}", decision.remaining);
    }

    #[tokio::test]
    async fn who_asks_at_once_shares_one_lease() {
        let Installation { shared, copies, .. } = installation(1);
        let calls = (0..5).map(|_| copies[0].take("key", &LIMIT));
        for decision in futures_util::future::join_all(calls).await {
            assert!(decision.unwrap().allowed);
        }
        assert_eq!(shared.asked(), 1);
    }

    #[tokio::test]
    async fn what_is_held_is_good_while_the_shared_limiter_fails() {
        let Installation { shared, copies, time } = installation(1);
        assert_eq!(allowed(&copies[0], 1).await, 1);
        shared.fail(true);
        time.advance(FIGURES_LAST);
        assert_eq!(allowed(&copies[0], 4).await, 4);
        assert!(copies[0].take("key", &LIMIT).await.is_err());
    }

    #[tokio::test]
    async fn a_flood_of_keys_takes_no_more_than_the_room_there_is() {
        let Installation { copies, .. } = installation(1);
        for number in 0..20_000 {
            let decision = copies[0].take(&number.to_string(), &LIMIT).await.unwrap();
            assert!(decision.allowed);
        }
        copies[0].held.run_pending_tasks().await;
        assert!(copies[0].held.entry_count() <= 1_000);
    }

    /// In each step some time passes and one copy is asked so often.
    fn steps(copies: usize) -> impl Strategy<Value = Vec<(u64, usize, u32)>> {
        prop::collection::vec((0_u64..20_000, 0..copies, 1_u32..40), 1..60)
    }

    async fn allowed_at(
        Installation { time, copies, .. }: &Installation,
        steps: Vec<(u64, usize, u32)>,
    ) -> Vec<(Duration, bool)> {
        let mut decisions = Vec::new();
        for (millis, copy, times) in steps {
            time.advance(Duration::from_millis(millis));
            for _ in 0..times {
                let decision = copies[copy].take("key", &LIMIT).await.unwrap();
                assert!(decision.reset_after <= LIMIT.window);
                decisions.push((time.elapsed(), decision.allowed));
            }
        }
        decisions
    }

    /// How many were let through in the window that ends before this one.
    fn passed_before(decisions: &[(Duration, bool)], number: usize) -> usize {
        let now = decisions[number].0;
        let earlier = decisions[..number].iter();
        earlier
            .filter(|(then, allowed)| *allowed && *then + LIMIT.window > now)
            .count()
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(future)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_window_holds_more_than_the_quota_and_one_lease_for_each_copy(steps in steps(3)) {
            let subject = installation(3);
            let decisions = run(allowed_at(&subject, steps));
            let quota = usize::try_from(LIMIT.quota).unwrap();
            for (number, (_, allowed)) in decisions.iter().enumerate() {
                prop_assert!(!allowed || passed_before(&decisions, number) < quota + 3 * 4);
            }
        }

        #[test]
        fn whom_one_copy_serves_is_never_refused_while_there_is_quota(steps in steps(1)) {
            let subject = installation(1);
            let decisions = run(allowed_at(&subject, steps));
            let quota = usize::try_from(LIMIT.quota).unwrap();
            for (number, (_, allowed)) in decisions.iter().enumerate() {
                prop_assert!(*allowed || passed_before(&decisions, number) >= quota);
            }
        }

        #[test]
        fn a_refusal_leaves_no_more_quota_unused_than_the_other_copies_hold(steps in steps(3)) {
            let subject = installation(3);
            let decisions = run(allowed_at(&subject, steps));
            let quota = usize::try_from(LIMIT.quota).unwrap();
            for (number, (_, allowed)) in decisions.iter().enumerate() {
                prop_assert!(*allowed || passed_before(&decisions, number) + 2 * 4 >= quota);
            }
        }
    }
}
