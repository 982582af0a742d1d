//! What a learner submits to their log.

use std::collections::HashSet;

use super::{Event, Rating};
use crate::ids::{EventId, ProgressId, WordId};
use crate::time::Timestamp;

/// What a learner sends at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// What happened.
    pub changes: Changes,
    /// When it arrived.
    pub now: Timestamp,
    /// Whether to decide only and keep nothing.
    pub dry_run: bool,
}

/// What happened, by kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Changes {
    /// Words were reviewed.
    Reviews(Vec<Change<NewReview>>),
    /// Members of words' states were fixed.
    Sets(Vec<Change<NewSet>>),
    /// A browser's own state is merged in.
    Merge(Vec<Change<MergeItem>>),
    /// A word is forgotten, if the precondition holds.
    Forget(Change<Precondition>),
    /// A review is taken back. The word of the change is that of the review, as the log has it.
    Undo {
        /// The review.
        review: EventId,
        /// The id of the event that takes it back.
        event_id: EventId,
    },
}

/// A change of one word, with the ids it will need.
#[derive(Debug, Clone, PartialEq)]
pub struct Change<T> {
    /// The word.
    pub word_id: WordId,
    /// The id of the event.
    pub event_id: EventId,
    /// The id of the row, should the word be begun by this.
    pub progress_id: ProgressId,
    /// What the change is.
    pub what: T,
}

/// A review that arrives.
#[derive(Debug, Clone, PartialEq)]
pub struct NewReview {
    /// How well the word was remembered.
    pub rating: Rating,
    /// When, with a time ahead of the server's already replaced.
    pub at: Timestamp,
    /// Whether it was replaced.
    pub clamped: bool,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<u32>,
    /// The device it happened on.
    pub device_id: Option<String>,
    /// The retention that the learner wants now, 0 to 1.
    pub retention: f64,
}

/// Members of a state that are fixed; those that are `None` stay.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NewSet {
    /// The number of studies.
    pub study_count: Option<u32>,
    /// The number of correct studies.
    pub correct_count: Option<u32>,
    /// The confidence, 0 to 1.
    pub confidence: Option<f64>,
    /// On what the caller insists.
    pub precondition: Precondition,
}

/// What the caller insists on, of the row before the change (RFC 9110, 13.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Precondition {
    /// There is a living row of one of these revisions.
    pub if_match: Option<Revisions>,
    /// There is no living row of one of these revisions.
    pub if_none_match: Option<Revisions>,
}

/// Some revisions of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revisions {
    /// `*`: whichever it is of.
    Any,
    /// These.
    OneOf(Vec<u64>),
}

impl Revisions {
    /// Whether they name the one of this number.
    pub fn name(&self, revision: u64) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(revisions) => revisions.contains(&revision),
        }
    }
}

impl Precondition {
    /// Whether it holds of the living row of this revision; `None` is no living row.
    pub fn holds(&self, revision: Option<u64>) -> bool {
        let names = |revisions: &Revisions| revision.is_some_and(|revision| revisions.name(revision));
        self.if_match.as_ref().is_none_or(names) && !self.if_none_match.as_ref().is_some_and(names)
    }
}

/// Members of a browser's own state; merged by maximum.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MergeItem {
    /// The number of studies.
    pub study_count: Option<u32>,
    /// The number of correct studies.
    pub correct_count: Option<u32>,
    /// The confidence, 0 to 1.
    pub confidence: Option<f64>,
}

/// What became of an item of a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeOutcome {
    /// There was nothing yet.
    Imported,
    /// Something was raised.
    Merged,
    /// It was all there.
    Unchanged,
}

/// Why a submission is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The row is not as the caller insists.
    #[error("the progress has changed meanwhile")]
    PreconditionFailed,
    /// There is no living row of the word.
    #[error("there is no progress for this word")]
    ProgressNotFound,
    /// There is no such review in the log.
    #[error("there is no such review")]
    ReviewNotFound,
}

impl Changes {
    /// The words that the changes name, each once; `undo_target` is the review that an undo names.
    pub fn words(&self, undo_target: Option<&Event>) -> Vec<WordId> {
        fn ids<T>(changes: &[Change<T>]) -> Vec<&WordId> {
            changes.iter().map(|change| &change.word_id).collect()
        }
        let named = match self {
            Self::Reviews(reviews) => ids(reviews),
            Self::Sets(sets) => ids(sets),
            Self::Merge(items) => ids(items),
            Self::Forget(change) => vec![&change.word_id],
            Self::Undo { .. } => undo_target.map(|event| &event.word_id).into_iter().collect(),
        };
        let mut seen = HashSet::new();
        named
            .into_iter()
            .filter(|word| seen.insert(*word))
            .cloned()
            .collect()
    }
}
