//! The directory of all accounts.

use std::time::Duration;

use async_trait::async_trait;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
use diesel::{QueryResult, RunQueryDsl, SqliteConnection};
use parlance_domain::accounts::{Account, AccountWithPassword, Role};
use parlance_domain::admin::{AccountDirectory, AccountPlace, AccountQuery, AccountStatus};
use parlance_domain::audit::AuditEntry;
use parlance_domain::ids::UserId;
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;

use crate::accounts::row::{AccountRow, account_select, is_notable};
use crate::consequences::keep_entries;
use crate::convert::{CorruptRow, RowOf};
use crate::database::{NoRefusal, SqliteDatabase};
use crate::statement::statement;

const PORT: &str = "AccountDirectory";

/// How many accounts are looked up by their names; more are found sooner by walking through all, the youngest first.
const FEW: u32 = 1_000;
/// How long the purge of one account may take: the log of years is many rows.
const PURGE_DEADLINE: Duration = Duration::from_mins(1);

/// The filters, the place and the order of every page. What is looked for in nothing is found in everything; the
/// statuses are those of [`status_code`].
macro_rules! page {
    () => {
        "instr(' ' || roles || ' ', ?) > 0 \
         AND ? IN (0, CASE WHEN deleted_at IS NOT NULL THEN 3 WHEN deactivated_at IS NOT NULL THEN 2 ELSE 1 END) \
         AND (created_at, id) < (?, ?) ORDER BY created_at DESC, id DESC LIMIT ?"
    };
}

/// Declares a statement that reads a page of those whose names lie within ranges.
macro_rules! page_select {
    ($name:ident where $($condition:tt)+) => {
        account_select!(
            #[expect(clippy::too_many_arguments, reason = "three ranges, two filters, a place and a limit")]
            $name(
                email_start: &'a str => Text,
                email_end: &'a str => Text,
                username_start: &'a str => Text,
                username_end: &'a str => Text,
                display_name_start: &'a str => Text,
                display_name_end: &'a str => Text,
                role: &'a str => Text,
                status: i64 => BigInt,
                created_at: i64 => BigInt,
                id: &'a [u8] => Binary,
                limit: i64 => BigInt,
            ) where $($condition)+, page!()
        );
    };
}

/// The names as they are compared on a walk: without their indexes, whose order is another.
macro_rules! is_named {
    () => {
        "(+email_key >= ? AND +email_key < ? OR +username_key >= ? AND +username_key < ? \
          OR +display_name_key >= ? AND +display_name_key < ?) AND "
    };
}

page_select!(All where is_named!());
page_select!(Notable where is_notable!(), " AND ", is_named!());
page_select!(Few where "id IN (SELECT id FROM accounts WHERE email_key >= ? AND email_key < ? \
    UNION SELECT id FROM accounts WHERE username_key >= ? AND username_key < ? \
    UNION SELECT id FROM accounts WHERE display_name_key >= ? AND display_name_key < ?) AND ");
statement!(
    #[expect(clippy::too_many_arguments, reason = "three ranges, each with a limit")]
    Count(
        email_start: &'a str => Text,
        email_end: &'a str => Text,
        emails: i64 => BigInt,
        username_start: &'a str => Text,
        username_end: &'a str => Text,
        usernames: i64 => BigInt,
        display_name_start: &'a str => Text,
        display_name_end: &'a str => Text,
        display_names: i64 => BigInt,
    ) -> (BigInt) = "SELECT count(*) FROM (\
        SELECT id FROM (SELECT id FROM accounts WHERE email_key >= ? AND email_key < ? LIMIT ?) \
        UNION SELECT id FROM (SELECT id FROM accounts WHERE username_key >= ? AND username_key < ? LIMIT ?) \
        UNION SELECT id FROM (SELECT id FROM accounts WHERE display_name_key >= ? AND display_name_key < ? LIMIT ?))"
);
statement!(
    Due(now: i64 => BigInt, limit: i64 => BigInt) -> (Binary)
        = "SELECT id FROM accounts WHERE purge_at <= ? ORDER BY purge_at LIMIT ?"
);
statement!(
    Purge(id: &'a [u8] => Binary, now: i64 => BigInt)
        = "DELETE FROM accounts WHERE id = ? AND purge_at <= ?"
);

/// The directory of the accounts in the database.
#[derive(Clone)]
pub struct SqliteDirectory {
    database: SqliteDatabase,
}

impl SqliteDirectory {
    /// The directory of the accounts in this database.
    pub fn new(database: SqliteDatabase) -> Self {
        Self { database }
    }
}

#[async_trait]
impl AccountDirectory for SqliteDirectory {
    async fn page(
        &self,
        query: &AccountQuery,
        after: Option<AccountPlace>,
        limit: u32,
    ) -> Result<Vec<Account>, PortError> {
        let query = query.clone();
        let found = self.database.read(move |connection| {
            let rows = page(connection, &query, after, limit)?.into_iter();
            let accounts = rows.map(|row| AccountWithPassword::try_from(row).map(|found| found.account));
            Ok(accounts.collect::<Result<_, CorruptRow>>()?)
        });
        found.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<UserId>, PortError> {
        let found = self.database.read(move |connection| {
            let rows: Vec<(Vec<u8>,)> =
                Due::new(now.timestamp_millis(), i64::from(limit)).load(connection)?;
            Ok(rows.iter().map(id).collect::<Result<_, CorruptRow>>()?)
        });
        found.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn purge(&self, id: UserId, now: Timestamp, entry: &AuditEntry) -> Result<bool, PortError> {
        let entry = entry.clone();
        let purged = self.database.write_within(PURGE_DEADLINE, move |connection| {
            let statement = Purge::new(id.0.as_bytes(), now.timestamp_millis());
            let is_purged = statement.execute(connection)? > 0;
            if is_purged {
                keep_entries(connection, std::slice::from_ref(&entry))?;
            }
            Ok(is_purged)
        });
        purged.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }
}

fn page(
    connection: &mut SqliteConnection,
    query: &AccountQuery,
    after: Option<AccountPlace>,
    limit: u32,
) -> QueryResult<Vec<AccountRow>> {
    macro_rules! load {
        ($statement:ident) => {{
            let (email, name) = (query.emails(), query.names());
            let role = query.role.map(|role| format!(" {} ", role.as_str()));
            let role = role.unwrap_or_default();
            let status = status_code(query.status);
            let (created_at, id) = place(after);
            $statement::new(
                email.start,
                email.end,
                name.start,
                name.end,
                name.start,
                name.end,
                &role,
                status,
                created_at,
                &id,
                i64::from(limit),
            )
            .load(connection)
        }};
    }
    if is_about_notable(query) {
        load!(Notable)
    } else if is_about_few(connection, query)? {
        load!(Few)
    } else {
        load!(All)
    }
}

/// Behind nobody, nobody is younger.
fn place(after: Option<AccountPlace>) -> (i64, [u8; 16]) {
    after.map_or((i64::MAX, [u8::MAX; 16]), |after| {
        (after.created_at.timestamp_millis(), after.id.0.into_bytes())
    })
}

/// Whether the names that are looked for are those of few accounts.
fn is_about_few(connection: &mut SqliteConnection, query: &AccountQuery) -> QueryResult<bool> {
    if query.text.is_none() {
        return Ok(false);
    }
    let (email, name, more) = (query.emails(), query.names(), i64::from(FEW) + 1);
    let count = Count::new(
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
    let (count,): (i64,) = count.get_result(connection)?;
    Ok(count < more)
}

/// Whether all that are looked for are in the index of those that are more, or less, than a learner's.
fn is_about_notable(query: &AccountQuery) -> bool {
    let role = query.role.is_some_and(|role| role != Role::User);
    role || query.status.is_some_and(|status| status != AccountStatus::Active)
}

const fn status_code(status: Option<AccountStatus>) -> i64 {
    match status {
        None => 0,
        Some(AccountStatus::Active) => 1,
        Some(AccountStatus::Deactivated) => 2,
        Some(AccountStatus::Deleted) => 3,
    }
}

fn id((id,): &(Vec<u8>,)) -> Result<UserId, CorruptRow> {
    let of = RowOf {
        table: "accounts",
        id: &"(due)",
    };
    of.uuid(id, "id").map(UserId)
}
