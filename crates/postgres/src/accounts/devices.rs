//! The store of the devices that accounts know.

use std::sync::Arc;

use async_trait::async_trait;
use diesel::Queryable;
use diesel::result::{Error as DieselError, OptionalExtension};
use diesel::sql_types::{BigInt, Integer, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use parlance_domain::accounts::{DEVICES_KNOWN, DeviceStore, KnownDevice, SeenDevice, Session};
use parlance_domain::ids::{DeviceId, SessionId, UserId};
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use crate::database::{PgDatabase, Repeat};
use crate::statement::statement;

const PORT: &str = "DeviceStore";

statement!(
    IsKnown(user_id: Uuid => SqlUuid, id: Uuid => SqlUuid) -> (Integer,)
        = "SELECT 1 FROM known_devices WHERE user_id = ? AND id = ?"
);
statement!(
    Seen(
        user_id: Uuid => SqlUuid,
        id: Uuid => SqlUuid,
        first_seen_at: Timestamp => Timestamptz,
        last_seen_at: Timestamp => Timestamptz,
    ) = "INSERT INTO known_devices (user_id, id, first_seen_at, last_seen_at) VALUES (?, ?, ?, ?) \
         ON CONFLICT (user_id, id) DO UPDATE SET \
            last_seen_at = greatest(known_devices.last_seen_at, excluded.last_seen_at)"
);
statement!(
    ForgetOldest(user_id: Uuid => SqlUuid, of: Uuid => SqlUuid, kept: i64 => BigInt)
        = "DELETE FROM known_devices WHERE user_id = ? AND id = ANY (ARRAY(SELECT id FROM known_devices \
           WHERE user_id = ? ORDER BY last_seen_at DESC, id DESC OFFSET ?))"
);
statement!(
    Of(user_id: Uuid => SqlUuid) -> (SqlUuid, Timestamptz, Timestamptz)
        = "SELECT id, first_seen_at, last_seen_at FROM known_devices WHERE user_id = ? ORDER BY id"
);
statement!(
    Forget(user_id: Uuid => SqlUuid, id: Uuid => SqlUuid)
        = "DELETE FROM known_devices WHERE user_id = ? AND id = ?"
);
statement!(
    ForgetOthers(user_id: Uuid => SqlUuid, of: Uuid => SqlUuid, session: Option<Uuid> => Nullable<SqlUuid>)
        = "DELETE FROM known_devices WHERE user_id = ? \
           AND id IS DISTINCT FROM (SELECT device_id FROM sessions WHERE user_id = ? AND id = ?)"
);
statement!(
    // Copies of the program that purge at once take different ones, as those of sessions.
    Purge(before: Timestamp => Timestamptz, limit: i64 => BigInt)
        = "DELETE FROM known_devices WHERE ctid = ANY (ARRAY(SELECT ctid FROM known_devices \
           WHERE last_seen_at < ? ORDER BY last_seen_at LIMIT ? FOR UPDATE SKIP LOCKED))"
);

/// The devices that accounts know, in the database.
#[derive(Clone)]
pub struct PgDevices {
    database: PgDatabase,
}

impl PgDevices {
    /// The devices in this database.
    pub fn new(database: PgDatabase) -> Self {
        Self { database }
    }
}

#[async_trait]
impl DeviceStore for PgDevices {
    async fn is_known(&self, SeenDevice { user_id, id }: SeenDevice) -> Result<bool, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            let statement = IsKnown::new(user_id.0, id.0);
            statement.get_result(&mut &*connection).await.optional()
        };
        let found: Result<Option<(i32,)>, _> = self.database.run(Repeat::Safe, read).await;
        Ok(found.map_err(|error| error.into_port(PORT))?.is_some())
    }

    async fn forget(&self, SeenDevice { user_id, id }: SeenDevice) -> Result<(), PortError> {
        let send = |connection: Arc<AsyncPgConnection>| async move {
            let statement = Forget::new(user_id.0, id.0);
            statement.execute(&mut &*connection).await
        };
        let forgotten = self.database.run(Repeat::Safe, send).await;
        forgotten.map(|_| ()).map_err(|error| error.into_port(PORT))
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

/// Makes the device of a session known to its account, in the transaction under way.
pub(super) async fn see(connection: &AsyncPgConnection, session: &Session) -> Result<(), DieselError> {
    if let Some(id) = session.device.id {
        let (user, at) = (session.user_id.0, session.created_at);
        Seen::new(user, id.0, at, at).execute(&mut &*connection).await?;
        let forget = ForgetOldest::new(user, user, i64::from(DEVICES_KNOWN));
        forget.execute(&mut &*connection).await?;
    }
    Ok(())
}

/// Makes the devices of a user unknown but for that of a session, in the transaction under way.
pub(super) async fn forget_others(
    connection: &AsyncPgConnection,
    user: UserId,
    session: Option<SessionId>,
) -> Result<(), DieselError> {
    let statement = ForgetOthers::new(user.0, user.0, session.map(|id| id.0));
    statement.execute(&mut &*connection).await?;
    Ok(())
}

/// The rows of a user's devices, by id, as they are in the transaction under way.
pub(crate) async fn device_rows(
    connection: &AsyncPgConnection,
    user: UserId,
) -> Result<Vec<DeviceRow>, DieselError> {
    Of::new(user.0).load(&mut &*connection).await
}

/// Keeps a device of a user, in the transaction under way.
pub(crate) async fn keep_device(
    connection: &AsyncPgConnection,
    user: UserId,
    device: &KnownDevice,
) -> Result<(), DieselError> {
    let seen = Seen::new(user.0, device.id.0, device.first_seen_at, device.last_seen_at);
    seen.execute(&mut &*connection).await?;
    Ok(())
}

/// A device, as it was read.
#[derive(Queryable)]
pub(crate) struct DeviceRow {
    id: Uuid,
    first_seen_at: Timestamp,
    last_seen_at: Timestamp,
}

impl From<DeviceRow> for KnownDevice {
    fn from(row: DeviceRow) -> Self {
        Self {
            id: DeviceId(row.id),
            first_seen_at: row.first_seen_at,
            last_seen_at: row.last_seen_at,
        }
    }
}
