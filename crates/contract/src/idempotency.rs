//! What every [`IdempotencyStore`](parlance_domain::idempotency::IdempotencyStore) must do.

use bytes::Bytes;
use chrono::TimeDelta;
use parlance_domain::idempotency::{Beginning, Fingerprint, GIVEN_UP_AFTER, GivenAnswer, KEPT_FOR};
use parlance_domain::ids::UserId;
use parlance_domain::port::PortErrorKind;
use parlance_domain::time::{MILLISECOND, Timestamp};

use crate::stores::{Stores, at, user};

/// Makes a test of each rule of a store of requests with keys; the expression makes [`Stores`].
#[macro_export]
macro_rules! idempotency_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            idempotency,
            $make,
            [
                a_request_is_new_once_and_in_progress_until_it_ends,
                an_answer_is_given_again_as_it_was,
                a_key_of_another_request_is_told_from_it,
                threat_48_of_parallel_calls_one_is_new,
                threat_48_of_parallel_calls_for_one_that_was_given_up_one_is_new,
                one_that_never_ended_is_new_again_after_its_time,
                one_that_was_answered_is_new_again_after_its_time,
                a_key_whose_time_is_over_is_free_for_another_request,
                threat_30_keys_of_different_users_do_not_influence_each_other,
                keys_are_compared_by_their_bytes,
                one_that_was_abandoned_is_new_again,
                only_the_request_that_was_begun_is_ended,
                the_first_answer_stays,
                what_was_never_begun_cannot_be_ended,
                who_is_gone_begins_nothing,
                old_requests_are_forgotten_in_batches,
                a_request_is_not_forgotten_before_its_time,
            ]
        );
    };
}

const ONE: Fingerprint = [1; 32];
const OTHER: Fingerprint = [2; 32];

async fn begin_at(
    stores: &Stores,
    user: UserId,
    key: &str,
    fingerprint: &Fingerprint,
    now: Timestamp,
) -> Beginning {
    let key = key.parse().unwrap();
    let begun = stores.idempotency.begin(user, &key, fingerprint, now).await;
    begun.unwrap()
}

async fn begin(stores: &Stores, user: UserId, key: &str) -> Beginning {
    begin_at(stores, user, key, &ONE, at(0)).await
}

async fn finish(stores: &Stores, user: UserId, key: &str, fingerprint: &Fingerprint, answer: &GivenAnswer) {
    let key = key.parse().unwrap();
    let finished = stores.idempotency.finish(user, &key, fingerprint, answer).await;
    finished.unwrap();
}

async fn abandon(stores: &Stores, user: UserId, key: &str, fingerprint: &Fingerprint) {
    let key = key.parse().unwrap();
    stores.idempotency.abandon(user, &key, fingerprint).await.unwrap();
}

fn answer(body: &'static str) -> GivenAnswer {
    GivenAnswer {
        status: 201,
        content_type: "application/json".to_owned(),
        body: Bytes::from_static(body.as_bytes()),
    }
}

/// How many of many calls at once are new; the others are told that it is in progress.
async fn new_ones(stores: &Stores, user: UserId, key: &str, now: Timestamp) -> usize {
    let calls: Vec<_> = (0..32)
        .map(|_| {
            let (store, key) = (stores.idempotency.clone(), key.parse().unwrap());
            tokio::spawn(async move { store.begin(user, &key, &ONE, now).await.unwrap() })
        })
        .collect();
    let mut new = 0;
    for call in calls {
        match call.await.unwrap() {
            Beginning::New => new += 1,
            Beginning::InProgress => {}
            other => panic!("neither: {other:?}"),
        }
    }
    new
}

/// However often it is asked for.
pub async fn a_request_is_new_once_and_in_progress_until_it_ends(stores: &Stores) {
    let ann = stores.learner(1).await;
    assert_eq!(begin(stores, ann, "key").await, Beginning::New);
    for _ in 0..3 {
        assert_eq!(begin(stores, ann, "key").await, Beginning::InProgress);
    }
    assert_eq!(begin(stores, ann, "other").await, Beginning::New);
}

/// To the byte, and as often as one likes.
pub async fn an_answer_is_given_again_as_it_was(stores: &Stores) {
    let ann = stores.learner(1).await;
    let all: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let answers = [
        (
            200,
            "application/json; charset=utf-8",
            Bytes::from_static(b"{\"a\":\"\\u0000 \xE5\xAD\x97\"}"),
        ),
        (204, "", Bytes::new()),
        (503, "application/problem+json", Bytes::from_static(b"\0")),
        (999, "audio/mpeg", Bytes::from(all)),
    ];
    for (number, (status, content_type, body)) in answers.into_iter().enumerate() {
        let answer = GivenAnswer {
            status,
            content_type: content_type.to_owned(),
            body,
        };
        let key = format!("key{number}");
        assert_eq!(begin(stores, ann, &key).await, Beginning::New);
        finish(stores, ann, &key, &ONE, &answer).await;
        for _ in 0..2 {
            assert_eq!(begin(stores, ann, &key).await, Beginning::Done(answer.clone()));
        }
    }
}

/// While it is being done and afterwards; it is not disturbed.
pub async fn a_key_of_another_request_is_told_from_it(stores: &Stores) {
    let ann = stores.learner(1).await;
    begin(stores, ann, "key").await;
    assert_eq!(
        begin_at(stores, ann, "key", &OTHER, at(1)).await,
        Beginning::Reused
    );
    assert_eq!(begin(stores, ann, "key").await, Beginning::InProgress);
    finish(stores, ann, "key", &ONE, &answer("one")).await;
    assert_eq!(
        begin_at(stores, ann, "key", &OTHER, at(2)).await,
        Beginning::Reused
    );
    assert_eq!(begin(stores, ann, "key").await, Beginning::Done(answer("one")));
}

/// Each time anew.
pub async fn threat_48_of_parallel_calls_one_is_new(stores: &Stores) {
    let ann = stores.learner(1).await;
    for round in 0..8 {
        assert_eq!(new_ones(stores, ann, &format!("key{round}"), at(0)).await, 1);
    }
}

/// Whoever is first takes it over from the one who gave up.
pub async fn threat_48_of_parallel_calls_for_one_that_was_given_up_one_is_new(stores: &Stores) {
    let ann = stores.learner(1).await;
    for round in 0..8 {
        assert_eq!(
            new_ones(stores, ann, "key", at(0) + GIVEN_UP_AFTER * round).await,
            1
        );
    }
    // Nor is one given the old answer while another begins anew.
    finish(stores, ann, "key", &ONE, &answer("old")).await;
    let later = at(0) + GIVEN_UP_AFTER * 7 + KEPT_FOR;
    assert_eq!(new_ones(stores, ann, "key", later).await, 1);
}

/// Not a millisecond sooner, and counted from its last beginning.
pub async fn one_that_never_ended_is_new_again_after_its_time(stores: &Stores) {
    let ann = stores.learner(1).await;
    begin(stores, ann, "key").await;
    let later = at(0) + GIVEN_UP_AFTER;
    let sooner = later - MILLISECOND;
    assert_eq!(
        begin_at(stores, ann, "key", &ONE, sooner).await,
        Beginning::InProgress
    );
    assert_eq!(begin_at(stores, ann, "key", &ONE, later).await, Beginning::New);
    let sooner = later + GIVEN_UP_AFTER - MILLISECOND;
    assert_eq!(
        begin_at(stores, ann, "key", &ONE, sooner).await,
        Beginning::InProgress
    );
    finish(stores, ann, "key", &ONE, &answer("at last")).await;
    let done = Beginning::Done(answer("at last"));
    assert_eq!(begin_at(stores, ann, "key", &ONE, sooner).await, done);
}

/// Not a millisecond sooner; then nothing is left of the answer.
pub async fn one_that_was_answered_is_new_again_after_its_time(stores: &Stores) {
    let ann = stores.learner(1).await;
    begin(stores, ann, "key").await;
    finish(stores, ann, "key", &ONE, &answer("old")).await;
    let later = at(0) + KEPT_FOR;
    let done = Beginning::Done(answer("old"));
    assert_eq!(
        begin_at(stores, ann, "key", &ONE, at(0) + GIVEN_UP_AFTER).await,
        done
    );
    assert_eq!(
        begin_at(stores, ann, "key", &ONE, later - MILLISECOND).await,
        done
    );
    assert_eq!(begin_at(stores, ann, "key", &ONE, later).await, Beginning::New);
    assert_eq!(
        begin_at(stores, ann, "key", &ONE, later).await,
        Beginning::InProgress
    );
    finish(stores, ann, "key", &ONE, &answer("new")).await;
    let done = Beginning::Done(answer("new"));
    assert_eq!(begin_at(stores, ann, "key", &ONE, later).await, done);
}

/// Of which whoever began the old one disturbs nothing.
pub async fn a_key_whose_time_is_over_is_free_for_another_request(stores: &Stores) {
    let ann = stores.learner(1).await;
    begin(stores, ann, "given-up").await;
    begin(stores, ann, "answered").await;
    finish(stores, ann, "answered", &ONE, &answer("old")).await;
    for (key, later) in [
        ("given-up", at(0) + GIVEN_UP_AFTER),
        ("answered", at(0) + KEPT_FOR),
    ] {
        assert_eq!(begin_at(stores, ann, key, &OTHER, later).await, Beginning::New);
        finish(stores, ann, key, &ONE, &answer("too late")).await;
        abandon(stores, ann, key, &ONE).await;
        assert_eq!(
            begin_at(stores, ann, key, &OTHER, later).await,
            Beginning::InProgress
        );
        assert_eq!(begin_at(stores, ann, key, &ONE, later).await, Beginning::Reused);
    }
}

/// Neither their requests nor their answers.
pub async fn threat_30_keys_of_different_users_do_not_influence_each_other(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    begin(stores, ann, "key").await;
    finish(stores, ann, "key", &ONE, &answer("for ann")).await;
    assert_eq!(begin(stores, bob, "key").await, Beginning::New);
    finish(stores, bob, "key", &ONE, &answer("for bob")).await;
    assert_eq!(
        begin(stores, ann, "key").await,
        Beginning::Done(answer("for ann"))
    );
    begin(stores, ann, "second").await;
    finish(stores, bob, "second", &ONE, &answer("for bob")).await;
    abandon(stores, bob, "second", &ONE).await;
    assert_eq!(begin(stores, ann, "second").await, Beginning::InProgress);
}

/// Whatever they consist of, up to the longest.
pub async fn keys_are_compared_by_their_bytes(stores: &Stores) {
    let ann = stores.learner(1).await;
    let long = "k".repeat(255);
    let keys = [
        "key",
        "Key",
        "KEY",
        "ke",
        "keyy",
        "k%",
        "%",
        "_",
        "'",
        "\"",
        "\\",
        "k?y",
        "$1",
        &long,
        &long[1..],
    ];
    for key in keys {
        assert_eq!(begin(stores, ann, key).await, Beginning::New, "{key}");
    }
    abandon(stores, ann, "%", &ONE).await;
    for key in keys {
        let expected = if key == "%" {
            Beginning::New
        } else {
            Beginning::InProgress
        };
        assert_eq!(begin(stores, ann, key).await, expected, "{key}");
    }
}

/// At once, and for any request.
pub async fn one_that_was_abandoned_is_new_again(stores: &Stores) {
    let ann = stores.learner(1).await;
    begin(stores, ann, "key").await;
    abandon(stores, ann, "key", &ONE).await;
    assert_eq!(begin_at(stores, ann, "key", &OTHER, at(1)).await, Beginning::New);
    assert_eq!(begin(stores, ann, "key").await, Beginning::Reused);
}

/// Another one under the same key changes nothing.
pub async fn only_the_request_that_was_begun_is_ended(stores: &Stores) {
    let ann = stores.learner(1).await;
    begin(stores, ann, "key").await;
    finish(stores, ann, "key", &OTHER, &answer("of another")).await;
    abandon(stores, ann, "key", &OTHER).await;
    assert_eq!(begin(stores, ann, "key").await, Beginning::InProgress);
}

/// It is neither replaced nor forgotten.
pub async fn the_first_answer_stays(stores: &Stores) {
    let ann = stores.learner(1).await;
    begin(stores, ann, "key").await;
    finish(stores, ann, "key", &ONE, &answer("first")).await;
    finish(stores, ann, "key", &ONE, &answer("second")).await;
    abandon(stores, ann, "key", &ONE).await;
    assert_eq!(begin(stores, ann, "key").await, Beginning::Done(answer("first")));
}

/// That is no error, and leaves nothing.
pub async fn what_was_never_begun_cannot_be_ended(stores: &Stores) {
    let ann = stores.learner(1).await;
    finish(stores, ann, "key", &ONE, &answer("of nothing")).await;
    abandon(stores, ann, "key", &ONE).await;
    finish(stores, user(404), "key", &ONE, &answer("for nobody")).await;
    assert_eq!(begin(stores, ann, "key").await, Beginning::New);
}

/// Whose access token has outlived the account.
pub async fn who_is_gone_begins_nothing(stores: &Stores) {
    let key = "key".parse().unwrap();
    for _ in 0..2 {
        let begun = stores.idempotency.begin(user(404), &key, &ONE, at(0)).await;
        assert_eq!(begun.unwrap_err().kind, PortErrorKind::OwnerGone);
    }
}

/// At most as many as asked for at a time, and in the end all, whoever's they are.
pub async fn old_requests_are_forgotten_in_batches(stores: &Stores) {
    for number in 1..=2 {
        let user = stores.learner(number).await;
        for key in 0..5 {
            begin(stores, user, &format!("key{key}")).await;
        }
        finish(stores, user, "key0", &ONE, &answer("old")).await;
    }
    let mut forgotten = Vec::new();
    for _ in 0..4 {
        forgotten.push(stores.idempotency.purge(at(1), 4).await.unwrap());
    }
    assert_eq!(forgotten, [4, 4, 2, 0]);
    assert_eq!(begin(stores, user(1), "key0").await, Beginning::New);
}

/// What was begun at the very instant was not begun before it.
pub async fn a_request_is_not_forgotten_before_its_time(stores: &Stores) {
    let ann = stores.learner(1).await;
    for (key, millis) in [("before", 999), ("then", 1_000), ("later", 1_001)] {
        begin_at(stores, ann, key, &ONE, at(0) + TimeDelta::milliseconds(millis)).await;
    }
    assert_eq!(stores.idempotency.purge(at(1), 100).await.unwrap(), 1);
    for (key, expected) in [
        ("before", Beginning::New),
        ("then", Beginning::InProgress),
        ("later", Beginning::InProgress),
    ] {
        assert_eq!(begin_at(stores, ann, key, &ONE, at(2)).await, expected, "{key}");
    }
}
