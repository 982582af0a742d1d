//! The store of sessions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use diesel::result::OptionalExtension;
use diesel::sql_types::{BigInt, Bool, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use parlance_domain::accounts::{RevokedSession, Rotation, RotationTerms, Session, SessionStore};
use parlance_domain::ids::SessionId;
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use super::row::{SessionColumns, SessionRow, session_columns};
use crate::convert::to_i64;
use crate::database::{PgDatabase, Repeat, StoreError};
use crate::statement::statement;

const PORT: &str = "SessionStore";

/// How often a session is looked at that others rotate at the same time; each of them moves it on.
const LOOKS: u32 = 16;

statement!(
    // Sent twice, it keeps one session and counts the same.
    #[expect(clippy::too_many_arguments, reason = "one for each column")]
    Insert(
        last_login_at: Timestamp => Timestamptz,
        user_id: Uuid => SqlUuid,
        id: Uuid => SqlUuid,
        counter: i64 => BigInt,
        rotated_at: Timestamp => Timestamptz,
        previous_rotated_at: Option<Timestamp> => Nullable<Timestamptz>,
        created_at: Timestamp => Timestamptz,
        expires_at: Timestamp => Timestamptz,
        revoked_at: Option<Timestamp> => Nullable<Timestamptz>,
    ) -> (BigInt)
        = "WITH account AS (UPDATE accounts SET last_login_at = ? WHERE id = ? RETURNING id AS user_id), \
           kept AS (INSERT INTO sessions (user_id, id, counter, rotated_at, previous_rotated_at, created_at, \
              expires_at, revoked_at) SELECT user_id, ?, ?, ?, ?, ?, ?, ? FROM account \
              ON CONFLICT (user_id, id) DO NOTHING) \
           SELECT count(*) FROM account"
);
statement!(
    ById(id: Uuid => SqlUuid) -> (SessionColumns,)
        = concat!("SELECT ", session_columns!(), " FROM sessions WHERE id = ?")
);
statement!(
    #[expect(clippy::too_many_arguments, reason = "one for each column")]
    Update(
        counter: i64 => BigInt,
        rotated_at: Timestamp => Timestamptz,
        previous_rotated_at: Option<Timestamp> => Nullable<Timestamptz>,
        expires_at: Timestamp => Timestamptz,
        revoked_at: Option<Timestamp> => Nullable<Timestamptz>,
        user_id: Uuid => SqlUuid,
        id: Uuid => SqlUuid,
        counter_before: i64 => BigInt,
    ) = "UPDATE sessions SET counter = ?, rotated_at = ?, previous_rotated_at = ?, expires_at = ?, \
         revoked_at = ? WHERE user_id = ? AND id = ? AND counter = ? AND revoked_at IS NULL"
);
statement!(
    Revoke(at: Timestamp => Timestamptz, id: Uuid => SqlUuid, again: bool => Bool, same: Timestamp => Timestamptz)
        = "UPDATE sessions SET revoked_at = ? WHERE id = ? AND (revoked_at IS NULL OR ? AND revoked_at = ?)"
);
statement!(
    RevokedSince(since: Timestamp => Timestamptz) -> (SqlUuid, Timestamptz)
        = "SELECT id, revoked_at FROM sessions WHERE revoked_at >= ? ORDER BY revoked_at"
);
statement!(
    // Copies of the program that purge at once take different ones. The rows are locked where they are found, so that
    // they are still there; by their keys, the whole table would be read.
    PurgeExpired(before: Timestamp => Timestamptz, limit: i64 => BigInt)
        = "DELETE FROM sessions WHERE ctid = ANY (ARRAY(SELECT ctid FROM sessions WHERE expires_at < ? \
           ORDER BY expires_at LIMIT ? FOR UPDATE SKIP LOCKED))"
);

/// The sessions in the database.
#[derive(Clone)]
pub struct PgSessions {
    database: PgDatabase,
}

impl PgSessions {
    /// The sessions in this database.
    pub fn new(database: PgDatabase) -> Self {
        Self { database }
    }

    async fn by_id(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            ById::new(id.0).get_result(&mut &*connection).await.optional()
        };
        let found: Option<(SessionRow,)> = self.database.run(Repeat::Safe, read).await?;
        Ok(found.map(|(row,)| row.try_into()).transpose()?)
    }

    /// Writes what came of a session, unless it is not as it was before; whether it was.
    ///
    /// Sent twice it finds its own change, which whoever looks again judges as that of another.
    async fn replace(&self, before: &Session, after: &Session) -> Result<bool, StoreError> {
        let send = |connection: Arc<AsyncPgConnection>| async move {
            update(before, after).execute(&mut &*connection).await
        };
        Ok(self.database.run(Repeat::Safe, send).await? > 0)
    }

    async fn try_rotate(
        &self,
        id: SessionId,
        presented: u64,
        terms: RotationTerms,
    ) -> Result<Option<Rotation>, StoreError> {
        for _ in 0..LOOKS {
            let Some(before) = self.by_id(id).await? else {
                return Ok(None);
            };
            let rotation = before.rotate(presented, terms);
            let written = match &rotation {
                Rotation::Rotated(after) | Rotation::Reused(after) => self.replace(&before, after).await?,
                Rotation::SameSuccessor { .. } | Rotation::Ended => true,
            };
            if written {
                return Ok(Some(rotation));
            }
        }
        Err(StoreError::Overtaken)
    }
}

#[async_trait]
impl SessionStore for PgSessions {
    async fn insert(&self, session: &Session) -> Result<(), PortError> {
        let send = |connection: Arc<AsyncPgConnection>| async move {
            insert(session).get_result(&mut &*connection).await
        };
        let kept = match self.database.run(Repeat::Safe, send).await {
            Ok((0_i64,)) => Err(StoreError::OwnerGone),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        kept.map_err(|error| error.into_port(PORT))
    }

    async fn rotate(
        &self,
        id: SessionId,
        presented: u64,
        terms: RotationTerms,
    ) -> Result<Option<Rotation>, PortError> {
        let rotated = self.try_rotate(id, presented, terms).await;
        rotated.map_err(|error| error.into_port(PORT))
    }

    async fn revoke(&self, id: SessionId, now: Timestamp) -> Result<bool, PortError> {
        let again = AtomicBool::new(false);
        let send = |connection: Arc<AsyncPgConnection>| {
            // Whoever sends it twice ended the session with the first, if with any.
            let statement = Revoke::new(now, id.0, again.swap(true, Ordering::Relaxed), now);
            async move { statement.execute(&mut &*connection).await }
        };
        let revoked = self.database.run(Repeat::Safe, send).await;
        Ok(revoked.map_err(|error| error.into_port(PORT))? > 0)
    }

    async fn revoked_since(&self, since: Timestamp) -> Result<Vec<RevokedSession>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            RevokedSince::new(since).load(&mut &*connection).await
        };
        // However busy the database is: whoever signed out is to be out.
        let rows = self.database.run_at_once(read).await;
        let rows: Vec<(Uuid, Timestamp)> = rows.map_err(|error| error.into_port(PORT))?;
        let revoked = |(id, revoked_at)| RevokedSession {
            id: SessionId(id),
            revoked_at,
        };
        Ok(rows.into_iter().map(revoked).collect())
    }

    async fn purge_expired(&self, before: Timestamp, limit: u32) -> Result<u32, PortError> {
        let send = |connection: Arc<AsyncPgConnection>| async move {
            let statement = PurgeExpired::new(before, i64::from(limit));
            statement.execute(&mut &*connection).await
        };
        let purged = self.database.run(Repeat::Safe, send).await;
        let purged = purged.map_err(|error| error.into_port(PORT))?;
        Ok(u32::try_from(purged).unwrap_or(u32::MAX))
    }
}

fn insert(session: &Session) -> Insert<'static> {
    Insert::new(
        session.created_at,
        session.user_id.0,
        session.id.0,
        to_i64(session.counter),
        session.rotated_at,
        session.previous_rotated_at,
        session.created_at,
        session.expires_at,
        session.revoked_at,
    )
}

fn update(before: &Session, after: &Session) -> Update<'static> {
    Update::new(
        to_i64(after.counter),
        after.rotated_at,
        after.previous_rotated_at,
        after.expires_at,
        after.revoked_at,
        before.user_id.0,
        before.id.0,
        to_i64(before.counter),
    )
}
