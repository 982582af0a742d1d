//! The store of sessions.

use async_trait::async_trait;
use diesel::result::{Error as DieselError, OptionalExtension};
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::{Queryable, RunQueryDsl, SqliteConnection};
use parlance_domain::accounts::{
    Account, Device, Ends, Proof, RevokedSession, Rotation, RotationTerms, Session, SessionStore,
};
use parlance_domain::audit::UserAgent;
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{DeviceId, SessionId, UserId};
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;

use super::devices;
use super::row::Id;
use super::store::account;
use crate::consequences;
use crate::convert::{CorruptRow, RowOf, to_i64};
use crate::database::{Fail, NoRefusal, SqliteDatabase};
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
        authenticated_at: i64 => BigInt,
        proof: &'a str => Text,
        user_agent: Option<&'a str> => Nullable<Text>,
        address: Option<String> => Nullable<Text>,
        device_id: Option<&'a [u8]> => Nullable<Binary>,
    ) = "INSERT INTO sessions (user_id, id, counter, rotated_at, previous_rotated_at, created_at, expires_at, \
         revoked_at, authenticated_at, proof, user_agent, address, device_id) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
);
statement!(
    NoteLogin(at: i64 => BigInt, user_id: &'a [u8] => Binary)
        = "UPDATE accounts SET last_login_at = ? WHERE id = ?"
);
/// A statement that reads sessions.
macro_rules! session_select {
    ($name:ident($($field:ident: $rust:ty => $sql_type:ty),+) where $condition:literal) => {
        statement!(
            $name($($field: $rust => $sql_type),+) -> (
                Binary, Binary, BigInt, BigInt, Nullable<BigInt>, BigInt, BigInt, Nullable<BigInt>, Nullable<BigInt>,
                Nullable<Text>, Nullable<Text>, Nullable<Text>, Nullable<Binary>
            ) = concat!(
                "SELECT user_id, id, counter, rotated_at, previous_rotated_at, created_at, expires_at, revoked_at, \
                 authenticated_at, proof, user_agent, address, device_id FROM sessions WHERE ",
                $condition
            )
        );
    };
}

session_select!(ById(id: &'a [u8] => Binary) where "id = ?");
session_select!(OfAccount(user_id: &'a [u8] => Binary) where "user_id = ? ORDER BY id");
session_select!(
    Live(user_id: &'a [u8] => Binary, now: i64 => BigInt)
    where "user_id = ? AND revoked_at IS NULL AND expires_at > ? ORDER BY rotated_at DESC, id DESC"
);
statement!(
    IsLive(user_id: &'a [u8] => Binary, id: &'a [u8] => Binary) -> (BigInt)
        = "SELECT EXISTS (SELECT 1 FROM sessions WHERE user_id = ? AND id = ? AND revoked_at IS NULL)"
);
statement!(
    Authenticated(
        at: i64 => BigInt,
        proof: &'a str => Text,
        user_id: &'a [u8] => Binary,
        id: &'a [u8] => Binary,
        now: i64 => BigInt,
    ) = "UPDATE sessions SET authenticated_at = ?, proof = ? WHERE user_id = ? AND id = ? AND revoked_at IS NULL \
         AND expires_at > ?"
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
    Revoke(at: i64 => BigInt, user_id: &'a [u8] => Binary, id: &'a [u8] => Binary)
        = "UPDATE sessions SET revoked_at = ? WHERE user_id = ? AND id = ? AND revoked_at IS NULL"
);
statement!(
    RevokeAll(at: i64 => BigInt, user_id: &'a [u8] => Binary, except: Option<Vec<u8>> => Nullable<Binary>)
        -> (Binary)
        = "UPDATE sessions SET revoked_at = ? WHERE user_id = ? AND id IS NOT ? AND revoked_at IS NULL RETURNING id"
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

/// The account of a session is gone, out of use, or was changed since it was read.
struct NotAsItWas;

fn begin(
    connection: &mut SqliteConnection,
    session: &Session,
    expected: u64,
    consequences: &Consequences,
) -> Result<Account, Fail<NotAsItWas>> {
    let at = session.created_at.timestamp_millis();
    NoteLogin::new(at, session.user_id.0.as_bytes()).execute(connection)?;
    let found = account(connection, session.user_id).map_err(Fail::never)?;
    let as_it_was = |account: &Account| account.is_active() && account.revision == expected;
    let account = found.map(|found| found.account).filter(as_it_was);
    let account = account.ok_or(Fail::Refused(NotAsItWas))?;
    insert_session(connection, session)?;
    consequences::keep(connection, consequences)?;
    Ok(account)
}

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

    /// Makes a change, with its consequences if it changed anything; whether it did.
    async fn note(
        &self,
        consequences: &Consequences,
        change: impl Fn(&mut SqliteConnection) -> Result<usize, DieselError> + Send + 'static,
    ) -> Result<bool, PortError> {
        let consequences = consequences.clone();
        let noted: Result<bool, NoRefusal> = self
            .database
            .write(move |connection| {
                let has_changed = change(connection)? > 0;
                if has_changed {
                    consequences::keep(connection, &consequences)?;
                }
                Ok(has_changed)
            })
            .await;
        noted.map_err(|error| error.into_port(PORT))
    }
}

#[async_trait]
impl SessionStore for SqliteSessions {
    async fn insert(
        &self,
        session: &Session,
        expected: u64,
        consequences: &Consequences,
    ) -> Result<Option<Account>, PortError> {
        let (session, consequences) = (session.clone(), consequences.clone());
        let inserted = self
            .database
            .write(move |connection| begin(connection, &session, expected, &consequences));
        match inserted.await {
            Ok(account) => Ok(Some(account)),
            // The sign-in that was noted is gone with the transaction.
            Err(Fail::Refused(NotAsItWas)) => Ok(None),
            Err(Fail::Store(error)) => Err(error.into_port(PORT)),
        }
    }

    async fn by_id(&self, id: SessionId) -> Result<Option<Session>, PortError> {
        let found = self.database.read(move |connection| {
            let row: Option<SessionRow> = ById::new(id.0.as_bytes()).get_result(connection).optional()?;
            Ok(row.map(TryInto::try_into).transpose()?)
        });
        found.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn live(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>, PortError> {
        let found = self.database.read(move |connection| {
            let rows = Live::new(user.0.as_bytes(), now.timestamp_millis()).load(connection)?;
            converted(rows)
        });
        found.await.map_err(|error| error.into_port(PORT))
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

    async fn authenticated(
        &self,
        user: UserId,
        id: SessionId,
        proof: Proof,
        now: Timestamp,
        consequences: &Consequences,
    ) -> Result<bool, PortError> {
        let at = now.timestamp_millis();
        self.note(consequences, move |connection| {
            let (user, id) = (user.0.as_bytes(), id.0.as_bytes());
            Authenticated::new(at, proof.as_str(), user, id, at).execute(connection)
        })
        .await
    }

    async fn revoke(
        &self,
        user: UserId,
        id: SessionId,
        now: Timestamp,
        consequences: &Consequences,
    ) -> Result<bool, PortError> {
        self.note(consequences, move |connection| {
            let (user, id) = (user.0.as_bytes(), id.0.as_bytes());
            Revoke::new(now.timestamp_millis(), user, id).execute(connection)
        })
        .await
    }

    async fn revoke_all(
        &self,
        user: UserId,
        except: Option<SessionId>,
        now: Timestamp,
        consequences: &Consequences,
    ) -> Result<Vec<SessionId>, PortError> {
        let consequences = consequences.clone();
        let revoked = self.database.write(move |connection| {
            let ended = revoke_all(connection, user, except, now)?;
            if !ended.is_empty() {
                consequences::keep(connection, &consequences)?;
            }
            Ok(ended)
        });
        revoked.await.map_err(|error: NoRefusal| error.into_port(PORT))
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

/// Whether a session of a user goes on.
pub(super) fn is_live(
    connection: &mut SqliteConnection,
    user: UserId,
    id: SessionId,
) -> Result<bool, DieselError> {
    let (is_live,): (i64,) = IsLive::new(user.0.as_bytes(), id.0.as_bytes()).get_result(connection)?;
    Ok(is_live != 0)
}

/// Keeps a new session; its account knows its device from then on.
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
        session.authenticated_at.timestamp_millis(),
        session.proof.as_str(),
        session.device.user_agent.as_ref().map(UserAgent::as_str),
        session.device.address.map(|address| address.to_string()),
        session.device.id.as_ref().map(|id| &id.0.as_bytes()[..]),
    )
    .execute(connection)?;
    devices::see(connection, session)
}

/// Ends those sessions of a user that a change ends; says which.
pub(super) fn end(
    connection: &mut SqliteConnection,
    user: UserId,
    ends: Ends,
    now: Timestamp,
) -> Result<Vec<SessionId>, NoRefusal> {
    match ends {
        Ends::Nothing => Ok(Vec::new()),
        Ends::AllSessions => revoke_all(connection, user, None, now),
        Ends::OtherSessions(this) => revoke_all(connection, user, Some(this), now),
    }
}

/// Ends the sessions of a user, but for one that is to go on, and forgets their devices; says which.
fn revoke_all(
    connection: &mut SqliteConnection,
    user: UserId,
    except: Option<SessionId>,
    now: Timestamp,
) -> Result<Vec<SessionId>, NoRefusal> {
    devices::forget_others(connection, user, except)?;
    let except = except.map(|id| id.0.as_bytes().to_vec());
    let ids: Vec<(Vec<u8>,)> =
        RevokeAll::new(now.timestamp_millis(), user.0.as_bytes(), except).load(connection)?;
    let ids = ids.iter().map(|(id,)| {
        let of = RowOf {
            table: "sessions",
            id: &Id(id),
        };
        of.uuid(id, "id").map(SessionId)
    });
    Ok(ids.collect::<Result<_, CorruptRow>>()?)
}

/// All sessions of an account, by id.
pub(crate) fn sessions_of(
    connection: &mut SqliteConnection,
    user: UserId,
) -> Result<Vec<Session>, NoRefusal> {
    converted(OfAccount::new(user.0.as_bytes()).load(connection)?)
}

fn converted(rows: Vec<SessionRow>) -> Result<Vec<Session>, NoRefusal> {
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
    authenticated_at: Option<i64>,
    proof: Option<String>,
    user_agent: Option<String>,
    address: Option<String>,
    device_id: Option<Vec<u8>>,
}

impl TryFrom<SessionRow> for Session {
    type Error = CorruptRow;

    fn try_from(row: SessionRow) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "sessions",
            id: &Id(&row.id),
        };
        let device_id = row.device_id.as_deref().map(|id| of.uuid(id, "device_id"));
        Ok(Self {
            id: SessionId(of.uuid(&row.id, "id")?),
            user_id: UserId(of.uuid(&row.user_id, "user_id")?),
            counter: of.number(row.counter, "counter")?,
            rotated_at: of.time(row.rotated_at, "rotated_at")?,
            previous_rotated_at: of.time_some(row.previous_rotated_at, "previous_rotated_at")?,
            created_at: of.time(row.created_at, "created_at")?,
            expires_at: of.time(row.expires_at, "expires_at")?,
            revoked_at: of.time_some(row.revoked_at, "revoked_at")?,
            authenticated_at: of.time(row.authenticated_at.unwrap_or(row.created_at), "authenticated_at")?,
            proof: of
                .parse_some(row.proof.as_deref(), "proof")?
                .unwrap_or(Proof::Password),
            device: Device {
                id: device_id.transpose()?.map(DeviceId),
                user_agent: row.user_agent.as_deref().and_then(UserAgent::of),
                address: of.parse_some(row.address.as_deref(), "address")?,
            },
        })
    }
}
