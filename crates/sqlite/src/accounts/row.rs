//! The row of an account.

use std::fmt::{self, Display};

use diesel::Queryable;
use parlance_domain::accounts::{
    Account, AccountWithPassword, Deletion, PasswordHash, Role, Roles, Standing,
};
use parlance_domain::ids::UserId;
use uuid::Uuid;

use crate::convert::{CorruptRow, RowOf};

/// The columns, in the order of [`AccountRow`].
macro_rules! account_columns {
    () => {
        "id, email, username, password_hash, display_name, native_language, target_language, \
         proficiency_level, time_zone, roles, is_premium, email_verified, created_at, updated_at, \
         last_login_at, revision, deactivated_at, deleted_at, purge_at, deleted_by_owner, deletion_reason"
    };
}
pub(crate) use account_columns;

/// What the index of accounts that are more, or less, than a learner's is about.
macro_rules! is_notable {
    () => {
        "(roles <> 'user' OR deactivated_at IS NOT NULL OR deleted_at IS NOT NULL)"
    };
}
pub(crate) use is_notable;

/// Declares a statement that reads accounts: its condition, and whatever follows.
macro_rules! account_select {
    ($(#[$meta:meta])* $name:ident($($field:ident: $rust:ty => $sql_type:ty),+ $(,)?) where $($condition:tt)+) => {
        $crate::statement::statement!(
            $(#[$meta])* $name($($field: $rust => $sql_type),+) -> (
                Binary, Text, Nullable<Text>, Text, Nullable<Text>, Nullable<Text>, Nullable<Text>, Nullable<Text>,
                Text, Text, Bool, Bool, BigInt, BigInt, Nullable<BigInt>, BigInt,
                Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>, Nullable<Bool>, Nullable<Text>
            ) = concat!("SELECT ", $crate::accounts::row::account_columns!(), " FROM accounts WHERE ", $($condition)+)
        );
    };
}
pub(crate) use account_select;

#[derive(Queryable)]
pub(crate) struct AccountRow {
    id: Vec<u8>,
    email: String,
    username: Option<String>,
    password_hash: String,
    display_name: Option<String>,
    native_language: Option<String>,
    target_language: Option<String>,
    proficiency_level: Option<String>,
    time_zone: String,
    roles: String,
    is_premium: bool,
    email_verified: bool,
    created_at: i64,
    updated_at: i64,
    last_login_at: Option<i64>,
    revision: i64,
    deactivated_at: Option<i64>,
    deleted_at: Option<i64>,
    purge_at: Option<i64>,
    deleted_by_owner: Option<bool>,
    deletion_reason: Option<String>,
}

/// Whether an account may be used, as columns hold it.
pub(super) struct StandingColumns {
    pub(super) deactivated_at: Option<i64>,
    pub(super) deleted_at: Option<i64>,
    pub(super) purge_at: Option<i64>,
    pub(super) deleted_by_owner: Option<bool>,
    pub(super) deletion_reason: Option<String>,
}

impl From<&Standing> for StandingColumns {
    fn from(standing: &Standing) -> Self {
        let deletion = match standing {
            Standing::Deleted(deletion) => Some(deletion),
            Standing::Active | Standing::Deactivated { .. } => None,
        };
        let deactivated_at = match standing {
            Standing::Deactivated { since } => Some(since.timestamp_millis()),
            Standing::Active | Standing::Deleted(_) => None,
        };
        Self {
            deactivated_at,
            deleted_at: deletion.map(|deletion| deletion.since.timestamp_millis()),
            purge_at: deletion.map(|deletion| deletion.purge_at.timestamp_millis()),
            deleted_by_owner: deletion.map(|deletion| deletion.by_owner),
            deletion_reason: deletion.and_then(|deletion| deletion.reason.clone()),
        }
    }
}

impl AccountRow {
    fn standing(&self, of: &RowOf<'_>) -> Result<Standing, CorruptRow> {
        if let Some(since) = self.deleted_at {
            let purge_at = of.some(self.purge_at, "purge_at")?;
            return Ok(Standing::Deleted(Deletion {
                by_owner: of.some(self.deleted_by_owner, "deleted_by_owner")?,
                reason: self.deletion_reason.clone(),
                since: of.time(since, "deleted_at")?,
                purge_at: of.time(purge_at, "purge_at")?,
            }));
        }
        let since = of.time_some(self.deactivated_at, "deactivated_at")?;
        Ok(since.map_or(Standing::Active, |since| Standing::Deactivated { since }))
    }
}

impl TryFrom<AccountRow> for AccountWithPassword {
    type Error = CorruptRow;

    fn try_from(row: AccountRow) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "accounts",
            id: &Id(&row.id),
        };
        let account = Account {
            id: UserId(of.uuid(&row.id, "id")?),
            email: of.parse(&row.email, "email")?,
            username: of.parse_some(row.username.as_deref(), "username")?,
            display_name: of.parse_some(row.display_name.as_deref(), "display_name")?,
            roles: roles_from(&row.roles).ok_or_else(|| of.corrupt("roles"))?,
            native_language: of.parse_some(row.native_language.as_deref(), "native_language")?,
            target_language: of.parse_some(row.target_language.as_deref(), "target_language")?,
            proficiency_level: of.parse_some(row.proficiency_level.as_deref(), "proficiency_level")?,
            time_zone: of.parse(&row.time_zone, "time_zone")?,
            is_premium: row.is_premium,
            email_verified: row.email_verified,
            created_at: of.time(row.created_at, "created_at")?,
            updated_at: of.time(row.updated_at, "updated_at")?,
            last_login_at: of.time_some(row.last_login_at, "last_login_at")?,
            standing: row.standing(&of)?,
            revision: of.number(row.revision, "revision")?,
        };
        Ok(Self {
            account,
            password_hash: PasswordHash::from_stored(row.password_hash),
        })
    }
}

/// Roles as a column holds them.
pub(super) fn roles_to(roles: &Roles) -> String {
    let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    names.join(" ")
}

fn roles_from(text: &str) -> Option<Roles> {
    text.split_ascii_whitespace()
        .map(|name| name.parse::<Role>().ok())
        .collect()
}

/// The bytes of an id as people write it.
pub(crate) struct Id<'a>(pub(crate) &'a [u8]);

impl Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Uuid::from_slice(self.0) {
            Ok(id) => id.fmt(f),
            Err(_) => f.write_str("(not an id)"),
        }
    }
}
