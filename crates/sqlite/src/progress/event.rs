//! The row of an event of the log.

use diesel::sql_types::{BigInt, Binary, Bool, Double, Nullable, Text};
use diesel::{Queryable, RunQueryDsl, SqliteConnection};
use parlance_domain::ids::{EventId, UserId};
use parlance_domain::progress::{Event, EventKind, LoggedReview, Rating};
use parlance_domain::time::Timestamp;
use parlance_domain::transfer::StoredEvent;
use uuid::Uuid;

use crate::convert::{CorruptRow, RowOf, to_i64};
use crate::statement::{in_chunks, insert, statement};

/// The number that stands for a review in the column `kind`; the statements name it too.
const REVIEW: i64 = 1;
const SET: i64 = 2;
const FORGET: i64 = 3;
const UNDO: i64 = 4;

/// The columns, in the order of [`EventRow`].
macro_rules! event_columns {
    () => {
        "id, word_id, at, device_id, kind, rating, duration_ms, retention, clamped, study_count, correct_count, \
         confidence, raised_study_count, review_id"
    };
}
pub(super) use event_columns;

/// The types of the columns.
pub(super) type Columns = (
    Binary,
    Text,
    BigInt,
    Nullable<Text>,
    BigInt,
    Nullable<BigInt>,
    Nullable<BigInt>,
    Nullable<Double>,
    Bool,
    Nullable<BigInt>,
    Nullable<BigInt>,
    Nullable<Double>,
    Bool,
    Nullable<Binary>,
);

#[derive(Queryable)]
pub(super) struct EventRow {
    id: Vec<u8>,
    word_id: String,
    at: i64,
    device_id: Option<String>,
    kind: i64,
    rating: Option<i64>,
    duration_ms: Option<i64>,
    retention: Option<f64>,
    clamped: bool,
    study_count: Option<i64>,
    correct_count: Option<i64>,
    confidence: Option<f64>,
    raised_study_count: bool,
    review_id: Option<Vec<u8>>,
}

impl TryFrom<EventRow> for Event {
    type Error = CorruptRow;

    fn try_from(row: EventRow) -> Result<Self, CorruptRow> {
        let id = Uuid::from_slice(&row.id).unwrap_or_default();
        let of = RowOf {
            table: "progress_events",
            id: &id,
        };
        Ok(Self {
            id: EventId(of.uuid(&row.id, "id")?),
            word_id: of.parse(&row.word_id, "word_id")?,
            at: of.time(row.at, "at")?,
            kind: kind(&row, &of)?,
            device_id: row.device_id,
        })
    }
}

fn kind(row: &EventRow, of: &RowOf<'_>) -> Result<EventKind, CorruptRow> {
    Ok(match row.kind {
        REVIEW => EventKind::Review {
            rating: rating(of, row.rating)?,
            duration_ms: of.number_some(row.duration_ms, "duration_ms")?,
            retention: of.some(row.retention, "retention")?,
            clamped: row.clamped,
        },
        SET => EventKind::Set {
            study_count: of.number_some(row.study_count, "study_count")?,
            correct_count: of.number_some(row.correct_count, "correct_count")?,
            confidence: row.confidence,
            raised_study_count: row.raised_study_count,
        },
        FORGET => EventKind::Forget,
        UNDO => EventKind::Undo {
            review: EventId(of.uuid(row.review_id.as_deref().unwrap_or_default(), "review_id")?),
        },
        _ => return Err(of.corrupt("kind")),
    })
}

fn rating(of: &RowOf<'_>, value: Option<i64>) -> Result<Rating, CorruptRow> {
    match value {
        Some(1) => Ok(Rating::Again),
        Some(2) => Ok(Rating::Hard),
        Some(3) => Ok(Rating::Good),
        Some(4) => Ok(Rating::Easy),
        _ => Err(of.corrupt("rating")),
    }
}

/// A review as it is listed: what [`LoggedReview`] holds.
#[derive(Queryable)]
pub(super) struct ReviewRow {
    position: i64,
    id: Vec<u8>,
    word_id: String,
    rating: Option<i64>,
    at: i64,
    duration_ms: Option<i64>,
    device_id: Option<String>,
    undone: bool,
}

impl TryFrom<ReviewRow> for LoggedReview {
    type Error = CorruptRow;

    fn try_from(row: ReviewRow) -> Result<Self, CorruptRow> {
        let id = Uuid::from_slice(&row.id).unwrap_or_default();
        let of = RowOf {
            table: "progress_events",
            id: &id,
        };
        Ok(Self {
            position: of.number(row.position, "position")?,
            id: EventId(of.uuid(&row.id, "id")?),
            word_id: of.parse(&row.word_id, "word_id")?,
            rating: rating(&of, row.rating)?,
            reviewed_at: of.time(row.at, "at")?,
            duration_ms: of.number_some(row.duration_ms, "duration_ms")?,
            device_id: row.device_id,
            undone: row.undone,
        })
    }
}

insert!(
    InsertEvents(NewEvent) = "INSERT INTO progress_events (user_id, id, word_id, position, kind, at, device_id, \
        rating, duration_ms, retention, clamped, undone, study_count, correct_count, confidence, \
        raised_study_count, review_id, recorded_at)",
    {
        |row| &row.user_id => Binary,
        |row| &row.id => Binary,
        |row| &row.word_id => Text,
        |row| &row.position => BigInt,
        |row| &row.kind => BigInt,
        |row| &row.at => BigInt,
        |row| &row.device_id => Nullable<Text>,
        |row| &row.rating => Nullable<BigInt>,
        |row| &row.duration_ms => Nullable<BigInt>,
        |row| &row.retention => Nullable<Double>,
        |row| &row.clamped => Bool,
        |row| &row.undone => Bool,
        |row| &row.study_count => Nullable<BigInt>,
        |row| &row.correct_count => Nullable<BigInt>,
        |row| &row.confidence => Nullable<Double>,
        |row| &row.raised_study_count => Bool,
        |row| &row.review_id => Nullable<Binary>,
        |row| &row.recorded_at => BigInt,
    },
    ""
);
statement!(
    MarkUndone(user: &'a [u8] => Binary, id: &'a [u8] => Binary)
        = "UPDATE progress_events SET undone = 1 WHERE user_id = ? AND id = ?"
);

/// Appends events to a learner's log, behind this place.
pub(super) fn insert(
    connection: &mut SqliteConnection,
    user: UserId,
    behind: u64,
    events: &[Event],
    now: Timestamp,
) -> Result<(), diesel::result::Error> {
    let rows: Vec<NewEvent> = (behind + 1..)
        .zip(events)
        .map(|(position, event)| NewEvent::new(user, position, event, now))
        .collect();
    insert_rows(connection, &rows)?;
    for event in events {
        if let EventKind::Undo { review } = event.kind {
            MarkUndone::new(user.0.as_bytes(), review.0.as_bytes()).execute(connection)?;
        }
    }
    Ok(())
}

/// Writes events as they are.
pub(super) fn insert_rows(
    connection: &mut SqliteConnection,
    rows: &[NewEvent],
) -> Result<(), diesel::result::Error> {
    for chunk in in_chunks(rows) {
        InsertEvents(chunk).execute(connection)?;
    }
    Ok(())
}

pub(super) struct NewEvent {
    user_id: [u8; 16],
    id: [u8; 16],
    word_id: String,
    position: i64,
    kind: i64,
    at: i64,
    device_id: Option<String>,
    rating: Option<i64>,
    duration_ms: Option<i64>,
    retention: Option<f64>,
    clamped: bool,
    undone: bool,
    study_count: Option<i64>,
    correct_count: Option<i64>,
    confidence: Option<f64>,
    raised_study_count: bool,
    review_id: Option<Vec<u8>>,
    recorded_at: i64,
}

impl NewEvent {
    fn new(user: UserId, position: u64, event: &Event, now: Timestamp) -> Self {
        let mut row = Self {
            user_id: user.0.into_bytes(),
            id: event.id.0.into_bytes(),
            word_id: event.word_id.as_str().to_owned(),
            position: to_i64(position),
            kind: FORGET,
            at: event.at.timestamp_millis(),
            device_id: event.device_id.clone(),
            rating: None,
            duration_ms: None,
            retention: None,
            clamped: false,
            undone: false,
            study_count: None,
            correct_count: None,
            confidence: None,
            raised_study_count: false,
            review_id: None,
            recorded_at: now.timestamp_millis(),
        };
        row.fill(&event.kind);
        row
    }

    /// An event that was written elsewhere before.
    pub(super) fn stored(user: UserId, stored: &StoredEvent) -> Self {
        let StoredEvent {
            position,
            event,
            undone,
            recorded_at,
        } = stored;
        let mut row = Self::new(user, *position, event, *recorded_at);
        row.undone = *undone;
        row
    }

    fn fill(&mut self, kind: &EventKind) {
        match kind {
            EventKind::Review {
                rating,
                duration_ms,
                retention,
                clamped,
            } => {
                self.kind = REVIEW;
                self.rating = Some(*rating as i64);
                self.duration_ms = duration_ms.map(i64::from);
                self.retention = Some(*retention);
                self.clamped = *clamped;
            }
            EventKind::Set {
                study_count,
                correct_count,
                confidence,
                raised_study_count,
            } => {
                self.kind = SET;
                self.study_count = study_count.map(i64::from);
                self.correct_count = correct_count.map(i64::from);
                self.confidence = *confidence;
                self.raised_study_count = *raised_study_count;
            }
            EventKind::Forget => self.kind = FORGET,
            EventKind::Undo { review } => {
                self.kind = UNDO;
                self.review_id = Some(review.0.as_bytes().to_vec());
            }
        }
    }
}
