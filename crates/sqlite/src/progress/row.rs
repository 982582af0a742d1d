//! The row that keeps a word's state for a learner.

use diesel::sql_types::{BigInt, Binary, Bool, Double, Nullable, Text};
use diesel::{Queryable, RunQueryDsl, SqliteConnection};
use parlance_domain::ids::{EventId, ProgressId, UserId};
use parlance_domain::progress::{EventKey, Memory, ProgressEntry, ProgressRow, WordState};

use crate::convert::{CorruptRow, RowOf, to_i64};
use crate::statement::{in_chunks, insert};

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
pub(super) use progress_columns;

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
pub(super) use state_columns;

/// The types of the columns.
pub(super) type Columns = (
    Text,
    Binary,
    BigInt,
    BigInt,
    Bool,
    StateColumns,
    BigInt,
    Binary,
    BigInt,
    BigInt,
);

/// The types of the columns of an entry.
pub(super) type EntryColumns = (Text, Binary, BigInt, StateColumns, BigInt, BigInt);

type StateColumns = (
    Nullable<BigInt>,
    Nullable<BigInt>,
    Nullable<Double>,
    Nullable<BigInt>,
    Nullable<Double>,
    Nullable<Double>,
    Nullable<BigInt>,
    Nullable<BigInt>,
);

#[derive(Queryable)]
pub(super) struct Row {
    word_id: String,
    id: Vec<u8>,
    fold_version: i64,
    revision: i64,
    deleted: bool,
    state: StateRow,
    last_at: i64,
    last_id: Vec<u8>,
    created_at: i64,
    updated_at: i64,
}

/// What is told of a living row.
#[derive(Queryable)]
pub(super) struct EntryRow {
    word_id: String,
    id: Vec<u8>,
    revision: i64,
    state: StateRow,
    created_at: i64,
    updated_at: i64,
}

#[derive(Queryable)]
pub(super) struct StateRow {
    study_count: Option<i64>,
    correct_count: Option<i64>,
    confidence: Option<f64>,
    next_review: Option<i64>,
    stability: Option<f64>,
    difficulty: Option<f64>,
    last_review: Option<i64>,
    lapses: Option<i64>,
}

impl TryFrom<Row> for ProgressRow {
    type Error = CorruptRow;

    fn try_from(row: Row) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "progress",
            id: &row.word_id,
        };
        let state = if row.deleted {
            None
        } else {
            Some(row.state.read(&of)?)
        };
        Ok(Self {
            id: ProgressId(of.uuid(&row.id, "id")?),
            word_id: of.parse(&row.word_id, "word_id")?,
            fold_version: of.number(row.fold_version, "fold_version")?,
            revision: of.number(row.revision, "revision")?,
            state,
            last: EventKey {
                at: of.time(row.last_at, "last_at")?,
                id: EventId(of.uuid(&row.last_id, "last_id")?),
            },
            created_at: of.time(row.created_at, "created_at")?,
            updated_at: of.time(row.updated_at, "updated_at")?,
        })
    }
}

impl TryFrom<EntryRow> for ProgressEntry {
    type Error = CorruptRow;

    fn try_from(row: EntryRow) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "progress",
            id: &row.word_id,
        };
        Ok(Self {
            id: ProgressId(of.uuid(&row.id, "id")?),
            word_id: of.parse(&row.word_id, "word_id")?,
            revision: of.number(row.revision, "revision")?,
            state: row.state.read(&of)?,
            created_at: of.time(row.created_at, "created_at")?,
            updated_at: of.time(row.updated_at, "updated_at")?,
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
            next_review: of.time(of.some(self.next_review, "next_review")?, "next_review")?,
            memory: memory.transpose()?,
        })
    }

    fn read_memory(&self, of: &RowOf<'_>, stability: f64) -> Result<Memory, CorruptRow> {
        Ok(Memory {
            stability,
            difficulty: of.some(self.difficulty, "difficulty")?,
            last_review: of.time(of.some(self.last_review, "last_review")?, "last_review")?,
            lapses: of.number(of.some(self.lapses, "lapses")?, "lapses")?,
        })
    }
}

insert!(
    UpsertRows(NewRow) = "INSERT INTO progress (user_id, word_id, id, fold_version, revision, deleted, \
        study_count, correct_count, confidence, next_review, stability, difficulty, last_review, lapses, last_at, \
        last_id, created_at, updated_at)",
    {
        |row| &row.user_id => Binary,
        |row| &row.word_id => Text,
        |row| &row.id => Binary,
        |row| &row.fold_version => BigInt,
        |row| &row.revision => BigInt,
        |row| &row.deleted => Bool,
        |row| &row.study_count => Nullable<BigInt>,
        |row| &row.correct_count => Nullable<BigInt>,
        |row| &row.confidence => Nullable<Double>,
        |row| &row.next_review => Nullable<BigInt>,
        |row| &row.stability => Nullable<Double>,
        |row| &row.difficulty => Nullable<Double>,
        |row| &row.last_review => Nullable<BigInt>,
        |row| &row.lapses => Nullable<BigInt>,
        |row| &row.last_at => BigInt,
        |row| &row.last_id => Binary,
        |row| &row.created_at => BigInt,
        |row| &row.updated_at => BigInt,
    },
    " ON CONFLICT (user_id, word_id) DO UPDATE SET id = excluded.id, fold_version = excluded.fold_version, \
      revision = excluded.revision, deleted = excluded.deleted, study_count = excluded.study_count, \
      correct_count = excluded.correct_count, confidence = excluded.confidence, \
      next_review = excluded.next_review, stability = excluded.stability, difficulty = excluded.difficulty, \
      last_review = excluded.last_review, lapses = excluded.lapses, last_at = excluded.last_at, \
      last_id = excluded.last_id, created_at = excluded.created_at, updated_at = excluded.updated_at"
);

/// Writes rows, whether they are there or not.
///
/// Revisions are only ever taken anew from the learner's head, so that in no order two rows meet in one.
pub(super) fn upsert(
    connection: &mut SqliteConnection,
    user: UserId,
    rows: &[ProgressRow],
) -> Result<(), diesel::result::Error> {
    let rows: Vec<NewRow> = rows.iter().map(|row| NewRow::new(user, row)).collect();
    upsert_rows(connection, &rows)
}

/// Writes rows as they are.
pub(super) fn upsert_rows(
    connection: &mut SqliteConnection,
    rows: &[NewRow],
) -> Result<(), diesel::result::Error> {
    for chunk in in_chunks(rows) {
        UpsertRows(chunk).execute(connection)?;
    }
    Ok(())
}

pub(super) struct NewRow {
    user_id: [u8; 16],
    word_id: String,
    id: [u8; 16],
    fold_version: i64,
    revision: i64,
    deleted: bool,
    study_count: Option<i64>,
    correct_count: Option<i64>,
    confidence: Option<f64>,
    next_review: Option<i64>,
    stability: Option<f64>,
    difficulty: Option<f64>,
    last_review: Option<i64>,
    lapses: Option<i64>,
    last_at: i64,
    last_id: [u8; 16],
    created_at: i64,
    updated_at: i64,
}

impl NewRow {
    pub(super) fn new(user: UserId, row: &ProgressRow) -> Self {
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
        Self {
            user_id: user.0.into_bytes(),
            word_id: word_id.as_str().to_owned(),
            id: id.0.into_bytes(),
            fold_version: i64::from(*fold_version),
            revision: to_i64(*revision),
            deleted: state.is_none(),
            study_count: state.map(|state| i64::from(state.study_count)),
            correct_count: state.map(|state| i64::from(state.correct_count)),
            confidence: state.map(|state| state.confidence),
            next_review: state.map(|state| state.next_review.timestamp_millis()),
            stability: memory.map(|memory| memory.stability),
            difficulty: memory.map(|memory| memory.difficulty),
            last_review: memory.map(|memory| memory.last_review.timestamp_millis()),
            lapses: memory.map(|memory| i64::from(memory.lapses)),
            last_at: last.at.timestamp_millis(),
            last_id: last.id.0.into_bytes(),
            created_at: created_at.timestamp_millis(),
            updated_at: updated_at.timestamp_millis(),
        }
    }
}
