//! A learner of the rules: what they send, in few words.

use chrono::TimeDelta;
use parlance_domain::ids::{EventId, ProgressId, UserId, WordId};
use parlance_domain::progress::{
    AppendError, Appended, Change, Changes, IfMatch, LoggedReview, MergeItem, NewReview, NewSet, ProgressRow,
    ProgressStore, Rating, Refusal, Submission, Totals, WordState,
};
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use crate::stores::{Stores, at, word_id};

/// A learner with an account.
pub(super) struct Learner<'a> {
    pub(super) store: &'a dyn ProgressStore,
    pub(super) user: UserId,
}

/// All that a store tells of a learner.
#[derive(Debug, PartialEq, Default)]
pub(super) struct Everything {
    pub(super) rows: Vec<ProgressRow>,
    pub(super) changes: Vec<ProgressRow>,
    pub(super) reviews: Vec<LoggedReview>,
    pub(super) totals: Totals,
}

/// The id of the review of this number; those of other events have other high bits.
pub(super) fn review_id(number: u128) -> EventId {
    EventId(Uuid::from_u128(1 << 100 | number))
}

fn fresh(number: u128) -> Uuid {
    Uuid::from_u128(2 << 100 | number)
}

fn change<T>(number: u128, word: &WordId, what: T) -> Change<T> {
    Change {
        word_id: word.clone(),
        event_id: EventId(fresh(number)),
        progress_id: ProgressId(Uuid::from_u128(3 << 100 | number)),
        what,
    }
}

/// A review of this number, this many seconds after the beginning.
pub(super) fn review(number: u128, word: &str, rating: Rating, seconds: i64) -> Change<NewReview> {
    let what = NewReview {
        rating,
        at: at(seconds),
        clamped: false,
        duration_ms: Some(1_200),
        device_id: Some("phone".to_owned()),
    };
    Change {
        event_id: review_id(number),
        ..change(number, &word_id(word), what)
    }
}

/// A set of a word's confidence; the number makes its ids.
pub(super) fn confidence(number: u128, word: &str, confidence: f64) -> Change<NewSet> {
    let what = NewSet {
        confidence: Some(confidence),
        ..NewSet::default()
    };
    change(number, &word_id(word), what)
}

/// A set of a word's counts; the number makes its ids.
pub(super) fn counts(number: u128, word: &str, studied: u32, correct: u32) -> Change<NewSet> {
    let what = NewSet {
        study_count: Some(studied),
        correct_count: Some(correct),
        ..NewSet::default()
    };
    change(number, &word_id(word), what)
}

/// The set with a precondition.
pub(super) fn only_if(mut set: Change<NewSet>, condition: IfMatch) -> Change<NewSet> {
    set.what.if_match = Some(condition);
    set
}

/// An item of a merge; the number makes its ids.
pub(super) fn merge(number: u128, word: &str, what: MergeItem) -> Change<MergeItem> {
    change(number, &word_id(word), what)
}

/// What arrives this many seconds after the beginning.
pub(super) fn submission(changes: Changes, seconds: i64) -> Submission {
    Submission {
        changes,
        now: at(seconds),
        dry_run: false,
    }
}

/// An instant far behind all others.
pub(super) fn far() -> Timestamp {
    at(0) + TimeDelta::days(40_000)
}

impl<'a> Learner<'a> {
    /// The learner of this number, with an account.
    pub(super) async fn new(stores: &'a Stores, number: u128) -> Self {
        Self {
            store: &*stores.progress,
            user: stores.learner(number).await,
        }
    }

    pub(super) async fn try_send(&self, changes: Changes, seconds: i64) -> Result<Appended, AppendError> {
        self.store.append(self.user, &submission(changes, seconds)).await
    }

    pub(super) async fn send(&self, changes: Changes, seconds: i64) -> Appended {
        self.try_send(changes, seconds).await.unwrap()
    }

    pub(super) async fn refused(&self, changes: Changes, seconds: i64) -> Refusal {
        match self.try_send(changes, seconds).await {
            Err(AppendError::Refused(refusal)) => refusal,
            other => panic!("not refused: {other:?}"),
        }
    }

    /// Sends reviews that arrive this many seconds after the beginning.
    pub(super) async fn review(&self, reviews: Vec<Change<NewReview>>, seconds: i64) -> Appended {
        self.send(Changes::Reviews(reviews), seconds).await
    }

    /// Sends sets that arrive this many seconds after the beginning.
    pub(super) async fn set(&self, sets: Vec<Change<NewSet>>, seconds: i64) -> Appended {
        self.send(Changes::Sets(sets), seconds).await
    }

    pub(super) async fn forget(&self, number: u128, word: &str, seconds: i64) -> Appended {
        self.send(forget(number, word), seconds).await
    }

    pub(super) async fn undo(&self, number: u128, review: u128, seconds: i64) -> Appended {
        self.send(undo(number, review), seconds).await
    }

    pub(super) async fn row(&self, word: &str) -> Option<ProgressRow> {
        self.store.by_word(self.user, &word_id(word)).await.unwrap()
    }

    pub(super) async fn state(&self, word: &str) -> Option<WordState> {
        self.row(word).await.and_then(|row| row.state)
    }

    /// The study and correct counts of a living word.
    pub(super) async fn counts(&self, word: &str) -> (u32, u32) {
        let state = self.state(word).await.unwrap();
        (state.study_count, state.correct_count)
    }

    pub(super) async fn changes(&self) -> Vec<ProgressRow> {
        self.store.changes(self.user, 0, 100_000).await.unwrap()
    }

    pub(super) async fn everything(&self) -> Everything {
        Everything {
            rows: self.store.list(self.user, None, None).await.unwrap(),
            changes: self.changes().await,
            reviews: self.store.reviews(self.user, None, 0, 100_000).await.unwrap(),
            totals: self.store.totals(self.user, far()).await.unwrap(),
        }
    }
}

/// A word is forgotten; the number makes the id of the event.
pub(super) fn forget(number: u128, word: &str) -> Changes {
    Changes::Forget(change(number, &word_id(word), ()))
}

/// A review is taken back; the first number makes the id of the event.
pub(super) fn undo(number: u128, review: u128) -> Changes {
    Changes::Undo {
        review: review_id(review),
        event_id: EventId(fresh(number)),
    }
}
