//! The store of sessions.

use std::sync::Arc;

use async_trait::async_trait;
use diesel::result::{Error as DieselError, OptionalExtension};
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;
use futures_util::future::try_join4;
use parlance_domain::accounts::{
    Account, AccountWithPassword, Ends, Proof, RevokedSession, Rotation, RotationTerms, Session, SessionStore,
};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{SessionId, UserId};
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use super::devices;
use super::row::{
    AccountColumns, AccountRow, SessionColumns, SessionRow, account_columns, is_active, session_columns,
};
use super::ways_in;
use crate::consequences;
use crate::convert::{CorruptRow, to_i64};
use crate::database::{Fail, NoRefusal, PgDatabase, Repeat, StoreError};
use crate::statement::statement;

const PORT: &str = "SessionStore";

/// How often a session is looked at that others rotate at the same time; each of them moves it on.
const LOOKS: u32 = 16;

statement!(
    NoteLogin(at: Timestamp => Timestamptz, user_id: Uuid => SqlUuid, revision: i64 => BigInt) -> (AccountColumns,)
        = concat!("UPDATE accounts SET last_login_at = ? WHERE id = ? AND revision = ? AND ", is_active!(),
           " RETURNING ", account_columns!())
);
statement!(
    #[expect(clippy::too_many_arguments, reason = "one for each column")]
    Insert(
        user_id: Uuid => SqlUuid,
        id: Uuid => SqlUuid,
        counter: i64 => BigInt,
        rotated_at: Timestamp => Timestamptz,
        previous_rotated_at: Option<Timestamp> => Nullable<Timestamptz>,
        created_at: Timestamp => Timestamptz,
        expires_at: Timestamp => Timestamptz,
        revoked_at: Option<Timestamp> => Nullable<Timestamptz>,
        authenticated_at: Timestamp => Timestamptz,
        proof: &'a str => Text,
        user_agent: Option<String> => Nullable<Text>,
        address: Option<String> => Nullable<Text>,
        device_id: Option<Uuid> => Nullable<SqlUuid>,
    ) = "INSERT INTO sessions (user_id, id, counter, rotated_at, previous_rotated_at, created_at, expires_at, \
         revoked_at, authenticated_at, proof, user_agent, address, device_id) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
);
statement!(
    Live(user_id: Uuid => SqlUuid, now: Timestamp => Timestamptz) -> (SessionColumns,)
        = concat!("SELECT ", session_columns!(), " FROM sessions WHERE user_id = ? AND revoked_at IS NULL \
           AND expires_at > ? ORDER BY rotated_at DESC, id DESC")
);
statement!(
    IsLive(user_id: Uuid => SqlUuid, id: Uuid => SqlUuid) -> (Bool,)
        = "SELECT EXISTS (SELECT FROM sessions WHERE user_id = ? AND id = ? AND revoked_at IS NULL)"
);
statement!(
    Authenticated(
        at: Timestamp => Timestamptz,
        proof: &'a str => Text,
        user_id: Uuid => SqlUuid,
        id: Uuid => SqlUuid,
        now: Timestamp => Timestamptz,
    ) = "UPDATE sessions SET authenticated_at = ?, proof = ? WHERE user_id = ? AND id = ? AND revoked_at IS NULL \
         AND expires_at > ?"
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
    Revoke(at: Timestamp => Timestamptz, user_id: Uuid => SqlUuid, id: Uuid => SqlUuid)
        = "UPDATE sessions SET revoked_at = ? WHERE user_id = ? AND id = ? AND revoked_at IS NULL"
);
statement!(
    RevokeAll(at: Timestamp => Timestamptz, user_id: Uuid => SqlUuid, except: Option<Uuid> => Nullable<SqlUuid>)
        -> (SqlUuid,)
        = "UPDATE sessions SET revoked_at = ? WHERE user_id = ? AND id IS DISTINCT FROM ? AND revoked_at IS NULL \
           RETURNING id"
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

    async fn look(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
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
            let Some(before) = self.look(id).await? else {
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
    async fn insert(
        &self,
        session: &Session,
        expected: u64,
        consequences: &Consequences,
    ) -> Result<Option<Account>, PortError> {
        let work = Arc::new((session.clone(), consequences.clone()));
        let inserted = self.database.transact(move |connection| {
            let work = Arc::clone(&work);
            async move { begin(connection, &work.0, expected, &work.1).await }.boxed()
        });
        match inserted.await {
            Ok(account) => Ok(Some(account)),
            Err(Fail::Refused(NotAsItWas) | Fail::Store(StoreError::OwnerGone)) => Ok(None),
            Err(Fail::Store(error)) => Err(error.into_port(PORT)),
        }
    }

    async fn by_id(&self, id: SessionId) -> Result<Option<Session>, PortError> {
        self.look(id).await.map_err(|error| error.into_port(PORT))
    }

    async fn live(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            Live::new(user.0, now).load(&mut &*connection).await
        };
        let rows: Result<Vec<(SessionRow,)>, _> = self.database.run(Repeat::Safe, read).await;
        let sessions = rows.and_then(|rows| {
            let sessions = rows.into_iter().map(|(row,)| row.try_into());
            Ok(sessions.collect::<Result<_, CorruptRow>>()?)
        });
        sessions.map_err(|error: StoreError| error.into_port(PORT))
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

    async fn authenticated(
        &self,
        user: UserId,
        id: SessionId,
        proof: Proof,
        now: Timestamp,
        consequences: &Consequences,
    ) -> Result<bool, PortError> {
        let consequences = Arc::new(consequences.clone());
        let noted = self.database.transact(move |connection| {
            let consequences = Arc::clone(&consequences);
            async move {
                let statement = Authenticated::new(now, proof.as_str(), user.0, id.0, now);
                let noted = statement.execute(&mut &*connection).await?;
                keep_if(connection, noted > 0, &consequences).await
            }
            .boxed()
        });
        noted.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn revoke(
        &self,
        user: UserId,
        id: SessionId,
        now: Timestamp,
        consequences: &Consequences,
    ) -> Result<bool, PortError> {
        let consequences = Arc::new(consequences.clone());
        let revoked = self.database.transact(move |connection| {
            let consequences = Arc::clone(&consequences);
            async move {
                let statement = Revoke::new(now, user.0, id.0);
                let revoked = statement.execute(&mut &*connection).await?;
                keep_if(connection, revoked > 0, &consequences).await
            }
            .boxed()
        });
        revoked.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn revoke_all(
        &self,
        user: UserId,
        except: Option<SessionId>,
        now: Timestamp,
        consequences: &Consequences,
    ) -> Result<Vec<SessionId>, PortError> {
        let consequences = Arc::new(consequences.clone());
        let revoked = self.database.transact(move |connection| {
            let consequences = Arc::clone(&consequences);
            async move {
                let ended = revoke_all(connection, user, except, now).await?;
                keep_if(connection, !ended.is_empty(), &consequences).await?;
                Ok(ended)
            }
            .boxed()
        });
        revoked.await.map_err(|error: NoRefusal| error.into_port(PORT))
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

/// The account of a session is gone, out of use, or was changed since it was read.
struct NotAsItWas;

async fn begin(
    connection: &AsyncPgConnection,
    session: &Session,
    expected: u64,
    consequences: &Consequences,
) -> Result<Account, Fail<NotAsItWas>> {
    let noted = NoteLogin::new(session.created_at, session.user_id.0, to_i64(expected));
    let (noted, inserted) = (noted.load(&mut &*connection), insert(session));
    let inserted = inserted.execute(&mut &*connection);
    let kept = consequences::keep(connection, consequences);
    let seen = devices::see(connection, session);
    // Sent one behind the other, and waited for together.
    let begun = try_join4(noted, inserted, kept, seen).await;
    let (noted, ..) = begun.map_err(|error| StoreError::from(error).for_owner())?;
    let row: Option<(AccountRow,)> = noted.into_iter().next();
    let (row,) = row.ok_or(Fail::Refused(NotAsItWas))?;
    Ok(AccountWithPassword::try_from(row)?.account)
}

/// Whether a session of a user goes on; the account is locked, so that no change of it ends the session until the
/// transaction under way ends.
pub(super) async fn lock_live(
    connection: &AsyncPgConnection,
    user: UserId,
    id: SessionId,
) -> Result<bool, DieselError> {
    ways_in::lock(connection, user).await?;
    let (is_live,): (bool,) = IsLive::new(user.0, id.0).get_result(&mut &*connection).await?;
    Ok(is_live)
}

/// Ends those sessions of a user that a change ends; says which.
pub(super) async fn end(
    connection: &AsyncPgConnection,
    user: UserId,
    ends: Ends,
    now: Timestamp,
) -> Result<Vec<SessionId>, DieselError> {
    match ends {
        Ends::Nothing => Ok(Vec::new()),
        Ends::AllSessions => revoke_all(connection, user, None, now).await,
        Ends::OtherSessions(this) => revoke_all(connection, user, Some(this), now).await,
    }
}

/// Ends the sessions of a user, but for one that is to go on, and forgets their devices; says which.
async fn revoke_all(
    connection: &AsyncPgConnection,
    user: UserId,
    except: Option<SessionId>,
    now: Timestamp,
) -> Result<Vec<SessionId>, DieselError> {
    devices::forget_others(connection, user, except).await?;
    let statement = RevokeAll::new(now, user.0, except.map(|id| id.0));
    let ids: Vec<(Uuid,)> = statement.load(&mut &*connection).await?;
    Ok(ids.into_iter().map(|(id,)| SessionId(id)).collect())
}

/// Writes the consequences of what was done, if it was; whether it was.
async fn keep_if(
    connection: &AsyncPgConnection,
    was_done: bool,
    consequences: &Consequences,
) -> Result<bool, NoRefusal> {
    if was_done {
        consequences::keep(connection, consequences).await?;
    }
    Ok(was_done)
}

/// What a session's device says that it is.
pub(super) fn user_agent(session: &Session) -> Option<String> {
    let user_agent = session.device.user_agent.as_ref();
    user_agent.map(|agent| agent.as_str().to_owned())
}

/// The address of a session's device.
pub(super) fn address(session: &Session) -> Option<String> {
    session.device.address.map(|address| address.to_string())
}

/// By what a session's account knows its device again.
pub(super) fn device(session: &Session) -> Option<Uuid> {
    session.device.id.map(|id| id.0)
}

fn insert(session: &Session) -> Insert<'static> {
    Insert::new(
        session.user_id.0,
        session.id.0,
        to_i64(session.counter),
        session.rotated_at,
        session.previous_rotated_at,
        session.created_at,
        session.expires_at,
        session.revoked_at,
        session.authenticated_at,
        session.proof.as_str(),
        user_agent(session),
        address(session),
        device(session),
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
