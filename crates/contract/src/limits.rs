//! What every [`RateLimiter`] must do.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parlance_domain::limits::{Limit, LimitDecision, RateLimiter, Taken};

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
                of_several_as_many_are_granted_as_there_is_room_for,
                what_is_not_granted_is_not_counted,
                who_wants_nothing_is_granted_and_counted_nothing,
                a_limit_that_is_off_grants_all,
                parallel_calls_for_several_are_granted_no_more_than_the_quota,
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

async fn up_to(limiter: &dyn RateLimiter, wanted: u32) -> Taken {
    let taken = limiter.take_up_to("key", &LIMIT, wanted).await.unwrap();
    assert!(taken.reset_after <= LIMIT.window);
    taken
}

/// All that are wanted, then the rest, then none.
pub async fn of_several_as_many_are_granted_as_there_is_room_for<L: RateLimiter, T: PassTime>(
    subject: &Limiter<L, T>,
) {
    let mut given = Vec::new();
    for wanted in [2, 5, 1, 100] {
        let taken = up_to(&*subject.0, wanted).await;
        given.push((taken.granted, taken.remaining));
    }
    assert_eq!(given, [(2, 1), (1, 0), (0, 0), (0, 0)]);
    assert!(!take(&*subject.0, "key").await.allowed);
    // As many as can be asked for are no more than there is room for.
    let other = Limit {
        name: "contract-2",
        ..LIMIT
    };
    let taken = subject.0.take_up_to("key", &other, u32::MAX).await.unwrap();
    assert_eq!((taken.granted, taken.remaining), (3, 0));
}

/// Each that was granted leaves the window a window's length later, and with it nothing that was not.
pub async fn what_is_not_granted_is_not_counted<L: RateLimiter, T: PassTime>(subject: &Limiter<L, T>) {
    let (limiter, time) = subject;
    assert_eq!(up_to(&**limiter, 1).await.granted, 1);
    time.pass(LIMIT.window / 2).await;
    assert_eq!(up_to(&**limiter, 10).await.granted, 2);
    let refused = up_to(&**limiter, 10).await;
    assert_eq!(refused.granted, 0);
    time.pass(refused.reset_after).await;
    assert_eq!(up_to(&**limiter, 10).await.granted, 1);
    time.pass(LIMIT.window / 2).await;
    assert_eq!(up_to(&**limiter, 10).await.granted, 2);
}

/// A look at how much room there is.
pub async fn who_wants_nothing_is_granted_and_counted_nothing<L: RateLimiter, T: PassTime>(
    subject: &Limiter<L, T>,
) {
    for left in [3, 2, 1, 0] {
        for _ in 0..5 {
            let taken = up_to(&*subject.0, 0).await;
            assert_eq!((taken.granted, taken.remaining), (0, left));
        }
        assert_eq!(take(&*subject.0, "key").await.allowed, left > 0);
    }
}

/// A quota of zero is none, whoever asks for how many.
pub async fn a_limit_that_is_off_grants_all<L: RateLimiter, T: PassTime>(subject: &Limiter<L, T>) {
    let off = Limit { quota: 0, ..LIMIT };
    for wanted in [0, 1, 1_000, u32::MAX] {
        let taken = subject.0.take_up_to("key", &off, wanted).await.unwrap();
        assert_eq!(taken, Taken::unlimited(wanted));
    }
    assert!(subject.0.take("key", &off).await.unwrap().allowed);
}

/// As many parallel calls as there may be, and as many as each may want.
pub async fn parallel_calls_for_several_are_granted_no_more_than_the_quota<L, T>(subject: &Limiter<L, T>)
where
    L: RateLimiter + 'static,
    T: PassTime,
{
    let limit = Limit { quota: 100, ..LIMIT };
    let calls: Vec<_> = (0..64)
        .map(|wanted| {
            let limiter = Arc::clone(&subject.0);
            tokio::spawn(async move { limiter.take_up_to("key", &limit, wanted).await.unwrap() })
        })
        .collect();
    let mut granted = 0;
    for call in calls {
        granted += call.await.unwrap().granted;
    }
    assert_eq!(granted, limit.quota);
}
