//! What progress looks like to clients.

pub(super) mod json;

use apistos::ApiComponent;
use parlance_domain::ids::UserId;
use parlance_domain::progress::{
    DayActivity, ImportReport, LoggedReview, Memory, ProgressEntry, Skipped, Stats, StudyItem, WordChange,
    WordState,
};
use parlance_domain::time::Timestamp;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::body::rating_schema;
use super::instant::rfc3339_millis;
use crate::words::WordView;

/// A learner's progress with a word.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Progress")]
pub(super) struct ProgressView<'a> {
    /// Its id (UUIDv7); a word that was reset and begun again has a new one.
    id: Uuid,
    /// Whose it is.
    user_id: Uuid,
    /// The word.
    #[schemars(example = "example_word_id")]
    word_id: &'a str,
    /// How often it was studied.
    #[schemars(range(min = 0, max = 2_147_483_647))]
    study_count: u32,
    /// How often it was remembered; may exceed `studyCount`.
    #[schemars(range(min = 0, max = 2_147_483_647))]
    correct_count: u32,
    /// How well it is known.
    #[schemars(range(min = 0, max = 1))]
    confidence: f64,
    /// When it should be reviewed next; the server's alone.
    #[serde(serialize_with = "rfc3339_millis")]
    next_review: Timestamp,
    /// Whether it is mastered: `confidence` at least 0.8, or `correctCount` at least 3.
    mastered: bool,
    /// When it was begun, by the server's clock.
    #[serde(serialize_with = "rfc3339_millis")]
    created_at: Timestamp,
    /// When it last changed, by the server's clock.
    #[serde(serialize_with = "rfc3339_millis")]
    updated_at: Timestamp,
    /// What the scheduler knows of it; null until its first review.
    memory: Option<MemoryView>,
}

/// What the scheduler (FSRS-6) knows of a word.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Memory")]
pub(super) struct MemoryView {
    /// The days until the chance to remember the word falls to 90 %.
    stability: f64,
    /// How hard it is.
    #[schemars(range(min = 1, max = 10))]
    difficulty: f64,
    /// When it was last reviewed.
    #[serde(serialize_with = "rfc3339_millis")]
    last_review: Timestamp,
    /// How often it was forgotten after its first review.
    lapses: u32,
}

impl<'a> ProgressView<'a> {
    /// What an entry looks like to its owner.
    pub(super) fn new(user: UserId, entry: &'a ProgressEntry) -> Self {
        let ProgressEntry {
            id,
            word_id,
            revision: _,
            state,
            created_at,
            updated_at,
        } = entry;
        let WordState {
            study_count,
            correct_count,
            confidence,
            next_review,
            memory,
        } = state;
        Self {
            id: id.0,
            user_id: user.0,
            word_id: word_id.as_str(),
            study_count: *study_count,
            correct_count: *correct_count,
            confidence: *confidence,
            next_review: *next_review,
            mastered: state.is_mastered(),
            created_at: *created_at,
            updated_at: *updated_at,
            memory: memory.as_ref().map(MemoryView::from),
        }
    }
}

impl From<&Memory> for MemoryView {
    fn from(memory: &Memory) -> Self {
        let Memory {
            stability,
            difficulty,
            last_review,
            lapses,
        } = memory;
        Self {
            stability: *stability,
            difficulty: *difficulty,
            last_review: *last_review,
            lapses: *lapses,
        }
    }
}

/// Views of many entries, in their order.
pub(super) fn views(user: UserId, entries: &[ProgressEntry]) -> Vec<ProgressView<'_>> {
    entries
        .iter()
        .map(|entry| ProgressView::new(user, entry))
        .collect()
}

/// A word that changed.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Change")]
pub(super) struct ChangeView<'a> {
    /// The word.
    #[schemars(example = "example_word_id")]
    word_id: &'a str,
    /// Whether its progress was reset; then there is no `progress`.
    deleted: bool,
    /// The progress as it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<ProgressView<'a>>,
}

impl<'a> ChangeView<'a> {
    /// What a change looks like in the feed.
    pub(super) fn new(user: UserId, change: &'a WordChange) -> Self {
        match change {
            WordChange::Begun(entry) => Self {
                word_id: entry.word_id.as_str(),
                deleted: false,
                progress: Some(ProgressView::new(user, entry)),
            },
            WordChange::Forgotten(word_id) => Self {
                word_id: word_id.as_str(),
                deleted: true,
                progress: None,
            },
        }
    }
}

/// Part of the change feed.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ChangePage")]
pub(super) struct ChangePageView<'a> {
    /// What changed, oldest change first; each word once, as it is now.
    pub(super) changes: Vec<ChangeView<'a>>,
    /// Where to go on: the next request's `after`.
    #[serde(serialize_with = "decimal")]
    #[schemars(with = "String", regex(pattern = "^[0-9]{1,19}$"), example = "example_cursor")]
    pub(super) cursor: u64,
    /// Whether more follow already.
    pub(super) has_more: bool,
}

/// What came of a batch of reviews.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ReviewReport")]
pub(super) struct ReviewReportView<'a> {
    /// How many were new.
    pub(super) accepted: u32,
    /// How many were known before, or were named twice.
    pub(super) duplicates: u32,
    /// The progress of the words they name, each once, in the order of first mention.
    pub(super) progress: Vec<ProgressView<'a>>,
    /// How far the change feed reaches now; for information only.
    #[serde(serialize_with = "decimal")]
    #[schemars(with = "String", regex(pattern = "^[0-9]{1,19}$"), example = "example_cursor")]
    pub(super) cursor: u64,
}

/// A review as it stands in the log.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Review")]
pub(super) struct ReviewView<'a> {
    /// The id that whoever saw it happen chose.
    id: Uuid,
    /// The word.
    #[schemars(example = "example_word_id")]
    word_id: &'a str,
    /// How well it was remembered.
    #[schemars(schema_with = "rating_schema")]
    rating: &'a str,
    /// When it happened; the time of arrival if the device's clock was ahead.
    #[serde(serialize_with = "rfc3339_millis")]
    reviewed_at: Timestamp,
    /// How long it took, in milliseconds.
    duration_ms: Option<u32>,
    /// The device it happened on.
    device_id: Option<&'a str>,
    /// Whether it was taken back.
    undone: bool,
}

impl<'a> From<&'a LoggedReview> for ReviewView<'a> {
    fn from(review: &'a LoggedReview) -> Self {
        let LoggedReview {
            position: _,
            id,
            word_id,
            rating,
            reviewed_at,
            duration_ms,
            device_id,
            undone,
        } = review;
        Self {
            id: id.0,
            word_id: word_id.as_str(),
            rating: rating.as_str(),
            reviewed_at: *reviewed_at,
            duration_ms: *duration_ms,
            device_id: device_id.as_deref(),
            undone: *undone,
        }
    }
}

/// Part of the log of reviews.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ReviewPage")]
pub(super) struct ReviewPageView<'a> {
    /// The reviews, in the order in which they arrived.
    pub(super) reviews: Vec<ReviewView<'a>>,
    /// Where to go on: the next request's `after`.
    #[serde(serialize_with = "decimal")]
    #[schemars(with = "String", regex(pattern = "^[0-9]{1,19}$"), example = "example_cursor")]
    pub(super) cursor: u64,
    /// Whether more follow already.
    pub(super) has_more: bool,
}

/// A learner's statistics.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Stats")]
pub(super) struct StatsView {
    /// How many words were begun.
    total_words: u32,
    /// How many of them were studied at least once.
    studied_words: u32,
    /// How many are mastered.
    mastered_words: u32,
    /// The sum of `studyCount`.
    total_study_count: u64,
    /// The mean `confidence` over all words begun, 0 when there is none.
    #[schemars(range(min = 0, max = 1))]
    average_confidence: f64,
    /// How many words are due now.
    words_to_review_today: u32,
    /// Days of study in a row up to today, or up to yesterday while today is open.
    current_streak_days: u32,
    /// The most days of study in a row ever.
    longest_streak_days: u32,
    /// Reviews on the present day in the learner's time zone.
    reviews_today: u32,
}

impl From<Stats> for StatsView {
    fn from(stats: Stats) -> Self {
        let Stats {
            total_words,
            studied_words,
            mastered_words,
            total_study_count,
            average_confidence,
            words_to_review,
            current_streak_days,
            longest_streak_days,
            reviews_today,
        } = stats;
        Self {
            total_words,
            studied_words,
            mastered_words,
            total_study_count,
            average_confidence,
            words_to_review_today: words_to_review,
            current_streak_days,
            longest_streak_days,
            reviews_today,
        }
    }
}

/// What was studied on a day.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "DayActivity")]
pub(super) struct DayActivityView {
    /// The day, in the learner's time zone.
    #[schemars(with = "String", regex(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    #[schemars(example = "example_date")]
    date: chrono::NaiveDate,
    /// Reviews that were not taken back.
    reviews: u32,
    /// Those of them that were not rated `again`.
    correct: u32,
    /// Words that were reviewed for the first time.
    new_words: u32,
}

impl From<DayActivity> for DayActivityView {
    fn from(day: DayActivity) -> Self {
        let DayActivity {
            date,
            reviews,
            correct,
            new_words,
        } = day;
        Self {
            date,
            reviews,
            correct,
            new_words,
        }
    }
}

/// A word to study.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[schemars(rename = "StudyItem")]
pub(super) struct StudyItemView<'a> {
    /// The word; null when the vocabulary does not have it.
    word: Option<WordView<'a>>,
    /// The learner's progress with it; null when it is new.
    progress: Option<ProgressView<'a>>,
}

impl<'a> StudyItemView<'a> {
    /// What an item looks like to the learner.
    pub(super) fn new(user: UserId, item: &'a StudyItem) -> Self {
        let StudyItem { word, progress } = item;
        Self {
            word: word.as_ref().map(WordView::from),
            progress: progress.as_ref().map(|entry| ProgressView::new(user, entry)),
        }
    }
}

/// What an import did, or would do.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[schemars(rename = "ImportReport")]
pub(super) struct ImportReportView<'a> {
    /// Words that were begun.
    imported: u32,
    /// Words of which something was raised.
    merged: u32,
    /// Words of which all was there already.
    unchanged: u32,
    /// Items that could not be read.
    skipped: Vec<SkippedView<'a>>,
}

/// An item of an import that could not be read.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SkippedItem")]
pub(super) struct SkippedView<'a> {
    /// The word id as it was given, cut to 64 characters.
    word_id: &'a str,
    /// Why, in a sentence a person can read.
    reason: &'a str,
}

impl<'a> From<&'a ImportReport> for ImportReportView<'a> {
    fn from(report: &'a ImportReport) -> Self {
        let ImportReport {
            imported,
            merged,
            unchanged,
            skipped,
        } = report;
        let view = |Skipped { word_id, reason }: &'a Skipped| SkippedView { word_id, reason };
        Self {
            imported: *imported,
            merged: *merged,
            unchanged: *unchanged,
            skipped: skipped.iter().map(view).collect(),
        }
    }
}

/// Cursors go out as decimal strings: clients keep them as they come.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn decimal<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

fn example_word_id() -> &'static str {
    "zh-00001"
}

fn example_cursor() -> &'static str {
    "42"
}

fn example_date() -> &'static str {
    "2026-03-01"
}
