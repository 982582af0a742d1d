//! All of a learner's progress at once, as it leaves a database and comes into one.

use diesel::sql_types::{BigInt, Binary, Bool};
use diesel::{RunQueryDsl, SqliteConnection};
use parlance_domain::ids::UserId;
use parlance_domain::progress::{Event, ProgressRow};
use parlance_domain::transfer::StoredEvent;

use super::append;
use super::event::{self, EventRow, NewEvent, event_columns};
use super::row::{self, NewRow, Row, progress_columns};
use crate::convert::{CorruptRow, RowOf};
use crate::database::NoRefusal;
use crate::statement::statement;

statement!(
    Events(user: &'a [u8] => Binary) -> (BigInt, Bool, BigInt, event::Columns)
        = concat!(
            "SELECT position, undone, recorded_at, ", event_columns!(), " FROM progress_events \
             WHERE user_id = ? ORDER BY position"
        )
);
statement!(
    Rows(user: &'a [u8] => Binary) -> (row::Columns,)
        = concat!("SELECT ", progress_columns!(), " FROM progress p WHERE p.user_id = ? ORDER BY p.revision")
);

/// The head, the log and the projection of a learner as they will be written.
pub(crate) struct StoredProgress {
    user: UserId,
    revision: u64,
    position: u64,
    events: Vec<NewEvent>,
    rows: Vec<NewRow>,
}

impl StoredProgress {
    /// Makes the rows.
    pub(crate) fn new(user: UserId, revision: u64, events: &[StoredEvent], rows: &[ProgressRow]) -> Self {
        Self {
            user,
            revision,
            position: events.iter().map(|event| event.position).max().unwrap_or(0),
            events: events.iter().map(|event| NewEvent::stored(user, event)).collect(),
            rows: rows.iter().map(|row| NewRow::new(user, row)).collect(),
        }
    }

    /// Writes them for a learner who has no progress yet.
    pub(crate) fn write(&self, connection: &mut SqliteConnection) -> Result<(), NoRefusal> {
        if self.revision == 0 && self.events.is_empty() {
            return Ok(());
        }
        event::insert_rows(connection, &self.events)?;
        row::upsert_rows(connection, &self.rows)?;
        append::write_head(connection, self.user, self.revision, self.position)?;
        Ok(())
    }

    /// Reads the last revision and the last place in the log of a learner.
    pub(crate) fn head(connection: &mut SqliteConnection, user: UserId) -> Result<(u64, u64), NoRefusal> {
        append::head(connection, user)
    }

    /// Reads the last revision, the log and the projection of a learner.
    pub(crate) fn read(
        connection: &mut SqliteConnection,
        user: UserId,
    ) -> Result<(u64, Vec<StoredEvent>, Vec<ProgressRow>), NoRefusal> {
        let (revision, _) = Self::head(connection, user)?;
        let events: Vec<(i64, bool, i64, EventRow)> = Events::new(user.0.as_bytes()).load(connection)?;
        let rows: Vec<(Row,)> = Rows::new(user.0.as_bytes()).load(connection)?;
        let events = events.into_iter().map(stored);
        let rows = rows.into_iter().map(|(row,)| ProgressRow::try_from(row));
        Ok((
            revision,
            events.collect::<Result<_, CorruptRow>>()?,
            rows.collect::<Result<_, CorruptRow>>()?,
        ))
    }
}

fn stored(
    (position, undone, recorded_at, row): (i64, bool, i64, EventRow),
) -> Result<StoredEvent, CorruptRow> {
    let event = Event::try_from(row)?;
    let of = RowOf {
        table: "progress_events",
        id: &event.id,
    };
    Ok(StoredEvent {
        position: of.number(position, "position")?,
        undone,
        recorded_at: of.time(recorded_at, "recorded_at")?,
        event: event.clone(),
    })
}
