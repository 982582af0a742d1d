//! The store of the devices that accounts know.

use async_trait::async_trait;
use diesel::result::{Error as DieselError, OptionalExtension};
use diesel::sql_types::{BigInt, Binary, Nullable};
use diesel::{RunQueryDsl, SqliteConnection};
use parlance_domain::accounts::{DEVICES_KNOWN, DeviceStore, KnownDevice, SeenDevice, Session};
use parlance_domain::ids::{DeviceId, SessionId, UserId};
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;

use crate::convert::{CorruptRow, RowOf};
use crate::database::{NoRefusal, SqliteDatabase, StoreError};
use crate::statement::statement;

const PORT: &str = "DeviceStore";

statement!(
    IsKnown(user_id: &'a [u8] => Binary, id: &'a [u8] => Binary) -> (BigInt)
        = "SELECT 1 FROM known_devices WHERE user_id = ? AND id = ?"
);
statement!(
    Seen(
        user_id: &'a [u8] => Binary,
        id: &'a [u8] => Binary,
        first_seen_at: i64 => BigInt,
        last_seen_at: i64 => BigInt,
    ) = "INSERT INTO known_devices (user_id, id, first_seen_at, last_seen_at) VALUES (?, ?, ?, ?) \
         ON CONFLICT (user_id, id) DO UPDATE SET last_seen_at = max(last_seen_at, excluded.last_seen_at)"
);
statement!(
    ForgetOldest(user_id: &'a [u8] => Binary, of: &'a [u8] => Binary, kept: i64 => BigInt)
        = "DELETE FROM known_devices WHERE user_id = ? AND id IN (SELECT id FROM known_devices WHERE user_id = ? \
           ORDER BY last_seen_at DESC, id DESC LIMIT -1 OFFSET ?)"
);
statement!(
    Of(user_id: &'a [u8] => Binary) -> (Binary, BigInt, BigInt)
        = "SELECT id, first_seen_at, last_seen_at FROM known_devices WHERE user_id = ? ORDER BY id"
);
statement!(
    Forget(user_id: &'a [u8] => Binary, id: &'a [u8] => Binary)
        = "DELETE FROM known_devices WHERE user_id = ? AND id = ?"
);
statement!(
    ForgetOthers(user_id: &'a [u8] => Binary, of: &'a [u8] => Binary, session: Option<Vec<u8>> => Nullable<Binary>)
        = "DELETE FROM known_devices WHERE user_id = ? \
           AND id IS NOT (SELECT device_id FROM sessions WHERE user_id = ? AND id = ?)"
);
statement!(
    Purge(before: i64 => BigInt, limit: i64 => BigInt)
        = "DELETE FROM known_devices WHERE (user_id, id) IN (SELECT user_id, id FROM known_devices \
           WHERE last_seen_at < ? ORDER BY last_seen_at LIMIT ?)"
);

/// The devices that accounts know, in the database.
#[derive(Clone)]
pub struct SqliteDevices {
    database: SqliteDatabase,
}

impl SqliteDevices {
    /// The devices in this database.
    pub fn new(database: SqliteDatabase) -> Self {
        Self { database }
    }
}

#[async_trait]
impl DeviceStore for SqliteDevices {
    async fn is_known(&self, SeenDevice { user_id, id }: SeenDevice) -> Result<bool, PortError> {
        let found = self.database.read(move |connection| {
            let statement = IsKnown::new(user_id.0.as_bytes(), id.0.as_bytes());
            let found: Option<(i64,)> = statement.get_result(connection).optional()?;
            Ok(found.is_some())
        });
        found.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn forget(&self, SeenDevice { user_id, id }: SeenDevice) -> Result<(), PortError> {
        let forgotten = self.database.write(move |connection| {
            Forget::new(user_id.0.as_bytes(), id.0.as_bytes()).execute(connection)?;
            Ok(())
        });
        forgotten.await.map_err(|error: NoRefusal| error.into_port(PORT))
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

/// Makes the device of a session known to its account, in the transaction under way.
pub(super) fn see(connection: &mut SqliteConnection, session: &Session) -> Result<(), DieselError> {
    let Some(id) = session.device.id else {
        return Ok(());
    };
    let (user, at) = (
        session.user_id.0.as_bytes(),
        session.created_at.timestamp_millis(),
    );
    Seen::new(user, id.0.as_bytes(), at, at).execute(connection)?;
    ForgetOldest::new(user, user, i64::from(DEVICES_KNOWN)).execute(connection)?;
    Ok(())
}

/// Makes the devices of a user unknown but for that of a session, in the transaction under way.
pub(super) fn forget_others(
    connection: &mut SqliteConnection,
    user: UserId,
    session: Option<SessionId>,
) -> Result<(), DieselError> {
    let (user, session) = (user.0.as_bytes(), session.map(|id| id.0.as_bytes().to_vec()));
    ForgetOthers::new(user, user, session).execute(connection)?;
    Ok(())
}

/// The devices that the account of a user knows, by id.
pub(crate) fn devices_of(
    connection: &mut SqliteConnection,
    user: UserId,
) -> Result<Vec<KnownDevice>, StoreError> {
    let rows: Vec<(Vec<u8>, i64, i64)> = Of::new(user.0.as_bytes()).load(connection)?;
    let of = RowOf {
        table: "known_devices",
        id: &user,
    };
    let devices = rows.into_iter().map(|(id, first_seen_at, last_seen_at)| {
        Ok(KnownDevice {
            id: DeviceId(of.uuid(&id, "id")?),
            first_seen_at: of.time(first_seen_at, "first_seen_at")?,
            last_seen_at: of.time(last_seen_at, "last_seen_at")?,
        })
    });
    Ok(devices.collect::<Result<_, CorruptRow>>()?)
}

/// Keeps a device of a user, in the transaction under way.
pub(crate) fn keep_device(
    connection: &mut SqliteConnection,
    user: UserId,
    device: &KnownDevice,
) -> Result<(), DieselError> {
    let seen = Seen::new(
        user.0.as_bytes(),
        device.id.0.as_bytes(),
        device.first_seen_at.timestamp_millis(),
        device.last_seen_at.timestamp_millis(),
    );
    seen.execute(connection)?;
    Ok(())
}
