//! What every [`AuthorizationStore`](parlance_domain::accounts::AuthorizationStore) must do.

use futures_util::future::join_all;
use parlance_domain::accounts::{Authorization, Errand};
use parlance_domain::ids::{AuthorizationId, SessionId};
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use crate::stores::{Stores, at};

/// Makes a test of each rule of a store of what is under way at providers; the expression makes [`Stores`].
#[macro_export]
macro_rules! authorization_store_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            authorizations,
            $make,
            [
                what_began_is_taken_once_with_all_its_members,
                threat_26_of_16_that_take_it_at_once_one_gets_it,
                what_has_expired_is_not_taken,
                what_has_expired_is_deleted_in_batches,
            ]
        );
    };
}

fn authorization(number: u128, errand: Errand, expires_at: Timestamp) -> Authorization {
    Authorization {
        id: AuthorizationId(Uuid::from_u128(number)),
        provider: "google".parse().unwrap(),
        errand,
        return_to: "https://app.example.com/学?a=b".to_owned(),
        browser: [u8::try_from(number % 256).unwrap_or(0); 32],
        expires_at,
    }
}

async fn take(stores: &Stores, number: u128, now: Timestamp) -> Option<Authorization> {
    let id = AuthorizationId(Uuid::from_u128(number));
    stores.authorizations.take(id, now).await.unwrap()
}

/// The others stay.
pub async fn what_began_is_taken_once_with_all_its_members(stores: &Stores) {
    let link = Errand::Link {
        user_id: stores.learner(1).await,
        session_id: SessionId(Uuid::from_u128(7)),
    };
    let begun = [
        authorization(1, Errand::SignIn, at(600)),
        authorization(2, link, at(600)),
    ];
    for authorization in &begun {
        stores.authorizations.begin(authorization).await.unwrap();
    }
    let [first, second] = begun;
    assert_eq!(take(stores, 1, at(1)).await, Some(first));
    assert_eq!(take(stores, 1, at(1)).await, None);
    assert_eq!(take(stores, 3, at(1)).await, None);
    assert_eq!(take(stores, 2, at(599)).await, Some(second));
}

/// The others find nothing.
pub async fn threat_26_of_16_that_take_it_at_once_one_gets_it(stores: &Stores) {
    for number in 1..=4 {
        let begun = authorization(number, Errand::SignIn, at(600));
        stores.authorizations.begin(&begun).await.unwrap();
        let taken = join_all((0..16).map(|_| take(stores, number, at(1)))).await;
        assert_eq!(taken.into_iter().flatten().collect::<Vec<_>>(), [begun]);
    }
}

/// Not even at the very instant.
pub async fn what_has_expired_is_not_taken(stores: &Stores) {
    let begun = authorization(1, Errand::SignIn, at(600));
    stores.authorizations.begin(&begun).await.unwrap();
    assert_eq!(take(stores, 1, at(600)).await, None);
    assert_eq!(take(stores, 1, at(599)).await, Some(begun));
}

/// What has not, stays.
pub async fn what_has_expired_is_deleted_in_batches(stores: &Stores) {
    for number in 1..=5 {
        let expires_at = at(i64::try_from(number).unwrap_or(0));
        let begun = authorization(number, Errand::SignIn, expires_at);
        stores.authorizations.begin(&begun).await.unwrap();
    }
    let purge = async |limit| stores.authorizations.purge_expired(at(4), limit).await.unwrap();
    assert_eq!([purge(2).await, purge(2).await, purge(2).await], [2, 1, 0]);
    assert!(take(stores, 4, at(0)).await.is_some() && take(stores, 5, at(0)).await.is_some());
}
