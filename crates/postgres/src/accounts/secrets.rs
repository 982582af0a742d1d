//! The store of one-time secrets.

use std::sync::Arc;

use async_trait::async_trait;
use diesel::Queryable;
use diesel::result::{Error as DieselError, OptionalExtension};
use diesel::sql_types::{BigInt, Bytea, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;
use parlance_domain::accounts::{OneTimeSecret, SecretStore};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{SecretId, UserId};
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use crate::consequences;
use crate::convert::{CorruptRow, RowOf};
use crate::database::{NoRefusal, PgDatabase, Repeat, StoreError};
use crate::statement::statement;

const PORT: &str = "SecretStore";

statement!(
    Supersede(now: Timestamp => Timestamptz, user_id: Uuid => SqlUuid, purpose: &'a str => Text)
        = "UPDATE one_time_secrets SET used_at = ? WHERE user_id = ? AND purpose = ? AND used_at IS NULL"
);
statement!(
    SpendAll(now: Timestamp => Timestamptz, user_id: Uuid => SqlUuid)
        = "UPDATE one_time_secrets SET used_at = ? WHERE user_id = ? AND used_at IS NULL"
);
statement!(
    Insert(
        user_id: Uuid => SqlUuid,
        id: Uuid => SqlUuid,
        purpose: &'a str => Text,
        digest: &'a [u8] => Bytea,
        payload: Option<&'a str> => Nullable<Text>,
        created_at: Timestamp => Timestamptz,
        expires_at: Timestamp => Timestamptz,
    ) = "INSERT INTO one_time_secrets (user_id, id, purpose, digest, payload, created_at, expires_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?)"
);
statement!(
    ById(id: Uuid => SqlUuid) -> (
        SqlUuid, SqlUuid, Text, Bytea, Nullable<Text>, Timestamptz, Timestamptz, Nullable<Timestamptz>
    ) = "SELECT user_id, id, purpose, digest, payload, created_at, expires_at, used_at \
         FROM one_time_secrets WHERE id = ?"
);
statement!(
    Redeem(now: Timestamp => Timestamptz, user_id: Uuid => SqlUuid, id: Uuid => SqlUuid, before: Timestamp => Timestamptz)
        = "UPDATE one_time_secrets SET used_at = ? WHERE user_id = ? AND id = ? AND used_at IS NULL \
           AND expires_at > ?"
);
statement!(
    PurgeExpired(before: Timestamp => Timestamptz, limit: i64 => BigInt)
        = "DELETE FROM one_time_secrets WHERE ctid = ANY (ARRAY(SELECT ctid FROM one_time_secrets \
           WHERE expires_at < ? ORDER BY expires_at LIMIT ? FOR UPDATE SKIP LOCKED))"
);

/// The one-time secrets in the database.
#[derive(Clone)]
pub struct PgSecrets {
    database: PgDatabase,
}

impl PgSecrets {
    /// The one-time secrets in this database.
    pub fn new(database: PgDatabase) -> Self {
        Self { database }
    }
}

#[async_trait]
impl SecretStore for PgSecrets {
    async fn issue(&self, consequences: &Consequences) -> Result<(), PortError> {
        let consequences = Arc::new(consequences.clone());
        let issued = self.database.transact(move |connection| {
            let consequences = Arc::clone(&consequences);
            async move {
                let kept = consequences::keep(connection, &consequences).await;
                Ok(kept.map_err(|error| StoreError::from(error).for_owner())?)
            }
            .boxed()
        });
        issued.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn by_id(&self, id: SecretId) -> Result<Option<OneTimeSecret>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            ById::new(id.0).get_result(&mut &*connection).await.optional()
        };
        let found: Result<Option<SecretRow>, _> = self.database.run(Repeat::Safe, read).await;
        let secret = found.and_then(|found| Ok(found.map(TryInto::try_into).transpose()?));
        secret.map_err(|error: StoreError| error.into_port(PORT))
    }

    async fn redeem(
        &self,
        user: UserId,
        id: SecretId,
        now: Timestamp,
        consequences: &Consequences,
    ) -> Result<bool, PortError> {
        let consequences = Arc::new(consequences.clone());
        let redeemed = self.database.transact(move |connection| {
            let consequences = Arc::clone(&consequences);
            async move {
                let was_good = redeem(connection, user, id, now).await?;
                if was_good {
                    consequences::keep(connection, &consequences).await?;
                }
                Ok(was_good)
            }
            .boxed()
        });
        redeemed.await.map_err(|error: NoRefusal| error.into_port(PORT))
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

/// Uses a secret up in the transaction under way; whether it was still good.
pub(super) async fn redeem(
    connection: &AsyncPgConnection,
    user: UserId,
    id: SecretId,
    now: Timestamp,
) -> Result<bool, DieselError> {
    let statement = Redeem::new(now, user.0, id.0, now);
    Ok(statement.execute(&mut &*connection).await? > 0)
}

/// Keeps secrets in the transaction under way; those for the same purposes are not good any more.
pub(crate) async fn keep_secrets(
    connection: &AsyncPgConnection,
    secrets: &[OneTimeSecret],
) -> Result<(), DieselError> {
    for secret in secrets {
        supersede(secret).execute(&mut &*connection).await?;
    }
    for secret in secrets {
        insert(secret).execute(&mut &*connection).await?;
    }
    Ok(())
}

/// No secret of a user is good any more.
pub(super) async fn spend_all(
    connection: &AsyncPgConnection,
    user: UserId,
    now: Timestamp,
) -> Result<(), DieselError> {
    SpendAll::new(now, user.0).execute(&mut &*connection).await?;
    Ok(())
}

fn supersede(secret: &OneTimeSecret) -> Supersede<'static> {
    Supersede::new(secret.created_at, secret.user_id.0, secret.purpose.as_str())
}

fn insert(secret: &OneTimeSecret) -> Insert<'_> {
    Insert::new(
        secret.user_id.0,
        secret.id.0,
        secret.purpose.as_str(),
        &secret.digest,
        secret.payload.as_deref(),
        secret.created_at,
        secret.expires_at,
    )
}

#[derive(Queryable)]
struct SecretRow {
    user_id: Uuid,
    id: Uuid,
    purpose: String,
    digest: Vec<u8>,
    payload: Option<String>,
    created_at: Timestamp,
    expires_at: Timestamp,
    used_at: Option<Timestamp>,
}

impl TryFrom<SecretRow> for OneTimeSecret {
    type Error = CorruptRow;

    fn try_from(row: SecretRow) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "one_time_secrets",
            id: &row.id,
        };
        Ok(Self {
            id: SecretId(row.id),
            user_id: UserId(row.user_id),
            purpose: of.parse(&row.purpose, "purpose")?,
            digest: of.some(row.digest.try_into().ok(), "digest")?,
            payload: row.payload,
            created_at: row.created_at,
            expires_at: row.expires_at,
            used_at: row.used_at,
        })
    }
}
