//! The rows of accounts and sessions.

use diesel::Queryable;
use diesel::sql_types as sql;
use parlance_domain::accounts::{
    Account, AccountWithPassword, Deletion, Device, PasswordHash, Proof, Role, Roles, Session, Standing,
};
use parlance_domain::audit::UserAgent;
use parlance_domain::ids::{DeviceId, SessionId, UserId};
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use crate::convert::{CorruptRow, RowOf};

/// The columns of an account, in the order of [`AccountRow`].
macro_rules! account_columns {
    () => {
        "id, email, username, password_hash, display_name, native_language, target_language, \
         proficiency_level, time_zone, roles, is_premium, email_verified, created_at, updated_at, \
         last_login_at, revision, deactivated_at, deleted_at, purge_at, deleted_by_owner, deletion_reason"
    };
}
pub(crate) use account_columns;

/// Whether an account may be used: [`Standing::Active`].
macro_rules! is_active {
    () => {
        "(deactivated_at IS NULL AND deleted_at IS NULL)"
    };
}
pub(crate) use is_active;

/// What the index of accounts that are more, or less, than a learner's is about.
macro_rules! is_notable {
    () => {
        "(roles <> '{user}' OR deactivated_at IS NOT NULL OR deleted_at IS NOT NULL)"
    };
}
pub(crate) use is_notable;

/// The types of the columns of an account.
pub(crate) type AccountColumns = (
    sql::Uuid,
    sql::Text,
    sql::Nullable<sql::Text>,
    sql::Text,
    sql::Nullable<sql::Text>,
    sql::Nullable<sql::Text>,
    sql::Nullable<sql::Text>,
    sql::Nullable<sql::Text>,
    sql::Text,
    sql::Array<sql::Text>,
    sql::Bool,
    sql::Bool,
    sql::Timestamptz,
    sql::Timestamptz,
    sql::Nullable<sql::Timestamptz>,
    sql::BigInt,
    sql::Nullable<sql::Timestamptz>,
    sql::Nullable<sql::Timestamptz>,
    sql::Nullable<sql::Timestamptz>,
    sql::Nullable<sql::Bool>,
    sql::Nullable<sql::Text>,
);

#[derive(Queryable)]
pub(crate) struct AccountRow {
    id: Uuid,
    email: String,
    username: Option<String>,
    password_hash: String,
    display_name: Option<String>,
    native_language: Option<String>,
    target_language: Option<String>,
    proficiency_level: Option<String>,
    time_zone: String,
    roles: Vec<String>,
    is_premium: bool,
    email_verified: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
    last_login_at: Option<Timestamp>,
    revision: i64,
    deactivated_at: Option<Timestamp>,
    deleted_at: Option<Timestamp>,
    purge_at: Option<Timestamp>,
    deleted_by_owner: Option<bool>,
    deletion_reason: Option<String>,
}

impl AccountRow {
    fn standing(&self, of: &RowOf<'_>) -> Result<Standing, CorruptRow> {
        if let Some(since) = self.deleted_at {
            return Ok(Standing::Deleted(Deletion {
                by_owner: of.some(self.deleted_by_owner, "deleted_by_owner")?,
                reason: self.deletion_reason.clone(),
                since,
                purge_at: of.some(self.purge_at, "purge_at")?,
            }));
        }
        let deactivated = self.deactivated_at.map(|since| Standing::Deactivated { since });
        Ok(deactivated.unwrap_or(Standing::Active))
    }
}

/// Whether an account may be used, as columns hold it.
#[derive(Default)]
pub(crate) struct StandingColumns<'a> {
    pub(crate) deactivated_at: Option<Timestamp>,
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) purge_at: Option<Timestamp>,
    pub(crate) deleted_by_owner: Option<bool>,
    pub(crate) deletion_reason: Option<&'a str>,
}

impl<'a> From<&'a Standing> for StandingColumns<'a> {
    fn from(standing: &'a Standing) -> Self {
        match standing {
            Standing::Active => Self::default(),
            Standing::Deactivated { since } => Self {
                deactivated_at: Some(*since),
                ..Self::default()
            },
            Standing::Deleted(deletion) => Self {
                deactivated_at: None,
                deleted_at: Some(deletion.since),
                purge_at: Some(deletion.purge_at),
                deleted_by_owner: Some(deletion.by_owner),
                deletion_reason: deletion.reason.as_deref(),
            },
        }
    }
}

impl TryFrom<AccountRow> for AccountWithPassword {
    type Error = CorruptRow;

    fn try_from(row: AccountRow) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "accounts",
            id: &row.id,
        };
        let account = Account {
            id: UserId(row.id),
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
            created_at: row.created_at,
            updated_at: row.updated_at,
            last_login_at: row.last_login_at,
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
pub(crate) fn roles_to(roles: &Roles) -> Vec<&'static str> {
    roles.iter().map(|role| role.as_str()).collect()
}

fn roles_from(names: &[String]) -> Option<Roles> {
    names.iter().map(|name| name.parse::<Role>().ok()).collect()
}

/// The columns of a session, in the order of [`SessionRow`].
macro_rules! session_columns {
    () => {
        "user_id, id, counter, rotated_at, previous_rotated_at, created_at, expires_at, revoked_at, \
         authenticated_at, proof, user_agent, address, device_id"
    };
}
pub(crate) use session_columns;

/// The types of the columns of a session.
pub(crate) type SessionColumns = (
    sql::Uuid,
    sql::Uuid,
    sql::BigInt,
    sql::Timestamptz,
    sql::Nullable<sql::Timestamptz>,
    sql::Timestamptz,
    sql::Timestamptz,
    sql::Nullable<sql::Timestamptz>,
    sql::Nullable<sql::Timestamptz>,
    sql::Nullable<sql::Text>,
    sql::Nullable<sql::Text>,
    sql::Nullable<sql::Text>,
    sql::Nullable<sql::Uuid>,
);

#[derive(Queryable)]
pub(crate) struct SessionRow {
    user_id: Uuid,
    id: Uuid,
    counter: i64,
    rotated_at: Timestamp,
    previous_rotated_at: Option<Timestamp>,
    created_at: Timestamp,
    expires_at: Timestamp,
    revoked_at: Option<Timestamp>,
    authenticated_at: Option<Timestamp>,
    proof: Option<String>,
    user_agent: Option<String>,
    address: Option<String>,
    device_id: Option<Uuid>,
}

impl TryFrom<SessionRow> for Session {
    type Error = CorruptRow;

    fn try_from(row: SessionRow) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "sessions",
            id: &row.id,
        };
        Ok(Self {
            id: SessionId(row.id),
            user_id: UserId(row.user_id),
            counter: of.number(row.counter, "counter")?,
            rotated_at: row.rotated_at,
            previous_rotated_at: row.previous_rotated_at,
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            authenticated_at: row.authenticated_at.unwrap_or(row.created_at),
            proof: of
                .parse_some(row.proof.as_deref(), "proof")?
                .unwrap_or(Proof::Password),
            device: Device {
                id: row.device_id.map(DeviceId),
                user_agent: row.user_agent.as_deref().and_then(UserAgent::of),
                address: of.parse_some(row.address.as_deref(), "address")?,
            },
        })
    }
}
