//! How a guard retries, leaves alone, bounds and counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use futures_util::future::join_all;

use super::*;

const CONFIG: GuardConfig = GuardConfig::new("test", "testCircuit");

/// Goes by the time that tokio tells, which tests let pass at once.
fn guard(config: GuardConfig) -> Arc<Guard> {
    let start = Instant::now();
    Arc::new(Guard::with_clock(config, Arc::new(move || start.elapsed())))
}

fn error(kind: ProviderErrorKind) -> ProviderError {
    ProviderError::new("test", kind)
}

/// Calls; each attempt does what `act` says to its number, from 1 on. Tells how many there were.
async fn call(
    guard: &Guard,
    act: impl Fn(usize) -> Result<(), ProviderError> + Sync,
) -> (Result<(), ProviderError>, usize) {
    let attempts = AtomicUsize::new(0);
    let attempt = || {
        let number = attempts.fetch_add(1, Ordering::Relaxed) + 1;
        let result = act(number);
        async { result }
    };
    let result = guard.call(attempt).await;
    (result, attempts.load(Ordering::Relaxed))
}

async fn fail(guard: &Guard, kind: ProviderErrorKind) -> (ProviderError, usize) {
    let (result, attempts) = call(guard, |_| Err(error(kind))).await;
    (result.unwrap_err(), attempts)
}

/// Calls that fail without a retry, until the breaker is open.
async fn open(guard: &Guard) {
    for _ in 0..10 {
        fail(guard, ProviderErrorKind::Timeout).await;
    }
    assert_eq!(guard.state(), CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn what_may_help_is_tried_again_twice_at_most() {
    let guard = guard(CONFIG);
    for kind in [
        ProviderErrorKind::Unavailable,
        ProviderErrorKind::Exhausted,
        ProviderErrorKind::Invalid,
    ] {
        let (failure, attempts) = fail(&guard, kind).await;
        assert_eq!((failure.kind, attempts), (kind, 3));
    }
    let guard = self::guard(CONFIG);
    let (result, attempts) = call(&guard, |number| {
        if number < 3 {
            Err(error(ProviderErrorKind::Unavailable))
        } else {
            Ok(())
        }
    })
    .await;
    assert!(result.is_ok() && attempts == 3);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_help_or_may_be_paid_twice_is_not_tried_again() {
    for kind in [
        ProviderErrorKind::Missing,
        ProviderErrorKind::Timeout,
        ProviderErrorKind::Unauthorized,
        ProviderErrorKind::Refused,
    ] {
        let (failure, attempts) = fail(&guard(CONFIG), kind).await;
        assert_eq!((failure.kind, attempts), (kind, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn pauses_are_of_any_length_up_to_one_that_doubles() {
    let mut lengths = Vec::new();
    for _ in 0..200 {
        let began = Instant::now();
        fail(&guard(CONFIG), ProviderErrorKind::Unavailable).await;
        lengths.push(began.elapsed());
    }
    // Two pauses of up to 200 and 400 ms, each rounded up to a millisecond.
    assert!(lengths.iter().all(|length| *length <= Duration::from_millis(602)));
    assert!(lengths.iter().any(|length| *length < Duration::from_millis(200)));
    assert!(lengths.iter().any(|length| *length > Duration::from_millis(400)));
}

#[tokio::test(start_paused = true)]
async fn the_provider_says_when_to_try_again() {
    let after = Some(Duration::from_secs(4));
    let began = Instant::now();
    let (result, attempts) = call(&guard(CONFIG), |number| match number {
        1 => Err(error(ProviderErrorKind::Exhausted).retry_after(after)),
        _ => Ok(()),
    })
    .await;
    assert!(result.is_ok() && attempts == 2);
    assert_eq!(began.elapsed().as_secs(), 4);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_to_wait_for_longer_than_there_is_time_is_told_at_once() {
    let after = Some(CONFIG.overall);
    let began = Instant::now();
    let (result, attempts) = call(&guard(CONFIG), |_| {
        Err(error(ProviderErrorKind::Exhausted).retry_after(after))
    })
    .await;
    assert_eq!(result.unwrap_err().retry_after, after);
    assert_eq!((attempts, began.elapsed()), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_hangs_is_given_up_and_counts_for_the_breaker() {
    let guard = guard(CONFIG);
    let began = Instant::now();
    for _ in 0..10 {
        let failure = guard
            .call(std::future::pending::<Result<(), _>>)
            .await
            .unwrap_err();
        assert_eq!(failure.kind, ProviderErrorKind::Timeout);
    }
    assert_eq!(began.elapsed().as_secs(), 100);
    // They took longer than the window is: three of them count.
    assert_eq!(guard.state(), CircuitState::Closed);
    let together = (0..10).map(|_| guard.call(std::future::pending::<Result<(), _>>));
    assert!(join_all(together).await.iter().all(Result::is_err));
    assert_eq!(guard.state(), CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn all_attempts_together_end_within_their_time() {
    let guard = guard(GuardConfig {
        attempt: Duration::from_secs(10),
        overall: Duration::from_secs(12),
        ..CONFIG
    });
    let began = Instant::now();
    let result: Result<(), _> = guard
        .call(|| async {
            sleep(Duration::from_secs(9)).await;
            Err(error(ProviderErrorKind::Unavailable))
        })
        .await;
    // The second attempt has what is left of the time.
    assert_eq!(result.unwrap_err().kind, ProviderErrorKind::Timeout);
    assert_eq!(began.elapsed().as_secs(), 12);
    assert_eq!(guard.metered().attempts, 2);
}

#[tokio::test(start_paused = true)]
async fn threat_63_it_opens_rests_lets_one_through_and_closes() {
    let guard = guard(CONFIG);
    assert_eq!(guard.state(), CircuitState::Closed);
    open(&guard).await;
    let began = Instant::now();
    let (failure, attempts) = fail(&guard, ProviderErrorKind::Unavailable).await;
    assert_eq!((failure.kind, attempts), (ProviderErrorKind::LeftAlone, 0));
    let left = failure.retry_after.unwrap();
    assert!(
        (Duration::from_secs(24)..=Duration::from_secs(36)).contains(&left),
        "{left:?}"
    );
    assert_eq!(began.elapsed(), Duration::ZERO, "at once");
    sleep(left).await;
    assert_eq!(guard.state(), CircuitState::HalfOpen);
    let running = AtomicU64::new(0);
    let all = (0..100).map(|_| {
        guard.call(async || {
            running.fetch_add(1, Ordering::Relaxed);
            sleep(Duration::from_millis(100)).await;
            Ok(())
        })
    });
    let results = join_all(all).await;
    assert_eq!(running.load(Ordering::Relaxed), 1);
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(guard.state(), CircuitState::Closed);
    assert!(call(&guard, |_| Ok(())).await.0.is_ok());
}

#[tokio::test(start_paused = true)]
async fn threat_63_a_trial_that_fails_is_not_tried_again() {
    let guard = guard(CONFIG);
    open(&guard).await;
    sleep(CONFIG.breaker.rest * 6 / 5).await;
    let (failure, attempts) = fail(&guard, ProviderErrorKind::Unavailable).await;
    assert_eq!((failure.kind, attempts), (ProviderErrorKind::Unavailable, 1));
    assert_eq!(guard.state(), CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn threat_63_what_the_provider_refuses_does_not_count() {
    let guard = guard(CONFIG);
    for kind in [
        ProviderErrorKind::Refused,
        ProviderErrorKind::Unauthorized,
        ProviderErrorKind::Missing,
    ] {
        for _ in 0..100 {
            fail(&guard, kind).await;
        }
    }
    assert_eq!(guard.state(), CircuitState::Closed);
    // Neither for it nor against it: ten failures are all of what counts.
    open(&guard).await;
    sleep(CONFIG.breaker.rest * 6 / 5).await;
    fail(&guard, ProviderErrorKind::Refused).await;
    assert_eq!(guard.state(), CircuitState::HalfOpen, "nothing is known yet");
}

#[tokio::test(start_paused = true)]
async fn threat_64_a_provider_that_fails_for_a_minute_is_not_stormed() {
    let guard = guard(CONFIG);
    let began = Instant::now();
    let (mut requests, mut attempts_before) = (0_u64, None);
    let mut running = tokio::task::JoinSet::new();
    while began.elapsed() < Duration::from_mins(1) {
        let guard = Arc::clone(&guard);
        if guard.state() == CircuitState::Open && attempts_before.is_none() {
            attempts_before = Some(guard.metered().attempts);
        }
        requests += u64::from(attempts_before.is_some());
        running.spawn(async move { fail(&guard, ProviderErrorKind::Unavailable).await });
        sleep(Duration::from_millis(20)).await;
    }
    running.join_all().await;
    let before = attempts_before.unwrap();
    let after = guard.metered().attempts - before;
    assert!(requests > 2_000 && before <= 30, "{requests} {before}");
    assert!(
        after * 10 <= requests * 12,
        "{after} attempts of {requests} requests"
    );
    // In fact: what was under way, and a trial or two.
    assert!(after <= 5, "{after}");
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_run_at_once_than_there_are_places() {
    let guard = guard(GuardConfig { at_once: 4, ..CONFIG });
    let slow = || {
        guard.call(async || {
            sleep(Duration::from_secs(1)).await;
            Ok(())
        })
    };
    let began = Instant::now();
    let all = join_all((0..10).map(|_| slow()));
    let watch = async {
        sleep(Duration::from_millis(500)).await;
        guard.metered().in_flight
    };
    let (results, in_flight) = tokio::join!(all, watch);
    assert_eq!((in_flight, guard.metered().in_flight), (4, 0));
    assert_eq!(
        began.elapsed().as_millis(),
        1_000,
        "nobody waited for a whole call"
    );
    let refused: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 6);
    assert!(
        refused
            .iter()
            .all(|error| error.kind == ProviderErrorKind::Full && error.retry_after.is_some())
    );
    assert_eq!(guard.state(), CircuitState::Closed);
    assert_eq!(guard.metered().failures_of(ProviderErrorKind::Full), 6);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_moment_gets_a_place() {
    let guard = guard(GuardConfig { at_once: 1, ..CONFIG });
    let short = || {
        guard.call(async || {
            sleep(CONFIG.wait / 2).await;
            Ok(())
        })
    };
    let (one, other) = tokio::join!(short(), short());
    assert!(one.is_ok() && other.is_ok());
}

#[tokio::test(start_paused = true)]
async fn calls_are_counted_attempt_by_attempt() {
    let guard = guard(CONFIG);
    for _ in 0..3 {
        call(&guard, |_| Ok(())).await.0.unwrap();
    }
    fail(&guard, ProviderErrorKind::Invalid).await;
    fail(&guard, ProviderErrorKind::Refused).await;
    let metered = guard.metered();
    assert_eq!(
        (
            metered.attempts,
            metered.successes,
            metered.retries,
            metered.in_flight
        ),
        (7, 3, 2, 0)
    );
    let failures: Vec<_> = metered
        .failures
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .collect();
    let (refused, invalid) = (ProviderErrorKind::Refused, ProviderErrorKind::Invalid);
    assert_eq!(failures, [(refused, 1), (invalid, 3)]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_leaves_its_place_and_the_trial() {
    let guard = guard(GuardConfig { at_once: 1, ..CONFIG });
    open(&guard).await;
    sleep(CONFIG.breaker.rest * 6 / 5).await;
    let hanging = guard.call(std::future::pending::<Result<(), _>>);
    assert!(timeout(Duration::from_millis(1), hanging).await.is_err());
    assert_eq!(guard.metered().in_flight, 0);
    assert!(call(&guard, |_| Ok(())).await.0.is_ok());
    assert_eq!(guard.state(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn calls_beside_share_places_and_deadlines_but_no_circuit() {
    let house = guard(GuardConfig { at_once: 1, ..CONFIG });
    let own = house.beside("other", "ownCircuit");
    let failure = fail(&own, ProviderErrorKind::Timeout).await.0;
    assert_eq!(
        failure.provider, "test",
        "what the provider says of itself is handed on"
    );
    for _ in 0..20 {
        fail(&own, ProviderErrorKind::Timeout).await;
    }
    assert_eq!(
        (own.state(), house.state()),
        (CircuitState::Open, CircuitState::Closed)
    );
    assert_eq!(fail(&own, ProviderErrorKind::Timeout).await.0.provider, "other");
    assert_eq!(
        house.metered(),
        Metered {
            failures: house.metered().failures,
            ..Metered::default()
        }
    );

    let another = house.beside("other", "ownCircuit");
    let slow = house.call(|| async {
        sleep(CONFIG.wait * 2).await;
        Ok(())
    });
    let (slow, full) = tokio::join!(slow, call(&another, |_| Ok(())));
    assert!(slow.is_ok());
    assert_eq!(full.0.unwrap_err().kind, ProviderErrorKind::Full);
    let began = Instant::now();
    let late = another.call(std::future::pending::<Result<(), _>>).await;
    assert_eq!(late.unwrap_err().kind, ProviderErrorKind::Timeout);
    assert_eq!(began.elapsed().as_secs(), CONFIG.attempt.as_secs());
}

#[tokio::test(start_paused = true)]
async fn what_a_key_does_wrong_opens_no_circuit_of_many_keys() {
    let own = guard(CONFIG).beside("other", "ownCircuit");
    for kind in [
        ProviderErrorKind::Exhausted,
        ProviderErrorKind::Unauthorized,
        ProviderErrorKind::Refused,
    ] {
        for _ in 0..20 {
            fail(&own, kind).await;
        }
        assert_eq!(own.state(), CircuitState::Closed, "{kind:?}");
    }
}
