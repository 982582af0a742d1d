//! What a learner is told of their progress.

use super::{LoggedReview, ProgressRow, Skipped, WordState};
use crate::ids::{ProgressId, WordId};
use crate::time::Timestamp;
use crate::words::{Word, WordList};

/// What a learner gets back for a word: its living row, without what only the fold needs.
#[derive(Debug, Clone, PartialEq)]
pub struct ProgressEntry {
    /// This life of the row.
    pub id: ProgressId,
    /// The word.
    pub word_id: WordId,
    /// The revision its last change took from the learner's head.
    pub revision: u64,
    /// The state.
    pub state: WordState,
    /// When this life of the row began, by the server's clock.
    pub created_at: Timestamp,
    /// When it last changed, by the server's clock.
    pub updated_at: Timestamp,
}

/// What became of a word: what a row tells of it.
#[derive(Debug, Clone, PartialEq)]
pub enum WordChange {
    /// It was begun, and is now like this.
    Begun(ProgressEntry),
    /// It was forgotten.
    Forgotten(WordId),
}

impl From<ProgressRow> for WordChange {
    fn from(row: ProgressRow) -> Self {
        let ProgressRow {
            id,
            word_id,
            fold_version: _,
            revision,
            state,
            last: _,
            created_at,
            updated_at,
        } = row;
        let Some(state) = state else {
            return Self::Forgotten(word_id);
        };
        Self::Begun(ProgressEntry {
            id,
            word_id,
            revision,
            state,
            created_at,
            updated_at,
        })
    }
}

impl WordChange {
    /// What there is now.
    pub fn entry(self) -> Option<ProgressEntry> {
        match self {
            Self::Begun(entry) => Some(entry),
            Self::Forgotten(_) => None,
        }
    }
}

/// What came of reviews.
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewReport {
    /// How many were new.
    pub accepted: u32,
    /// How many were not.
    pub duplicates: u32,
    /// The living rows of the words they name.
    pub rows: Vec<ProgressEntry>,
    /// The learner's head.
    pub revision: u64,
}

/// Some of a longer list, and the key behind which the next ones begin, if there are more.
#[derive(Debug, Clone, PartialEq)]
pub struct ProgressPage {
    /// The entries.
    pub entries: Vec<ProgressEntry>,
    /// Where to go on: the revision of the last entry.
    pub next: Option<u64>,
}

/// Part of the change feed.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangePage {
    /// The words that changed, in order of revision.
    pub changes: Vec<WordChange>,
    /// Where to go on.
    pub cursor: u64,
    /// Whether more follow already.
    pub has_more: bool,
}

/// Part of the log of reviews.
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewPage {
    /// The reviews, in order of arrival.
    pub reviews: Vec<LoggedReview>,
    /// Where to go on.
    pub cursor: u64,
    /// Whether more follow already.
    pub has_more: bool,
}

/// A learner's statistics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stats {
    /// How many words have a row.
    pub total_words: u32,
    /// How many of them were studied.
    pub studied_words: u32,
    /// How many are mastered.
    pub mastered_words: u32,
    /// How often words were studied.
    pub total_study_count: u64,
    /// The mean confidence over all rows.
    pub average_confidence: f64,
    /// How many words are due.
    pub words_to_review: u32,
    /// Days of study in a row up to now.
    pub current_streak_days: u32,
    /// The most days of study in a row.
    pub longest_streak_days: u32,
    /// Reviews on the learner's present day.
    pub reviews_today: u32,
}

/// How far a learner is with a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListProgress {
    /// The list.
    pub list: WordList,
    /// Mastered words.
    pub mastered: u32,
    /// Words begun and not mastered.
    pub learning: u32,
    /// Words not begun.
    pub new: u32,
    /// `round(100 · mastered / total)`, 0 for an empty list.
    pub percent: u32,
}

/// A word to study.
#[derive(Debug, Clone, PartialEq)]
pub struct StudyItem {
    /// The word, if the vocabulary has it.
    pub word: Option<Word>,
    /// The learner's state of it, if it was begun.
    pub progress: Option<ProgressEntry>,
}

/// What an import did, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportReport {
    /// Words that were begun.
    pub imported: u32,
    /// Words of which something was raised.
    pub merged: u32,
    /// Words of which all was there.
    pub unchanged: u32,
    /// What could not be read, and why.
    pub skipped: Vec<Skipped>,
}
