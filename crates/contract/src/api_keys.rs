//! What every [`ApiKeyStore`](parlance_domain::accounts::ApiKeyStore) must do.

use chrono::TimeDelta;
use futures_util::future::join_all;
use parlance_domain::accounts::{
    AccountChange, ApiKey, Ends, InsertApiKeyError, PasswordHash, Scope, Standing,
};
use parlance_domain::audit::{Action, Actor, AuditEntry, AuditFilter, Circumstances};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{ApiKeyId, AuditId, SessionId, UserId};
use uuid::Uuid;

use crate::stores::{Stores, at, user};

/// Makes a test of each rule of a store of keys for programs; the expression makes [`Stores`].
#[macro_export]
macro_rules! api_key_store_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            api_keys,
            $make,
            [
                a_key_is_read_back_by_its_bearer_and_its_owner,
                there_is_room_for_so_many_keys_and_no_more,
                of_16_keys_made_at_once_as_many_are_kept_as_there_is_room_for,
                threat_05_a_session_that_has_ended_makes_no_key,
                a_key_is_revoked_by_its_owner_alone,
                of_16_revocations_at_once_one_succeeds,
                the_keys_of_an_account_that_is_not_in_use_are_absent,
                a_new_password_takes_the_keys_when_it_ends_all_sessions,
                the_last_use_only_moves_on,
            ]
        );
    };
}

/// A key made this many seconds after [`at`] 0; every other expires.
pub(crate) fn key(number: u128, user_id: UserId, seconds: i64) -> ApiKey {
    ApiKey {
        id: ApiKeyId(Uuid::from_u128(number)),
        user_id,
        name: format!("key 学 {number}").parse().unwrap(),
        scopes: [Scope::ProgressRead, Scope::Speech].into(),
        digest: [u8::try_from(number % 256).unwrap_or(0); 32],
        created_at: at(seconds),
        expires_at: number
            .is_multiple_of(2)
            .then(|| at(seconds) + TimeDelta::hours(1)),
        last_used_at: None,
    }
}

fn told(number: u128, owner: UserId) -> Consequences {
    AuditEntry {
        id: AuditId(Uuid::from_u128(number)),
        at: at(0),
        actor: Actor::Account(owner),
        action: Action::ApiKeyMade,
        subject: Some(owner),
        circumstances: Circumstances::default(),
        details: [].into(),
    }
    .into()
}

async fn entries(stores: &Stores, subject: UserId) -> usize {
    let filter = AuditFilter {
        subject: Some(subject),
        action: Some(Action::ApiKeyMade),
        ..AuditFilter::default()
    };
    stores.audit.page(&filter, None, 100).await.unwrap().len()
}

async fn insert(stores: &Stores, key: &ApiKey, most: u32) -> bool {
    let by = stores.session_of(key.user_id).await;
    match insert_by(stores, key, by, most).await {
        Ok(()) => true,
        Err(InsertApiKeyError::TooMany) => false,
        Err(error) => panic!("{error}"),
    }
}

async fn insert_by(stores: &Stores, key: &ApiKey, by: SessionId, most: u32) -> Result<(), InsertApiKeyError> {
    let consequences = told(key.id.0.as_u128() + 500, key.user_id);
    stores.api_keys.insert(key, by, most, &consequences).await
}

async fn of_bearer(stores: &Stores, key: &ApiKey) -> Option<ApiKey> {
    stores.api_keys.of_bearer(key.id).await.unwrap()
}

/// All members come back, the key made last first; others have none of it.
pub async fn a_key_is_read_back_by_its_bearer_and_its_owner(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let keys = [key(1, ann, 0), key(2, ann, 5), key(3, ann, 2)];
    for key in &keys {
        assert!(insert(stores, key, 3).await);
        assert_eq!(of_bearer(stores, key).await.as_ref(), Some(key));
    }
    let [first, second, third] = keys;
    assert_eq!(stores.api_keys.list(ann).await.unwrap(), [second, third, first]);
    assert_eq!(stores.api_keys.list(bob).await.unwrap(), []);
    assert_eq!(of_bearer(stores, &key(4, ann, 0)).await, None);
    assert_eq!(entries(stores, ann).await, 3);
}

/// Where there is none, nothing is written; the keys of others do not count.
pub async fn there_is_room_for_so_many_keys_and_no_more(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    for number in 1..=2 {
        assert!(insert(stores, &key(number, ann, 0), 2).await);
    }
    assert!(!insert(stores, &key(3, ann, 0), 2).await);
    assert_eq!(entries(stores, ann).await, 2);
    assert!(insert(stores, &key(4, bob, 0), 2).await);
    let nothing = Consequences::default();
    assert!(
        stores
            .api_keys
            .revoke(ann, key(1, ann, 0).id, &nothing)
            .await
            .unwrap()
    );
    assert!(insert(stores, &key(5, ann, 0), 2).await);
}

/// However they come.
pub async fn of_16_keys_made_at_once_as_many_are_kept_as_there_is_room_for(stores: &Stores) {
    let ann = stores.learner(1).await;
    let keys: Vec<ApiKey> = (1..=16).map(|number| key(number, ann, 0)).collect();
    let made = join_all(keys.iter().map(|key| insert(stores, key, 5))).await;
    assert_eq!(made.into_iter().filter(|made| *made).count(), 5);
    assert_eq!(stores.api_keys.list(ann).await.unwrap().len(), 5);
    assert_eq!(entries(stores, ann).await, 5);
}

/// Nor one of somebody who is gone, or by a session of another.
pub async fn threat_05_a_session_that_has_ended_makes_no_key(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let (of_ann, of_bob) = (stores.session_of(ann).await, stores.session_of(bob).await);
    let nothing = Consequences::default();
    let ended = stores.sessions.revoke(ann, of_ann, at(1), &nothing);
    assert!(ended.await.unwrap());
    for (owner, by) in [(ann, of_ann), (ann, of_bob), (user(404), of_bob)] {
        let refused = insert_by(stores, &key(1, owner, 0), by, 5).await;
        assert!(
            matches!(refused, Err(InsertApiKeyError::SessionEnded)),
            "{refused:?}"
        );
    }
    assert_eq!(entries(stores, ann).await, 0);
}

/// With its consequences, which are not written where there was no such key.
pub async fn a_key_is_revoked_by_its_owner_alone(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let (one, other) = (key(1, ann, 0), key(2, ann, 0));
    for key in [&one, &other] {
        insert(stores, key, 5).await;
    }
    let by_bob = told(900, bob);
    assert!(!stores.api_keys.revoke(bob, one.id, &by_bob).await.unwrap());
    assert_eq!(entries(stores, bob).await, 0);
    assert!(of_bearer(stores, &one).await.is_some());
    let by_ann = told(901, ann);
    assert!(stores.api_keys.revoke(ann, one.id, &by_ann).await.unwrap());
    assert!(
        !stores
            .api_keys
            .revoke(ann, one.id, &told(902, ann))
            .await
            .unwrap()
    );
    assert_eq!(entries(stores, ann).await, 3);
    assert_eq!(of_bearer(stores, &one).await, None);
    assert_eq!(stores.api_keys.list(ann).await.unwrap(), [other]);
}

/// The others find it gone.
pub async fn of_16_revocations_at_once_one_succeeds(stores: &Stores) {
    let ann = stores.learner(1).await;
    let key = key(1, ann, 0);
    insert(stores, &key, 5).await;
    let tries = (0..16).map(|number| {
        let id = key.id;
        async move {
            let consequences = told(900 + number, ann);
            stores.api_keys.revoke(ann, id, &consequences).await.unwrap()
        }
    });
    let revoked = join_all(tries).await;
    assert_eq!(revoked.into_iter().filter(|revoked| *revoked).count(), 1);
    assert_eq!(entries(stores, ann).await, 2);
}

/// Until it is again.
pub async fn the_keys_of_an_account_that_is_not_in_use_are_absent(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let (key, of_bob) = (key(1, ann, 0), key(2, bob, 0));
    for key in [&key, &of_bob] {
        insert(stores, key, 5).await;
    }
    for (seconds, standing, is_there) in [
        (1, Standing::Deactivated { since: at(1) }, false),
        (2, Standing::Active, true),
    ] {
        let before = stores.accounts.by_id(ann).await.unwrap().unwrap();
        let mut after = before.clone();
        after.standing = standing;
        after.revision += 1;
        after.updated_at = at(seconds);
        let change = AccountChange::new(&before, after, Consequences::default());
        stores.accounts.save(&change).await.unwrap();
        assert_eq!(of_bearer(stores, &key).await.is_some(), is_there, "{seconds}");
        assert_eq!(stores.api_keys.list(ann).await.unwrap().len(), 1);
        assert!(of_bearer(stores, &of_bob).await.is_some());
    }
}

/// As a reset does; a change by whoever knows the old one leaves them.
pub async fn a_new_password_takes_the_keys_when_it_ends_all_sessions(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let (key, of_bob) = (key(1, ann, 0), key(2, bob, 0));
    for key in [&key, &of_bob] {
        insert(stores, key, 5).await;
    }
    let session = stores.sessions.live(ann, at(0)).await.unwrap().remove(0).id;
    for (seconds, ends, with_password, is_there) in [
        (1, Ends::OtherSessions(session), true, true),
        (2, Ends::AllSessions, false, true),
        (3, Ends::AllSessions, true, false),
    ] {
        let before = stores.accounts.by_id(ann).await.unwrap().unwrap();
        let mut after = before.clone();
        after.revision += 1;
        after.updated_at = at(seconds);
        let change = AccountChange::new(&before, after, Consequences::default()).ending(ends);
        let change = if with_password {
            change.with_password(PasswordHash::from_stored("another hash".to_owned()))
        } else {
            change
        };
        stores.accounts.save(&change).await.unwrap();
        assert_eq!(of_bearer(stores, &key).await.is_some(), is_there, "{seconds}");
    }
    assert!(of_bearer(stores, &of_bob).await.is_some());
}

/// A copy whose clock is behind takes nothing back; a key that is gone is nothing to complain of.
pub async fn the_last_use_only_moves_on(stores: &Stores) {
    let ann = stores.learner(1).await;
    let key = key(1, ann, 0);
    insert(stores, &key, 5).await;
    for (seconds, last) in [(10, 10), (5, 10), (20, 20)] {
        stores.api_keys.used(ann, key.id, at(seconds)).await.unwrap();
        let found = of_bearer(stores, &key).await.unwrap();
        assert_eq!(found.last_used_at, Some(at(last)));
    }
    stores.api_keys.used(user(404), key.id, at(30)).await.unwrap();
    assert_eq!(of_bearer(stores, &key).await.unwrap().last_used_at, Some(at(20)));
}
