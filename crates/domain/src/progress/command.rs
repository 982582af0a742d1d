//! What a learner asks of their progress, and why it may be refused.

use super::{NewSet, Rating};
use crate::ids::{EventId, ListId, WordId};
use crate::port::PortError;
use crate::time::Timestamp;

/// The command to fix members of a word's state.
#[derive(Debug, Clone, PartialEq)]
pub struct SetProgress {
    /// The word.
    pub word_id: WordId,
    /// The members, and the precondition.
    pub set: NewSet,
}

/// The command to record a review.
#[derive(Debug, Clone, PartialEq)]
pub struct Reviewed {
    /// The id chosen by whoever saw it happen.
    pub id: EventId,
    /// The word.
    pub word_id: WordId,
    /// How well it was remembered.
    pub rating: Rating,
    /// When, by the client's clock.
    pub reviewed_at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<u32>,
    /// The device it happened on.
    pub device_id: Option<String>,
}

/// What a learner wants to study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StudyQuery {
    /// Only words of this list; without one, no new words come.
    pub list: Option<ListId>,
    /// The most items.
    pub limit: u32,
    /// The most new words among them.
    pub new_limit: u32,
}

/// Why a state was not fixed, a batch not taken.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// The row is not as the caller insists.
    #[error("the progress has changed meanwhile")]
    PreconditionFailed,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Why a word was not forgotten.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// There is nothing to forget.
    #[error("there is no progress for this word")]
    NotFound,
    /// The row is not as the caller insists.
    #[error("the progress has changed meanwhile")]
    PreconditionFailed,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Why a review was not taken back.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    /// There is no such review.
    #[error("there is no such review")]
    ReviewNotFound,
    /// The word was forgotten since.
    #[error("there is no progress for this word")]
    ProgressNotFound,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Why no activity was told.
#[derive(Debug, thiserror::Error)]
pub enum ActivityError {
    /// The first day lies behind the last.
    #[error("from must not be after to")]
    Reversed,
    /// More days than are told at once.
    #[error("at most 366 days can be asked for")]
    TooLong,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Why a study session or a list's progress could not be told.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// There is no such list.
    #[error("there is no such list")]
    NotFound,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}
