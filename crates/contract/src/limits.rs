//! What every [`RateLimiter`] must do.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parlance_domain::limits::{Limit, LimitDecision, RateLimiter};

/// Lets time pass for a limiter under test.
#[async_trait]
pub trait PassTime: Send + Sync {
    /// Returns when this much time has passed for the limiter.
    async fn pass(&self, by: Duration);
}

/// A limiter, and the time it goes by.
pub type Limiter<L, T> = (Arc<L>, Arc<T>);

const LIMIT: Limit = Limit {
    name: "contract",
    quota: 3,
    window: Duration::from_mins(1),
};

/// Makes a test of each rule of a rate limiter; the expression makes `(Arc<limiter>, Arc<impl PassTime>)`.
#[macro_export]
macro_rules! rate_limiter_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            limits,
            $make,
            [
                no_more_than_the_quota_are_allowed,
                every_decision_says_how_many_are_left_and_when_there_is_more_room,
                the_window_slides,
                one_that_is_refused_is_not_counted,
                keys_do_not_influence_each_other,
                limits_of_different_names_do_not_influence_each_other,
                parallel_calls_are_allowed_no_more_than_the_quota,
            ]
        );
    };
}

async fn take(limiter: &dyn RateLimiter, key: &str) -> LimitDecision {
    limiter.take(key, &LIMIT).await.unwrap()
}

async fn allowed_of(limiter: &dyn RateLimiter, key: &str, attempts: u32) -> u32 {
    let mut allowed = 0;
    for _ in 0..attempts {
        allowed += u32::from(take(limiter, key).await.allowed);
    }
    allowed
}

/// At most `quota` are allowed in a window.
pub async fn no_more_than_the_quota_are_allowed<L: RateLimiter, T: PassTime>(subject: &Limiter<L, T>) {
    assert_eq!(allowed_of(&*subject.0, "key", 10).await, 3);
}

/// The rest counts down, and the time named is when the oldest leaves the window.
pub async fn every_decision_says_how_many_are_left_and_when_there_is_more_room<L, T>(subject: &Limiter<L, T>)
where
    L: RateLimiter,
    T: PassTime,
{
    let (limiter, time) = subject;
    let mut left = Vec::new();
    for _ in 0..4 {
        let decision = take(&**limiter, "key").await;
        assert!(decision.reset_after <= LIMIT.window);
        left.push(decision.remaining);
    }
    assert_eq!(left, [2, 1, 0, 0]);
    let refused = take(&**limiter, "key").await;
    time.pass(refused.reset_after).await;
    assert!(take(&**limiter, "key").await.allowed);
}

/// No window of the limit's length holds more than the quota, wherever it begins.
pub async fn the_window_slides<L: RateLimiter, T: PassTime>(subject: &Limiter<L, T>) {
    let (limiter, time) = subject;
    assert_eq!(allowed_of(&**limiter, "key", 1).await, 1);
    time.pass(LIMIT.window / 2).await;
    assert_eq!(allowed_of(&**limiter, "key", 5).await, 2);
    // The first has left the window, the other two have not.
    time.pass(LIMIT.window / 2).await;
    assert_eq!(allowed_of(&**limiter, "key", 5).await, 1);
    time.pass(LIMIT.window / 2).await;
    assert_eq!(allowed_of(&**limiter, "key", 5).await, 2);
}

/// Whoever keeps asking while refused waits no longer for it.
pub async fn one_that_is_refused_is_not_counted<L: RateLimiter, T: PassTime>(subject: &Limiter<L, T>) {
    let (limiter, time) = subject;
    assert_eq!(allowed_of(&**limiter, "key", 3).await, 3);
    time.pass(LIMIT.window / 2).await;
    assert_eq!(allowed_of(&**limiter, "key", 20).await, 0);
    time.pass(LIMIT.window / 2).await;
    assert_eq!(allowed_of(&**limiter, "key", 20).await, 3);
}

/// What one key has used up, others still have.
pub async fn keys_do_not_influence_each_other<L: RateLimiter, T: PassTime>(subject: &Limiter<L, T>) {
    assert_eq!(allowed_of(&*subject.0, "one", 5).await, 3);
    for other in ["two", "on", "one ", "One", ""] {
        assert_eq!(allowed_of(&*subject.0, other, 5).await, 3, "{other:?}");
    }
}

/// What a key has used up under one limit, it still has under another.
pub async fn limits_of_different_names_do_not_influence_each_other<L, T>(subject: &Limiter<L, T>)
where
    L: RateLimiter,
    T: PassTime,
{
    assert_eq!(allowed_of(&*subject.0, "key", 5).await, 3);
    let other = Limit {
        name: "contract-2",
        quota: 1,
        ..LIMIT
    };
    assert!(subject.0.take("key", &other).await.unwrap().allowed);
    assert!(!subject.0.take("key", &other).await.unwrap().allowed);
}

/// As many parallel calls as there may be, no more than the quota are allowed.
pub async fn parallel_calls_are_allowed_no_more_than_the_quota<L, T>(subject: &Limiter<L, T>)
where
    L: RateLimiter + 'static,
    T: PassTime,
{
    let calls: Vec<_> = (0..64)
        .map(|_| {
            let limiter = Arc::clone(&subject.0);
            tokio::spawn(async move { allowed_of(&*limiter, "key", 8).await })
        })
        .collect();
    let mut allowed = 0;
    for call in calls {
        allowed += call.await.unwrap();
    }
    assert_eq!(allowed, LIMIT.quota);
}
