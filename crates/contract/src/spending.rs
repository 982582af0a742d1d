//! What every [`SpendingStore`](parlance_domain::spending::SpendingStore) must do.

use chrono::{Days, NaiveDate};
use futures_util::future::join_all;
use parlance_domain::ids::UserId;
use parlance_domain::port::PortErrorKind;
use parlance_domain::spending::{Caps, Meter, ReserveError, Spending};

use crate::stores::{Stores, at, user};

/// Makes a test of each rule of a store of what was spent; the expression makes [`Stores`].
#[macro_export]
macro_rules! spending_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            spending,
            $make,
            [
                what_is_reserved_counts_for_its_user_and_for_all,
                what_is_for_nobody_counts_for_all_alone,
                what_exceeds_the_cap_of_a_user_counts_nowhere,
                what_exceeds_the_cap_of_all_counts_nowhere,
                a_cap_of_zero_is_none,
                an_amount_beyond_all_measure_exceeds_a_cap,
                threat_48_parallel_calls_exceed_no_cap_of_a_user,
                threat_48_parallel_calls_exceed_no_cap_of_all,
                threat_48_parallel_calls_under_both_caps_count_alike_for_users_and_for_all,
                users_days_and_meters_do_not_influence_each_other,
                who_is_gone_spends_nothing,
                what_was_given_back_can_be_reserved_again,
                no_sum_falls_below_zero,
                parallel_calls_give_back_what_they_reserved,
                past_days_are_forgotten_in_batches,
                a_day_is_not_forgotten_before_its_end,
            ]
        );
    };
}

const FREE: Caps = Caps { user: 0, all: 0 };

/// The day of this number.
fn day(number: u64) -> NaiveDate {
    at(0).date_naive() + Days::new(number)
}

fn spending(user: impl Into<Option<UserId>>, amount: u64) -> Spending {
    Spending {
        user: user.into(),
        day: day(0),
        meter: Meter::Characters,
        amount,
    }
}

/// Whether it was counted.
async fn reserve(stores: &Stores, spending: &Spending, caps: &Caps) -> bool {
    match stores.spending.reserve(spending, caps).await {
        Ok(()) => true,
        Err(ReserveError::UserSpent | ReserveError::AllSpent) => false,
        Err(ReserveError::Port(error)) => panic!("{error}: {:?}", error.source),
    }
}

/// How many of some calls at once were counted, each on a task of its own.
async fn reserve_at_once(stores: &Stores, calls: impl Iterator<Item = (Spending, Caps)>) -> u64 {
    let calls = calls.map(|(spending, caps)| {
        let store = stores.spending.clone();
        tokio::spawn(async move { store.reserve(&spending, &caps).await })
    });
    let calls: Vec<_> = calls.collect();
    let mut counted = 0;
    for call in calls {
        match call.await.unwrap() {
            Ok(()) => counted += 1,
            Err(ReserveError::UserSpent | ReserveError::AllSpent) => {}
            Err(ReserveError::Port(error)) => panic!("{error}: {:?}", error.source),
        }
    }
    counted
}

async fn spent(stores: &Stores, user: impl Into<Option<UserId>>, on: u64) -> u64 {
    let sum = stores.spending.spent(user.into(), day(on), Meter::Characters);
    sum.await.unwrap()
}

/// Sums begin at zero.
pub async fn what_is_reserved_counts_for_its_user_and_for_all(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    assert_eq!(
        (spent(stores, ann, 0).await, spent(stores, None, 0).await),
        (0, 0)
    );
    for (user, amount) in [(ann, 3), (bob, 5), (ann, 4), (ann, 0)] {
        assert!(reserve(stores, &spending(user, amount), &FREE).await);
    }
    assert_eq!((spent(stores, ann, 0).await, spent(stores, bob, 0).await), (7, 5));
    assert_eq!(spent(stores, None, 0).await, 12);
}

/// Only the cap of all is looked at.
pub async fn what_is_for_nobody_counts_for_all_alone(stores: &Stores) {
    let ann = stores.learner(1).await;
    let caps = Caps { user: 1, all: 10 };
    assert!(reserve(stores, &spending(None, 6), &caps).await);
    assert!(reserve(stores, &spending(None, 4), &caps).await);
    let refused = stores.spending.reserve(&spending(None, 1), &caps).await;
    assert!(matches!(refused, Err(ReserveError::AllSpent)), "{refused:?}");
    assert_eq!(
        (spent(stores, None, 0).await, spent(stores, ann, 0).await),
        (10, 0)
    );
    stores.spending.give_back(&spending(None, 3)).await.unwrap();
    assert_eq!(spent(stores, None, 0).await, 7);
}

/// Nor does it use up what is left, to the last.
pub async fn what_exceeds_the_cap_of_a_user_counts_nowhere(stores: &Stores) {
    let ann = stores.learner(1).await;
    let caps = Caps { user: 10, all: 0 };
    for (amount, then) in [(11, 0), (7, 7), (4, 7), (3, 10), (1, 10)] {
        let reserved = stores.spending.reserve(&spending(ann, amount), &caps).await;
        let fits = !matches!((amount, then), (11, 0) | (4, 7) | (1, 10));
        match reserved {
            Ok(()) => assert!(fits, "{amount}"),
            Err(ReserveError::UserSpent) => assert!(!fits, "{amount}"),
            Err(other) => panic!("{other:?}"),
        }
        assert_eq!(spent(stores, ann, 0).await, then);
        assert_eq!(spent(stores, None, 0).await, then);
    }
}

/// Whoever has spent it, and whether the user has spent anything before.
pub async fn what_exceeds_the_cap_of_all_counts_nowhere(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let caps = Caps { user: 100, all: 10 };
    let refused = stores.spending.reserve(&spending(ann, 11), &caps).await;
    assert!(matches!(refused, Err(ReserveError::AllSpent)), "{refused:?}");
    assert_eq!(
        (spent(stores, ann, 0).await, spent(stores, None, 0).await),
        (0, 0)
    );
    assert!(reserve(stores, &spending(ann, 8), &caps).await);
    for user in [ann, bob] {
        let refused = stores.spending.reserve(&spending(user, 3), &caps).await;
        assert!(matches!(refused, Err(ReserveError::AllSpent)), "{refused:?}");
    }
    assert_eq!((spent(stores, ann, 0).await, spent(stores, bob, 0).await), (8, 0));
    assert!(reserve(stores, &spending(bob, 2), &caps).await);
    assert_eq!(
        (spent(stores, bob, 0).await, spent(stores, None, 0).await),
        (2, 10)
    );
}

/// Each by itself.
pub async fn a_cap_of_zero_is_none(stores: &Stores) {
    let ann = stores.learner(1).await;
    let much = 1 << 50;
    assert!(reserve(stores, &spending(ann, much), &FREE).await);
    assert!(
        reserve(
            stores,
            &spending(ann, much),
            &Caps {
                user: 3 * much,
                all: 0
            }
        )
        .await
    );
    assert!(
        !reserve(
            stores,
            &spending(ann, much + 1),
            &Caps {
                user: 3 * much,
                all: 0
            }
        )
        .await
    );
    assert!(
        reserve(
            stores,
            &spending(ann, much),
            &Caps {
                user: 0,
                all: 3 * much
            }
        )
        .await
    );
    assert!(
        !reserve(
            stores,
            &spending(ann, 1),
            &Caps {
                user: 0,
                all: 3 * much
            }
        )
        .await
    );
    assert_eq!(spent(stores, ann, 0).await, 3 * much);
}

/// It wraps around nothing.
pub async fn an_amount_beyond_all_measure_exceeds_a_cap(stores: &Stores) {
    let ann = stores.learner(1).await;
    assert!(reserve(stores, &spending(ann, 5), &FREE).await);
    for caps in [Caps { user: 10, all: 0 }, Caps { user: 0, all: 10 }] {
        for amount in [u64::MAX, u64::MAX - 4, i64::MAX.unsigned_abs(), 1 << 63] {
            assert!(!reserve(stores, &spending(ann, amount), &caps).await, "{amount}");
        }
    }
    assert_eq!(
        (spent(stores, ann, 0).await, spent(stores, None, 0).await),
        (5, 5)
    );
}

/// From the first of a day on, each time anew.
pub async fn threat_48_parallel_calls_exceed_no_cap_of_a_user(stores: &Stores) {
    let ann = stores.learner(1).await;
    let caps = Caps { user: 50, all: 0 };
    for round in 0..8 {
        let calls = (0..32).map(|_| Spending {
            day: day(round),
            ..spending(ann, 7)
        });
        assert_eq!(reserve_at_once(stores, calls.map(|call| (call, caps))).await, 7);
        assert_eq!(spent(stores, ann, round).await, 49);
        assert_eq!(spent(stores, None, round).await, 49);
    }
}

/// Of users who have spent nothing yet, and for nobody.
pub async fn threat_48_parallel_calls_exceed_no_cap_of_all(stores: &Stores) {
    let mut users = vec![None];
    for number in 1..16 {
        users.push(Some(stores.learner(number).await));
    }
    let caps = Caps { user: 0, all: 50 };
    for round in 0..8 {
        let calls = users.iter().cycle().take(32);
        let calls = calls.map(|user| Spending {
            day: day(round),
            ..spending(*user, 7)
        });
        assert_eq!(reserve_at_once(stores, calls.map(|call| (call, caps))).await, 7);
        assert_eq!(spent(stores, None, round).await, 49);
    }
}

/// Whoever passes one cap and not the other leaves no trace.
pub async fn threat_48_parallel_calls_under_both_caps_count_alike_for_users_and_for_all(stores: &Stores) {
    let mut users = Vec::new();
    for number in 1..=4 {
        users.push(stores.learner(number).await);
    }
    let caps = Caps { user: 20, all: 50 };
    for round in 0..8 {
        let calls = users.iter().cycle().take(64);
        let calls = calls.map(|user| Spending {
            day: day(round),
            ..spending(*user, 3)
        });
        let counted = reserve_at_once(stores, calls.map(|call| (call, caps))).await;
        assert_eq!(counted, 16, "as many as the cap of all allows");
        let sums = join_all(users.iter().map(|user| spent(stores, *user, round))).await;
        assert_eq!(
            (sums.iter().sum::<u64>(), spent(stores, None, round).await),
            (48, 48)
        );
        assert!(sums.iter().all(|sum| *sum <= 18), "{sums:?}");
    }
}

/// But for the sum of all users.
pub async fn users_days_and_meters_do_not_influence_each_other(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let caps = Caps { user: 10, all: 0 };
    let whole = spending(ann, 10);
    let other_day = Spending { day: day(1), ..whole };
    let other_meter = Spending {
        meter: Meter::Tokens,
        ..whole
    };
    for one in [whole, other_day, other_meter, spending(bob, 10)] {
        assert!(reserve(stores, &one, &caps).await, "{one:?}");
        assert!(
            !reserve(stores, &Spending { amount: 1, ..one }, &caps).await,
            "{one:?}"
        );
    }
    stores.spending.give_back(&whole).await.unwrap();
    let sum = async |user, on, meter| stores.spending.spent(user, day(on), meter).await.unwrap();
    assert_eq!(sum(Some(ann), 0, Meter::Characters).await, 0);
    assert_eq!(sum(Some(ann), 1, Meter::Characters).await, 10);
    assert_eq!(sum(Some(ann), 0, Meter::Tokens).await, 10);
    assert_eq!(sum(Some(bob), 0, Meter::Characters).await, 10);
    assert_eq!(sum(None, 0, Meter::Characters).await, 10);
    assert_eq!(sum(None, 1, Meter::Characters).await, 10);
    assert_eq!(sum(None, 0, Meter::Tokens).await, 10);
}

/// Whose access token has outlived the account.
pub async fn who_is_gone_spends_nothing(stores: &Stores) {
    let nobody = spending(user(404), 3);
    for _ in 0..2 {
        match stores.spending.reserve(&nobody, &FREE).await {
            Err(ReserveError::Port(error)) => assert_eq!(error.kind, PortErrorKind::OwnerGone),
            other => panic!("not refused as gone: {other:?}"),
        }
    }
    assert_eq!(spent(stores, None, 0).await, 0);
    assert_eq!(spent(stores, user(404), 0).await, 0);
}

/// By its user and by others.
pub async fn what_was_given_back_can_be_reserved_again(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let caps = Caps { user: 10, all: 12 };
    assert!(reserve(stores, &spending(ann, 10), &caps).await);
    assert!(!reserve(stores, &spending(bob, 3), &caps).await);
    stores.spending.give_back(&spending(ann, 6)).await.unwrap();
    assert_eq!(
        (spent(stores, ann, 0).await, spent(stores, None, 0).await),
        (4, 4)
    );
    assert!(reserve(stores, &spending(bob, 3), &caps).await);
    assert!(!reserve(stores, &spending(ann, 7), &caps).await);
    assert!(reserve(stores, &spending(ann, 5), &caps).await);
    assert_eq!(
        (spent(stores, ann, 0).await, spent(stores, None, 0).await),
        (9, 12)
    );
}

/// Nor is it an error to give back what nobody has, or who is gone.
pub async fn no_sum_falls_below_zero(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    for user in [Some(ann), Some(user(404)), None] {
        stores.spending.give_back(&spending(user, 5)).await.unwrap();
    }
    assert_eq!(
        (spent(stores, ann, 0).await, spent(stores, None, 0).await),
        (0, 0)
    );
    assert!(reserve(stores, &spending(ann, 5), &FREE).await);
    assert!(reserve(stores, &spending(bob, 5), &FREE).await);
    stores.spending.give_back(&spending(ann, 7)).await.unwrap();
    assert_eq!(
        (spent(stores, ann, 0).await, spent(stores, None, 0).await),
        (0, 3)
    );
    stores.spending.give_back(&spending(bob, u64::MAX)).await.unwrap();
    assert_eq!(
        (spent(stores, bob, 0).await, spent(stores, None, 0).await),
        (0, 0)
    );
    let caps = Caps { user: 5, all: 5 };
    assert!(
        !reserve(stores, &spending(ann, 6), &caps).await,
        "nothing is owed"
    );
}

/// Nothing is lost on the way, and nobody waits for ever.
pub async fn parallel_calls_give_back_what_they_reserved(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let calls: Vec<_> = [ann, bob]
        .into_iter()
        .cycle()
        .take(32)
        .map(|user| {
            let store = stores.spending.clone();
            tokio::spawn(async move {
                for _ in 0..4 {
                    store.reserve(&spending(user, 10), &FREE).await.unwrap();
                    store.give_back(&spending(user, 9)).await.unwrap();
                }
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(
        (spent(stores, ann, 0).await, spent(stores, bob, 0).await),
        (64, 64)
    );
    assert_eq!(spent(stores, None, 0).await, 128);
}

/// Of users and of all, at most as many as asked for at a time, and in the end all.
pub async fn past_days_are_forgotten_in_batches(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    for on in 0..3 {
        for user in [ann, bob] {
            assert!(
                reserve(
                    stores,
                    &Spending {
                        day: day(on),
                        ..spending(user, 1)
                    },
                    &FREE
                )
                .await
            );
        }
    }
    let mut forgotten = Vec::new();
    for _ in 0..4 {
        forgotten.push(stores.spending.purge(day(3), 4).await.unwrap());
    }
    assert_eq!(forgotten, [4, 4, 1, 0]);
    for on in 0..3 {
        assert_eq!(
            (spent(stores, ann, on).await, spent(stores, None, on).await),
            (0, 0)
        );
    }
}

/// Only days before the one named are past.
pub async fn a_day_is_not_forgotten_before_its_end(stores: &Stores) {
    let ann = stores.learner(1).await;
    for on in 0..3 {
        assert!(
            reserve(
                stores,
                &Spending {
                    day: day(on),
                    ..spending(ann, 1)
                },
                &FREE
            )
            .await
        );
    }
    assert_eq!(
        stores.spending.purge(day(1), 100).await.unwrap(),
        2,
        "hers and that of all"
    );
    assert_eq!(stores.spending.purge(day(1), 100).await.unwrap(), 0);
    for (on, sum) in [(0, 0), (1, 1), (2, 1)] {
        assert_eq!(
            (spent(stores, ann, on).await, spent(stores, None, on).await),
            (sum, sum)
        );
    }
}
