//! Reads the server's answers.

use chrono::DateTime;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::history::{
    Change, DayActivity, FeedPage, LoggedReview, ReviewReport, Row, StatsSeen, WordState, digest_of,
};

/// A page of something.
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where to go on.
    pub cursor: u64,
    /// Whether more follow.
    pub has_more: bool,
}

/// A row as the history keeps it.
pub(super) fn read_row(value: &Value) -> Option<Row> {
    Some(Row {
        word: text(value, "wordId")?,
        user_id: text(value, "userId")?,
        next_review: instant(value, "nextReview")?,
        updated_at: instant(value, "updatedAt")?,
        digest: digest_of(value),
    })
}

/// Rows; none if one of them cannot be read.
pub(super) fn read_rows(value: &Value) -> Option<Vec<Row>> {
    value.as_array()?.iter().map(read_row).collect()
}

/// The answer to a batch of reviews.
pub(super) fn read_report(value: &Value) -> Option<ReviewReport> {
    Some(ReviewReport {
        accepted: u32::try_from(value["accepted"].as_u64()?).ok()?,
        duplicates: u32::try_from(value["duplicates"].as_u64()?).ok()?,
        rows: read_rows(&value["progress"])?,
        cursor: number(value, "cursor")?,
    })
}

/// A page of the change feed.
pub fn read_feed(value: &Value) -> Option<FeedPage> {
    let changes = value["changes"].as_array()?.iter().map(read_change);
    Some(FeedPage {
        changes: changes.collect::<Option<_>>()?,
        cursor: number(value, "cursor")?,
        has_more: value["hasMore"].as_bool()?,
    })
}

fn read_change(value: &Value) -> Option<Change> {
    let progress = value.get("progress").filter(|progress| !progress.is_null());
    let deleted = value["deleted"].as_bool()?;
    // Either of them, never both.
    (deleted == progress.is_none()).then_some(())?;
    Some(Change {
        word: text(value, "wordId")?,
        digest: progress.map(digest_of),
        user_id: progress.and_then(|progress| text(progress, "userId")),
    })
}

/// A page of the log of reviews.
pub fn read_reviews(value: &Value) -> Option<Page<LoggedReview>> {
    let items = value["reviews"].as_array()?.iter().map(read_review);
    Some(Page {
        items: items.collect::<Option<_>>()?,
        cursor: number(value, "cursor")?,
        has_more: value["hasMore"].as_bool()?,
    })
}

fn read_review(value: &Value) -> Option<LoggedReview> {
    Some(LoggedReview {
        id: value["id"].as_str()?.parse::<Uuid>().ok()?,
        word: text(value, "wordId")?,
        rating: text(value, "rating")?,
        at: instant(value, "reviewedAt")?,
        duration_ms: value["durationMs"].as_u64().and_then(|ms| u32::try_from(ms).ok()),
        device_id: text(value, "deviceId"),
        undone: value["undone"].as_bool()?,
    })
}

/// All rows in full.
pub fn read_list(value: &Value) -> Option<Vec<WordState>> {
    value.as_array()?.iter().map(read_state).collect()
}

fn read_state(value: &Value) -> Option<WordState> {
    let memory = match &value["memory"] {
        Value::Null => None,
        memory => Some((
            memory["stability"].as_f64()?,
            memory["difficulty"].as_f64()?,
            instant(memory, "lastReview")?,
            u32::try_from(memory["lapses"].as_u64()?).ok()?,
        )),
    };
    Some(WordState {
        word: text(value, "wordId")?,
        user_id: text(value, "userId")?,
        study_count: value["studyCount"].as_u64()?,
        correct_count: value["correctCount"].as_u64()?,
        confidence: value["confidence"].as_f64()?,
        next_review: instant(value, "nextReview")?,
        mastered: value["mastered"].as_bool()?,
        memory,
        digest: digest_of(value),
    })
}

/// The statistics.
pub fn read_stats(value: Value) -> Option<StatsSeen> {
    StatsSeen::deserialize(value).ok()
}

/// The days of study.
pub fn read_activity(value: Value) -> Option<Vec<DayActivity>> {
    Vec::deserialize(value).ok()
}

fn text(value: &Value, member: &str) -> Option<String> {
    value[member].as_str().map(str::to_owned)
}

/// A number that is written as a text.
fn number(value: &Value, member: &str) -> Option<u64> {
    value[member].as_str()?.parse().ok()
}

/// A time as milliseconds since 1970.
fn instant(value: &Value, member: &str) -> Option<i64> {
    let time = DateTime::parse_from_rfc3339(value[member].as_str()?).ok()?;
    Some(time.timestamp_millis())
}
