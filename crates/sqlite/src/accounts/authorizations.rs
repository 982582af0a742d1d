//! The store of sign-ins at providers that are under way.

use async_trait::async_trait;
use diesel::result::OptionalExtension;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::{Queryable, RunQueryDsl};
use parlance_domain::accounts::{Authorization, AuthorizationStore, Errand};
use parlance_domain::ids::{AuthorizationId, SessionId, UserId};
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;

use super::row::Id;
use crate::convert::{CorruptRow, RowOf};
use crate::database::{NoRefusal, SqliteDatabase, StoreError};
use crate::statement::statement;

const PORT: &str = "AuthorizationStore";

statement!(
    Insert(
        id: &'a [u8] => Binary,
        provider: &'a str => Text,
        account_id: Option<Vec<u8>> => Nullable<Binary>,
        session_id: Option<Vec<u8>> => Nullable<Binary>,
        return_to: &'a str => Text,
        browser: &'a [u8] => Binary,
        expires_at: i64 => BigInt,
    ) = "INSERT INTO provider_authorizations (id, provider, account_id, session_id, return_to, browser, expires_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?)"
);
statement!(
    Take(id: &'a [u8] => Binary, now: i64 => BigInt) -> (
        Binary, Text, Nullable<Binary>, Nullable<Binary>, Text, Binary, BigInt
    ) = "DELETE FROM provider_authorizations WHERE id = ? AND expires_at > ? \
         RETURNING id, provider, account_id, session_id, return_to, browser, expires_at"
);
statement!(
    PurgeExpired(before: i64 => BigInt, limit: i64 => BigInt)
        = "DELETE FROM provider_authorizations WHERE id IN (SELECT id FROM provider_authorizations \
           WHERE expires_at < ? ORDER BY expires_at LIMIT ?)"
);

/// What is under way at providers, in the database.
#[derive(Clone)]
pub struct SqliteAuthorizations {
    database: SqliteDatabase,
}

impl SqliteAuthorizations {
    /// What is under way, in this database.
    pub fn new(database: SqliteDatabase) -> Self {
        Self { database }
    }
}

#[async_trait]
impl AuthorizationStore for SqliteAuthorizations {
    async fn begin(&self, authorization: &Authorization) -> Result<(), PortError> {
        let authorization = authorization.clone();
        let begun = self.database.write(move |connection| {
            let begun = insert(&authorization).execute(connection);
            begun.map_err(StoreError::of_owner)?;
            Ok(())
        });
        begun.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn take(&self, id: AuthorizationId, now: Timestamp) -> Result<Option<Authorization>, PortError> {
        let now = now.timestamp_millis();
        let taken = self.database.write(move |connection| {
            let row: Option<Row> = Take::new(id.0.as_bytes(), now)
                .get_result(connection)
                .optional()?;
            Ok(row.map(TryInto::try_into).transpose()?)
        });
        taken.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn purge_expired(&self, before: Timestamp, limit: u32) -> Result<u32, PortError> {
        let purged = self.database.write(move |connection| {
            let statement = PurgeExpired::new(before.timestamp_millis(), i64::from(limit));
            Ok(statement.execute(connection)?)
        });
        let purged: usize = purged.await.map_err(|error: NoRefusal| error.into_port(PORT))?;
        Ok(u32::try_from(purged).unwrap_or(u32::MAX))
    }
}

fn insert(authorization: &Authorization) -> Insert<'_> {
    let (account, session) = match authorization.errand {
        Errand::SignIn => (None, None),
        Errand::Link { user_id, session_id } => (
            Some(user_id.0.as_bytes().to_vec()),
            Some(session_id.0.as_bytes().to_vec()),
        ),
    };
    Insert::new(
        authorization.id.0.as_bytes(),
        authorization.provider.as_str(),
        account,
        session,
        &authorization.return_to,
        &authorization.browser,
        authorization.expires_at.timestamp_millis(),
    )
}

#[derive(Queryable)]
struct Row {
    id: Vec<u8>,
    provider: String,
    account_id: Option<Vec<u8>>,
    session_id: Option<Vec<u8>>,
    return_to: String,
    browser: Vec<u8>,
    expires_at: i64,
}

impl TryFrom<Row> for Authorization {
    type Error = CorruptRow;

    fn try_from(row: Row) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "provider_authorizations",
            id: &Id(&row.id),
        };
        let errand = match (&row.account_id, &row.session_id) {
            (Some(account), Some(session)) => Errand::Link {
                user_id: UserId(of.uuid(account, "account_id")?),
                session_id: SessionId(of.uuid(session, "session_id")?),
            },
            _ => Errand::SignIn,
        };
        Ok(Self {
            id: AuthorizationId(of.uuid(&row.id, "id")?),
            provider: of.parse(&row.provider, "provider")?,
            errand,
            return_to: row.return_to,
            browser: of.some(row.browser.try_into().ok(), "browser")?,
            expires_at: of.time(row.expires_at, "expires_at")?,
        })
    }
}
