//! Everything of one learner, read.

use diesel::result::{Error as DieselError, OptionalExtension};
use diesel::sql_types::{BigInt, Bool, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use parlance_domain::accounts::Session;
use parlance_domain::ids::UserId;
use parlance_domain::progress::ProgressRow;
use parlance_domain::time::Timestamp;
use parlance_domain::transfer::{LearnerRecord, StoredEvent};
use uuid::Uuid;

use crate::accounts::row::{
    AccountColumns, AccountRow, SessionColumns, SessionRow, account_columns, session_columns,
};
use crate::convert::{CorruptRow, RowOf};
use crate::database::StoreError;
use crate::progress::event::{self, EventRow, event_columns};
use crate::progress::row::{self, Row, progress_columns};
use crate::statement::statement;

statement!(
    Account(id: Uuid => SqlUuid) -> (AccountColumns,)
        = concat!("SELECT ", account_columns!(), " FROM accounts WHERE id = ?")
);
statement!(
    Sessions(user_id: Uuid => SqlUuid) -> (SessionColumns,)
        = concat!("SELECT ", session_columns!(), " FROM sessions WHERE user_id = ? ORDER BY id")
);
statement!(
    Revision(user_id: Uuid => SqlUuid) -> (BigInt) = "SELECT revision FROM progress_heads WHERE user_id = ?"
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
    let found = Account::new(id.0).get_result(&mut connection).await.optional()?;
    let Some((account,)): Option<(AccountRow,)> = found else {
        return Ok(None);
    };
    Ok(Some(LearnerRecord {
        account: account.try_into()?,
        sessions: sessions(connection, id).await?,
        revision: revision(connection, id).await?,
        events: events(connection, id).await?,
        rows: rows(connection, id).await?,
    }))
}

async fn sessions(mut connection: &AsyncPgConnection, id: UserId) -> Result<Vec<Session>, StoreError> {
    let rows: Vec<(SessionRow,)> = Sessions::new(id.0).load(&mut connection).await?;
    let sessions = rows.into_iter().map(|(row,)| row.try_into());
    Ok(sessions.collect::<Result<_, CorruptRow>>()?)
}

async fn revision(mut connection: &AsyncPgConnection, id: UserId) -> Result<u64, StoreError> {
    let head: Result<(i64,), DieselError> = Revision::new(id.0).get_result(&mut connection).await;
    let of = RowOf {
        table: "progress_heads",
        id: &id,
    };
    let (revision,) = of.some(head.optional()?, "user_id")?;
    Ok(of.number(revision, "revision")?)
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
