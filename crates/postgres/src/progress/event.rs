//! The row of an event of the log.

use diesel::Queryable;
use diesel::sql_types::{BigInt, Bool, Double, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid};
use parlance_domain::ids::{EventId, UserId};
use parlance_domain::progress::{Event, EventKind, LoggedReview, Rating};
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use super::columns::columns;
use crate::convert::{CorruptRow, RowOf, to_i64};

/// The number that stands for a review in the column `kind`; the statements name it too.
const REVIEW: i16 = 1;
const SET: i16 = 2;
const FORGET: i16 = 3;
const UNDO: i16 = 4;

/// The columns, in the order of [`EventRow`], out of a table named `e`.
macro_rules! event_columns {
    () => {
        "e.id, e.word_id, e.at, e.device_id, e.kind, e.rating, e.duration_ms, e.retention, e.clamped, \
         e.study_count, e.correct_count, e.confidence, e.raised_study_count, e.review_id"
    };
}
pub(crate) use event_columns;

/// The types of the columns.
pub(crate) type Columns = (
    SqlUuid,
    Text,
    Timestamptz,
    Nullable<Text>,
    SmallInt,
    Nullable<SmallInt>,
    Nullable<BigInt>,
    Nullable<Double>,
    Bool,
    Nullable<BigInt>,
    Nullable<BigInt>,
    Nullable<Double>,
    Bool,
    Nullable<SqlUuid>,
);

#[derive(Queryable)]
pub(crate) struct EventRow {
    id: Uuid,
    word_id: String,
    at: Timestamp,
    device_id: Option<String>,
    kind: i16,
    rating: Option<i16>,
    duration_ms: Option<i64>,
    retention: Option<f64>,
    clamped: bool,
    study_count: Option<i64>,
    correct_count: Option<i64>,
    confidence: Option<f64>,
    raised_study_count: bool,
    review_id: Option<Uuid>,
}

impl TryFrom<EventRow> for Event {
    type Error = CorruptRow;

    fn try_from(row: EventRow) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "progress_events",
            id: &row.id,
        };
        Ok(Self {
            id: EventId(row.id),
            word_id: of.parse(&row.word_id, "word_id")?,
            at: row.at,
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
            review: EventId(of.some(row.review_id, "review_id")?),
        },
        _ => return Err(of.corrupt("kind")),
    })
}

fn rating(of: &RowOf<'_>, value: Option<i16>) -> Result<Rating, CorruptRow> {
    match value {
        Some(1) => Ok(Rating::Again),
        Some(2) => Ok(Rating::Hard),
        Some(3) => Ok(Rating::Good),
        Some(4) => Ok(Rating::Easy),
        _ => Err(of.corrupt("rating")),
    }
}

/// The types of the columns of [`ReviewRow`].
pub(super) type ReviewColumns = (
    BigInt,
    SqlUuid,
    Text,
    Nullable<SmallInt>,
    Timestamptz,
    Nullable<BigInt>,
    Nullable<Text>,
    Bool,
);

/// A review as it is listed: what [`LoggedReview`] holds.
#[derive(Queryable)]
pub(super) struct ReviewRow {
    position: i64,
    id: Uuid,
    word_id: String,
    rating: Option<i16>,
    at: Timestamp,
    duration_ms: Option<i64>,
    device_id: Option<String>,
    undone: bool,
}

impl TryFrom<ReviewRow> for LoggedReview {
    type Error = CorruptRow;

    fn try_from(row: ReviewRow) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "progress_events",
            id: &row.id,
        };
        Ok(Self {
            position: of.number(row.position, "position")?,
            id: EventId(row.id),
            word_id: of.parse(&row.word_id, "word_id")?,
            rating: rating(&of, row.rating)?,
            reviewed_at: row.at,
            duration_ms: of.number_some(row.duration_ms, "duration_ms")?,
            device_id: row.device_id,
            undone: row.undone,
        })
    }
}

columns! {
    /// Events to be appended; those that take a review back are to mark it as well.
    pub(crate) struct NewEvents {
        user_id: Uuid => SqlUuid,
        id: Uuid => SqlUuid,
        word_id: &'a str => Text,
        position: i64 => BigInt,
        kind: i16 => SmallInt,
        at: Timestamp => Timestamptz,
        device_id: Option<&'a str> => Nullable<Text>,
        rating: Option<i16> => Nullable<SmallInt>,
        duration_ms: Option<i64> => Nullable<BigInt>,
        retention: Option<f64> => Nullable<Double>,
        clamped: bool => Bool,
        study_count: Option<i64> => Nullable<BigInt>,
        correct_count: Option<i64> => Nullable<BigInt>,
        confidence: Option<f64> => Nullable<Double>,
        raised_study_count: bool => Bool,
        review_id: Option<Uuid> => Nullable<SqlUuid>,
        recorded_at: Timestamp => Timestamptz,
    }
}

/// The columns that only some kinds of events have.
#[derive(Default)]
struct Particulars {
    rating: Option<i16>,
    duration_ms: Option<i64>,
    retention: Option<f64>,
    clamped: bool,
    study_count: Option<i64>,
    correct_count: Option<i64>,
    confidence: Option<f64>,
    raised_study_count: bool,
    review_id: Option<Uuid>,
}

fn particulars(kind: &EventKind) -> (i16, Particulars) {
    let none = Particulars::default();
    match kind {
        EventKind::Review {
            rating,
            duration_ms,
            retention,
            clamped,
        } => {
            let review = Particulars {
                rating: Some(*rating as i16),
                duration_ms: duration_ms.map(i64::from),
                retention: Some(*retention),
                clamped: *clamped,
                ..none
            };
            (REVIEW, review)
        }
        EventKind::Set {
            study_count,
            correct_count,
            confidence,
            raised_study_count,
        } => {
            let set = Particulars {
                study_count: study_count.map(i64::from),
                correct_count: correct_count.map(i64::from),
                confidence: *confidence,
                raised_study_count: *raised_study_count,
                ..none
            };
            (SET, set)
        }
        EventKind::Forget => (FORGET, none),
        EventKind::Undo { review } => {
            let undo = Particulars {
                review_id: Some(review.0),
                ..none
            };
            (UNDO, undo)
        }
    }
}

impl<'a> NewEvents<'a> {
    /// Adds an event of a learner's log at this place, written at this time.
    pub(crate) fn push(&mut self, user: UserId, position: u64, event: &'a Event, now: Timestamp) {
        let (kind, particulars) = particulars(&event.kind);
        self.user_id.push(user.0);
        self.id.push(event.id.0);
        self.word_id.push(event.word_id.as_str());
        self.position.push(to_i64(position));
        self.kind.push(kind);
        self.at.push(event.at);
        self.device_id.push(event.device_id.as_deref());
        self.rating.push(particulars.rating);
        self.duration_ms.push(particulars.duration_ms);
        self.retention.push(particulars.retention);
        self.clamped.push(particulars.clamped);
        self.study_count.push(particulars.study_count);
        self.correct_count.push(particulars.correct_count);
        self.confidence.push(particulars.confidence);
        self.raised_study_count.push(particulars.raised_study_count);
        self.review_id.push(particulars.review_id);
        self.recorded_at.push(now);
    }
}
