//! The store of passkeys, and of the challenges that wait for an answer.

use async_trait::async_trait;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::{Queryable, RunQueryDsl, SqliteConnection};
use parlance_domain::accounts::{
    CeremonyState, CredentialId, InsertPasskeyError, Passkey, PasskeyAudience, PasskeyChallenge,
    PasskeyCredential, PasskeyName, PasskeyStore, PasskeyUse, RemovePasskeyError, WayIn,
};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{PasskeyChallengeId, PasskeyId, SessionId, UserId};
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;

use super::row::Id;
use super::sessions;
use super::ways_in::ways_in;
use crate::consequences;
use crate::convert::{CorruptRow, RowOf};
use crate::database::{Fail, NoRefusal, SqliteDatabase};
use crate::statement::statement;

const PORT: &str = "PasskeyStore";

statement!(
    Issue(
        id: &'a [u8] => Binary,
        audience: Vec<u8> => Binary,
        state: &'a str => Text,
        expires_at: i64 => BigInt,
    ) = "INSERT INTO passkey_challenges (id, audience, state, expires_at) VALUES (?, ?, ?, ?)"
);
statement!(
    Redeem(id: &'a [u8] => Binary, audience: Vec<u8> => Binary, now: i64 => BigInt) -> (Text)
        = "DELETE FROM passkey_challenges WHERE id = ? AND audience = ? AND expires_at > ? RETURNING state"
);
statement!(
    Purge(before: i64 => BigInt, limit: i64 => BigInt)
        = "DELETE FROM passkey_challenges WHERE id IN (SELECT id FROM passkey_challenges \
           WHERE expires_at < ? ORDER BY expires_at LIMIT ?)"
);
statement!(
    CountOf(credential_id: &'a [u8] => Binary, user_id: &'a [u8] => Binary) -> (BigInt, BigInt)
        = "SELECT count(*), count(*) FILTER (WHERE credential_id = ?) FROM passkeys WHERE user_id = ?"
);
statement!(
    #[expect(clippy::too_many_arguments, reason = "one for each column")]
    Insert(
        user_id: &'a [u8] => Binary,
        id: &'a [u8] => Binary,
        name: &'a str => Text,
        credential_id: &'a [u8] => Binary,
        public_key: &'a str => Text,
        counter: i64 => BigInt,
        created_at: i64 => BigInt,
        last_used_at: Option<i64> => Nullable<BigInt>,
    ) = "INSERT INTO passkeys (user_id, id, name, credential_id, public_key, counter, created_at, last_used_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
);
statement!(
    Of(user_id: &'a [u8] => Binary) -> (
        Binary, Binary, Text, Binary, Text, BigInt, BigInt, Nullable<BigInt>
    ) = "SELECT user_id, id, name, credential_id, public_key, counter, created_at, last_used_at \
         FROM passkeys WHERE user_id = ? ORDER BY created_at, id"
);
statement!(
    Used(
        counter: i64 => BigInt,
        at: i64 => BigInt,
        user_id: &'a [u8] => Binary,
        id: &'a [u8] => Binary,
        above: i64 => BigInt,
        none: i64 => BigInt,
    ) = "UPDATE passkeys SET counter = ?, last_used_at = ? WHERE user_id = ? AND id = ? \
         AND (counter < ? OR counter = 0 AND ? = 0)"
);
statement!(
    Rename(name: String => Text, user_id: &'a [u8] => Binary, id: &'a [u8] => Binary)
        = "UPDATE passkeys SET name = ? WHERE user_id = ? AND id = ?"
);
statement!(
    Remove(user_id: &'a [u8] => Binary, id: &'a [u8] => Binary)
        = "DELETE FROM passkeys WHERE user_id = ? AND id = ?"
);
statement!(
    RemoveAll(user_id: &'a [u8] => Binary) = "DELETE FROM passkeys WHERE user_id = ?"
);

/// The passkeys in the database.
#[derive(Clone)]
pub struct SqlitePasskeys {
    database: SqliteDatabase,
}

impl SqlitePasskeys {
    /// The passkeys in this database.
    pub fn new(database: SqliteDatabase) -> Self {
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
impl PasskeyStore for SqlitePasskeys {
    async fn issue(&self, challenge: &PasskeyChallenge) -> Result<(), PortError> {
        let challenge = challenge.clone();
        let issued = self.database.write(move |connection| {
            let PasskeyChallenge {
                id,
                audience,
                state,
                expires_at,
            } = &challenge;
            let audience = audience.digest().to_vec();
            let expires_at = expires_at.timestamp_millis();
            Issue::new(id.0.as_bytes(), audience, &state.0, expires_at).execute(connection)?;
            Ok(())
        });
        issued.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn redeem(
        &self,
        id: PasskeyChallengeId,
        audience: PasskeyAudience,
        now: Timestamp,
    ) -> Result<Option<CeremonyState>, PortError> {
        let redeemed = self.database.write(move |connection| {
            let audience = audience.digest().to_vec();
            let statement = Redeem::new(id.0.as_bytes(), audience, now.timestamp_millis());
            // All rows are read: what returns rows is done when they have ended.
            let states: Vec<(String,)> = statement.load(connection)?;
            Ok(states.into_iter().next().map(|(state,)| CeremonyState(state)))
        });
        redeemed.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn insert(
        &self,
        passkey: &Passkey,
        by: SessionId,
        most: u32,
        consequences: &Consequences,
    ) -> Result<(), InsertPasskeyError> {
        let (passkey, consequences) = (passkey.clone(), consequences.clone());
        let inserted = self.database.write(move |connection| {
            if !sessions::is_live(connection, passkey.user_id, by)? {
                return Err(Fail::Refused(NotKept::SessionEnded));
            }
            let credential = passkey.credential.id.as_bytes();
            let counted = CountOf::new(credential, passkey.user_id.0.as_bytes());
            let (all, same): (i64, i64) = counted.get_result(connection)?;
            if same > 0 {
                return Err(Fail::Refused(NotKept::Exists));
            }
            if all >= i64::from(most) {
                return Err(Fail::Refused(NotKept::TooMany));
            }
            keep_passkey(connection, &passkey)?;
            consequences::keep(connection, &consequences)?;
            Ok(())
        });
        inserted.await.map_err(|error| match error {
            Fail::Refused(NotKept::Exists) => InsertPasskeyError::Exists,
            Fail::Refused(NotKept::TooMany) => InsertPasskeyError::TooMany,
            Fail::Refused(NotKept::SessionEnded) => InsertPasskeyError::SessionEnded,
            Fail::Store(error) => error.into_port(PORT).into(),
        })
    }

    async fn list(&self, user: UserId) -> Result<Vec<Passkey>, PortError> {
        let found = self
            .database
            .read(move |connection| passkeys_of(connection, user));
        found.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn used(&self, user: UserId, id: PasskeyId, using: &PasskeyUse) -> Result<bool, PortError> {
        let (counter, at) = (i64::from(using.counter), using.at.timestamp_millis());
        let noted = self.database.write(move |connection| {
            let (user, id) = (user.0.as_bytes(), id.0.as_bytes());
            let statement = Used::new(counter, at, user, id, counter, counter);
            Ok(statement.execute(connection)? > 0)
        });
        noted.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn rename(
        &self,
        user: UserId,
        id: PasskeyId,
        name: &PasskeyName,
        consequences: &Consequences,
    ) -> Result<bool, PortError> {
        let (name, consequences) = (name.as_str().to_owned(), consequences.clone());
        let renamed = self.database.write(move |connection| {
            let statement = Rename::new(name.clone(), user.0.as_bytes(), id.0.as_bytes());
            let was_there = statement.execute(connection)? > 0;
            if was_there {
                consequences::keep(connection, &consequences)?;
            }
            Ok(was_there)
        });
        renamed.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn remove(
        &self,
        user: UserId,
        id: PasskeyId,
        consequences: &Consequences,
    ) -> Result<(), RemovePasskeyError> {
        let consequences = consequences.clone();
        let removed = self.database.write(move |connection| {
            let ways = ways_in(connection, user)?;
            if Remove::new(user.0.as_bytes(), id.0.as_bytes()).execute(connection)? == 0 {
                return Err(Fail::Refused(NotRemoved::NotFound));
            }
            if !ways.can_lose(WayIn::Passkey) {
                return Err(Fail::Refused(NotRemoved::LastWayIn));
            }
            consequences::keep(connection, &consequences)?;
            Ok(())
        });
        removed.await.map_err(|error| match error {
            Fail::Refused(NotRemoved::NotFound) => RemovePasskeyError::NotFound,
            Fail::Refused(NotRemoved::LastWayIn) => RemovePasskeyError::LastWayIn,
            Fail::Store(error) => error.into_port(PORT).into(),
        })
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

/// The passkeys of a user, the one added first first.
pub(crate) fn passkeys_of(
    connection: &mut SqliteConnection,
    user: UserId,
) -> Result<Vec<Passkey>, NoRefusal> {
    let rows: Vec<PasskeyRow> = Of::new(user.0.as_bytes()).load(connection)?;
    Ok(rows
        .into_iter()
        .map(Passkey::try_from)
        .collect::<Result<_, _>>()?)
}

/// Keeps a passkey in the transaction under way.
pub(crate) fn keep_passkey(connection: &mut SqliteConnection, passkey: &Passkey) -> Result<(), DieselError> {
    let insert = Insert::new(
        passkey.user_id.0.as_bytes(),
        passkey.id.0.as_bytes(),
        passkey.name.as_str(),
        passkey.credential.id.as_bytes(),
        &passkey.credential.public_key,
        i64::from(passkey.counter),
        passkey.created_at.timestamp_millis(),
        passkey.last_used_at.map(|at| at.timestamp_millis()),
    );
    insert.execute(connection)?;
    Ok(())
}

/// Takes all passkeys of a user away in the transaction under way.
pub(super) fn remove_passkeys(connection: &mut SqliteConnection, user: UserId) -> Result<(), DieselError> {
    RemoveAll::new(user.0.as_bytes()).execute(connection)?;
    Ok(())
}

#[derive(Queryable)]
struct PasskeyRow {
    user_id: Vec<u8>,
    id: Vec<u8>,
    name: String,
    credential_id: Vec<u8>,
    public_key: String,
    counter: i64,
    created_at: i64,
    last_used_at: Option<i64>,
}

impl TryFrom<PasskeyRow> for Passkey {
    type Error = CorruptRow;

    fn try_from(row: PasskeyRow) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "passkeys",
            id: &Id(&row.id),
        };
        Ok(Self {
            id: PasskeyId(of.uuid(&row.id, "id")?),
            user_id: UserId(of.uuid(&row.user_id, "user_id")?),
            name: of.parse(&row.name, "name")?,
            credential: PasskeyCredential {
                id: of.some(CredentialId::new(row.credential_id), "credential_id")?,
                public_key: row.public_key,
            },
            counter: of.number(row.counter, "counter")?,
            created_at: of.time(row.created_at, "created_at")?,
            last_used_at: of.time_some(row.last_used_at, "last_used_at")?,
        })
    }
}
