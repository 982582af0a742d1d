//! Rows that break an invariant, and rows of another version of the fold.

use parlance_contract::stores::{Stores, at, user, word_id};
use parlance_domain::ids::{EventId, ProgressId};
use parlance_domain::port::PortErrorKind;
use parlance_domain::progress::{
    AppendError, Change, Changes, DEFAULT_RETENTION, FOLD_VERSION, NewReview, Rating, Submission,
};
use uuid::Uuid;

use crate::support::{Fresh, fresh, stores_of, tamper};

fn review(number: u128, seconds: i64) -> Submission {
    let review = Change {
        word_id: word_id("w1"),
        event_id: EventId(Uuid::from_u128(number)),
        progress_id: ProgressId(Uuid::from_u128(number + 1_000)),
        what: NewReview {
            rating: Rating::Good,
            at: at(seconds),
            clamped: false,
            duration_ms: None,
            device_id: None,
            retention: DEFAULT_RETENTION,
        },
    };
    Submission {
        changes: Changes::Reviews(vec![review]),
        now: at(seconds),
        dry_run: false,
    }
}

/// A learner with two reviews of a word, after somebody changed the file by hand.
async fn tampered(sql: &str) -> (Fresh, Stores) {
    let fresh = fresh();
    let stores = stores_of(&fresh.database);
    stores.learner(1).await;
    for number in [1, 2] {
        let seconds = 86_400 * i64::try_from(number).unwrap();
        stores
            .progress
            .append(user(1), &review(number, seconds))
            .await
            .unwrap();
    }
    tamper(&fresh.database, sql);
    (fresh, stores)
}

#[tokio::test]
async fn a_row_that_breaks_an_invariant_is_corrupt_and_named() {
    let (_fresh, stores) = tampered("UPDATE progress SET study_count = NULL").await;
    let error = stores
        .progress
        .by_word(user(1), &word_id("w1"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Corrupt);
    let cause = error.source.unwrap().to_string();
    for part in ["progress", "w1", "study_count"] {
        assert!(cause.contains(part), "{cause}");
    }
}

#[tokio::test]
async fn an_account_that_breaks_an_invariant_is_corrupt_and_its_address_is_not_told() {
    let (_fresh, stores) =
        tampered("UPDATE accounts SET time_zone = 'Moon/Crater', email = 'canary@x'").await;
    let error = stores.accounts.by_id(user(1)).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Corrupt);
    let cause = error.source.unwrap().to_string();
    assert!(cause.contains(&user(1).to_string()), "{cause}");
    assert!(!cause.contains("canary"), "{cause}");
}

#[tokio::test]
async fn an_event_of_no_known_kind_is_corrupt() {
    let (_fresh, stores) = tampered("UPDATE progress_events SET rating = 7 WHERE position = 1").await;
    let error = stores.progress.reviews(user(1), None, 0, 10).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Corrupt);
}

#[tokio::test]
async fn a_row_of_another_version_of_the_fold_is_folded_again_from_its_log() {
    let (_fresh, stores) = tampered("UPDATE progress SET fold_version = 0, study_count = 900").await;
    stores
        .progress
        .append(user(1), &review(3, 3 * 86_400))
        .await
        .unwrap();
    let row = stores
        .progress
        .by_word(user(1), &word_id("w1"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.fold_version, FOLD_VERSION);
    assert_eq!(row.state.unwrap().study_count, 3);
}

#[tokio::test]
async fn rows_that_outlived_their_account_are_not_written_to() {
    // Whoever deletes by hand does so without foreign keys.
    let (_fresh, stores) = tampered("PRAGMA foreign_keys = OFF; DELETE FROM accounts").await;
    let before = stores.progress.changes(user(1), 0, 10).await.unwrap();
    assert_eq!(before.len(), 1);
    let dry_run = Submission {
        dry_run: true,
        ..review(3, 3 * 86_400)
    };
    // A new review, one that is there, and one that is only looked at.
    for submission in [review(3, 3 * 86_400), review(1, 86_400), dry_run] {
        match stores.progress.append(user(1), &submission).await {
            Err(AppendError::Port(error)) => assert_eq!(error.kind, PortErrorKind::OwnerGone),
            other => panic!("not refused as gone: {other:?}"),
        }
    }
    assert_eq!(stores.progress.changes(user(1), 0, 10).await.unwrap(), before);
}
