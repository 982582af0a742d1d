//! The store of sign-ins at providers that are under way.

use std::sync::Arc;

use async_trait::async_trait;
use diesel::Queryable;
use diesel::sql_types::{BigInt, Bytea, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use parlance_domain::accounts::{Authorization, AuthorizationStore, Errand};
use parlance_domain::ids::{AuthorizationId, SessionId, UserId};
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use crate::convert::{CorruptRow, RowOf};
use crate::database::{PgDatabase, Repeat, StoreError};
use crate::statement::statement;

const PORT: &str = "AuthorizationStore";

statement!(
    Insert(
        id: Uuid => SqlUuid,
        provider: &'a str => Text,
        account_id: Option<Uuid> => Nullable<SqlUuid>,
        session_id: Option<Uuid> => Nullable<SqlUuid>,
        return_to: &'a str => Text,
        browser: &'a [u8] => Bytea,
        expires_at: Timestamp => Timestamptz,
    ) = "INSERT INTO provider_authorizations (id, provider, account_id, session_id, return_to, browser, expires_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
);
statement!(
    Take(id: Uuid => SqlUuid, now: Timestamp => Timestamptz) -> (
        SqlUuid, Text, Nullable<SqlUuid>, Nullable<SqlUuid>, Text, Bytea, Timestamptz
    ) = "DELETE FROM provider_authorizations WHERE id = ? AND expires_at > ? \
         RETURNING id, provider, account_id, session_id, return_to, browser, expires_at"
);
statement!(
    PurgeExpired(before: Timestamp => Timestamptz, limit: i64 => BigInt)
        = "DELETE FROM provider_authorizations WHERE ctid = ANY (ARRAY(SELECT ctid FROM provider_authorizations \
           WHERE expires_at < ? ORDER BY expires_at LIMIT ? FOR UPDATE SKIP LOCKED))"
);

/// What is under way at providers, in the database.
#[derive(Clone)]
pub struct PgAuthorizations {
    database: PgDatabase,
}

impl PgAuthorizations {
    /// What is under way, in this database.
    pub fn new(database: PgDatabase) -> Self {
        Self { database }
    }
}

#[async_trait]
impl AuthorizationStore for PgAuthorizations {
    async fn begin(&self, authorization: &Authorization) -> Result<(), PortError> {
        let send = |connection: Arc<AsyncPgConnection>| async move {
            insert(authorization).execute(&mut &*connection).await
        };
        let begun = self.database.run(Repeat::Safe, send).await;
        let begun = begun.map(|_| ());
        begun.map_err(|error| error.for_owner().into_port(PORT))
    }

    async fn take(&self, id: AuthorizationId, now: Timestamp) -> Result<Option<Authorization>, PortError> {
        let send = |connection: Arc<AsyncPgConnection>| async move {
            Take::new(id.0, now).load(&mut &*connection).await
        };
        // Sent twice, it would find nothing of what its own first time took.
        let taken: Result<Vec<Row>, _> = self.database.run(Repeat::Never, send).await;
        let taken = taken.and_then(|rows| Ok(rows.into_iter().next().map(TryInto::try_into).transpose()?));
        taken.map_err(|error: StoreError| error.into_port(PORT))
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

fn insert(authorization: &Authorization) -> Insert<'_> {
    let (account, session) = match authorization.errand {
        Errand::SignIn => (None, None),
        Errand::Link { user_id, session_id } => (Some(user_id.0), Some(session_id.0)),
    };
    Insert::new(
        authorization.id.0,
        authorization.provider.as_str(),
        account,
        session,
        &authorization.return_to,
        &authorization.browser,
        authorization.expires_at,
    )
}

#[derive(Queryable)]
struct Row {
    id: Uuid,
    provider: String,
    account_id: Option<Uuid>,
    session_id: Option<Uuid>,
    return_to: String,
    browser: Vec<u8>,
    expires_at: Timestamp,
}

impl TryFrom<Row> for Authorization {
    type Error = CorruptRow;

    fn try_from(row: Row) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "provider_authorizations",
            id: &row.id,
        };
        let errand = match (row.account_id, row.session_id) {
            (Some(account), Some(session)) => Errand::Link {
                user_id: UserId(account),
                session_id: SessionId(session),
            },
            _ => Errand::SignIn,
        };
        Ok(Self {
            id: AuthorizationId(row.id),
            provider: of.parse(&row.provider, "provider")?,
            errand,
            return_to: row.return_to,
            browser: of.some(row.browser.try_into().ok(), "browser")?,
            expires_at: row.expires_at,
        })
    }
}
