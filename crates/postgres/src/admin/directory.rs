//! The directory of all accounts.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::DateTime;
use diesel::QueryResult;
use diesel::sql_types::{Array, BigInt, Integer, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;
use parlance_domain::accounts::{Account, AccountWithPassword, Role};
use parlance_domain::admin::{AccountDirectory, AccountPlace, AccountQuery, AccountStatus, NamePrefix};
use parlance_domain::audit::AuditEntry;
use parlance_domain::ids::UserId;
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use crate::accounts::row::{AccountColumns, AccountRow, account_columns, is_notable};
use crate::consequences::keep_entries;
use crate::database::{NoRefusal, PgDatabase, Repeat, StoreError};
use crate::statement::statement;

const PORT: &str = "AccountDirectory";

/// The filters, the place and the order of every page. Every array holds what an empty one holds; the statuses are those
/// of [`status_code`].
macro_rules! page {
    () => {
        "roles @> ? \
         AND ? IN (0, CASE WHEN deleted_at IS NOT NULL THEN 3 WHEN deactivated_at IS NOT NULL THEN 2 ELSE 1 END) \
         AND (created_at, id) < (?, ?) ORDER BY created_at DESC, id DESC LIMIT ?"
    };
}

statement!(
    All(
        role: Vec<&'static str> => Array<Text>,
        status: i32 => Integer,
        created_at: Timestamp => Timestamptz,
        id: Uuid => SqlUuid,
        limit: i64 => BigInt,
    ) -> (AccountColumns,) = concat!("SELECT ", account_columns!(), " FROM accounts WHERE ", page!())
);
statement!(
    Notable(
        role: Vec<&'static str> => Array<Text>,
        status: i32 => Integer,
        created_at: Timestamp => Timestamptz,
        id: Uuid => SqlUuid,
        limit: i64 => BigInt,
    ) -> (AccountColumns,) = concat!(
        "SELECT ", account_columns!(), " FROM accounts WHERE ", is_notable!(), " AND ", page!()
    )
);
statement!(
    #[expect(clippy::too_many_arguments, reason = "three ranges, two filters, a place and a limit")]
    Named(
        email_start: &'a str => Text,
        email_end: &'a str => Text,
        username_start: &'a str => Text,
        username_end: &'a str => Text,
        display_name_start: &'a str => Text,
        display_name_end: &'a str => Text,
        role: Vec<&'static str> => Array<Text>,
        status: i32 => Integer,
        created_at: Timestamp => Timestamptz,
        id: Uuid => SqlUuid,
        limit: i64 => BigInt,
    ) -> (AccountColumns,) = concat!(
        "SELECT ", account_columns!(), " FROM accounts WHERE id IN (\
            SELECT id FROM accounts WHERE email_key >= ? AND email_key < ? \
            UNION SELECT id FROM accounts WHERE username_key >= ? AND username_key < ? \
            UNION SELECT id FROM accounts WHERE display_name_key >= ? AND display_name_key < ?) AND ", page!()
    )
);
statement!(
    Due(now: Timestamp => Timestamptz, limit: i64 => BigInt) -> (SqlUuid,)
        = "SELECT id FROM accounts WHERE purge_at <= ? ORDER BY purge_at LIMIT ?"
);
statement!(
    Purge(id: Uuid => SqlUuid, now: Timestamp => Timestamptz)
        = "DELETE FROM accounts WHERE id = ? AND purge_at <= ?"
);

/// The directory of the accounts in the database.
#[derive(Clone)]
pub struct PgDirectory {
    database: PgDatabase,
}

impl PgDirectory {
    /// The directory of the accounts in this database.
    pub fn new(database: PgDatabase) -> Self {
        Self { database }
    }
}

#[async_trait]
impl AccountDirectory for PgDirectory {
    async fn page(
        &self,
        query: &AccountQuery,
        after: Option<AccountPlace>,
        limit: u32,
    ) -> Result<Vec<Account>, PortError> {
        let read =
            |connection: Arc<AsyncPgConnection>| async move { load(&connection, query, after, limit).await };
        let found = self.database.run(Repeat::Safe, read).await;
        found.and_then(accounts).map_err(|error| error.into_port(PORT))
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<UserId>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            Due::new(now, i64::from(limit)).load(&mut &*connection).await
        };
        let found = self.database.run(Repeat::Safe, read).await;
        let found: Vec<(Uuid,)> = found.map_err(|error| error.into_port(PORT))?;
        Ok(found.into_iter().map(|(id,)| UserId(id)).collect())
    }

    async fn purge(&self, id: UserId, now: Timestamp, entry: &AuditEntry) -> Result<bool, PortError> {
        let entry = Arc::new(entry.clone());
        let purged = self.database.transact(move |connection| {
            let entry = Arc::clone(&entry);
            async move {
                let is_purged = Purge::new(id.0, now).execute(&mut &*connection).await? > 0;
                if is_purged {
                    keep_entries(connection, std::slice::from_ref(&*entry)).await?;
                }
                Ok(is_purged)
            }
            .boxed()
        });
        purged.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }
}

async fn load(
    connection: &AsyncPgConnection,
    query: &AccountQuery,
    after: Option<AccountPlace>,
    limit: u32,
) -> QueryResult<Vec<(AccountRow,)>> {
    let role: Vec<&str> = query.role.map(Role::as_str).into_iter().collect();
    let status = status_code(query.status);
    let (created_at, id) = after.map_or_else(youngest, |after| (after.created_at, after.id.0));
    let limit = i64::from(limit);
    if let Some(text) = &query.text {
        let statement = named(text, role, status, created_at, id, limit);
        return statement.load(&mut &*connection).await;
    }
    if is_about_notable(query) {
        let statement = Notable::new(role, status, created_at, id, limit);
        return statement.load(&mut &*connection).await;
    }
    let statement = All::new(role, status, created_at, id, limit);
    statement.load(&mut &*connection).await
}

fn named<'a>(
    text: &'a NamePrefix,
    role: Vec<&'static str>,
    status: i32,
    created_at: Timestamp,
    id: Uuid,
    limit: i64,
) -> Named<'a> {
    let (email, name) = (text.of_email(), text.of_name());
    Named::new(
        email.start,
        email.end,
        name.start,
        name.end,
        name.start,
        name.end,
        role,
        status,
        created_at,
        id,
        limit,
    )
}

/// A place before which nobody is: the end of the year 9999.
fn youngest() -> (Timestamp, Uuid) {
    let end = DateTime::from_timestamp(253_402_300_799, 0);
    (end.unwrap_or_default(), Uuid::max())
}

/// Whether all that are looked for are in the index of those that are more, or less, than a learner's.
fn is_about_notable(query: &AccountQuery) -> bool {
    let role = query.role.is_some_and(|role| role != Role::User);
    role || query.status.is_some_and(|status| status != AccountStatus::Active)
}

const fn status_code(status: Option<AccountStatus>) -> i32 {
    match status {
        None => 0,
        Some(AccountStatus::Active) => 1,
        Some(AccountStatus::Deactivated) => 2,
        Some(AccountStatus::Deleted) => 3,
    }
}

fn accounts(rows: Vec<(AccountRow,)>) -> Result<Vec<Account>, StoreError> {
    let accounts = rows.into_iter().map(|(row,)| {
        let found = AccountWithPassword::try_from(row)?;
        Ok(found.account)
    });
    accounts.collect()
}
