//! The directory of all accounts.

use async_trait::async_trait;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
use diesel::{RunQueryDsl, SqliteConnection};
use parlance_domain::accounts::{Account, AccountWithPassword, Role};
use parlance_domain::admin::{AccountDirectory, AccountPlace, AccountQuery, AccountStatus, NamePrefix};
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

/// The filters, the place and the order of every page. What is looked for in nothing is found in everything; the
/// statuses are those of [`status_code`].
macro_rules! page {
    () => {
        "instr(' ' || roles || ' ', ?) > 0 \
         AND ? IN (0, CASE WHEN deleted_at IS NOT NULL THEN 3 WHEN deactivated_at IS NOT NULL THEN 2 ELSE 1 END) \
         AND (created_at, id) < (?, ?) ORDER BY created_at DESC, id DESC LIMIT ?"
    };
}

account_select!(
    All(
        role: &'a str => Text,
        status: i64 => BigInt,
        created_at: i64 => BigInt,
        id: &'a [u8] => Binary,
        limit: i64 => BigInt,
    ) where page!()
);
account_select!(
    Notable(
        role: &'a str => Text,
        status: i64 => BigInt,
        created_at: i64 => BigInt,
        id: &'a [u8] => Binary,
        limit: i64 => BigInt,
    ) where is_notable!(), " AND ", page!()
);
account_select!(
    #[expect(clippy::too_many_arguments, reason = "three ranges, two filters, a place and a limit")]
    Named(
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
    ) where "id IN (SELECT id FROM accounts WHERE email_key >= ? AND email_key < ? \
        UNION SELECT id FROM accounts WHERE username_key >= ? AND username_key < ? \
        UNION SELECT id FROM accounts WHERE display_name_key >= ? AND display_name_key < ?) AND ", page!()
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
        let purged = self.database.write(move |connection| {
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
) -> diesel::QueryResult<Vec<AccountRow>> {
    let role = query.role.map(|role| format!(" {} ", role.as_str()));
    let role = role.unwrap_or_default();
    let status = status_code(query.status);
    // Nobody is younger.
    let (created_at, id) = after.map_or((i64::MAX, [u8::MAX; 16]), |after| {
        (after.created_at.timestamp_millis(), after.id.0.into_bytes())
    });
    let limit = i64::from(limit);
    if let Some(text) = &query.text {
        return named(text, &role, status, created_at, &id, limit).load(connection);
    }
    if is_about_notable(query) {
        return Notable::new(&role, status, created_at, &id, limit).load(connection);
    }
    All::new(&role, status, created_at, &id, limit).load(connection)
}

fn named<'a>(
    text: &'a NamePrefix,
    role: &'a str,
    status: i64,
    created_at: i64,
    id: &'a [u8],
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
