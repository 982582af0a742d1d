//! The row that keeps a word's state for a learner.

use diesel::Queryable;
use diesel::sql_types::{BigInt, Bool, Double, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use parlance_domain::ids::{EventId, ProgressId, UserId};
use parlance_domain::progress::{EventKey, Memory, ProgressEntry, ProgressRow, WordState};
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use super::columns::columns;
use crate::convert::{CorruptRow, RowOf, to_i64};

/// The columns, in the order of [`Row`], out of a table named `p`.
macro_rules! progress_columns {
    () => {
        concat!(
            "p.word_id, p.id, p.fold_version, p.revision, p.deleted, ",
            $crate::progress::row::state_columns!(),
            ", p.last_at, p.last_id, p.created_at, p.updated_at"
        )
    };
}
pub(crate) use progress_columns;

/// The columns of an entry, in the order of [`EntryRow`], out of a table named `p`.
macro_rules! entry_columns {
    () => {
        concat!(
            "p.word_id, p.id, p.revision, ",
            $crate::progress::row::state_columns!(),
            ", p.created_at, p.updated_at"
        )
    };
}
pub(super) use entry_columns;

/// The columns of a state, in the order of [`StateRow`], out of a table named `p`.
macro_rules! state_columns {
    () => {
        "p.study_count, p.correct_count, p.confidence, p.next_review, p.stability, p.difficulty, p.last_review, \
         p.lapses"
    };
}
pub(crate) use state_columns;

/// The types of the columns.
pub(crate) type Columns = (
    Text,
    SqlUuid,
    Integer,
    BigInt,
    Bool,
    StateColumns,
    Timestamptz,
    SqlUuid,
    Timestamptz,
    Timestamptz,
);

/// The types of the columns of an entry.
pub(super) type EntryColumns = (Text, SqlUuid, BigInt, StateColumns, Timestamptz, Timestamptz);

type StateColumns = (
    Nullable<BigInt>,
    Nullable<BigInt>,
    Nullable<Double>,
    Nullable<Timestamptz>,
    Nullable<Double>,
    Nullable<Double>,
    Nullable<Timestamptz>,
    Nullable<BigInt>,
);

#[derive(Queryable)]
pub(crate) struct Row {
    word_id: String,
    id: Uuid,
    fold_version: i32,
    revision: i64,
    deleted: bool,
    state: StateRow,
    last_at: Timestamp,
    last_id: Uuid,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// What is told of a living row.
#[derive(Queryable)]
pub(super) struct EntryRow {
    word_id: String,
    id: Uuid,
    revision: i64,
    state: StateRow,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Queryable)]
pub(crate) struct StateRow {
    study_count: Option<i64>,
    correct_count: Option<i64>,
    confidence: Option<f64>,
    next_review: Option<Timestamp>,
    stability: Option<f64>,
    difficulty: Option<f64>,
    last_review: Option<Timestamp>,
    lapses: Option<i64>,
}

/// A row that is taken apart as it arrives, not when all have.
#[derive(Queryable)]
pub(super) struct Stored {
    #[diesel(deserialize_as = Row)]
    pub(super) row: ProgressRow,
}

/// The same of an entry.
#[derive(Queryable)]
pub(super) struct StoredEntry {
    #[diesel(deserialize_as = EntryRow)]
    pub(super) entry: ProgressEntry,
}

impl TryFrom<Row> for ProgressRow {
    type Error = CorruptRow;

    fn try_from(row: Row) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "progress",
            id: &row.id,
        };
        let state = if row.deleted {
            None
        } else {
            Some(row.state.read(&of)?)
        };
        Ok(Self {
            id: ProgressId(row.id),
            word_id: of.take(row.word_id, "word_id")?,
            fold_version: of.number(row.fold_version, "fold_version")?,
            revision: of.number(row.revision, "revision")?,
            state,
            last: EventKey {
                at: row.last_at,
                id: EventId(row.last_id),
            },
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

impl TryFrom<EntryRow> for ProgressEntry {
    type Error = CorruptRow;

    fn try_from(row: EntryRow) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "progress",
            id: &row.id,
        };
        Ok(Self {
            id: ProgressId(row.id),
            word_id: of.take(row.word_id, "word_id")?,
            revision: of.number(row.revision, "revision")?,
            state: row.state.read(&of)?,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

impl StateRow {
    fn read(&self, of: &RowOf<'_>) -> Result<WordState, CorruptRow> {
        let count = |value: Option<i64>, column| of.number(of.some(value, column)?, column);
        let memory = self.stability.map(|stability| self.read_memory(of, stability));
        Ok(WordState {
            study_count: count(self.study_count, "study_count")?,
            correct_count: count(self.correct_count, "correct_count")?,
            confidence: of.some(self.confidence, "confidence")?,
            next_review: of.some(self.next_review, "next_review")?,
            memory: memory.transpose()?,
        })
    }

    fn read_memory(&self, of: &RowOf<'_>, stability: f64) -> Result<Memory, CorruptRow> {
        Ok(Memory {
            stability,
            difficulty: of.some(self.difficulty, "difficulty")?,
            last_review: of.some(self.last_review, "last_review")?,
            lapses: of.number(of.some(self.lapses, "lapses")?, "lapses")?,
        })
    }
}

columns! {
    /// Rows to be written, whether they are there or not.
    pub(crate) struct NewRows {
        user_id: Uuid => SqlUuid,
        word_id: &'a str => Text,
        id: Uuid => SqlUuid,
        fold_version: i32 => Integer,
        revision: i64 => BigInt,
        deleted: bool => Bool,
        study_count: Option<i64> => Nullable<BigInt>,
        correct_count: Option<i64> => Nullable<BigInt>,
        confidence: Option<f64> => Nullable<Double>,
        next_review: Option<Timestamp> => Nullable<Timestamptz>,
        stability: Option<f64> => Nullable<Double>,
        difficulty: Option<f64> => Nullable<Double>,
        last_review: Option<Timestamp> => Nullable<Timestamptz>,
        lapses: Option<i64> => Nullable<BigInt>,
        last_at: Timestamp => Timestamptz,
        last_id: Uuid => SqlUuid,
        created_at: Timestamp => Timestamptz,
        updated_at: Timestamp => Timestamptz,
    }
}

impl<'a> NewRows<'a> {
    /// Adds a learner's row.
    pub(crate) fn push(&mut self, user: UserId, row: &'a ProgressRow) {
        let ProgressRow {
            id,
            word_id,
            fold_version,
            revision,
            state,
            last,
            created_at,
            updated_at,
        } = row;
        let state = state.as_ref();
        let memory = state.and_then(|state| state.memory.as_ref());
        self.user_id.push(user.0);
        self.word_id.push(word_id.as_str());
        self.id.push(id.0);
        self.fold_version
            .push(i32::try_from(*fold_version).unwrap_or(i32::MAX));
        self.revision.push(to_i64(*revision));
        self.deleted.push(state.is_none());
        self.study_count
            .push(state.map(|state| i64::from(state.study_count)));
        self.correct_count
            .push(state.map(|state| i64::from(state.correct_count)));
        self.confidence.push(state.map(|state| state.confidence));
        self.next_review.push(state.map(|state| state.next_review));
        self.stability.push(memory.map(|memory| memory.stability));
        self.difficulty.push(memory.map(|memory| memory.difficulty));
        self.last_review.push(memory.map(|memory| memory.last_review));
        self.lapses.push(memory.map(|memory| i64::from(memory.lapses)));
        self.last_at.push(last.at);
        self.last_id.push(last.id.0);
        self.created_at.push(*created_at);
        self.updated_at.push(*updated_at);
    }
}
