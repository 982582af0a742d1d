//! The store of passkeys, and of the challenges that wait for an answer.

use std::sync::Arc;

use async_trait::async_trait;
use diesel::Queryable;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Bytea, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;
use parlance_domain::accounts::{
    CeremonyState, CredentialId, InsertPasskeyError, Passkey, PasskeyAudience, PasskeyChallenge,
    PasskeyCredential, PasskeyName, PasskeyStore, PasskeyUse, RemovePasskeyError, WayIn,
};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{PasskeyChallengeId, PasskeyId, SessionId, UserId};
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use super::sessions;
use super::ways_in::ways_in;
use crate::consequences;
use crate::convert::{CorruptRow, RowOf};
use crate::database::{Fail, NoRefusal, PgDatabase, Repeat, StoreError};
use crate::statement::statement;

const PORT: &str = "PasskeyStore";

statement!(
    Issue(
        id: Uuid => SqlUuid,
        audience: Vec<u8> => Bytea,
        state: &'a str => Text,
        expires_at: Timestamp => Timestamptz,
    ) = "INSERT INTO passkey_challenges (id, audience, state, expires_at) VALUES (?, ?, ?, ?)"
);
statement!(
    Redeem(id: Uuid => SqlUuid, audience: Vec<u8> => Bytea, now: Timestamp => Timestamptz) -> (Text,)
        = "DELETE FROM passkey_challenges WHERE id = ? AND audience = ? AND expires_at > ? RETURNING state"
);
statement!(
    Purge(before: Timestamp => Timestamptz, limit: i64 => BigInt)
        = "DELETE FROM passkey_challenges WHERE ctid = ANY (ARRAY(SELECT ctid FROM passkey_challenges \
           WHERE expires_at < ? ORDER BY expires_at LIMIT ? FOR UPDATE SKIP LOCKED))"
);
statement!(
    CountOf(credential_id: &'a [u8] => Bytea, user_id: Uuid => SqlUuid) -> (BigInt, BigInt)
        = "SELECT count(*), count(*) FILTER (WHERE credential_id = ?) FROM passkeys WHERE user_id = ?"
);
statement!(
    #[expect(clippy::too_many_arguments, reason = "one for each column")]
    Insert(
        user_id: Uuid => SqlUuid,
        id: Uuid => SqlUuid,
        name: &'a str => Text,
        credential_id: &'a [u8] => Bytea,
        public_key: &'a str => Text,
        counter: i64 => BigInt,
        created_at: Timestamp => Timestamptz,
        last_used_at: Option<Timestamp> => Nullable<Timestamptz>,
    ) = "INSERT INTO passkeys (user_id, id, name, credential_id, public_key, counter, created_at, last_used_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
);
statement!(
    Of(user_id: Uuid => SqlUuid) -> (
        SqlUuid, SqlUuid, Text, Bytea, Text, BigInt, Timestamptz, Nullable<Timestamptz>
    ) = "SELECT user_id, id, name, credential_id, public_key, counter, created_at, last_used_at \
         FROM passkeys WHERE user_id = ? ORDER BY created_at, id"
);
statement!(
    Used(
        counter: i64 => BigInt,
        at: Timestamp => Timestamptz,
        user_id: Uuid => SqlUuid,
        id: Uuid => SqlUuid,
        above: i64 => BigInt,
        none: i64 => BigInt,
    ) = "UPDATE passkeys SET counter = ?, last_used_at = ? WHERE user_id = ? AND id = ? \
         AND (counter < ? OR counter = 0 AND ? = 0)"
);
statement!(
    Rename(name: &'a str => Text, user_id: Uuid => SqlUuid, id: Uuid => SqlUuid)
        = "UPDATE passkeys SET name = ? WHERE user_id = ? AND id = ?"
);
statement!(
    Remove(user_id: Uuid => SqlUuid, id: Uuid => SqlUuid) = "DELETE FROM passkeys WHERE user_id = ? AND id = ?"
);
statement!(
    RemoveAll(user_id: Uuid => SqlUuid) = "DELETE FROM passkeys WHERE user_id = ?"
);

/// The passkeys in the database.
#[derive(Clone)]
pub struct PgPasskeys {
    database: PgDatabase,
}

impl PgPasskeys {
    /// The passkeys in this database.
    pub fn new(database: PgDatabase) -> Self {
        Self { database }
    }
}

/// Why a passkey was not kept.
enum NotKept {
    Exists,
    TooMany,
    SessionEnded,
}

/// Why a passkey was not taken away.
enum NotRemoved {
    NotFound,
    LastWayIn,
}

#[async_trait]
impl PasskeyStore for PgPasskeys {
    async fn issue(&self, challenge: &PasskeyChallenge) -> Result<(), PortError> {
        let send = |connection: Arc<AsyncPgConnection>| async move {
            let PasskeyChallenge {
                id,
                audience,
                state,
                expires_at,
            } = challenge;
            let statement = Issue::new(id.0, audience.digest().to_vec(), &state.0, *expires_at);
            statement.execute(&mut &*connection).await
        };
        // Sent twice, it would find its own first row.
        let issued = self.database.run(Repeat::Never, send).await;
        issued.map(|_| ()).map_err(|error| error.into_port(PORT))
    }

    async fn redeem(
        &self,
        id: PasskeyChallengeId,
        audience: PasskeyAudience,
        now: Timestamp,
    ) -> Result<Option<CeremonyState>, PortError> {
        let send = |connection: Arc<AsyncPgConnection>| async move {
            let statement = Redeem::new(id.0, audience.digest().to_vec(), now);
            statement.load(&mut &*connection).await
        };
        // Sent twice, it would say of its own first time that the challenge was used before.
        let redeemed: Result<Vec<(String,)>, _> = self.database.run(Repeat::Never, send).await;
        let states = redeemed.map_err(|error: StoreError| error.into_port(PORT))?;
        Ok(states.into_iter().next().map(|(state,)| CeremonyState(state)))
    }

    async fn insert(
        &self,
        passkey: &Passkey,
        by: SessionId,
        most: u32,
        consequences: &Consequences,
    ) -> Result<(), InsertPasskeyError> {
        let both = Arc::new((passkey.clone(), consequences.clone()));
        let inserted = self.database.transact(move |connection| {
            let both = Arc::clone(&both);
            async move {
                let (passkey, consequences) = &*both;
                if !sessions::lock_live(connection, passkey.user_id, by).await? {
                    return Err(Fail::Refused(NotKept::SessionEnded));
                }
                let counted = CountOf::new(passkey.credential.id.as_bytes(), passkey.user_id.0);
                let (all, same): (i64, i64) = counted.get_result(&mut &*connection).await?;
                if same > 0 {
                    return Err(Fail::Refused(NotKept::Exists));
                }
                if all >= i64::from(most) {
                    return Err(Fail::Refused(NotKept::TooMany));
                }
                keep_passkey(connection, passkey).await?;
                consequences::keep(connection, consequences).await?;
                Ok(())
            }
            .boxed()
        });
        inserted.await.map_err(|error| match error {
            Fail::Refused(NotKept::Exists) => InsertPasskeyError::Exists,
            Fail::Refused(NotKept::TooMany) => InsertPasskeyError::TooMany,
            Fail::Refused(NotKept::SessionEnded) => InsertPasskeyError::SessionEnded,
            Fail::Store(error) => error.into_port(PORT).into(),
        })
    }

    async fn list(&self, user: UserId) -> Result<Vec<Passkey>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move { passkey_rows(&connection, user).await };
        let rows = self.database.run(Repeat::Safe, read).await;
        let passkeys = rows.and_then(|rows| Ok(to_passkeys(rows)?));
        passkeys.map_err(|error: StoreError| error.into_port(PORT))
    }

    async fn used(&self, user: UserId, id: PasskeyId, using: &PasskeyUse) -> Result<bool, PortError> {
        let (counter, at) = (i64::from(using.counter), using.at);
        let send = |connection: Arc<AsyncPgConnection>| async move {
            let statement = Used::new(counter, at, user.0, id.0, counter, counter);
            statement.execute(&mut &*connection).await
        };
        // Sent twice, it would say of its own first time that the counter did not go on.
        let noted = self.database.run(Repeat::Never, send).await;
        Ok(noted.map_err(|error| error.into_port(PORT))? > 0)
    }

    async fn rename(
        &self,
        user: UserId,
        id: PasskeyId,
        name: &PasskeyName,
        consequences: &Consequences,
    ) -> Result<bool, PortError> {
        let both = Arc::new((name.clone(), consequences.clone()));
        let renamed = self.database.transact(move |connection| {
            let both = Arc::clone(&both);
            async move {
                let (name, consequences) = &*both;
                let rename = Rename::new(name.as_str(), user.0, id.0).execute(&mut &*connection);
                let was_there = rename.await? > 0;
                if was_there {
                    consequences::keep(connection, consequences).await?;
                }
                Ok(was_there)
            }
            .boxed()
        });
        renamed.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn remove(
        &self,
        user: UserId,
        id: PasskeyId,
        consequences: &Consequences,
    ) -> Result<(), RemovePasskeyError> {
        let consequences = Arc::new(consequences.clone());
        let removed = self.database.transact(move |connection| {
            let consequences = Arc::clone(&consequences);
            async move {
                let ways = ways_in(connection, user).await?;
                let remove = Remove::new(user.0, id.0).execute(&mut &*connection);
                if remove.await? == 0 {
                    return Err(Fail::Refused(NotRemoved::NotFound));
                }
                if !ways.can_lose(WayIn::Passkey) {
                    return Err(Fail::Refused(NotRemoved::LastWayIn));
                }
                consequences::keep(connection, &consequences).await?;
                Ok(())
            }
            .boxed()
        });
        removed.await.map_err(|error| match error {
            Fail::Refused(NotRemoved::NotFound) => RemovePasskeyError::NotFound,
            Fail::Refused(NotRemoved::LastWayIn) => RemovePasskeyError::LastWayIn,
            Fail::Store(error) => error.into_port(PORT).into(),
        })
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

/// Reads the passkeys of a user, the one added first first.
pub(crate) async fn passkey_rows(
    connection: &AsyncPgConnection,
    user: UserId,
) -> Result<Vec<PasskeyRow>, DieselError> {
    Of::new(user.0).load(&mut &*connection).await
}

/// The passkeys that rows hold.
pub(crate) fn to_passkeys(rows: Vec<PasskeyRow>) -> Result<Vec<Passkey>, CorruptRow> {
    rows.into_iter().map(Passkey::try_from).collect()
}

/// Keeps a passkey in the transaction under way.
pub(crate) async fn keep_passkey(
    connection: &AsyncPgConnection,
    passkey: &Passkey,
) -> Result<(), DieselError> {
    let insert = Insert::new(
        passkey.user_id.0,
        passkey.id.0,
        passkey.name.as_str(),
        passkey.credential.id.as_bytes(),
        &passkey.credential.public_key,
        i64::from(passkey.counter),
        passkey.created_at,
        passkey.last_used_at,
    );
    insert.execute(&mut &*connection).await?;
    Ok(())
}

/// Takes all passkeys of a user away in the transaction under way.
pub(super) async fn remove_passkeys(connection: &AsyncPgConnection, user: UserId) -> Result<(), DieselError> {
    RemoveAll::new(user.0).execute(&mut &*connection).await?;
    Ok(())
}

/// A row of a passkey.
#[derive(Queryable)]
pub(crate) struct PasskeyRow {
    user_id: Uuid,
    id: Uuid,
    name: String,
    credential_id: Vec<u8>,
    public_key: String,
    counter: i64,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
}

impl TryFrom<PasskeyRow> for Passkey {
    type Error = CorruptRow;

    fn try_from(row: PasskeyRow) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "passkeys",
            id: &row.id,
        };
        Ok(Self {
            id: PasskeyId(row.id),
            user_id: UserId(row.user_id),
            name: of.parse(&row.name, "name")?,
            credential: PasskeyCredential {
                id: of.some(CredentialId::new(row.credential_id), "credential_id")?,
                public_key: row.public_key,
            },
            counter: of.number(row.counter, "counter")?,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
        })
    }
}
