//! The store of keys for programs.

use async_trait::async_trait;
use diesel::result::{Error as DieselError, OptionalExtension};
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::{Queryable, RunQueryDsl, SqliteConnection};
use parlance_domain::accounts::{ApiKey, ApiKeyStore, InsertApiKeyError, Scope, Scopes};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{ApiKeyId, SessionId, UserId};
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;

use super::row::Id;
use super::sessions;
use crate::consequences;
use crate::convert::{CorruptRow, RowOf};
use crate::database::{Fail, NoRefusal, SqliteDatabase, StoreError};
use crate::statement::statement;

const PORT: &str = "ApiKeyStore";

statement!(
    CountOf(user_id: &'a [u8] => Binary) -> (BigInt) = "SELECT count(*) FROM api_keys WHERE user_id = ?"
);
statement!(
    #[expect(clippy::too_many_arguments, reason = "one for each column")]
    Insert(
        user_id: &'a [u8] => Binary,
        id: &'a [u8] => Binary,
        name: &'a str => Text,
        scopes: String => Text,
        digest: &'a [u8] => Binary,
        created_at: i64 => BigInt,
        expires_at: Option<i64> => Nullable<BigInt>,
        last_used_at: Option<i64> => Nullable<BigInt>,
    ) = "INSERT INTO api_keys (user_id, id, name, scopes, digest, created_at, expires_at, last_used_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
);
statement!(
    Of(user_id: &'a [u8] => Binary) -> (
        Binary, Binary, Text, Text, Binary, BigInt, Nullable<BigInt>, Nullable<BigInt>
    ) = "SELECT user_id, id, name, scopes, digest, created_at, expires_at, last_used_at \
         FROM api_keys WHERE user_id = ? ORDER BY created_at DESC, id DESC"
);
statement!(
    OfBearer(id: &'a [u8] => Binary) -> (
        Binary, Binary, Text, Text, Binary, BigInt, Nullable<BigInt>, Nullable<BigInt>
    ) = "SELECT k.user_id, k.id, k.name, k.scopes, k.digest, k.created_at, k.expires_at, k.last_used_at \
         FROM api_keys k JOIN accounts a ON a.id = k.user_id \
         WHERE k.id = ? AND a.deactivated_at IS NULL AND a.deleted_at IS NULL"
);
statement!(
    Revoke(user_id: &'a [u8] => Binary, id: &'a [u8] => Binary)
        = "DELETE FROM api_keys WHERE user_id = ? AND id = ?"
);
statement!(
    RevokeAll(user_id: &'a [u8] => Binary) = "DELETE FROM api_keys WHERE user_id = ?"
);
statement!(
    Used(at: i64 => BigInt, user_id: &'a [u8] => Binary, id: &'a [u8] => Binary, before: i64 => BigInt)
        = "UPDATE api_keys SET last_used_at = ? WHERE user_id = ? AND id = ? \
           AND (last_used_at IS NULL OR last_used_at < ?)"
);

/// The keys for programs in the database.
#[derive(Clone)]
pub struct SqliteApiKeys {
    database: SqliteDatabase,
}

impl SqliteApiKeys {
    /// The keys in this database.
    pub fn new(database: SqliteDatabase) -> Self {
        Self { database }
    }
}

/// Why a key was not kept.
enum NotKept {
    TooMany,
    SessionEnded,
}

#[async_trait]
impl ApiKeyStore for SqliteApiKeys {
    async fn insert(
        &self,
        key: &ApiKey,
        by: SessionId,
        most: u32,
        consequences: &Consequences,
    ) -> Result<(), InsertApiKeyError> {
        let (key, consequences) = (key.clone(), consequences.clone());
        let inserted = self.database.write(move |connection| {
            if !sessions::is_live(connection, key.user_id, by)? {
                return Err(Fail::Refused(NotKept::SessionEnded));
            }
            let (count,): (i64,) = CountOf::new(key.user_id.0.as_bytes()).get_result(connection)?;
            if count >= i64::from(most) {
                return Err(Fail::Refused(NotKept::TooMany));
            }
            insert(&key).execute(connection)?;
            consequences::keep(connection, &consequences)?;
            Ok(())
        });
        inserted.await.map_err(|error| match error {
            Fail::Refused(NotKept::TooMany) => InsertApiKeyError::TooMany,
            Fail::Refused(NotKept::SessionEnded) => InsertApiKeyError::SessionEnded,
            Fail::Store(error) => error.into_port(PORT).into(),
        })
    }

    async fn list(&self, user: UserId) -> Result<Vec<ApiKey>, PortError> {
        let found = self
            .database
            .read(move |connection| Ok(api_keys_of(connection, user)?));
        found.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn revoke(
        &self,
        user: UserId,
        id: ApiKeyId,
        consequences: &Consequences,
    ) -> Result<bool, PortError> {
        let consequences = consequences.clone();
        let revoked = self.database.write(move |connection| {
            let was_there = Revoke::new(user.0.as_bytes(), id.0.as_bytes()).execute(connection)? > 0;
            if was_there {
                consequences::keep(connection, &consequences)?;
            }
            Ok(was_there)
        });
        revoked.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn of_bearer(&self, id: ApiKeyId) -> Result<Option<ApiKey>, PortError> {
        let found = self.database.read(move |connection| {
            let row: Option<ApiKeyRow> = OfBearer::new(id.0.as_bytes()).get_result(connection).optional()?;
            Ok(row.map(TryInto::try_into).transpose()?)
        });
        found.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn used(&self, user: UserId, id: ApiKeyId, at: Timestamp) -> Result<(), PortError> {
        let at = at.timestamp_millis();
        let noted = self.database.write(move |connection| {
            Used::new(at, user.0.as_bytes(), id.0.as_bytes(), at).execute(connection)?;
            Ok(())
        });
        noted.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }
}

/// Takes all keys of a user away in the transaction under way.
pub(super) fn revoke_keys(connection: &mut SqliteConnection, user: UserId) -> Result<(), DieselError> {
    RevokeAll::new(user.0.as_bytes()).execute(connection)?;
    Ok(())
}

/// The keys of a user, latest first.
pub(crate) fn api_keys_of(
    connection: &mut SqliteConnection,
    user: UserId,
) -> Result<Vec<ApiKey>, StoreError> {
    let rows: Vec<ApiKeyRow> = Of::new(user.0.as_bytes()).load(connection)?;
    let keys = rows.into_iter().map(ApiKey::try_from);
    Ok(keys.collect::<Result<_, CorruptRow>>()?)
}

/// Keeps a key, in the transaction under way.
pub(crate) fn keep_api_key(connection: &mut SqliteConnection, key: &ApiKey) -> Result<(), DieselError> {
    insert(key).execute(connection)?;
    Ok(())
}

fn insert(key: &ApiKey) -> Insert<'_> {
    Insert::new(
        key.user_id.0.as_bytes(),
        key.id.0.as_bytes(),
        key.name.as_str(),
        key.scopes
            .iter()
            .map(|scope| scope.as_str())
            .collect::<Vec<_>>()
            .join(" "),
        &key.digest,
        key.created_at.timestamp_millis(),
        key.expires_at.map(|at| at.timestamp_millis()),
        key.last_used_at.map(|at| at.timestamp_millis()),
    )
}

#[derive(Queryable)]
struct ApiKeyRow {
    user_id: Vec<u8>,
    id: Vec<u8>,
    name: String,
    scopes: String,
    digest: Vec<u8>,
    created_at: i64,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
}

impl TryFrom<ApiKeyRow> for ApiKey {
    type Error = CorruptRow;

    fn try_from(row: ApiKeyRow) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "api_keys",
            id: &Id(&row.id),
        };
        let scopes = row
            .scopes
            .split(' ')
            .map(|name| of.parse::<Scope>(name, "scopes"));
        Ok(Self {
            id: ApiKeyId(of.uuid(&row.id, "id")?),
            user_id: UserId(of.uuid(&row.user_id, "user_id")?),
            name: of.parse(&row.name, "name")?,
            scopes: scopes.collect::<Result<Scopes, _>>()?,
            digest: of.some(row.digest.try_into().ok(), "digest")?,
            created_at: of.time(row.created_at, "created_at")?,
            expires_at: of.time_some(row.expires_at, "expires_at")?,
            last_used_at: of.time_some(row.last_used_at, "last_used_at")?,
        })
    }
}
