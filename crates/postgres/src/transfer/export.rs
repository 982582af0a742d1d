//! Everything of one learner, read.

use diesel::result::{Error as DieselError, OptionalExtension};
use diesel::sql_types::{BigInt, Bool, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join;
use parlance_domain::ids::UserId;
use parlance_domain::progress::ProgressRow;
use parlance_domain::time::Timestamp;
use parlance_domain::transfer::{LearnerMark, LearnerRecord, StoredEvent};
use uuid::Uuid;

use super::holdings::{self, HoldingRows, to_holdings};
use crate::convert::{CorruptRow, RowOf};
use crate::database::StoreError;
use crate::progress::event::{self, EventRow, event_columns};
use crate::progress::row::{self, Row, progress_columns};
use crate::statement::statement;

statement!(
    Head(user_id: Uuid => SqlUuid) -> (BigInt, BigInt)
        = "SELECT revision, position FROM progress_heads WHERE user_id = ?"
);
statement!(
    Events(user_id: Uuid => SqlUuid) -> (BigInt, Bool, Timestamptz, event::Columns)
        = concat!(
            "SELECT e.position, e.undone, e.recorded_at, ", event_columns!(), " FROM progress_events e \
             WHERE e.user_id = ? ORDER BY e.position"
        )
);
statement!(
    Rows(user_id: Uuid => SqlUuid) -> (row::Columns,)
        = concat!(
            "SELECT ", progress_columns!(), " FROM progress p WHERE p.user_id = ? ORDER BY p.revision"
        )
);

/// Everything of a learner, within a transaction whose statements all see the same state.
pub(super) async fn export(
    mut connection: &AsyncPgConnection,
    id: UserId,
) -> Result<Option<LearnerRecord>, StoreError> {
    let Some(holdings) = to_holdings(id, holdings::read(connection, id).await?)? else {
        return Ok(None);
    };
    Ok(Some(LearnerRecord {
        holdings,
        revision: to_head(id, Head::new(id.0).get_result(&mut connection).await.optional()?)?.0,
        events: events(connection, id).await?,
        rows: rows(connection, id).await?,
    }))
}

/// What a mark is made of, as it was read.
pub(super) struct MarkRows {
    holdings: HoldingRows,
    head: Option<(i64, i64)>,
}

/// Reads what a mark is made of, all at once.
pub(super) async fn mark_rows(connection: &AsyncPgConnection, id: UserId) -> Result<MarkRows, DieselError> {
    let mut other = connection;
    let head = async { Head::new(id.0).get_result(&mut other).await.optional() };
    let (holdings, head) = try_join(holdings::read(connection, id), head).await?;
    Ok(MarkRows { holdings, head })
}

/// The mark of a learner who is there.
pub(super) fn to_mark(id: UserId, rows: MarkRows) -> Result<Option<LearnerMark>, StoreError> {
    let Some(holdings) = to_holdings(id, rows.holdings)? else {
        return Ok(None);
    };
    let (revision, position) = to_head(id, rows.head)?;
    Ok(Some(LearnerMark {
        holdings,
        revision,
        position,
    }))
}

/// The last revision, and the last place in the log.
fn to_head(id: UserId, head: Option<(i64, i64)>) -> Result<(u64, u64), CorruptRow> {
    let of = RowOf {
        table: "progress_heads",
        id: &id,
    };
    let (revision, position) = of.some(head, "user_id")?;
    Ok((of.number(revision, "revision")?, of.number(position, "position")?))
}

async fn events(mut connection: &AsyncPgConnection, id: UserId) -> Result<Vec<StoredEvent>, StoreError> {
    let rows: Vec<(i64, bool, Timestamp, EventRow)> = Events::new(id.0).load(&mut connection).await?;
    let of = RowOf {
        table: "progress_events",
        id: &id,
    };
    let events = rows.into_iter().map(|(position, undone, recorded_at, event)| {
        Ok(StoredEvent {
            position: of.number(position, "position")?,
            event: event.try_into()?,
            undone,
            recorded_at,
        })
    });
    Ok(events.collect::<Result<_, CorruptRow>>()?)
}

async fn rows(mut connection: &AsyncPgConnection, id: UserId) -> Result<Vec<ProgressRow>, StoreError> {
    let rows: Vec<(Row,)> = Rows::new(id.0).load(&mut connection).await?;
    let rows = rows.into_iter().map(|(row,)| row.try_into());
    Ok(rows.collect::<Result<_, CorruptRow>>()?)
}
