//! The store of one-time secrets.

use async_trait::async_trait;
use diesel::result::{Error as DieselError, OptionalExtension};
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::{Queryable, RunQueryDsl, SqliteConnection};
use parlance_domain::accounts::{OneTimeSecret, SecretStore};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{SecretId, UserId};
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;

use super::row::Id;
use crate::consequences;
use crate::convert::{CorruptRow, RowOf};
use crate::database::{NoRefusal, SqliteDatabase, StoreError};
use crate::statement::statement;

const PORT: &str = "SecretStore";

statement!(
    Supersede(now: i64 => BigInt, user_id: &'a [u8] => Binary, purpose: &'a str => Text)
        = "UPDATE one_time_secrets SET used_at = ? WHERE user_id = ? AND purpose = ? AND used_at IS NULL"
);
statement!(
    SpendAll(now: i64 => BigInt, user_id: &'a [u8] => Binary)
        = "UPDATE one_time_secrets SET used_at = ? WHERE user_id = ? AND used_at IS NULL"
);
statement!(
    Insert(
        user_id: &'a [u8] => Binary,
        id: &'a [u8] => Binary,
        purpose: &'a str => Text,
        digest: &'a [u8] => Binary,
        payload: Option<&'a str> => Nullable<Text>,
        created_at: i64 => BigInt,
        expires_at: i64 => BigInt,
    ) = "INSERT INTO one_time_secrets (user_id, id, purpose, digest, payload, created_at, expires_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?)"
);
statement!(
    ById(id: &'a [u8] => Binary) -> (
        Binary, Binary, Text, Binary, Nullable<Text>, BigInt, BigInt, Nullable<BigInt>
    ) = "SELECT user_id, id, purpose, digest, payload, created_at, expires_at, used_at \
         FROM one_time_secrets WHERE id = ?"
);
statement!(
    Redeem(now: i64 => BigInt, user_id: &'a [u8] => Binary, id: &'a [u8] => Binary, before: i64 => BigInt)
        = "UPDATE one_time_secrets SET used_at = ? WHERE user_id = ? AND id = ? AND used_at IS NULL \
           AND expires_at > ?"
);
statement!(
    PurgeExpired(before: i64 => BigInt, limit: i64 => BigInt)
        = "DELETE FROM one_time_secrets WHERE (user_id, id) IN (SELECT user_id, id FROM one_time_secrets \
           WHERE expires_at < ? ORDER BY expires_at LIMIT ?)"
);

/// The one-time secrets in the database.
#[derive(Clone)]
pub struct SqliteSecrets {
    database: SqliteDatabase,
}

impl SqliteSecrets {
    /// The one-time secrets in this database.
    pub fn new(database: SqliteDatabase) -> Self {
        Self { database }
    }
}

#[async_trait]
impl SecretStore for SqliteSecrets {
    async fn issue(&self, consequences: &Consequences) -> Result<(), PortError> {
        let consequences = consequences.clone();
        let issued = self.database.write(move |connection| {
            let kept = consequences::keep(connection, &consequences);
            Ok(kept.map_err(StoreError::of_owner)?)
        });
        issued.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn by_id(&self, id: SecretId) -> Result<Option<OneTimeSecret>, PortError> {
        let found = self.database.read(move |connection| {
            let row: Option<SecretRow> = ById::new(id.0.as_bytes()).get_result(connection).optional()?;
            Ok(row.map(TryInto::try_into).transpose()?)
        });
        found.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn redeem(
        &self,
        user: UserId,
        id: SecretId,
        now: Timestamp,
        consequences: &Consequences,
    ) -> Result<bool, PortError> {
        let consequences = consequences.clone();
        let redeemed: Result<bool, NoRefusal> = self
            .database
            .write(move |connection| {
                let was_good = redeem(connection, user, id, now)?;
                if was_good {
                    consequences::keep(connection, &consequences)?;
                }
                Ok(was_good)
            })
            .await;
        redeemed.map_err(|error| error.into_port(PORT))
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

/// Uses a secret up in the transaction under way; whether it was still good.
pub(super) fn redeem(
    connection: &mut SqliteConnection,
    user: UserId,
    id: SecretId,
    now: Timestamp,
) -> Result<bool, DieselError> {
    let now = now.timestamp_millis();
    let redeemed = Redeem::new(now, user.0.as_bytes(), id.0.as_bytes(), now).execute(connection)?;
    Ok(redeemed > 0)
}

/// Keeps secrets in the transaction under way; those for the same purposes are not good any more.
pub(crate) fn keep_secrets(
    connection: &mut SqliteConnection,
    secrets: &[OneTimeSecret],
) -> Result<(), DieselError> {
    for secret in secrets {
        supersede(secret).execute(connection)?;
    }
    for secret in secrets {
        insert(secret).execute(connection)?;
    }
    Ok(())
}

/// No secret of a user is good any more.
pub(super) fn spend_all(
    connection: &mut SqliteConnection,
    user: UserId,
    now: Timestamp,
) -> Result<(), DieselError> {
    SpendAll::new(now.timestamp_millis(), user.0.as_bytes()).execute(connection)?;
    Ok(())
}

fn supersede(secret: &OneTimeSecret) -> Supersede<'_> {
    let now = secret.created_at.timestamp_millis();
    Supersede::new(now, secret.user_id.0.as_bytes(), secret.purpose.as_str())
}

fn insert(secret: &OneTimeSecret) -> Insert<'_> {
    Insert::new(
        secret.user_id.0.as_bytes(),
        secret.id.0.as_bytes(),
        secret.purpose.as_str(),
        &secret.digest,
        secret.payload.as_deref(),
        secret.created_at.timestamp_millis(),
        secret.expires_at.timestamp_millis(),
    )
}

#[derive(Queryable)]
struct SecretRow {
    user_id: Vec<u8>,
    id: Vec<u8>,
    purpose: String,
    digest: Vec<u8>,
    payload: Option<String>,
    created_at: i64,
    expires_at: i64,
    used_at: Option<i64>,
}

impl TryFrom<SecretRow> for OneTimeSecret {
    type Error = CorruptRow;

    fn try_from(row: SecretRow) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "one_time_secrets",
            id: &Id(&row.id),
        };
        Ok(Self {
            id: SecretId(of.uuid(&row.id, "id")?),
            user_id: UserId(of.uuid(&row.user_id, "user_id")?),
            purpose: of.parse(&row.purpose, "purpose")?,
            digest: of.some(row.digest.try_into().ok(), "digest")?,
            payload: row.payload,
            created_at: of.time(row.created_at, "created_at")?,
            expires_at: of.time(row.expires_at, "expires_at")?,
            used_at: of.time_some(row.used_at, "used_at")?,
        })
    }
}
