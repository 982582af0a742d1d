//! The events of the log.

use std::str::FromStr;

use crate::ids::{EventId, WordId};
use crate::time::Timestamp;

/// How well a word was remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rating {
    /// Forgotten.
    Again = 1,
    /// Remembered with effort.
    Hard = 2,
    /// Remembered.
    Good = 3,
    /// Remembered at once.
    Easy = 4,
}

impl Rating {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Again => "again",
            Self::Hard => "hard",
            Self::Good => "good",
            Self::Easy => "easy",
        }
    }

    /// Whether the word was remembered.
    pub const fn is_correct(self) -> bool {
        !matches!(self, Self::Again)
    }
}

/// A text that names no rating.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of again, hard, good and easy")]
pub struct UnknownRating;

impl FromStr for Rating {
    type Err = UnknownRating;

    fn from_str(text: &str) -> Result<Self, UnknownRating> {
        [Self::Again, Self::Hard, Self::Good, Self::Easy]
            .into_iter()
            .find(|rating| rating.as_str() == text)
            .ok_or(UnknownRating)
    }
}

/// The place of an event in the canonical order of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey {
    /// When it happened.
    pub at: Timestamp,
    /// Its id, which decides between events of the same time.
    pub id: EventId,
}

/// Something that a learner did with a word.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its id; a review's is chosen by whoever saw it happen.
    pub id: EventId,
    /// The word.
    pub word_id: WordId,
    /// When it happened.
    pub at: Timestamp,
    /// The device it happened on, if that is known.
    pub device_id: Option<String>,
    /// What it was.
    pub kind: EventKind,
}

impl Event {
    /// Its place in the canonical order.
    pub const fn key(&self) -> EventKey {
        EventKey {
            at: self.at,
            id: self.id,
        }
    }
}

/// What a learner did with a word.
#[derive(Debug, Clone, PartialEq)]
pub enum EventKind {
    /// They tried to remember it.
    Review {
        /// How well they did.
        rating: Rating,
        /// How long they took, in milliseconds.
        duration_ms: Option<u32>,
        /// The retention they wanted at that time, 0 to 1.
        retention: f64,
        /// Whether its time lay ahead of the server's and was replaced by that of its arrival.
        clamped: bool,
    },
    /// They, or their app, fixed some members of the state.
    Set {
        /// The number of studies.
        study_count: Option<u32>,
        /// The number of correct studies.
        correct_count: Option<u32>,
        /// The confidence, 0 to 1.
        confidence: Option<f64>,
        /// Whether this raised the number of studies, and so counts as studying on that day.
        raised_study_count: bool,
    },
    /// They reset the word.
    Forget,
    /// They took back a review.
    Undo {
        /// The review that is taken back.
        review: EventId,
    },
}
