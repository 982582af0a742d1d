//! What every [`DeviceStore`](parlance_domain::accounts::DeviceStore) must do, together with the store of sessions.

use parlance_domain::accounts::{AccountChange, DEVICES_KNOWN, Ends, SeenDevice, Session};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{SessionId, UserId};

use crate::stores::{Stores, at, session};

/// Makes a test of each rule of a store of devices; the expression makes [`Stores`].
#[macro_export]
macro_rules! device_store_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            devices,
            $make,
            [
                a_device_is_known_from_its_first_session_on_to_its_account_alone,
                the_end_of_all_sessions_makes_all_devices_unknown,
                the_device_of_the_session_that_goes_on_stays_known,
                a_sign_out_forgets_no_device,
                a_change_that_ends_sessions_forgets_their_devices,
                a_forgotten_device_is_unknown,
                an_account_knows_so_many_devices_and_no_more,
                devices_not_seen_for_long_are_purged_in_batches,
            ]
        );
    };
}

async fn begun(stores: &Stores, number: u128, user: UserId, seconds: i64) -> Session {
    let session = session(number, user, seconds);
    stores.begin(&session).await.unwrap();
    session
}

fn device(session: &Session) -> SeenDevice {
    SeenDevice {
        user_id: session.user_id,
        id: session.device.id.unwrap(),
    }
}

async fn is_known(stores: &Stores, session: &Session) -> bool {
    stores.devices.is_known(device(session)).await.unwrap()
}

async fn end_all(stores: &Stores, user: UserId, except: Option<SessionId>) {
    let nothing = Consequences::default();
    let ended = stores.sessions.revoke_all(user, except, at(50), &nothing);
    ended.await.unwrap();
}

/// With the account or later.
pub async fn a_device_is_known_from_its_first_session_on_to_its_account_alone(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let with_account = stores.sessions.live(ann, at(1)).await.unwrap().remove(0);
    assert!(is_known(stores, &with_account).await);
    assert!(!is_known(stores, &session(10, ann, 5)).await);
    begun(stores, 10, ann, 5).await;
    assert!(is_known(stores, &session(10, ann, 5)).await);
    assert!(!is_known(stores, &session(10, bob, 5)).await);
}

/// Those of others stay known.
pub async fn the_end_of_all_sessions_makes_all_devices_unknown(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let (one, other) = (begun(stores, 10, ann, 5).await, begun(stores, 11, bob, 5).await);
    let long_ended = begun(stores, 12, ann, 5).await;
    stores.end(&long_ended, at(6)).await.unwrap();
    end_all(stores, ann, None).await;
    let known = [
        is_known(stores, &one).await,
        is_known(stores, &long_ended).await,
        is_known(stores, &other).await,
    ];
    assert_eq!(known, [false, false, true]);
}

/// Whoever signs out elsewhere is still known here.
pub async fn the_device_of_the_session_that_goes_on_stays_known(stores: &Stores) {
    let ann = stores.learner(1).await;
    let (here, elsewhere) = (begun(stores, 10, ann, 5).await, begun(stores, 11, ann, 5).await);
    end_all(stores, ann, Some(here.id)).await;
    assert_eq!(
        (is_known(stores, &here).await, is_known(stores, &elsewhere).await),
        (true, false)
    );
}

/// It is the one that will sign in again.
pub async fn a_sign_out_forgets_no_device(stores: &Stores) {
    let ann = stores.learner(1).await;
    let session = begun(stores, 10, ann, 5).await;
    stores.end(&session, at(6)).await.unwrap();
    assert!(is_known(stores, &session).await);
}

/// As another password does.
pub async fn a_change_that_ends_sessions_forgets_their_devices(stores: &Stores) {
    let ann = stores.learner(1).await;
    let (here, elsewhere) = (begun(stores, 10, ann, 5).await, begun(stores, 11, ann, 5).await);
    for (ends, known) in [
        (Ends::Nothing, (true, true)),
        (Ends::OtherSessions(here.id), (true, false)),
        (Ends::AllSessions, (false, false)),
    ] {
        let before = stores.accounts.by_id(ann).await.unwrap().unwrap();
        let after = before.changed(at(60), |_| ());
        let change = AccountChange::new(&before, after, Consequences::default()).ending(ends);
        stores.accounts.save(&change).await.unwrap();
        let found = (is_known(stores, &here).await, is_known(stores, &elsewhere).await);
        assert_eq!(found, known, "{ends:?}");
    }
}

/// However often.
pub async fn a_forgotten_device_is_unknown(stores: &Stores) {
    let ann = stores.learner(1).await;
    let (one, other) = (begun(stores, 10, ann, 5).await, begun(stores, 11, ann, 5).await);
    for _ in 0..2 {
        stores.devices.forget(device(&one)).await.unwrap();
        assert!(!is_known(stores, &one).await);
    }
    assert!(is_known(stores, &other).await);
}

/// Those that were signed in on last.
pub async fn an_account_knows_so_many_devices_and_no_more(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let other = begun(stores, 9, bob, 1).await;
    let first = begun(stores, 10, ann, 1).await;
    for number in 1..DEVICES_KNOWN {
        begun(stores, 10 + u128::from(number), ann, 2).await;
    }
    assert!(
        !is_known(
            stores,
            &stores.sessions.live(ann, at(3)).await.unwrap().pop().unwrap()
        )
        .await
    );
    assert!(is_known(stores, &first).await);
    begun(stores, 1_000, ann, 3).await;
    assert_eq!(
        (is_known(stores, &first).await, is_known(stores, &other).await),
        (false, true)
    );
}

/// When they were signed in on counts, not when they were first seen.
pub async fn devices_not_seen_for_long_are_purged_in_batches(stores: &Stores) {
    let ann = stores.learner(1).await;
    end_all(stores, ann, None).await;
    for (number, seconds) in [(10, 1), (11, 2), (12, 3)] {
        begun(stores, number, ann, seconds).await;
    }
    let mut again = session(20, ann, 100);
    again.device.id = session(10, ann, 1).device.id;
    stores.begin(&again).await.unwrap();
    for expected in [1, 1, 0] {
        assert_eq!(stores.devices.purge(at(50), 1).await.unwrap(), expected);
    }
    assert!(is_known(stores, &again).await);
    assert!(!is_known(stores, &session(12, ann, 3)).await);
}
