//! The archives that were asked for.

use async_trait::async_trait;
use diesel::result::OptionalExtension;
use diesel::sql_types::{BigInt, Binary, Integer, Nullable, Text};
use diesel::{QueryResult, RunQueryDsl, SqliteConnection};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{ExportId, UserId};
use parlance_domain::personal::{
    Export, ExportAttempt, ExportLease, ExportOrder, ExportOutcome, ExportState, ExportStore, Requested,
    TakenExport,
};
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;

use super::row::{ExportColumns, ExportRow, export_columns};
use crate::consequences;
use crate::convert::{CorruptRow, RowOf, to_i64};
use crate::database::{NoRefusal, SqliteDatabase, StoreError};
use crate::statement::statement;

const PORT: &str = "ExportStore";

statement!(
    IsActive(id: &'a [u8] => Binary) -> (Integer)
        = "SELECT 1 FROM accounts WHERE id = ? AND deactivated_at IS NULL AND deleted_at IS NULL"
);
statement!(
    Underway(user_id: &'a [u8] => Binary) -> (ExportColumns)
        = concat!("SELECT ", export_columns!(), " FROM exports WHERE user_id = ? AND ready_at IS NULL \
            AND failed_at IS NULL")
);
statement!(
    Since(user_id: &'a [u8] => Binary, begin: i64 => BigInt) -> (BigInt, Nullable<BigInt>)
        = "SELECT count(*), min(requested_at) FROM exports WHERE user_id = ? AND requested_at > ?"
);
statement!(
    Insert(user_id: &'a [u8] => Binary, id: &'a [u8] => Binary, requested_at: i64 => BigInt, due_at: i64 => BigInt)
        = "INSERT INTO exports (user_id, id, requested_at, due_at) VALUES (?, ?, ?, ?)"
);
statement!(
    Latest(user_id: &'a [u8] => Binary) -> (ExportColumns)
        = concat!("SELECT ", export_columns!(), " FROM exports WHERE user_id = ? ORDER BY requested_at DESC, id DESC \
            LIMIT 1")
);
statement!(
    ById(user_id: &'a [u8] => Binary, id: &'a [u8] => Binary) -> (ExportColumns)
        = concat!("SELECT ", export_columns!(), " FROM exports WHERE user_id = ? AND id = ?")
);
statement!(
    AnyDue(now: i64 => BigInt) -> (BigInt)
        = "SELECT EXISTS (SELECT 1 FROM exports WHERE due_at <= ? AND ready_at IS NULL AND failed_at IS NULL)"
);
statement!(
    Take(attempt: &'a [u8] => Binary, until: i64 => BigInt, now: i64 => BigInt) -> (Binary, Binary, BigInt)
        = "UPDATE exports SET attempt = ?, due_at = ?, attempts = attempts + 1 WHERE (user_id, id) IN \
           (SELECT user_id, id FROM exports WHERE due_at <= ? AND ready_at IS NULL AND failed_at IS NULL \
           ORDER BY due_at LIMIT 1) RETURNING user_id, id, attempts"
);
statement!(
    Renew(until: i64 => BigInt, user_id: &'a [u8] => Binary, id: &'a [u8] => Binary, attempt: &'a [u8] => Binary)
        = "UPDATE exports SET due_at = ? WHERE user_id = ? AND id = ? AND attempt = ? AND ready_at IS NULL \
           AND failed_at IS NULL"
);
statement!(
    #[expect(clippy::too_many_arguments, reason = "one for each column that changes")]
    Finish(
        file: Option<String> => Nullable<Text>,
        bytes: Option<i64> => Nullable<BigInt>,
        ready_at: Option<i64> => Nullable<BigInt>,
        expires_at: Option<i64> => Nullable<BigInt>,
        failed_at: Option<i64> => Nullable<BigInt>,
        due_at: Option<i64> => Nullable<BigInt>,
        user_id: &'a [u8] => Binary,
        id: &'a [u8] => Binary,
        attempt: &'a [u8] => Binary,
    ) = "UPDATE exports SET file = ?, bytes = ?, ready_at = ?, expires_at = ?, failed_at = ?, \
         due_at = coalesce(?, due_at) WHERE user_id = ? AND id = ? AND attempt = ? AND ready_at IS NULL \
         AND failed_at IS NULL"
);
statement!(
    Purge(before: i64 => BigInt, limit: i64 => BigInt)
        = "DELETE FROM exports WHERE (user_id, id) IN (SELECT user_id, id FROM exports WHERE requested_at < ? \
           ORDER BY requested_at LIMIT ?)"
);

/// The archives in the database.
#[derive(Clone)]
pub struct SqliteExports {
    database: SqliteDatabase,
}

impl SqliteExports {
    /// The archives in this database.
    pub fn new(database: SqliteDatabase) -> Self {
        Self { database }
    }

    /// Whether any is due; most of the time none is, and whoever writes is left in peace.
    async fn is_any_due(&self, now: Timestamp) -> Result<bool, NoRefusal> {
        let found = self.database.read(move |connection| {
            let (found,): (i64,) = AnyDue::new(now.timestamp_millis()).get_result(connection)?;
            Ok(found != 0)
        });
        found.await
    }
}

#[async_trait]
impl ExportStore for SqliteExports {
    async fn request(
        &self,
        order: &ExportOrder,
        consequences: &Consequences,
    ) -> Result<Requested, PortError> {
        let (order, consequences) = (*order, consequences.clone());
        let requested = self
            .database
            .write(move |connection| request(connection, &order, &consequences));
        requested.await.map_err(|error| error.into_port(PORT))
    }

    async fn latest(&self, user: UserId) -> Result<Option<Export>, PortError> {
        let found = self
            .database
            .read(move |connection| Ok(export(Latest::new(user.0.as_bytes()).get_result(connection))?));
        found.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn by_id(&self, user: UserId, id: ExportId) -> Result<Option<Export>, PortError> {
        let found = self.database.read(move |connection| {
            let statement = ById::new(user.0.as_bytes(), id.0.as_bytes());
            Ok(export(statement.get_result(connection))?)
        });
        found.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn take(&self, lease: &ExportLease) -> Result<Option<TakenExport>, PortError> {
        let is_any_due = self.is_any_due(lease.now).await;
        if !is_any_due.map_err(|error| error.into_port(PORT))? {
            return Ok(None);
        }
        let lease = *lease;
        let taken = self.database.write(move |connection| {
            let (until, now) = (lease.until.timestamp_millis(), lease.now.timestamp_millis());
            let statement = Take::new(lease.attempt.0.as_bytes(), until, now);
            let row: Option<(Vec<u8>, Vec<u8>, i64)> = statement.get_result(connection).optional()?;
            Ok(row.map(taken).transpose()?)
        });
        taken.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn renew(
        &self,
        user: UserId,
        id: ExportId,
        attempt: ExportAttempt,
        until: Timestamp,
    ) -> Result<bool, PortError> {
        let renewed = self.database.write(move |connection| {
            let (user, id, attempt) = (user.0.as_bytes(), id.0.as_bytes(), attempt.0.as_bytes());
            Ok(Renew::new(until.timestamp_millis(), user, id, attempt).execute(connection)? > 0)
        });
        renewed.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn finish(
        &self,
        user: UserId,
        id: ExportId,
        attempt: ExportAttempt,
        outcome: &ExportOutcome,
        consequences: &Consequences,
    ) -> Result<bool, PortError> {
        let (outcome, consequences) = (outcome.clone(), consequences.clone());
        let noted = self.database.write(move |connection| {
            let is_noted = finish(&user, &id, &attempt, &outcome).execute(connection)? > 0;
            if is_noted {
                consequences::keep(connection, &consequences)?;
            }
            Ok(is_noted)
        });
        noted.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u32, PortError> {
        let purged: Result<usize, NoRefusal> = self
            .database
            .write(move |connection| {
                let statement = Purge::new(before.timestamp_millis(), i64::from(limit));
                Ok(statement.execute(connection)?)
            })
            .await;
        let purged = purged.map_err(|error| error.into_port(PORT))?;
        Ok(u32::try_from(purged).unwrap_or(u32::MAX))
    }
}

fn request(
    connection: &mut SqliteConnection,
    order: &ExportOrder,
    consequences: &Consequences,
) -> Result<Requested, NoRefusal> {
    let user = order.user_id.0.as_bytes();
    let active: Option<(i32,)> = IsActive::new(user).get_result(connection).optional()?;
    if active.is_none() {
        return Ok(Requested::NoAccount);
    }
    if let Some(underway) = export(Underway::new(user).get_result(connection))? {
        return Ok(Requested::Underway(underway));
    }
    let since = Since::new(user, order.since.timestamp_millis());
    let (count, first): (i64, Option<i64>) = since.get_result(connection)?;
    if count >= i64::from(order.limit) {
        let first = of_exports().time(first.unwrap_or_default(), "requested_at")?;
        return Ok(Requested::TooMany { first });
    }
    let now = order.now.timestamp_millis();
    Insert::new(user, order.id.0.as_bytes(), now, now).execute(connection)?;
    consequences::keep(connection, consequences)?;
    Ok(Requested::Begun(Export {
        user_id: order.user_id,
        id: order.id,
        requested_at: order.now,
        state: ExportState::Pending,
    }))
}

fn export(found: QueryResult<(ExportRow,)>) -> Result<Option<Export>, StoreError> {
    let found = found.optional()?;
    Ok(found.map(|(row,)| row.try_into()).transpose()?)
}

fn of_exports() -> RowOf<'static> {
    RowOf {
        table: "exports",
        id: &"of a learner",
    }
}

fn taken((user_id, id, attempts): (Vec<u8>, Vec<u8>, i64)) -> Result<TakenExport, CorruptRow> {
    let of = of_exports();
    Ok(TakenExport {
        user_id: UserId(of.uuid(&user_id, "user_id")?),
        id: ExportId(of.uuid(&id, "id")?),
        attempts: of.number(attempts, "attempts")?,
    })
}

fn finish<'a>(
    user: &'a UserId,
    id: &'a ExportId,
    attempt: &'a ExportAttempt,
    outcome: &ExportOutcome,
) -> Finish<'a> {
    let (ready, due, failed) = match outcome {
        ExportOutcome::Ready(ready) => (Some(ready), None, None),
        ExportOutcome::Postponed { due } => (None, Some(*due), None),
        ExportOutcome::Failed { at } => (None, None, Some(*at)),
    };
    let millis = |at: Option<Timestamp>| at.map(|at| at.timestamp_millis());
    Finish::new(
        ready.map(|ready| ready.file.to_string()),
        ready.map(|ready| to_i64(ready.bytes)),
        millis(ready.map(|ready| ready.ready_at)),
        millis(ready.map(|ready| ready.expires_at)),
        millis(failed),
        millis(due),
        user.0.as_bytes(),
        id.0.as_bytes(),
        attempt.0.as_bytes(),
    )
}
