//! The store of keys for programs.

use std::sync::Arc;

use async_trait::async_trait;
use diesel::Queryable;
use diesel::result::{Error as DieselError, OptionalExtension};
use diesel::sql_types::{BigInt, Bytea, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;
use parlance_domain::accounts::{ApiKey, ApiKeyStore, InsertApiKeyError, Scope, Scopes};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{ApiKeyId, SessionId, UserId};
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use super::sessions;
use crate::consequences;
use crate::convert::{CorruptRow, RowOf};
use crate::database::{Fail, NoRefusal, PgDatabase, Repeat, StoreError};
use crate::statement::statement;

const PORT: &str = "ApiKeyStore";

statement!(
    CountOf(user_id: Uuid => SqlUuid) -> (BigInt,) = "SELECT count(*) FROM api_keys WHERE user_id = ?"
);
statement!(
    #[expect(clippy::too_many_arguments, reason = "one for each column")]
    Insert(
        user_id: Uuid => SqlUuid,
        id: Uuid => SqlUuid,
        name: &'a str => Text,
        scopes: String => Text,
        digest: &'a [u8] => Bytea,
        created_at: Timestamp => Timestamptz,
        expires_at: Option<Timestamp> => Nullable<Timestamptz>,
        last_used_at: Option<Timestamp> => Nullable<Timestamptz>,
    ) = "INSERT INTO api_keys (user_id, id, name, scopes, digest, created_at, expires_at, last_used_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
);
statement!(
    Of(user_id: Uuid => SqlUuid) -> (
        SqlUuid, SqlUuid, Text, Text, Bytea, Timestamptz, Nullable<Timestamptz>, Nullable<Timestamptz>
    ) = "SELECT user_id, id, name, scopes, digest, created_at, expires_at, last_used_at \
         FROM api_keys WHERE user_id = ? ORDER BY created_at DESC, id DESC"
);
statement!(
    OfBearer(id: Uuid => SqlUuid) -> (
        SqlUuid, SqlUuid, Text, Text, Bytea, Timestamptz, Nullable<Timestamptz>, Nullable<Timestamptz>
    ) = "SELECT k.user_id, k.id, k.name, k.scopes, k.digest, k.created_at, k.expires_at, k.last_used_at \
         FROM api_keys k JOIN accounts a ON a.id = k.user_id \
         WHERE k.id = ? AND a.deactivated_at IS NULL AND a.deleted_at IS NULL"
);
statement!(
    Revoke(user_id: Uuid => SqlUuid, id: Uuid => SqlUuid) = "DELETE FROM api_keys WHERE user_id = ? AND id = ?"
);
statement!(
    RevokeAll(user_id: Uuid => SqlUuid) = "DELETE FROM api_keys WHERE user_id = ?"
);
statement!(
    Used(at: Timestamp => Timestamptz, user_id: Uuid => SqlUuid, id: Uuid => SqlUuid, before: Timestamp => Timestamptz)
        = "UPDATE api_keys SET last_used_at = ? WHERE user_id = ? AND id = ? \
           AND (last_used_at IS NULL OR last_used_at < ?)"
);

/// Why a key was not kept.
enum NotKept {
    TooMany,
    SessionEnded,
}

/// The keys for programs in the database.
#[derive(Clone)]
pub struct PgApiKeys {
    database: PgDatabase,
}

impl PgApiKeys {
    /// The keys in this database.
    pub fn new(database: PgDatabase) -> Self {
        Self { database }
    }
}

#[async_trait]
impl ApiKeyStore for PgApiKeys {
    async fn insert(
        &self,
        key: &ApiKey,
        by: SessionId,
        most: u32,
        consequences: &Consequences,
    ) -> Result<(), InsertApiKeyError> {
        let (key, consequences) = (Arc::new(key.clone()), Arc::new(consequences.clone()));
        let inserted = self.database.transact(move |connection| {
            let (key, consequences) = (Arc::clone(&key), Arc::clone(&consequences));
            async move {
                // Of several keys that are made at once, each is counted by the next.
                if !sessions::lock_live(connection, key.user_id, by).await? {
                    return Err(Fail::Refused(NotKept::SessionEnded));
                }
                let (count,): (i64,) = CountOf::new(key.user_id.0).get_result(&mut &*connection).await?;
                if count >= i64::from(most) {
                    return Err(Fail::Refused(NotKept::TooMany));
                }
                insert(&key).execute(&mut &*connection).await?;
                consequences::keep(connection, &consequences).await?;
                Ok(())
            }
            .boxed()
        });
        inserted.await.map_err(|error| match error {
            Fail::Refused(NotKept::TooMany) => InsertApiKeyError::TooMany,
            Fail::Refused(NotKept::SessionEnded) => InsertApiKeyError::SessionEnded,
            Fail::Store(error) => error.into_port(PORT).into(),
        })
    }

    async fn list(&self, user: UserId) -> Result<Vec<ApiKey>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move { api_key_rows(&connection, user).await };
        let rows: Result<Vec<ApiKeyRow>, _> = self.database.run(Repeat::Safe, read).await;
        let keys = rows.and_then(|rows| {
            let keys = rows.into_iter().map(ApiKey::try_from);
            Ok(keys.collect::<Result<_, _>>()?)
        });
        keys.map_err(|error: StoreError| error.into_port(PORT))
    }

    async fn revoke(
        &self,
        user: UserId,
        id: ApiKeyId,
        consequences: &Consequences,
    ) -> Result<bool, PortError> {
        let consequences = Arc::new(consequences.clone());
        let revoked = self.database.transact(move |connection| {
            let consequences = Arc::clone(&consequences);
            async move {
                let revoked = Revoke::new(user.0, id.0).execute(&mut &*connection);
                let was_there = revoked.await? > 0;
                if was_there {
                    consequences::keep(connection, &consequences).await?;
                }
                Ok(was_there)
            }
            .boxed()
        });
        revoked.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn of_bearer(&self, id: ApiKeyId) -> Result<Option<ApiKey>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            OfBearer::new(id.0).get_result(&mut &*connection).await.optional()
        };
        let found: Result<Option<ApiKeyRow>, _> = self.database.run(Repeat::Safe, read).await;
        let key = found.and_then(|found| Ok(found.map(TryInto::try_into).transpose()?));
        key.map_err(|error: StoreError| error.into_port(PORT))
    }

    async fn used(&self, user: UserId, id: ApiKeyId, at: Timestamp) -> Result<(), PortError> {
        let send = |connection: Arc<AsyncPgConnection>| async move {
            Used::new(at, user.0, id.0, at).execute(&mut &*connection).await
        };
        let noted = self.database.run(Repeat::Safe, send).await;
        noted.map(|_| ()).map_err(|error| error.into_port(PORT))
    }
}

/// Takes all keys of a user away in the transaction under way.
pub(super) async fn revoke_keys(connection: &AsyncPgConnection, user: UserId) -> Result<(), DieselError> {
    RevokeAll::new(user.0).execute(&mut &*connection).await?;
    Ok(())
}

/// The rows of a user's keys, latest first, as they are in the transaction under way.
pub(crate) async fn api_key_rows(
    connection: &AsyncPgConnection,
    user: UserId,
) -> Result<Vec<ApiKeyRow>, DieselError> {
    Of::new(user.0).load(&mut &*connection).await
}

/// Keeps a key, in the transaction under way.
pub(crate) async fn keep_api_key(connection: &AsyncPgConnection, key: &ApiKey) -> Result<(), DieselError> {
    insert(key).execute(&mut &*connection).await?;
    Ok(())
}

fn insert(key: &ApiKey) -> Insert<'_> {
    Insert::new(
        key.user_id.0,
        key.id.0,
        key.name.as_str(),
        key.scopes
            .iter()
            .map(|scope| scope.as_str())
            .collect::<Vec<_>>()
            .join(" "),
        &key.digest,
        key.created_at,
        key.expires_at,
        key.last_used_at,
    )
}

/// A key, as it was read.
#[derive(Queryable)]
pub(crate) struct ApiKeyRow {
    user_id: Uuid,
    id: Uuid,
    name: String,
    scopes: String,
    digest: Vec<u8>,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
}

impl TryFrom<ApiKeyRow> for ApiKey {
    type Error = CorruptRow;

    fn try_from(row: ApiKeyRow) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "api_keys",
            id: &row.id,
        };
        let scopes = row
            .scopes
            .split(' ')
            .map(|name| of.parse::<Scope>(name, "scopes"));
        Ok(Self {
            id: ApiKeyId(row.id),
            user_id: UserId(row.user_id),
            name: of.parse(&row.name, "name")?,
            scopes: scopes.collect::<Result<Scopes, _>>()?,
            digest: of.some(row.digest.try_into().ok(), "digest")?,
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
        })
    }
}
