//! The state of a word for a learner, and the row that keeps it.

use super::{EventKey, Memory};
use crate::ids::{ProgressId, WordId};
use crate::time::Timestamp;

/// The confidence from which on a word counts as mastered.
pub const MASTERED_CONFIDENCE: f64 = 0.8;
/// The number of correct studies from which on a word counts as mastered.
pub const MASTERED_CORRECT_COUNT: u32 = 3;

/// The state of a word, as the fold of its events gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct WordState {
    /// How often it was studied.
    pub study_count: u32,
    /// How often it was remembered; may exceed `study_count`, as clients can set both.
    pub correct_count: u32,
    /// How well it is known, 0 to 1.
    pub confidence: f64,
    /// When it should be reviewed next.
    pub next_review: Timestamp,
    /// What FSRS knows of it, once it has been reviewed.
    pub memory: Option<Memory>,
}

impl WordState {
    /// The state of a word that was just begun.
    pub const fn new(at: Timestamp) -> Self {
        Self {
            study_count: 0,
            correct_count: 0,
            confidence: 0.0,
            next_review: at,
            memory: None,
        }
    }

    /// Whether the word is mastered.
    pub fn is_mastered(&self) -> bool {
        self.confidence >= MASTERED_CONFIDENCE || self.correct_count >= MASTERED_CORRECT_COUNT
    }
}

/// The row that keeps a word's state for a learner, tombstones included.
#[derive(Debug, Clone, PartialEq)]
pub struct ProgressRow {
    /// This life of the row.
    pub id: ProgressId,
    /// The word.
    pub word_id: WordId,
    /// The version of the fold that made it.
    pub fold_version: u32,
    /// The revision its last change took from the learner's head.
    pub revision: u64,
    /// The state; `None` once the word was forgotten.
    pub state: Option<WordState>,
    /// The last event that went into it.
    pub last: EventKey,
    /// When this life of the row began, by the server's clock.
    pub created_at: Timestamp,
    /// When it last changed, by the server's clock.
    pub updated_at: Timestamp,
}
