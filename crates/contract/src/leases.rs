//! What every [`Leases`] must do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parlance_domain::caching::{Lease, Leases};

/// Longer than any test takes.
const LONG: Duration = Duration::from_hours(1);
/// Short enough to be waited for.
const SHORT: Duration = Duration::from_millis(200);

/// Makes a test of each rule of leases; the expression makes `Arc<impl Leases>` that nobody holds.
#[macro_export]
macro_rules! leases_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            leases,
            $make,
            [
                a_lease_is_lent_to_one_holder_at_a_time,
                of_parallel_calls_one_gets_the_lease,
                after_its_lifetime_a_lease_is_anybodys,
                of_parallel_calls_for_a_lease_that_ran_out_one_gets_it,
                a_lease_that_was_given_back_is_anybodys_at_once,
                who_is_refused_prolongs_nothing,
                a_lease_that_is_prolonged_lasts_from_then,
                a_lease_that_ran_out_is_not_prolonged,
                a_lease_that_ran_out_gives_back_nothing_of_its_successor,
                a_lease_is_given_back_once,
                leases_of_one_key_differ,
                any_text_is_a_key_of_its_own,
            ]
        );
    };
}

async fn take(leases: &dyn Leases, key: &str, lifetime: Duration) -> Option<Lease> {
    leases.take(key, lifetime).await.unwrap()
}

async fn is_lent(leases: &dyn Leases, key: &str) -> bool {
    match take(leases, key, LONG).await {
        Some(lease) => {
            leases.give_back(&lease).await.unwrap();
            false
        }
        None => true,
    }
}

/// Takes a lease as soon as whoever has it has had it for its lifetime.
async fn take_after(leases: &dyn Leases, key: &str) -> Lease {
    let begun = Instant::now();
    loop {
        if let Some(lease) = take(leases, key, LONG).await {
            return lease;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "{key} is lent for ever"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// How many of many calls at once get the lease.
async fn holders<L: Leases + ?Sized + 'static>(leases: &Arc<L>, key: &'static str) -> usize {
    let calls: Vec<_> = (0..32)
        .map(|_| {
            let leases = Arc::clone(leases);
            tokio::spawn(async move { leases.take(key, LONG).await.unwrap().is_some() })
        })
        .collect();
    let mut holders = 0;
    for call in calls {
        holders += usize::from(call.await.unwrap());
    }
    holders
}

/// The others are told so.
pub async fn a_lease_is_lent_to_one_holder_at_a_time<L: Leases>(leases: &Arc<L>) {
    let lease = take(&**leases, "key", LONG).await.unwrap();
    assert_eq!(lease.key, "key");
    for _ in 0..3 {
        assert_eq!(take(&**leases, "key", LONG).await, None);
    }
    assert!(!is_lent(&**leases, "other").await);
}

/// Whoever it is.
pub async fn of_parallel_calls_one_gets_the_lease<L: Leases + 'static>(leases: &Arc<L>) {
    for key in ["one", "two", "three", "four"] {
        assert_eq!(holders(leases, key).await, 1);
    }
}

/// And not before; nobody needs to give it back.
pub async fn after_its_lifetime_a_lease_is_anybodys<L: Leases>(leases: &Arc<L>) {
    let begun = Instant::now();
    let first = take(&**leases, "key", SHORT).await.unwrap();
    let second = take_after(&**leases, "key").await;
    // The clocks of whoever lends and of the test need not be one.
    assert!(begun.elapsed() >= SHORT / 2, "lent too early");
    assert_ne!(first.token, second.token);
    assert!(is_lent(&**leases, "key").await);
}

/// As when it was never lent.
pub async fn of_parallel_calls_for_a_lease_that_ran_out_one_gets_it<L: Leases + 'static>(leases: &Arc<L>) {
    for key in ["key", "measure"] {
        take(&**leases, key, SHORT).await.unwrap();
    }
    take_after(&**leases, "measure").await;
    let begun = Instant::now();
    let mut lent = 0;
    // It was taken before the other, and yet may run out a moment later.
    while lent == 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "lent for ever");
        lent = holders(leases, "key").await;
    }
    assert_eq!(lent, 1);
}

/// However long it was for.
pub async fn a_lease_that_was_given_back_is_anybodys_at_once<L: Leases>(leases: &Arc<L>) {
    for _ in 0..3 {
        let lease = take(&**leases, "key", LONG).await.unwrap();
        leases.give_back(&lease).await.unwrap();
    }
}

/// Nor shortens it.
pub async fn who_is_refused_prolongs_nothing<L: Leases>(leases: &Arc<L>) {
    take(&**leases, "short", SHORT).await.unwrap();
    take(&**leases, "long", LONG).await.unwrap();
    assert_eq!(take(&**leases, "short", LONG).await, None);
    assert_eq!(take(&**leases, "long", SHORT).await, None);
    take(&**leases, "measure", SHORT).await.unwrap();
    take_after(&**leases, "short").await;
    take_after(&**leases, "measure").await;
    assert!(is_lent(&**leases, "long").await);
}

/// However long it was for, and only by its holder.
pub async fn a_lease_that_is_prolonged_lasts_from_then<L: Leases>(leases: &Arc<L>) {
    let (longer, shorter) = (
        take(&**leases, "longer", SHORT).await.unwrap(),
        take(&**leases, "shorter", LONG).await.unwrap(),
    );
    assert!(leases.prolong(&longer, LONG).await.unwrap());
    assert!(leases.prolong(&shorter, SHORT).await.unwrap());
    take(&**leases, "measure", SHORT).await.unwrap();
    take_after(&**leases, "measure").await;
    take_after(&**leases, "shorter").await;
    assert!(is_lent(&**leases, "longer").await);
    leases.give_back(&longer).await.unwrap();
    assert!(!is_lent(&**leases, "longer").await);
}

/// Nor one that was given back, nor that of the next.
pub async fn a_lease_that_ran_out_is_not_prolonged<L: Leases>(leases: &Arc<L>) {
    let first = take(&**leases, "key", LONG).await.unwrap();
    leases.give_back(&first).await.unwrap();
    assert!(!leases.prolong(&first, LONG).await.unwrap());
    let second = take(&**leases, "key", SHORT).await.unwrap();
    assert!(!leases.prolong(&first, LONG).await.unwrap());
    let third = take_after(&**leases, "key").await;
    assert!(!leases.prolong(&second, LONG).await.unwrap());
    leases.give_back(&third).await.unwrap();
    assert!(!is_lent(&**leases, "key").await);
}

/// Whoever took too long does not take it from the next.
pub async fn a_lease_that_ran_out_gives_back_nothing_of_its_successor<L: Leases>(leases: &Arc<L>) {
    let first = take(&**leases, "key", SHORT).await.unwrap();
    let second = take_after(&**leases, "key").await;
    leases.give_back(&first).await.unwrap();
    assert!(is_lent(&**leases, "key").await);
    leases.give_back(&second).await.unwrap();
    assert!(!is_lent(&**leases, "key").await);
}

/// A second time is no error, and nobody else's lease.
pub async fn a_lease_is_given_back_once<L: Leases>(leases: &Arc<L>) {
    let first = take(&**leases, "key", LONG).await.unwrap();
    leases.give_back(&first).await.unwrap();
    leases.give_back(&first).await.unwrap();
    take(&**leases, "key", LONG).await.unwrap();
    leases.give_back(&first).await.unwrap();
    assert!(is_lent(&**leases, "key").await);
    // Nor does the token of another key fit.
    let other = take(&**leases, "other", LONG).await.unwrap();
    let forged = Lease {
        key: "key".to_owned(),
        ..other
    };
    leases.give_back(&forged).await.unwrap();
    assert!(is_lent(&**leases, "key").await);
}

/// By their tokens, which none had before.
pub async fn leases_of_one_key_differ<L: Leases>(leases: &Arc<L>) {
    let mut tokens = std::collections::HashSet::new();
    for _ in 0..50 {
        let lease = take(&**leases, "key", LONG).await.unwrap();
        leases.give_back(&lease).await.unwrap();
        assert!(tokens.insert(lease.token));
    }
}

/// No character has a special meaning, and case and spaces matter.
pub async fn any_text_is_a_key_of_its_own<L: Leases>(leases: &Arc<L>) {
    let long = "k".repeat(1_000);
    let keys = [
        "", " ", "a", "A", "a ", "a:b", "a:", "{a}", "{}", "*", "?", "[a]", "a\0b", "字", &long,
    ];
    let mut held = Vec::new();
    for key in keys {
        held.push(take(&**leases, key, LONG).await.unwrap());
    }
    leases.give_back(&held.remove(9)).await.unwrap();
    for key in keys {
        assert_eq!(is_lent(&**leases, key).await, key != "*", "{key:?}");
    }
}
