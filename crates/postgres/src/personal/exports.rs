//! The archives that were asked for.

use std::sync::Arc;

use async_trait::async_trait;
use diesel::result::OptionalExtension;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{ExportId, UserId};
use parlance_domain::personal::{
    Export, ExportAttempt, ExportLease, ExportOrder, ExportOutcome, ExportState, ExportStore, Requested,
    TakenExport,
};
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use super::row::{ExportColumns, ExportRow, export_columns};
use crate::accounts::row::is_active;
use crate::consequences;
use crate::convert::{RowOf, to_i64};
use crate::database::{NoRefusal, PgDatabase, Repeat, StoreError, only};
use crate::statement::statement;

const PORT: &str = "ExportStore";

statement!(
    // Whoever asks at the same time waits here.
    LockActive(id: Uuid => SqlUuid) -> (Integer,)
        = concat!("SELECT 1 FROM accounts WHERE id = ? AND ", is_active!(), " FOR NO KEY UPDATE")
);
statement!(
    Underway(user_id: Uuid => SqlUuid) -> (ExportColumns,)
        = concat!("SELECT ", export_columns!(), " FROM exports WHERE user_id = ? AND ready_at IS NULL \
            AND failed_at IS NULL")
);
statement!(
    Since(user_id: Uuid => SqlUuid, begin: Timestamp => Timestamptz) -> (BigInt, Nullable<Timestamptz>)
        = "SELECT count(*), min(requested_at) FROM exports WHERE user_id = ? AND requested_at > ?"
);
statement!(
    Insert(
        user_id: Uuid => SqlUuid,
        id: Uuid => SqlUuid,
        requested_at: Timestamp => Timestamptz,
        due_at: Timestamp => Timestamptz,
    ) = "INSERT INTO exports (user_id, id, requested_at, due_at) VALUES (?, ?, ?, ?)"
);
statement!(
    Latest(user_id: Uuid => SqlUuid) -> (ExportColumns,)
        = concat!("SELECT ", export_columns!(), " FROM exports WHERE user_id = ? ORDER BY requested_at DESC, id DESC \
            LIMIT 1")
);
statement!(
    ById(user_id: Uuid => SqlUuid, id: Uuid => SqlUuid) -> (ExportColumns,)
        = concat!("SELECT ", export_columns!(), " FROM exports WHERE user_id = ? AND id = ?")
);
statement!(
    Take(attempt: Uuid => SqlUuid, until: Timestamp => Timestamptz, now: Timestamp => Timestamptz)
        -> (SqlUuid, SqlUuid, Integer)
        = "UPDATE exports SET attempt = ?, due_at = ?, attempts = attempts + 1 WHERE ctid = ANY (ARRAY(\
           SELECT ctid FROM exports WHERE due_at <= ? AND ready_at IS NULL AND failed_at IS NULL ORDER BY due_at \
           LIMIT 1 FOR UPDATE SKIP LOCKED)) RETURNING user_id, id, attempts"
);
statement!(
    Renew(until: Timestamp => Timestamptz, user_id: Uuid => SqlUuid, id: Uuid => SqlUuid, attempt: Uuid => SqlUuid)
        = "UPDATE exports SET due_at = ? WHERE user_id = ? AND id = ? AND attempt = ? AND ready_at IS NULL \
           AND failed_at IS NULL"
);
statement!(
    #[expect(clippy::too_many_arguments, reason = "one for each column that changes")]
    Finish(
        file: Option<String> => Nullable<Text>,
        bytes: Option<i64> => Nullable<BigInt>,
        ready_at: Option<Timestamp> => Nullable<Timestamptz>,
        expires_at: Option<Timestamp> => Nullable<Timestamptz>,
        failed_at: Option<Timestamp> => Nullable<Timestamptz>,
        due_at: Option<Timestamp> => Nullable<Timestamptz>,
        user_id: Uuid => SqlUuid,
        id: Uuid => SqlUuid,
        attempt: Uuid => SqlUuid,
    ) = "UPDATE exports SET file = ?, bytes = ?, ready_at = ?, expires_at = ?, failed_at = ?, \
         due_at = coalesce(?, due_at) WHERE user_id = ? AND id = ? AND attempt = ? AND ready_at IS NULL \
         AND failed_at IS NULL"
);
statement!(
    Purge(before: Timestamp => Timestamptz, limit: i64 => BigInt)
        = "DELETE FROM exports WHERE ctid = ANY (ARRAY(SELECT ctid FROM exports WHERE requested_at < ? \
           ORDER BY requested_at LIMIT ? FOR UPDATE SKIP LOCKED))"
);

/// The archives in the database.
#[derive(Clone)]
pub struct PgExports {
    database: PgDatabase,
}

impl PgExports {
    /// The archives in this database.
    pub fn new(database: PgDatabase) -> Self {
        Self { database }
    }
}

#[async_trait]
impl ExportStore for PgExports {
    async fn request(
        &self,
        order: &ExportOrder,
        consequences: &Consequences,
    ) -> Result<Requested, PortError> {
        let (order, consequences) = (*order, Arc::new(consequences.clone()));
        let requested = self.database.transact(move |connection| {
            let consequences = Arc::clone(&consequences);
            async move { request(connection, &order, &consequences).await }.boxed()
        });
        requested.await.map_err(|error| error.into_port(PORT))
    }

    async fn latest(&self, user: UserId) -> Result<Option<Export>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            Latest::new(user.0).get_result(&mut &*connection).await.optional()
        };
        let found = self.database.run(Repeat::Safe, read).await;
        found.and_then(export).map_err(|error| error.into_port(PORT))
    }

    async fn by_id(&self, user: UserId, id: ExportId) -> Result<Option<Export>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            let statement = ById::new(user.0, id.0);
            statement.get_result(&mut &*connection).await.optional()
        };
        let found = self.database.run(Repeat::Safe, read).await;
        found.and_then(export).map_err(|error| error.into_port(PORT))
    }

    async fn take(&self, lease: &ExportLease) -> Result<Option<TakenExport>, PortError> {
        let lease = *lease;
        let send = |connection: Arc<AsyncPgConnection>| async move {
            let statement = Take::new(lease.attempt.0, lease.until, lease.now);
            statement.load(&mut &*connection).await.and_then(only).optional()
        };
        // Sent again, it takes another: one that was taken unheard waits until the lease is over.
        let found: Result<Option<(Uuid, Uuid, i32)>, StoreError> =
            self.database.run(Repeat::Safe, send).await;
        let taken = found.and_then(|found| found.map(taken).transpose());
        taken.map_err(|error| error.into_port(PORT))
    }

    async fn renew(
        &self,
        user: UserId,
        id: ExportId,
        attempt: ExportAttempt,
        until: Timestamp,
    ) -> Result<bool, PortError> {
        let send = |connection: Arc<AsyncPgConnection>| async move {
            let statement = Renew::new(until, user.0, id.0, attempt.0);
            statement.execute(&mut &*connection).await
        };
        let renewed = self.database.run(Repeat::Safe, send).await;
        Ok(renewed.map_err(|error| error.into_port(PORT))? > 0)
    }

    async fn finish(
        &self,
        user: UserId,
        id: ExportId,
        attempt: ExportAttempt,
        outcome: &ExportOutcome,
        consequences: &Consequences,
    ) -> Result<bool, PortError> {
        let change = Arc::new((outcome.clone(), consequences.clone()));
        let noted = self.database.transact(move |connection| {
            let change = Arc::clone(&change);
            async move {
                let (outcome, consequences) = &*change;
                let statement = finish(user, id, attempt, outcome);
                let is_noted = statement.execute(&mut &*connection).await? > 0;
                if is_noted {
                    consequences::keep(connection, consequences).await?;
                }
                Ok(is_noted)
            }
            .boxed()
        });
        noted.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u32, PortError> {
        let send = |connection: Arc<AsyncPgConnection>| async move {
            let statement = Purge::new(before, i64::from(limit));
            statement.execute(&mut &*connection).await
        };
        let purged = self.database.run(Repeat::Safe, send).await;
        let purged = purged.map_err(|error| error.into_port(PORT))?;
        Ok(u32::try_from(purged).unwrap_or(u32::MAX))
    }
}

async fn request(
    connection: &AsyncPgConnection,
    order: &ExportOrder,
    consequences: &Consequences,
) -> Result<Requested, NoRefusal> {
    let mut sender = connection;
    let user = order.user_id.0;
    let active: Option<(i32,)> = LockActive::new(user).get_result(&mut sender).await.optional()?;
    if active.is_none() {
        return Ok(Requested::NoAccount);
    }
    let underway = Underway::new(user).get_result(&mut sender).await.optional()?;
    if let Some(found) = export(underway)? {
        return Ok(Requested::Underway(found));
    }
    let since = Since::new(user, order.since);
    let (count, first): (i64, Option<Timestamp>) = since.get_result(&mut sender).await?;
    if count >= i64::from(order.limit) {
        let first = first.unwrap_or(order.now);
        return Ok(Requested::TooMany { first });
    }
    let insert = Insert::new(user, order.id.0, order.now, order.now);
    insert.execute(&mut sender).await?;
    consequences::keep(connection, consequences).await?;
    Ok(Requested::Begun(Export {
        user_id: order.user_id,
        id: order.id,
        requested_at: order.now,
        state: ExportState::Pending,
    }))
}

fn export(found: Option<(ExportRow,)>) -> Result<Option<Export>, StoreError> {
    Ok(found.map(|(row,)| row.try_into()).transpose()?)
}

fn taken((user_id, id, attempts): (Uuid, Uuid, i32)) -> Result<TakenExport, StoreError> {
    let of = RowOf {
        table: "exports",
        id: &id,
    };
    Ok(TakenExport {
        user_id: UserId(user_id),
        id: ExportId(id),
        attempts: of.number(attempts, "attempts")?,
    })
}

fn finish(user: UserId, id: ExportId, attempt: ExportAttempt, outcome: &ExportOutcome) -> Finish<'static> {
    let (ready, due, failed) = match outcome {
        ExportOutcome::Ready(ready) => (Some(ready), None, None),
        ExportOutcome::Postponed { due } => (None, Some(*due), None),
        ExportOutcome::Failed { at } => (None, None, Some(*at)),
    };
    Finish::new(
        ready.map(|ready| ready.file.to_string()),
        ready.map(|ready| to_i64(ready.bytes)),
        ready.map(|ready| ready.ready_at),
        ready.map(|ready| ready.expires_at),
        failed,
        due,
        user.0,
        id.0,
        attempt.0,
    )
}
