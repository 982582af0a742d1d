//! What every [`SecretStore`](parlance_domain::accounts::SecretStore) must do.

use chrono::TimeDelta;
use futures_util::future::join_all;
use parlance_domain::accounts::{OneTimeSecret, Purpose};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{SecretId, UserId};
use parlance_domain::port::PortErrorKind;
use uuid::Uuid;

use crate::stores::{Stores, at, user};

/// Makes a test of each rule of a store of one-time secrets; the expression makes [`Stores`].
#[macro_export]
macro_rules! secret_store_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            secrets,
            $make,
            [
                what_was_issued_is_read_back,
                a_secret_takes_the_place_of_those_of_its_user_for_its_purpose,
                secrets_issued_together_for_one_purpose_are_all_good,
                with_a_secret_of_nobody_nothing_is_issued,
                a_secret_is_used_once_in_time_and_by_its_owner,
                threat_07_of_16_uses_at_once_one_succeeds,
                a_use_writes_its_consequences_and_a_refused_one_none,
                expired_secrets_are_purged_in_batches_and_no_others,
            ]
        );
    };
}

/// A secret that is good for an hour from [`at`] 0 on.
pub(crate) fn secret(number: u128, user_id: UserId, purpose: Purpose) -> OneTimeSecret {
    OneTimeSecret {
        id: SecretId(Uuid::from_u128(number)),
        user_id,
        purpose,
        digest: [u8::try_from(number % 256).unwrap_or(0); 32],
        payload: number.is_multiple_of(2).then(|| format!("payload 学 {number}")),
        created_at: at(0),
        expires_at: at(0) + TimeDelta::hours(1),
        used_at: None,
    }
}

/// Keeps secrets, and nothing besides.
pub(crate) async fn issue(stores: &Stores, secrets: &[OneTimeSecret]) {
    let consequences = Consequences {
        secrets: secrets.to_vec(),
        ..Consequences::default()
    };
    stores.secrets.issue(&consequences).await.unwrap();
}

/// Whether a secret is there and good at the beginning.
pub(crate) async fn is_good(stores: &Stores, secret: &OneTimeSecret) -> bool {
    let found = stores.secrets.by_id(secret.id).await.unwrap();
    found.is_some_and(|found| found.is_good(at(10)))
}

async fn redeem(stores: &Stores, user: UserId, secret: &OneTimeSecret, seconds: i64) -> bool {
    let nothing = Consequences::default();
    let redeemed = stores.secrets.redeem(user, secret.id, at(seconds), &nothing);
    redeemed.await.unwrap()
}

/// All members come back, and what was never issued is absent.
pub async fn what_was_issued_is_read_back(stores: &Stores) {
    let ann = stores.learner(1).await;
    let secrets = [
        secret(1, ann, Purpose::VerifyEmail),
        secret(2, ann, Purpose::ConfirmNewEmail),
    ];
    issue(stores, &secrets).await;
    for secret in secrets {
        assert_eq!(stores.secrets.by_id(secret.id).await.unwrap(), Some(secret));
    }
    let never = SecretId(Uuid::from_u128(3));
    assert_eq!(stores.secrets.by_id(never).await.unwrap(), None);
}

/// Of the links that were mailed, the last works; those of others and for other things are not touched.
pub async fn a_secret_takes_the_place_of_those_of_its_user_for_its_purpose(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let reset = secret(1, ann, Purpose::ResetPassword);
    let verify = secret(2, ann, Purpose::VerifyEmail);
    let of_bob = secret(3, bob, Purpose::ResetPassword);
    issue(stores, &[reset.clone(), verify.clone(), of_bob.clone()]).await;
    let again = secret(4, ann, Purpose::ResetPassword);
    issue(stores, std::slice::from_ref(&again)).await;
    assert!(!is_good(stores, &reset).await);
    for good in [verify, of_bob, again] {
        assert!(is_good(stores, &good).await, "{good:?}");
    }
}

/// They do not take each other's place.
pub async fn secrets_issued_together_for_one_purpose_are_all_good(stores: &Stores) {
    let ann = stores.learner(1).await;
    let both = [1, 2].map(|number| secret(number, ann, Purpose::Export));
    issue(stores, &both).await;
    for secret in both {
        assert!(is_good(stores, &secret).await);
    }
}

/// All or nothing.
pub async fn with_a_secret_of_nobody_nothing_is_issued(stores: &Stores) {
    let ann = stores.learner(1).await;
    let before = secret(1, ann, Purpose::ResetPassword);
    issue(stores, std::slice::from_ref(&before)).await;
    let after = secret(2, ann, Purpose::ResetPassword);
    let of_nobody = secret(3, user(404), Purpose::ResetPassword);
    let both = Consequences::default()
        .and_secret(after.clone())
        .and_secret(of_nobody);
    let error = stores.secrets.issue(&both).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::OwnerGone);
    assert!(is_good(stores, &before).await);
    assert_eq!(stores.secrets.by_id(after.id).await.unwrap(), None);
}

/// Nobody uses what is another's, what has expired, or what was used.
pub async fn a_secret_is_used_once_in_time_and_by_its_owner(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let secret = secret(1, ann, Purpose::Unlock);
    assert!(!redeem(stores, ann, &secret, 1).await, "never issued");
    issue(stores, std::slice::from_ref(&secret)).await;
    assert!(!redeem(stores, bob, &secret, 1).await);
    assert!(!redeem(stores, ann, &secret, 3_600).await, "expired");
    assert!(redeem(stores, ann, &secret, 3_599).await);
    assert!(!redeem(stores, ann, &secret, 3_599).await);
    let used = stores.secrets.by_id(secret.id).await.unwrap().unwrap();
    assert_eq!(used.used_at, Some(at(3_599)));
}

/// The look and the use are one.
pub async fn threat_07_of_16_uses_at_once_one_succeeds(stores: &Stores) {
    let ann = stores.learner(1).await;
    for round in 0..4 {
        let secret = secret(round + 1, ann, Purpose::Unlock);
        issue(stores, std::slice::from_ref(&secret)).await;
        let uses = join_all((0..16).map(|_| redeem(stores, ann, &secret, 1))).await;
        assert_eq!(uses.into_iter().filter(|used| *used).count(), 1);
    }
}

/// What goes with a use is written with it or not at all.
pub async fn a_use_writes_its_consequences_and_a_refused_one_none(stores: &Stores) {
    let ann = stores.learner(1).await;
    let key = secret(1, ann, Purpose::Unlock);
    issue(stores, std::slice::from_ref(&key)).await;
    for (number, succeeds) in [(10, true), (11, false)] {
        let next = secret(number, ann, Purpose::ResetPassword);
        let consequences = Consequences::default().and_secret(next.clone());
        let redeemed = stores.secrets.redeem(ann, key.id, at(1), &consequences);
        assert_eq!(redeemed.await.unwrap(), succeeds);
        assert_eq!(is_good(stores, &next).await, succeeds);
    }
}

/// What may still be used stays.
pub async fn expired_secrets_are_purged_in_batches_and_no_others(stores: &Stores) {
    let ann = stores.learner(1).await;
    let purposes = [Purpose::VerifyEmail, Purpose::Unlock, Purpose::ResetPassword];
    let short = purposes.map(|purpose| OneTimeSecret {
        expires_at: at(60),
        ..secret(purpose as u128, ann, purpose)
    });
    let long = secret(9, ann, Purpose::Export);
    issue(stores, &short).await;
    issue(stores, std::slice::from_ref(&long)).await;
    let purge = async |limit| stores.secrets.purge_expired(at(61), limit).await.unwrap();
    assert_eq!(stores.secrets.purge_expired(at(60), 10).await.unwrap(), 0);
    assert_eq!([purge(2).await, purge(2).await, purge(2).await], [2, 1, 0]);
    for gone in short {
        assert_eq!(stores.secrets.by_id(gone.id).await.unwrap(), None);
    }
    assert!(is_good(stores, &long).await);
}
