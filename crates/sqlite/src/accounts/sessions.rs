//! The store of sessions.

use async_trait::async_trait;
use diesel::result::{Error as DieselError, OptionalExtension};
use diesel::sql_types::{BigInt, Binary, Nullable};
use diesel::{Queryable, RunQueryDsl, SqliteConnection};
use parlance_domain::accounts::{RevokedSession, Rotation, RotationTerms, Session, SessionStore};
use parlance_domain::ids::{SessionId, UserId};
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;

use super::row::Id;
use crate::convert::{CorruptRow, RowOf, to_i64};
use crate::database::{NoRefusal, SqliteDatabase, StoreError};
use crate::statement::statement;

const PORT: &str = "SessionStore";

statement!(
    #[expect(clippy::too_many_arguments, reason = "one for each column")]
    Insert(
        user_id: &'a [u8] => Binary,
        id: &'a [u8] => Binary,
        counter: i64 => BigInt,
        rotated_at: i64 => BigInt,
        previous_rotated_at: Option<i64> => Nullable<BigInt>,
        created_at: i64 => BigInt,
        expires_at: i64 => BigInt,
        revoked_at: Option<i64> => Nullable<BigInt>,
    ) = "INSERT INTO sessions (user_id, id, counter, rotated_at, previous_rotated_at, created_at, expires_at, \
         revoked_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
);
statement!(
    NoteLogin(at: i64 => BigInt, user_id: &'a [u8] => Binary)
        = "UPDATE accounts SET last_login_at = ? WHERE id = ?"
);
statement!(
    ById(id: &'a [u8] => Binary) -> (
        Binary, Binary, BigInt, BigInt, Nullable<BigInt>, BigInt, BigInt, Nullable<BigInt>
    ) = "SELECT user_id, id, counter, rotated_at, previous_rotated_at, created_at, expires_at, revoked_at \
         FROM sessions WHERE id = ?"
);
statement!(
    OfAccount(user_id: &'a [u8] => Binary) -> (
        Binary, Binary, BigInt, BigInt, Nullable<BigInt>, BigInt, BigInt, Nullable<BigInt>
    ) = "SELECT user_id, id, counter, rotated_at, previous_rotated_at, created_at, expires_at, revoked_at \
         FROM sessions WHERE user_id = ? ORDER BY id"
);
statement!(
    Update(
        counter: i64 => BigInt,
        rotated_at: i64 => BigInt,
        previous_rotated_at: Option<i64> => Nullable<BigInt>,
        expires_at: i64 => BigInt,
        revoked_at: Option<i64> => Nullable<BigInt>,
        user_id: &'a [u8] => Binary,
        id: &'a [u8] => Binary,
    ) = "UPDATE sessions SET counter = ?, rotated_at = ?, previous_rotated_at = ?, expires_at = ?, \
         revoked_at = ? WHERE user_id = ? AND id = ?"
);
statement!(
    Revoke(at: i64 => BigInt, id: &'a [u8] => Binary)
        = "UPDATE sessions SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL"
);
statement!(
    RevokedSince(since: i64 => BigInt) -> (Binary, BigInt)
        = "SELECT id, revoked_at FROM sessions WHERE revoked_at >= ? ORDER BY revoked_at"
);
statement!(
    PurgeExpired(before: i64 => BigInt, limit: i64 => BigInt)
        = "DELETE FROM sessions WHERE (user_id, id) IN (SELECT user_id, id FROM sessions WHERE expires_at < ? \
           ORDER BY expires_at LIMIT ?)"
);

/// The sessions in the database.
#[derive(Clone)]
pub struct SqliteSessions {
    database: SqliteDatabase,
}

impl SqliteSessions {
    /// The sessions in this database.
    pub fn new(database: SqliteDatabase) -> Self {
        Self { database }
    }
}

#[async_trait]
impl SessionStore for SqliteSessions {
    async fn insert(&self, session: &Session) -> Result<(), PortError> {
        let session = session.clone();
        let inserted: Result<(), NoRefusal> = self
            .database
            .write(move |connection| {
                let at = session.created_at.timestamp_millis();
                if NoteLogin::new(at, session.user_id.0.as_bytes()).execute(connection)? == 0 {
                    return Err(StoreError::OwnerGone.into());
                }
                Ok(insert_session(connection, &session)?)
            })
            .await;
        inserted.map_err(|error| error.into_port(PORT))
    }

    async fn rotate(
        &self,
        id: SessionId,
        presented: u64,
        terms: RotationTerms,
    ) -> Result<Option<Rotation>, PortError> {
        self.database
            .write(move |connection| rotate(connection, id, presented, terms))
            .await
            .map_err(|error| error.into_port(PORT))
    }

    async fn revoke(&self, id: SessionId, now: Timestamp) -> Result<bool, PortError> {
        let revoked: Result<usize, NoRefusal> = self
            .database
            .write(move |connection| {
                Ok(Revoke::new(now.timestamp_millis(), id.0.as_bytes()).execute(connection)?)
            })
            .await;
        Ok(revoked.map_err(|error| error.into_port(PORT))? > 0)
    }

    async fn revoked_since(&self, since: Timestamp) -> Result<Vec<RevokedSession>, PortError> {
        self.database
            .read(move |connection| {
                let rows: Vec<(Vec<u8>, i64)> =
                    RevokedSince::new(since.timestamp_millis()).load(connection)?;
                Ok(rows.iter().map(revoked).collect::<Result<_, _>>()?)
            })
            .await
            .map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn purge_expired(&self, before: Timestamp, limit: u32) -> Result<u32, PortError> {
        let purged: Result<usize, NoRefusal> = self
            .database
            .write(move |connection| {
                let statement = PurgeExpired::new(before.timestamp_millis(), i64::from(limit));
                Ok(statement.execute(connection)?)
            })
            .await;
        let purged = purged.map_err(|error| error.into_port(PORT))?;
        Ok(u32::try_from(purged).unwrap_or(u32::MAX))
    }
}

/// Keeps a new session.
pub(super) fn insert_session(
    connection: &mut SqliteConnection,
    session: &Session,
) -> Result<(), DieselError> {
    Insert::new(
        session.user_id.0.as_bytes(),
        session.id.0.as_bytes(),
        to_i64(session.counter),
        session.rotated_at.timestamp_millis(),
        session.previous_rotated_at.map(|at| at.timestamp_millis()),
        session.created_at.timestamp_millis(),
        session.expires_at.timestamp_millis(),
        session.revoked_at.map(|at| at.timestamp_millis()),
    )
    .execute(connection)?;
    Ok(())
}

/// All sessions of an account, by id.
pub(crate) fn sessions_of(
    connection: &mut SqliteConnection,
    user: UserId,
) -> Result<Vec<Session>, NoRefusal> {
    let rows: Vec<SessionRow> = OfAccount::new(user.0.as_bytes()).load(connection)?;
    let sessions = rows.into_iter().map(TryInto::try_into);
    Ok(sessions.collect::<Result<_, CorruptRow>>()?)
}

fn rotate(
    connection: &mut SqliteConnection,
    id: SessionId,
    presented: u64,
    terms: RotationTerms,
) -> Result<Option<Rotation>, NoRefusal> {
    let found: Option<SessionRow> = ById::new(id.0.as_bytes()).get_result(connection).optional()?;
    let Some(row) = found else { return Ok(None) };
    let rotation = Session::try_from(row)?.rotate(presented, terms);
    match &rotation {
        Rotation::Rotated(session) | Rotation::Reused(session) => update(connection, session)?,
        Rotation::SameSuccessor { .. } | Rotation::Ended => {}
    }
    Ok(Some(rotation))
}

fn update(connection: &mut SqliteConnection, session: &Session) -> Result<(), DieselError> {
    Update::new(
        to_i64(session.counter),
        session.rotated_at.timestamp_millis(),
        session.previous_rotated_at.map(|at| at.timestamp_millis()),
        session.expires_at.timestamp_millis(),
        session.revoked_at.map(|at| at.timestamp_millis()),
        session.user_id.0.as_bytes(),
        session.id.0.as_bytes(),
    )
    .execute(connection)?;
    Ok(())
}

fn revoked((id, at): &(Vec<u8>, i64)) -> Result<RevokedSession, CorruptRow> {
    let of = RowOf {
        table: "sessions",
        id: &Id(id),
    };
    Ok(RevokedSession {
        id: SessionId(of.uuid(id, "id")?),
        revoked_at: of.time(*at, "revoked_at")?,
    })
}

#[derive(Queryable)]
struct SessionRow {
    user_id: Vec<u8>,
    id: Vec<u8>,
    counter: i64,
    rotated_at: i64,
    previous_rotated_at: Option<i64>,
    created_at: i64,
    expires_at: i64,
    revoked_at: Option<i64>,
}

impl TryFrom<SessionRow> for Session {
    type Error = CorruptRow;

    fn try_from(row: SessionRow) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "sessions",
            id: &Id(&row.id),
        };
        Ok(Self {
            id: SessionId(of.uuid(&row.id, "id")?),
            user_id: UserId(of.uuid(&row.user_id, "user_id")?),
            counter: of.number(row.counter, "counter")?,
            rotated_at: of.time(row.rotated_at, "rotated_at")?,
            previous_rotated_at: of.time_some(row.previous_rotated_at, "previous_rotated_at")?,
            created_at: of.time(row.created_at, "created_at")?,
            expires_at: of.time(row.expires_at, "expires_at")?,
            revoked_at: of.time_some(row.revoked_at, "revoked_at")?,
        })
    }
}
