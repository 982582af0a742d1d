//! All that the checker judges by: the history, and what was read when everything had come to rest.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Fault, FeedPage, Op};

/// A run, complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What is known of the run as a whole.
    pub setup: Setup,
    /// All operations, in the order in which they were sent.
    pub ops: Vec<Op>,
    /// What each learner's data was in the end.
    pub finals: Vec<UserFinal>,
}

/// What is known of the run as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// What the random choices followed from.
    pub seed: u64,
    /// How many devices each learner has.
    pub devices: u32,
    /// The wall clock at the beginning of the history, in microseconds since 1970.
    pub began_at: u64,
    /// How long after the end of a session its access token may still be answered, in microseconds.
    pub revocation_grace: u64,
    /// How long an access token is good, in microseconds.
    pub access_lifetime: u64,
    /// How long clients waited for an answer, in microseconds.
    pub patience: u64,
    /// When faults were in force.
    pub faults: Vec<Fault>,
}

/// A learner's data after everything had come to rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserFinal {
    /// The learner, by number.
    pub user: u32,
    /// The learner's id.
    pub user_id: String,
    /// The offset of the learner's time zone from UTC.
    pub zone_minutes: i32,
    /// The whole log of reviews, in the order of arrival.
    pub reviews: Vec<LoggedReview>,
    /// `GET /progress`, as each device reads it.
    pub lists: Vec<RowList>,
    /// `GET /progress/{wordId}` of words that are or were there, as each device reads them.
    pub words: Vec<WordSeen>,
    /// The change feed from its beginning.
    pub feed: Vec<FeedPage>,
    /// The statistics.
    pub stats: StatsSeen,
    /// `GET /progress/activity` over all days with a review.
    pub activity: Vec<DayActivity>,
}

/// A review as the final log has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedReview {
    /// Its id.
    pub id: Uuid,
    /// The word.
    pub word: String,
    /// `again`, `hard`, `good` or `easy`.
    pub rating: String,
    /// When it happened, in milliseconds since 1970.
    pub at: i64,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<u32>,
    /// The device that it happened on.
    pub device_id: Option<String>,
    /// Whether it was taken back.
    pub undone: bool,
}

/// All of a learner's rows, as one device read them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowList {
    /// The device.
    pub device: u32,
    /// A fingerprint of the bytes.
    pub digest: u64,
    /// The rows.
    pub rows: Vec<WordState>,
}

/// A word's state in the end; times in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WordState {
    /// The word.
    pub word: String,
    /// Whose it is said to be.
    pub user_id: String,
    /// How often it was studied.
    pub study_count: u64,
    /// How often it was remembered.
    pub correct_count: u64,
    /// How well it is known.
    pub confidence: f64,
    /// When the word should be reviewed next.
    pub next_review: i64,
    /// Whether it is mastered.
    pub mastered: bool,
    /// What the scheduler knows: stability, difficulty, last review, lapses.
    pub memory: Option<(f64, f64, i64, u32)>,
    /// A fingerprint of all of it.
    pub digest: u64,
}

/// A word, as one device read it alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordSeen {
    /// The device.
    pub device: u32,
    /// The word.
    pub word: String,
    /// Its fingerprint; absent when there was none.
    pub digest: Option<u64>,
    /// Its revision.
    pub revision: Option<u64>,
}

/// `GET /progress/stats`, and when it was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatsSeen {
    /// When it was sent, in milliseconds since 1970.
    #[serde(default)]
    pub from: i64,
    /// When the answer was complete.
    #[serde(default)]
    pub to: i64,
    /// Words that were begun.
    pub total_words: u64,
    /// Of those, studied at least once.
    pub studied_words: u64,
    /// Of those, mastered.
    pub mastered_words: u64,
    /// The sum of the study counts.
    pub total_study_count: u64,
    /// The mean confidence.
    pub average_confidence: f64,
    /// Words due.
    pub words_to_review_today: u64,
    /// Days of study in a row.
    pub current_streak_days: u64,
    /// The most days of study in a row.
    pub longest_streak_days: u64,
    /// Reviews on the learner's present day.
    pub reviews_today: u64,
}

/// What was studied on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DayActivity {
    /// The day in the learner's time zone, such as 2026-03-01.
    pub date: String,
    /// Reviews that were not taken back.
    pub reviews: u64,
    /// Of those, not rated `again`.
    pub correct: u64,
    /// Words reviewed for the first time.
    pub new_words: u64,
}
