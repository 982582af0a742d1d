//! What every [`LockoutStore`](parlance_domain::accounts::LockoutStore) must do.

use chrono::TimeDelta;
use futures_util::future::join_all;
use parlance_domain::accounts::{
    AccountChange, Admission, Attempt, Ends, LockoutKey, LockoutPolicy, OneTimeSecret, Outcome, PasswordHash,
    Purpose, SeenDevice, Unlock, Unlocked, Verdict,
};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{DeviceId, UserId};
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use crate::secrets::{is_good, issue, secret};
use crate::stores::{Stores, at, user};

/// Makes a test of each rule of a store of attempts; the expression makes [`Stores`].
#[macro_export]
macro_rules! lockout_store_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            lockouts,
            $make,
            [
                attempts_are_counted_as_the_policy_says,
                threat_20_of_100_attempts_at_once_ten_are_let_through,
                threat_20_of_attempts_at_once_on_one_address_no_more_are_let_through_than_it_has,
                attempts_at_other_accounts_devices_and_addresses_are_apart,
                a_success_begins_anew,
                what_nobody_looked_at_leaves_nothing_behind,
                a_known_device_gets_past_a_lock_a_few_times,
                a_lock_is_told_while_it_is_there_and_the_consequences_with_it,
                the_end_of_a_lock_forgets_the_attempts,
                without_a_lock_its_end_has_no_consequences,
                threat_07_of_16_unlocks_with_one_secret_one_is_done_and_ends_the_sessions,
                a_new_password_ends_the_lock,
                what_makes_no_difference_any_more_is_purged_in_batches,
            ]
        );
    };
}

const POLICY: LockoutPolicy = LockoutPolicy {
    attempts: 10,
    lock: TimeDelta::minutes(30),
    address_attempts: 40,
};

fn account(name: &str) -> LockoutKey {
    LockoutKey::of_email(&format!("{name}@example.com").parse().unwrap())
}

fn by(name: &str) -> Attempt {
    Attempt {
        account: account(name),
        device: None,
        address: None,
    }
}

fn on(device: u128, attempt: Attempt) -> Attempt {
    let device = SeenDevice {
        user_id: user(1),
        id: DeviceId(Uuid::from_u128(device)),
    };
    Attempt {
        device: Some(LockoutKey::of_device(device)),
        ..attempt
    }
}

fn from(address: u8, attempt: Attempt) -> Attempt {
    Attempt {
        address: Some(LockoutKey::of_address([10, 0, 0, address].into())),
        ..attempt
    }
}

async fn count(stores: &Stores, attempt: &Attempt, seconds: i64) -> Verdict {
    stores
        .lockouts
        .count(attempt, &POLICY, at(seconds))
        .await
        .unwrap()
}

async fn admitted(stores: &Stores, attempt: &Attempt, seconds: i64) -> Admission {
    match count(stores, attempt, seconds).await {
        Verdict::Admitted(admission) => admission,
        refused => panic!("{refused:?}"),
    }
}

async fn settle(stores: &Stores, attempt: &Attempt, admission: &Admission, outcome: Outcome) {
    let settled = stores.lockouts.settle(attempt, &POLICY, admission, outcome);
    settled.await.unwrap();
}

async fn fail(stores: &Stores, attempt: &Attempt, times: usize) -> usize {
    let mut let_through = 0;
    for _ in 0..times {
        let verdict = count(stores, attempt, 0).await;
        let_through += usize::from(matches!(verdict, Verdict::Admitted(_)));
    }
    let_through
}

async fn locked_until(stores: &Stores, name: &str, seconds: i64) -> Option<Timestamp> {
    let found = stores.lockouts.locked_until(account(name), at(seconds));
    found.await.unwrap()
}

/// The last that may fail locks; after the lock it begins anew.
pub async fn attempts_are_counted_as_the_policy_says(stores: &Stores) {
    let ann = from(1, by("ann"));
    for second in 0..9 {
        assert_eq!(admitted(stores, &ann, second).await.locks, None);
    }
    assert_eq!(locked_until(stores, "ann", 9).await, None);
    let until = at(9 + 1_800);
    assert_eq!(admitted(stores, &ann, 9).await.locks, Some(until));
    for second in [9, 60, 1_808] {
        assert_eq!(count(stores, &ann, second).await, Verdict::Locked { until });
        assert_eq!(locked_until(stores, "ann", second).await, Some(until));
    }
    assert_eq!(locked_until(stores, "ann", 1_809).await, None);
    assert_eq!(admitted(stores, &ann, 1_809).await.locks, None);
}

/// The look and the change are one.
pub async fn threat_20_of_100_attempts_at_once_ten_are_let_through(stores: &Stores) {
    for (name, device) in [("ann", None), ("bob", Some(7))] {
        let attempt = device.map_or_else(|| by(name), |device| on(device, by(name)));
        let verdicts = join_all((0..100).map(|_| count(stores, &attempt, 0))).await;
        let through = verdicts.iter().filter_map(|verdict| match verdict {
            Verdict::Admitted(admission) => Some(admission.locks),
            _ => None,
        });
        let through: Vec<_> = through.collect();
        let begun = through.iter().flatten().count();
        assert_eq!((through.len(), begun), (10, 1), "{name}");
    }
}

/// Whichever accounts are tried.
pub async fn threat_20_of_attempts_at_once_on_one_address_no_more_are_let_through_than_it_has(
    stores: &Stores,
) {
    let attempts: Vec<_> = (0..100)
        .map(|number| from(1, by(&format!("ann{number}"))))
        .collect();
    let verdicts = join_all(attempts.iter().map(|attempt| count(stores, attempt, 0))).await;
    let (through, refused): (Vec<&Verdict>, Vec<&Verdict>) = verdicts
        .iter()
        .partition(|verdict| matches!(verdict, Verdict::Admitted(_)));
    assert_eq!(through.len(), 40);
    let until = at(900);
    assert!(
        refused
            .iter()
            .all(|verdict| **verdict == Verdict::Throttled { until })
    );
    admitted(stores, &attempts[0], 900).await;
}

/// What is counted for one is not counted for another.
pub async fn attempts_at_other_accounts_devices_and_addresses_are_apart(stores: &Stores) {
    fail(stores, &from(1, by("ann")), 50).await;
    fail(stores, &on(1, by("bob")), 50).await;
    for attempt in [by("eve"), on(2, by("ann")), on(2, by("bob")), from(2, by("joe"))] {
        admitted(stores, &attempt, 1).await;
    }
}

/// For the account; for the address it only was no failure.
pub async fn a_success_begins_anew(stores: &Stores) {
    let ann = from(1, on(1, by("ann")));
    fail(stores, &from(1, by("ann")), 9).await;
    let right = admitted(stores, &ann, 1).await;
    assert_eq!(right.locks, Some(at(1_801)));
    settle(stores, &ann, &right, Outcome::Succeeded).await;
    assert_eq!(locked_until(stores, "ann", 2).await, None);
    assert_eq!(fail(stores, &by("ann"), 50).await, 10);
    let others = (0..50).map(|number| from(1, by(&format!("other{number}"))));
    let mut through = 0;
    for other in others {
        through += fail(stores, &other, 1).await;
    }
    assert_eq!(through, 31);
}

/// Neither an attempt nor a lock.
pub async fn what_nobody_looked_at_leaves_nothing_behind(stores: &Stores) {
    let ann = from(1, on(1, by("ann")));
    for _ in 0..50 {
        let unseen = admitted(stores, &ann, 0).await;
        settle(stores, &ann, &unseen, Outcome::Abandoned).await;
    }
    fail(stores, &by("ann"), 9).await;
    let unseen = admitted(stores, &ann, 1).await;
    assert!(unseen.locks.is_some());
    settle(stores, &ann, &unseen, Outcome::Abandoned).await;
    assert_eq!(locked_until(stores, "ann", 2).await, None);
    assert_eq!(stores.lockouts.purge(at(800), 100).await.unwrap(), 0);
    assert_eq!(stores.lockouts.purge(at(1_000), 100).await.unwrap(), 1);
}

/// And does not end it.
pub async fn a_known_device_gets_past_a_lock_a_few_times(stores: &Stores) {
    fail(stores, &by("ann"), 50).await;
    let ann = on(1, by("ann"));
    assert_eq!(fail(stores, &ann, 4).await, 4);
    let right = admitted(stores, &ann, 1).await;
    assert!(right.despite_lock);
    settle(stores, &ann, &right, Outcome::Succeeded).await;
    assert_eq!(locked_until(stores, "ann", 2).await, Some(at(1_800)));
    assert_eq!(fail(stores, &ann, 50).await, 5);
    assert_eq!(
        fail(stores, &on(2, by("ann")), 50).await,
        5,
        "each device has its own"
    );
}

fn with(secret: &OneTimeSecret) -> Consequences {
    Consequences::default().and_secret(secret.clone())
}

/// A lock that has ended is not told of.
pub async fn a_lock_is_told_while_it_is_there_and_the_consequences_with_it(stores: &Stores) {
    let ann = stores.learner(1).await;
    fail(stores, &by("ann"), 10).await;
    for (number, key, until, is_there) in [
        (1, account("ann"), at(1_800), true),
        (2, account("ann"), at(1_801), false),
        (3, account("bob"), at(1_800), false),
    ] {
        let told = secret(number, ann, Purpose::Unlock);
        let announced = stores.lockouts.announce(key, until, &with(&told)).await;
        let expected = (is_there, is_there);
        assert_eq!((announced.unwrap(), is_good(stores, &told).await), expected);
    }
}

fn unlocking(user: UserId, name: &str) -> Unlock {
    Unlock {
        user,
        account: account(name),
        redeems: None,
        ends: Ends::Nothing,
        now: at(5),
        consequences: Consequences::default(),
    }
}

/// Those of others stay locked.
pub async fn the_end_of_a_lock_forgets_the_attempts(stores: &Stores) {
    let ann = stores.learner(1).await;
    for name in ["ann", "bob"] {
        fail(stores, &by(name), 10).await;
    }
    let told = secret(1, ann, Purpose::Export);
    let unlock = Unlock {
        consequences: with(&told),
        ..unlocking(ann, "ann")
    };
    let unlocked = stores.lockouts.unlock(&unlock).await.unwrap().unwrap();
    assert!(unlocked.was_locked && unlocked.ended.is_empty(), "{unlocked:?}");
    assert!(is_good(stores, &told).await);
    assert_eq!(fail(stores, &by("ann"), 50).await, 10);
    assert_eq!(locked_until(stores, "bob", 5).await, Some(at(1_800)));
}

/// The attempts are forgotten all the same.
pub async fn without_a_lock_its_end_has_no_consequences(stores: &Stores) {
    let ann = stores.learner(1).await;
    fail(stores, &by("ann"), 9).await;
    let told = secret(1, ann, Purpose::Export);
    let unlock = Unlock {
        consequences: with(&told),
        ..unlocking(ann, "ann")
    };
    let unlocked = stores.lockouts.unlock(&unlock).await.unwrap();
    assert_eq!(unlocked, Some(Unlocked::default()));
    assert!(!is_good(stores, &told).await);
    assert_eq!(fail(stores, &by("ann"), 50).await, 10);
}

/// The others find a secret that was used, and do nothing.
pub async fn threat_07_of_16_unlocks_with_one_secret_one_is_done_and_ends_the_sessions(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    fail(stores, &by("ann"), 10).await;
    let secret = secret(1, ann, Purpose::Unlock);
    issue(stores, std::slice::from_ref(&secret)).await;
    let unlock = Unlock {
        redeems: Some(secret.id),
        ends: Ends::AllSessions,
        ..unlocking(ann, "ann")
    };
    let foreign = Unlock {
        user: bob,
        ..unlock.clone()
    };
    assert_eq!(stores.lockouts.unlock(&foreign).await.unwrap(), None);
    let unlocks = join_all((0..16).map(|_| stores.lockouts.unlock(&unlock))).await;
    let done: Vec<Unlocked> = unlocks.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(done.len(), 1);
    assert_eq!((done[0].was_locked, done[0].ended.len()), (true, 1));
    assert!(stores.sessions.live(ann, at(6)).await.unwrap().is_empty());
    assert_eq!(stores.sessions.live(bob, at(6)).await.unwrap().len(), 1);
}

/// Whoever can set it need not guess it.
pub async fn a_new_password_ends_the_lock(stores: &Stores) {
    let ann = stores.learner(1).await;
    fail(stores, &by("learner1"), 10).await;
    let before = stores.accounts.by_id(ann).await.unwrap().unwrap();
    let change = |before: &parlance_domain::accounts::Account| {
        let after = before.changed(at(5), |_| ());
        AccountChange::new(before, after, Consequences::default())
    };
    stores.accounts.save(&change(&before)).await.unwrap();
    assert!(locked_until(stores, "learner1", 5).await.is_some());
    let before = stores.accounts.by_id(ann).await.unwrap().unwrap();
    let hash = PasswordHash::from_stored("another".to_owned());
    stores
        .accounts
        .save(&change(&before).with_password(hash))
        .await
        .unwrap();
    assert_eq!(locked_until(stores, "learner1", 5).await, None);
}

/// A lock until it has ended, attempts until the window has passed them.
pub async fn what_makes_no_difference_any_more_is_purged_in_batches(stores: &Stores) {
    fail(stores, &by("ann"), 10).await;
    for name in ["bob", "eve", "joe"] {
        fail(stores, &by(name), 1).await;
    }
    let purge = async |seconds| stores.lockouts.purge(at(seconds), 2).await.unwrap();
    assert_eq!(purge(900).await, 0);
    assert_eq!((purge(901).await, purge(901).await, purge(901).await), (2, 1, 0));
    assert_eq!(locked_until(stores, "ann", 901).await, Some(at(1_800)));
    assert_eq!((purge(1_801).await, purge(1_801).await), (1, 0));
}
