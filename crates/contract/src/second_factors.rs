//! What every [`SecondFactorStore`](parlance_domain::accounts::SecondFactorStore) must do.

use futures_util::future::join_all;
use parlance_domain::accounts::{Ends, NewFactor, Purpose, SecondFactor, TotpSecret};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::UserId;
use parlance_domain::port::PortErrorKind;
use parlance_domain::sealing::{KeptSecret, KeyId, Sealed};

use crate::secrets::{is_good, secret};
use crate::stores::{Stores, at, session, user};

/// Makes a test of each rule of a store of second factors; the expression makes [`Stores`].
#[macro_export]
macro_rules! second_factor_store_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            second_factors,
            $make,
            [
                a_secret_waits_until_it_is_confirmed,
                a_new_secret_takes_the_place_of_one_that_waits_and_of_no_other,
                the_very_secret_that_waits_is_confirmed_and_once,
                threat_07_of_16_confirmations_at_once_one_succeeds,
                a_step_is_used_once_and_none_before_it,
                no_step_is_used_where_nothing_is_confirmed,
                threat_07_of_16_uses_of_a_step_at_once_one_succeeds,
                a_recovery_code_is_used_once_and_by_its_owner,
                threat_07_of_16_uses_of_a_recovery_code_at_once_one_succeeds,
                new_codes_take_the_place_of_those_that_are_left,
                what_is_taken_away_is_gone_with_its_codes,
                sessions_end_with_a_second_factor_if_they_are_to,
                threat_05_a_sign_in_under_way_outlives_no_change_of_the_second_factor,
                consequences_are_written_with_what_was_done_or_not_at_all,
                nobody_has_no_second_factor,
                secrets_that_are_sealed_otherwise_are_told_in_pages,
                a_secret_that_was_sealed_anew_takes_the_place_of_what_it_was_made_of_alone,
            ]
        );
    };
}

/// A secret that opens for nobody; another for each number.
pub(crate) fn sealed(number: u8) -> Sealed {
    Sealed {
        key_id: "2026-11".parse().unwrap(),
        nonce: [number; Sealed::NONCE_BYTES],
        ciphertext: vec![number; 36],
    }
}

/// The digest of the recovery code of this number.
pub(crate) fn code(number: u8) -> [u8; 32] {
    [number; 32]
}

/// A second factor with the recovery codes 1 and 2, whose first code was that of step 100.
pub(crate) fn confirmed(user_id: UserId, secret: u8) -> NewFactor {
    NewFactor {
        user_id,
        secret: sealed(secret),
        step: 100,
        codes: vec![code(1), code(2)],
        now: at(60),
    }
}

async fn begin(stores: &Stores, user: UserId, secret: u8) -> bool {
    let secret = sealed(secret);
    stores.second_factors.begin(user, &secret, at(0)).await.unwrap()
}

async fn confirm(stores: &Stores, factor: &NewFactor) -> bool {
    let nothing = Consequences::default();
    let confirmed = stores.second_factors.confirm(factor, &nothing).await;
    confirmed.unwrap()
}

/// Gives a learner a second factor that is asked for.
pub(crate) async fn give(stores: &Stores, user: UserId) {
    assert!(begin(stores, user, 7).await);
    assert!(confirm(stores, &confirmed(user, 7)).await);
}

async fn use_step(stores: &Stores, user: UserId, step: u64) -> bool {
    stores.second_factors.use_step(user, step).await.unwrap()
}

async fn use_code(stores: &Stores, user: UserId, number: u8) -> bool {
    let nothing = Consequences::default();
    let outcome = stores
        .second_factors
        .use_code(user, &code(number), &nothing)
        .await;
    outcome.unwrap()
}

async fn renew(stores: &Stores, user: UserId, numbers: &[u8]) -> bool {
    let codes: Vec<_> = numbers.iter().map(|number| code(*number)).collect();
    let nothing = Consequences::default();
    let renewed = stores.second_factors.renew_codes(user, &codes, &nothing).await;
    renewed.unwrap()
}

async fn found(stores: &Stores, user: UserId) -> Option<SecondFactor> {
    stores.second_factors.by_user(user).await.unwrap()
}

/// All members come back.
pub async fn a_secret_waits_until_it_is_confirmed(stores: &Stores) {
    let ann = stores.learner(1).await;
    assert_eq!(found(stores, ann).await, None);
    assert!(begin(stores, ann, 7).await);
    let waiting = SecondFactor {
        user_id: ann,
        secret: sealed(7),
        created_at: at(0),
        confirmed_at: None,
        codes_left: 0,
    };
    assert_eq!(found(stores, ann).await, Some(waiting.clone()));
    assert!(confirm(stores, &confirmed(ann, 7)).await);
    let active = SecondFactor {
        confirmed_at: Some(at(60)),
        codes_left: 2,
        ..waiting
    };
    assert_eq!(found(stores, ann).await, Some(active));
}

/// Nobody takes a second factor over by beginning another.
pub async fn a_new_secret_takes_the_place_of_one_that_waits_and_of_no_other(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    assert!(begin(stores, ann, 7).await && begin(stores, bob, 7).await);
    assert!(begin(stores, ann, 8).await);
    assert_eq!(found(stores, ann).await.unwrap().secret, sealed(8));
    assert_eq!(found(stores, bob).await.unwrap().secret, sealed(7));
    assert!(confirm(stores, &confirmed(ann, 8)).await);
    let before = found(stores, ann).await;
    assert!(!begin(stores, ann, 9).await);
    assert_eq!(found(stores, ann).await, before);
}

/// A code of a secret that was replaced meanwhile confirms nothing.
pub async fn the_very_secret_that_waits_is_confirmed_and_once(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    assert!(!confirm(stores, &confirmed(ann, 7)).await, "nothing waits");
    begin(stores, ann, 7).await;
    begin(stores, ann, 8).await;
    assert!(!confirm(stores, &confirmed(ann, 7)).await);
    assert!(!confirm(stores, &confirmed(bob, 8)).await);
    assert!(!found(stores, ann).await.unwrap().is_active());
    assert!(confirm(stores, &confirmed(ann, 8)).await);
    let again = NewFactor {
        codes: vec![code(3)],
        ..confirmed(ann, 8)
    };
    assert!(!confirm(stores, &again).await);
    assert!(!use_code(stores, ann, 3).await);
    assert!(!use_step(stores, ann, 100).await, "its first code was used");
}

/// The look and the change are one.
pub async fn threat_07_of_16_confirmations_at_once_one_succeeds(stores: &Stores) {
    let ann = stores.learner(1).await;
    begin(stores, ann, 7).await;
    let factor = confirmed(ann, 7);
    let all = join_all((0..16).map(|_| confirm(stores, &factor))).await;
    assert_eq!(all.into_iter().filter(|confirmed| *confirmed).count(), 1);
    assert_eq!(found(stores, ann).await.unwrap().codes_left, 2);
}

/// A code seen on the wire, or over a shoulder, is worth nothing.
pub async fn a_step_is_used_once_and_none_before_it(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    give(stores, ann).await;
    give(stores, bob).await;
    let used = [
        use_step(stores, ann, 101).await,
        use_step(stores, ann, 101).await,
        use_step(stores, ann, 100).await,
        use_step(stores, ann, 102).await,
        use_step(stores, bob, 101).await,
    ];
    assert_eq!(used, [true, false, false, true, true]);
}

/// Not while it waits, nor when it is gone.
pub async fn no_step_is_used_where_nothing_is_confirmed(stores: &Stores) {
    let ann = stores.learner(1).await;
    assert!(!use_step(stores, ann, 101).await);
    begin(stores, ann, 7).await;
    assert!(!use_step(stores, ann, 101).await);
}

/// The look and the change are one.
pub async fn threat_07_of_16_uses_of_a_step_at_once_one_succeeds(stores: &Stores) {
    let ann = stores.learner(1).await;
    give(stores, ann).await;
    for step in 101..105 {
        let uses = join_all((0..16).map(|_| use_step(stores, ann, step))).await;
        assert_eq!(uses.into_iter().filter(|used| *used).count(), 1);
    }
}

/// It is one less from then on.
pub async fn a_recovery_code_is_used_once_and_by_its_owner(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    give(stores, ann).await;
    let used = [
        use_code(stores, bob, 1).await,
        use_code(stores, ann, 3).await,
        use_code(stores, ann, 1).await,
        use_code(stores, ann, 1).await,
    ];
    assert_eq!(used, [false, false, true, false]);
    assert_eq!(found(stores, ann).await.unwrap().codes_left, 1);
}

/// The look and the use are one.
pub async fn threat_07_of_16_uses_of_a_recovery_code_at_once_one_succeeds(stores: &Stores) {
    let ann = stores.learner(1).await;
    give(stores, ann).await;
    for number in [1, 2] {
        let uses = join_all((0..16).map(|_| use_code(stores, ann, number))).await;
        assert_eq!(uses.into_iter().filter(|used| *used).count(), 1);
    }
}

/// Those that were printed before are waste paper.
pub async fn new_codes_take_the_place_of_those_that_are_left(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    assert!(!renew(stores, ann, &[3]).await, "there is no second factor");
    begin(stores, ann, 7).await;
    assert!(!renew(stores, ann, &[3]).await, "it waits");
    assert!(confirm(stores, &confirmed(ann, 7)).await);
    give(stores, bob).await;
    assert!(renew(stores, ann, &[3, 4, 5]).await);
    assert_eq!(found(stores, ann).await.unwrap().codes_left, 3);
    let used = [
        use_code(stores, ann, 1).await,
        use_code(stores, ann, 3).await,
        use_code(stores, bob, 1).await,
    ];
    assert_eq!(used, [false, true, true]);
}

/// And one can be begun anew.
pub async fn what_is_taken_away_is_gone_with_its_codes(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let remove = async |user: UserId| {
        let nothing = Consequences::default();
        let removed = stores
            .second_factors
            .remove(user, Ends::Nothing, at(90), &nothing);
        removed.await.unwrap()
    };
    assert_eq!(remove(ann).await, None);
    begin(stores, ann, 7).await;
    assert_eq!(remove(ann).await, None, "what waits is not asked for");
    assert!(confirm(stores, &confirmed(ann, 7)).await);
    give(stores, bob).await;
    assert_eq!(remove(ann).await, Some(Vec::new()));
    assert_eq!(remove(ann).await, None);
    assert_eq!(found(stores, ann).await, None);
    assert!(!use_code(stores, ann, 1).await);
    assert!(found(stores, bob).await.unwrap().is_active());
    give(stores, ann).await;
}

/// As when an administrator takes it away.
pub async fn sessions_end_with_a_second_factor_if_they_are_to(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let nothing = Consequences::default();
    let remove = async |user| {
        let removed = stores
            .second_factors
            .remove(user, Ends::AllSessions, at(90), &nothing);
        removed.await.unwrap()
    };
    assert_eq!(remove(ann).await, None);
    assert_eq!(stores.sessions.live(ann, at(91)).await.unwrap().len(), 1);
    give(stores, ann).await;
    assert_eq!(remove(ann).await.unwrap().len(), 1);
    assert!(stores.sessions.live(ann, at(91)).await.unwrap().is_empty());
    assert_eq!(stores.sessions.live(bob, at(91)).await.unwrap().len(), 1);
}

/// A session is kept at the revision of the account before the change: it was not asked for a code, or for one of a factor
/// that is gone.
pub async fn threat_05_a_sign_in_under_way_outlives_no_change_of_the_second_factor(stores: &Stores) {
    let ann = stores.learner(1).await;
    let nothing = Consequences::default();
    let revision = async || stores.accounts.by_id(ann).await.unwrap().unwrap().revision;
    let begin_at = async |number, revision| {
        let session = session(number, ann, 0);
        let begun = stores.sessions.insert(&session, revision, &nothing).await;
        begun.unwrap().is_some()
    };
    let remove = async || {
        let removed = stores.second_factors.remove(ann, Ends::Nothing, at(90), &nothing);
        removed.await.unwrap().is_some()
    };
    let read = revision().await;
    assert!(!remove().await && !confirm(stores, &confirmed(ann, 7)).await);
    assert_eq!(revision().await, read, "nothing was changed");
    give(stores, ann).await;
    assert!(!begin_at(2, read).await);
    let read = revision().await;
    assert!(begin_at(3, read).await);
    assert!(remove().await);
    assert!(!begin_at(4, read).await);
}

/// Each change tells of itself alone.
pub async fn consequences_are_written_with_what_was_done_or_not_at_all(stores: &Stores) {
    let ann = stores.learner(1).await;
    let factors = &stores.second_factors;
    begin(stores, ann, 7).await;
    for (number, done) in [(1, true), (2, false)] {
        // One key for each kind of change: what is written shows by it.
        let keys = [10, 20, 30, 40].map(|kind| secret(kind + number, ann, Purpose::Unlock));
        let news = keys.clone().map(|key| Consequences::default().and_secret(key));
        let mut outcomes = Vec::new();
        if done {
            outcomes.push(factors.confirm(&confirmed(ann, 7), &news[0]).await.unwrap());
            assert!(is_good(stores, &keys[0]).await);
            outcomes.push(factors.use_code(ann, &code(1), &news[1]).await.unwrap());
            assert!(is_good(stores, &keys[1]).await);
            outcomes.push(factors.renew_codes(ann, &[code(5)], &news[2]).await.unwrap());
            assert!(is_good(stores, &keys[2]).await);
            let removed = factors.remove(ann, Ends::Nothing, at(90), &news[3]).await;
            outcomes.push(removed.unwrap().is_some());
            assert!(is_good(stores, &keys[3]).await);
        } else {
            outcomes.push(factors.confirm(&confirmed(ann, 7), &news[0]).await.unwrap());
            outcomes.push(factors.use_code(ann, &code(1), &news[1]).await.unwrap());
            outcomes.push(factors.renew_codes(ann, &[code(5)], &news[2]).await.unwrap());
            let removed = factors.remove(ann, Ends::Nothing, at(90), &news[3]).await;
            outcomes.push(removed.unwrap().is_some());
            for key in &keys {
                assert!(!is_good(stores, key).await);
            }
        }
        assert_eq!(outcomes, [done; 4]);
    }
}

/// An account that is gone begins none.
pub async fn nobody_has_no_second_factor(stores: &Stores) {
    let begun = stores.second_factors.begin(user(404), &sealed(7), at(0)).await;
    assert_eq!(begun.unwrap_err().kind, PortErrorKind::OwnerGone);
    assert_eq!(found(stores, user(404)).await, None);
}

fn newest() -> KeyId {
    "newest".parse().unwrap()
}

fn sealed_anew() -> Sealed {
    Sealed {
        key_id: newest(),
        ..sealed(9)
    }
}

async fn otherwise(stores: &Stores, after: Option<&str>, limit: u32) -> Vec<KeptSecret> {
    let found = stores
        .sealed_factors
        .sealed_otherwise(&newest(), after, limit)
        .await;
    found.unwrap()
}

/// Each once, confirmed or not, with what it was sealed for.
pub async fn secrets_that_are_sealed_otherwise_are_told_in_pages(stores: &Stores) {
    let mut expected = Vec::new();
    for number in 1..=4 {
        let user = stores.learner(number).await;
        if number == 4 {
            let factors = &stores.second_factors;
            assert!(factors.begin(user, &sealed_anew(), at(0)).await.unwrap());
            continue;
        }
        if number == 1 {
            assert!(begin(stores, user, 7).await);
        } else {
            give(stores, user).await;
        }
        expected.push((TotpSecret::label(user), sealed(7)));
    }
    let (mut found, mut after): (Vec<_>, Option<String>) = (Vec::new(), None);
    loop {
        let page = otherwise(stores, after.as_deref(), 2).await;
        let Some(last) = page.last() else { break };
        after = Some(last.place.clone());
        found.extend(page.into_iter().map(|secret| (secret.label, secret.sealed)));
    }
    assert_eq!(found, expected);
}

/// Not that of a secret which was begun meanwhile; nothing else of the second factor changes.
pub async fn a_secret_that_was_sealed_anew_takes_the_place_of_what_it_was_made_of_alone(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    give(stores, ann).await;
    assert!(begin(stores, bob, 5).await);
    let [of_ann, of_bob] = otherwise(stores, None, 9).await.try_into().unwrap();
    let before = found(stores, ann).await.unwrap();
    let anew = sealed_anew();
    assert!(stores.sealed_factors.replace(&of_ann, &anew).await.unwrap());
    assert!(!stores.sealed_factors.replace(&of_ann, &anew).await.unwrap());
    let expected = SecondFactor {
        secret: anew.clone(),
        ..before
    };
    assert_eq!(found(stores, ann).await, Some(expected));
    assert!(begin(stores, bob, 6).await);
    assert!(!stores.sealed_factors.replace(&of_bob, &anew).await.unwrap());
    assert_eq!(found(stores, bob).await.unwrap().secret, sealed(6));
    assert_eq!(otherwise(stores, None, 9).await.len(), 1);
}
