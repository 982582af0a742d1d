//! The directory of all accounts.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::DateTime;
use diesel::QueryResult;
use diesel::sql_types::{Array, BigInt, Integer, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;
use parlance_domain::accounts::{Account, AccountWithPassword, Role};
use parlance_domain::admin::{AccountDirectory, AccountPlace, AccountQuery, AccountStatus};
use parlance_domain::audit::AuditEntry;
use parlance_domain::ids::UserId;
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use crate::accounts::row::{AccountColumns, AccountRow, account_columns, is_notable};
use crate::consequences::keep_entries;
use crate::database::{PgDatabase, Repeat, StoreError, WRITES};
use crate::statement::statement;

const PORT: &str = "AccountDirectory";

/// How many accounts are looked up by their names; more are found sooner by walking through all, the youngest first.
const FEW: u32 = 1_000;

/// The filters, the place and the order of every page. Every array holds what an empty one holds; the statuses are those
/// of [`status_code`].
macro_rules! page {
    () => {
        "roles @> ? \
         AND ? IN (0, CASE WHEN deleted_at IS NOT NULL THEN 3 WHEN deactivated_at IS NOT NULL THEN 2 ELSE 1 END) \
         AND (created_at, id) < (?, ?) ORDER BY created_at DESC, id DESC LIMIT ?"
    };
}

/// Declares a statement that walks through accounts and reads a page of those whose names lie within ranges.
macro_rules! walk {
    ($name:ident where $condition:expr) => {
        statement!(
            #[expect(clippy::too_many_arguments, reason = "three ranges, two filters, a place and a limit")]
            $name(
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
                "SELECT ", account_columns!(), " FROM accounts WHERE ", $condition,
                "(email_key >= ? AND email_key < ? OR username_key >= ? AND username_key < ? \
                  OR display_name_key >= ? AND display_name_key < ?) AND ", page!()
            )
        );
    };
}

walk!(All where "");
walk!(Notable where concat!(is_notable!(), " AND "));
statement!(
    Few(
        ids: &'a [Uuid] => Array<SqlUuid>,
        role: Vec<&'static str> => Array<Text>,
        status: i32 => Integer,
        created_at: Timestamp => Timestamptz,
        id: Uuid => SqlUuid,
        limit: i64 => BigInt,
    ) -> (AccountColumns,) = concat!(
        "SELECT ", account_columns!(), " FROM accounts WHERE id = ANY (?) AND ", page!()
    )
);
// In the order of their indexes, lest all that lies within is gathered before the first few are taken.
statement!(
    #[expect(clippy::too_many_arguments, reason = "three ranges, each with a limit")]
    Named(
        email_start: &'a str => Text,
        email_end: &'a str => Text,
        emails: i64 => BigInt,
        username_start: &'a str => Text,
        username_end: &'a str => Text,
        usernames: i64 => BigInt,
        display_name_start: &'a str => Text,
        display_name_end: &'a str => Text,
        display_names: i64 => BigInt,
    ) -> (SqlUuid,) = "(SELECT id FROM accounts WHERE email_key >= ? AND email_key < ? ORDER BY email_key LIMIT ?) \
        UNION (SELECT id FROM accounts WHERE username_key >= ? AND username_key < ? ORDER BY username_key LIMIT ?) \
        UNION (SELECT id FROM accounts WHERE display_name_key >= ? AND display_name_key < ? ORDER BY display_name_key LIMIT ?)"
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
        let entry = entry.clone();
        // The log of years is many rows: it takes its time, on a connection of its own.
        let bulk = self.database.bulk();
        let purged = bulk.transaction(WRITES, move |connection| {
            async move {
                let is_purged = Purge::new(id.0, now).execute(&mut &*connection).await? > 0;
                if is_purged {
                    keep_entries(connection, std::slice::from_ref(&entry)).await?;
                }
                Ok(is_purged)
            }
            .boxed()
        });
        purged.await.map_err(|error| error.into_port(PORT))
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
    let is_notable = is_about_notable(query);
    if !is_notable && let Some(ids) = few(connection, query).await? {
        let statement = Few::new(&ids, role, status, created_at, id, limit);
        return statement.load(&mut &*connection).await;
    }
    macro_rules! walk {
        ($statement:ident) => {{
            let (email, name) = (query.emails(), query.names());
            let statement = $statement::new(
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
            );
            statement.load(&mut &*connection).await
        }};
    }
    if is_notable { walk!(Notable) } else { walk!(All) }
}

/// The accounts whose names are looked for, if they are few.
async fn few(connection: &AsyncPgConnection, query: &AccountQuery) -> QueryResult<Option<Vec<Uuid>>> {
    if query.text.is_none() {
        return Ok(None);
    }
    let (email, name, more) = (query.emails(), query.names(), i64::from(FEW) + 1);
    let statement = Named::new(
        email.start,
        email.end,
        more,
        name.start,
        name.end,
        more,
        name.start,
        name.end,
        more,
    );
    let found: Vec<(Uuid,)> = statement.load(&mut &*connection).await?;
    let is_few = i64::try_from(found.len()).is_ok_and(|count| count < more);
    Ok(is_few.then(|| found.into_iter().map(|(id,)| id).collect()))
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
