//! A learner of the rules: what they send, in few words.

use chrono::TimeDelta;
use parlance_domain::ids::{EventId, ProgressId, UserId, WordId};
use parlance_domain::progress::{
    AppendError, Appended, Change, Changes, DEFAULT_RETENTION, LoggedReview, MergeItem, NewReview, NewSet,
    Precondition, ProgressEntry, ProgressRow, ProgressStore, Rating, Refusal, Revisions, Submission, Totals,
    WordState,
};
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use crate::stores::{Stores, at, word_id};

/// A learner with an account.
pub(crate) struct Learner<'a> {
    pub(crate) store: &'a dyn ProgressStore,
    pub(crate) user: UserId,
}

/// All that a store tells of a learner.
#[derive(Debug, PartialEq, Default)]
pub(crate) struct Everything {
    pub(crate) entries: Vec<ProgressEntry>,
    pub(crate) changes: Vec<ProgressRow>,
    pub(crate) reviews: Vec<LoggedReview>,
    pub(crate) totals: Totals,
}

/// The id of the review of this number; those of other events have other high bits.
pub(crate) fn review_id(number: u128) -> EventId {
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
pub(crate) fn review(number: u128, word: &str, rating: Rating, seconds: i64) -> Change<NewReview> {
    let what = NewReview {
        rating,
        at: at(seconds),
        clamped: false,
        duration_ms: Some(1_200),
        device_id: Some("phone".to_owned()),
        retention: DEFAULT_RETENTION,
    };
    Change {
        event_id: review_id(number),
        ..change(number, &word_id(word), what)
    }
}

/// A set of a word's confidence; the number makes its ids.
pub(crate) fn confidence(number: u128, word: &str, confidence: f64) -> Change<NewSet> {
    let what = NewSet {
        confidence: Some(confidence),
        ..NewSet::default()
    };
    change(number, &word_id(word), what)
}

/// A set of a word's counts; the number makes its ids.
pub(crate) fn counts(number: u128, word: &str, studied: u32, correct: u32) -> Change<NewSet> {
    let what = NewSet {
        study_count: Some(studied),
        correct_count: Some(correct),
        ..NewSet::default()
    };
    change(number, &word_id(word), what)
}

/// The set, if there is a living row of one of these revisions.
pub(crate) fn only_if(mut set: Change<NewSet>, revisions: Revisions) -> Change<NewSet> {
    set.what.precondition.if_match = Some(revisions);
    set
}

/// The set, if there is no living row of one of these revisions.
pub(crate) fn unless(mut set: Change<NewSet>, revisions: Revisions) -> Change<NewSet> {
    set.what.precondition.if_none_match = Some(revisions);
    set
}

/// An item of a merge; the number makes its ids.
pub(crate) fn merge(number: u128, word: &str, what: MergeItem) -> Change<MergeItem> {
    change(number, &word_id(word), what)
}

/// What arrives this many seconds after the beginning.
pub(crate) fn submission(changes: Changes, seconds: i64) -> Submission {
    Submission {
        changes,
        now: at(seconds),
        dry_run: false,
    }
}

/// An instant far behind all others.
pub(crate) fn far() -> Timestamp {
    at(0) + TimeDelta::days(40_000)
}

impl<'a> Learner<'a> {
    /// The learner of this number, with an account.
    pub(crate) async fn new(stores: &'a Stores, number: u128) -> Self {
        Self {
            store: &*stores.progress,
            user: stores.learner(number).await,
        }
    }

    /// The learner of this id, whether there is an account or not.
    pub(crate) fn of(stores: &'a Stores, user: UserId) -> Self {
        Self {
            store: &*stores.progress,
            user,
        }
    }

    pub(crate) async fn try_send(&self, changes: Changes, seconds: i64) -> Result<Appended, AppendError> {
        self.store.append(self.user, &submission(changes, seconds)).await
    }

    pub(crate) async fn send(&self, changes: Changes, seconds: i64) -> Appended {
        self.try_send(changes, seconds).await.unwrap()
    }

    pub(crate) async fn refused(&self, changes: Changes, seconds: i64) -> Refusal {
        match self.try_send(changes, seconds).await {
            Err(AppendError::Refused(refusal)) => refusal,
            other => panic!("not refused: {other:?}"),
        }
    }

    /// Sends reviews that arrive this many seconds after the beginning.
    pub(crate) async fn review(&self, reviews: Vec<Change<NewReview>>, seconds: i64) -> Appended {
        self.send(Changes::Reviews(reviews), seconds).await
    }

    /// Sends sets that arrive this many seconds after the beginning.
    pub(crate) async fn set(&self, sets: Vec<Change<NewSet>>, seconds: i64) -> Appended {
        self.send(Changes::Sets(sets), seconds).await
    }

    pub(crate) async fn forget(&self, number: u128, word: &str, seconds: i64) -> Appended {
        self.send(forget(number, word), seconds).await
    }

    pub(crate) async fn undo(&self, number: u128, review: u128, seconds: i64) -> Appended {
        self.send(undo(number, review), seconds).await
    }

    pub(crate) async fn row(&self, word: &str) -> Option<ProgressRow> {
        self.store.by_word(self.user, &word_id(word)).await.unwrap()
    }

    pub(crate) async fn state(&self, word: &str) -> Option<WordState> {
        self.row(word).await.and_then(|row| row.state)
    }

    /// The study and correct counts of a living word.
    pub(crate) async fn counts(&self, word: &str) -> (u32, u32) {
        let state = self.state(word).await.unwrap();
        (state.study_count, state.correct_count)
    }

    pub(crate) async fn changes(&self) -> Vec<ProgressRow> {
        self.store.changes(self.user, 0, 100_000).await.unwrap()
    }

    pub(crate) async fn everything(&self) -> Everything {
        Everything {
            entries: self.store.list(self.user, None, None).await.unwrap(),
            changes: self.changes().await,
            reviews: self.store.reviews(self.user, None, 0, 100_000).await.unwrap(),
            totals: self.store.totals(self.user, far()).await.unwrap(),
        }
    }
}

/// A word is forgotten; the number makes the id of the event.
pub(crate) fn forget(number: u128, word: &str) -> Changes {
    Changes::Forget(change(number, &word_id(word), Precondition::default()))
}

/// A word is forgotten if there is a living row of this revision; the number makes the id of the event.
pub(crate) fn forget_if(number: u128, word: &str, revision: u64) -> Changes {
    let precondition = Precondition {
        if_match: Some(Revisions::OneOf(vec![revision])),
        if_none_match: None,
    };
    Changes::Forget(change(number, &word_id(word), precondition))
}

/// A review is taken back; the first number makes the id of the event.
pub(crate) fn undo(number: u128, review: u128) -> Changes {
    Changes::Undo {
        review: review_id(review),
        event_id: EventId(fresh(number)),
    }
}
