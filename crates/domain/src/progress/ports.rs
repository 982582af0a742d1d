//! The store of progress: a log per learner, with its projection.

use async_trait::async_trait;

use super::{ActivityBucket, MergeOutcome, ProgressEntry, ProgressRow, Rating, Refusal, Submission};
use crate::ids::{EventId, ListId, UserId, WordId};
use crate::port::PortError;
use crate::time::Timestamp;

/// Why nothing was appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The rules of the domain refuse it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What came of a submission.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Appended {
    /// How many reviews were new.
    pub accepted: u32,
    /// How many reviews were known before, or named twice.
    pub duplicates: u32,
    /// The living rows of the words it names: for sets one per set in the order sent, else one per word
    /// in the order of first mention.
    pub rows: Vec<ProgressRow>,
    /// For each item of a merge, in order, what became of it.
    pub merged: Vec<MergeOutcome>,
    /// The learner's head afterwards.
    pub revision: u64,
}

/// A review as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedReview {
    /// Its place in the learner's log, in the order of arrival, from 1.
    pub position: u64,
    /// Its id.
    pub id: EventId,
    /// The word.
    pub word_id: WordId,
    /// How well it was remembered.
    pub rating: Rating,
    /// When it happened.
    pub reviewed_at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<u32>,
    /// The device it happened on.
    pub device_id: Option<String>,
    /// Whether it was taken back.
    pub undone: bool,
}

/// Sums over all living rows of a learner.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Totals {
    /// How many rows.
    pub words: u32,
    /// How many with `study_count > 0`.
    pub studied: u32,
    /// How many are mastered.
    pub mastered: u32,
    /// The sum of `study_count`.
    pub study_count: u64,
    /// The mean of `confidence` over all rows, 0 when there is none.
    pub average_confidence: f64,
    /// How many with `next_review` not after the instant asked for.
    pub due: u32,
}

/// How far a learner is with the words of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListSummary {
    /// How many words of the list are mastered.
    pub mastered: u32,
    /// How many have a living row and are not mastered.
    pub learning: u32,
}

/// Keeps each learner's log of events and its projection.
///
/// No method ever reads or changes anything of another learner.
#[async_trait]
pub trait ProgressStore: Send + Sync {
    /// Appends what a learner did to their log and brings the projection up to date, all or nothing.
    ///
    /// Locks the learner's head, reads what [`super::words_to_refold`] and [`super::decide`] ask for, applies
    /// `decide`, writes its decision.
    ///
    /// - A refusal changes nothing; a dry run neither.
    /// - An event id that is in the log is a duplicate, whatever it carries.
    /// - Whatever the order in which reviews arrive, the same set gives the same states.
    /// - Each changed word takes its own next revision; none is skipped and none taken twice.
    /// - A new fold version refolds the word's log.
    /// - A learner without an account is refused as [`crate::port::PortErrorKind::OwnerGone`].
    async fn append(&self, user: UserId, submission: &Submission) -> Result<Appended, AppendError>;

    /// The living row of a word.
    async fn by_word(&self, user: UserId, word: &WordId) -> Result<Option<ProgressRow>, PortError>;

    /// What is told of living rows, newest change first, from behind the revision `before`, at most `limit`.
    async fn list(
        &self,
        user: UserId,
        before: Option<u64>,
        limit: Option<u32>,
    ) -> Result<Vec<ProgressEntry>, PortError>;

    /// Rows and tombstones with a revision above `after`, in order of revision, at most `limit`.
    async fn changes(&self, user: UserId, after: u64, limit: u32) -> Result<Vec<ProgressRow>, PortError>;

    /// What is told of living rows with `next_review` not after `now`, most overdue first, then by word id;
    /// only words of a list when one is named.
    async fn due(
        &self,
        user: UserId,
        now: Timestamp,
        list: Option<&ListId>,
        limit: Option<u32>,
    ) -> Result<Vec<ProgressEntry>, PortError>;

    /// The words of a list without a living row, in the list's order, at most `limit`.
    async fn unseen(&self, user: UserId, list: &ListId, limit: u32) -> Result<Vec<WordId>, PortError>;

    /// Sums over all living rows.
    async fn totals(&self, user: UserId, now: Timestamp) -> Result<Totals, PortError>;

    /// How far the learner is with the words of a list.
    async fn list_summary(&self, user: UserId, list: &ListId) -> Result<ListSummary, PortError>;

    /// What was studied from `from` to before `to`, in buckets of a quarter of an hour, in order of time.
    ///
    /// - Counts reviews that were not taken back, and sets that raised `study_count`; forgotten words too.
    /// - A word is new in the bucket of its first review that was not taken back, over the whole log.
    async fn activity(
        &self,
        user: UserId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<ActivityBucket>, PortError>;

    /// Reviews in the order of arrival from behind the place `after`, at most `limit`; only those of a
    /// word when one is named.
    async fn reviews(
        &self,
        user: UserId,
        word: Option<&WordId>,
        after: u64,
        limit: u32,
    ) -> Result<Vec<LoggedReview>, PortError>;
}
