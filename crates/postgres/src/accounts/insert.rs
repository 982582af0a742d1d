//! The statement that keeps a new account with its sessions.

use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use parlance_domain::accounts::{
    AccountWithPassword, CefrLevel, DisplayName, LanguageTag, Session, Username,
};
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use super::row::{StandingColumns, roles_to};
use super::sessions::{address, device, user_agent};
use crate::convert::to_i64;
use crate::statement::statement;

statement!(
    #[expect(clippy::too_many_arguments, reason = "one for each column")]
    pub(crate) Insert(
        id: Uuid => SqlUuid,
        email: &'a str => Text,
        email_key: &'a str => Text,
        username: Option<&'a str> => Nullable<Text>,
        username_key: Option<String> => Nullable<Text>,
        password_hash: &'a str => Text,
        display_name: Option<&'a str> => Nullable<Text>,
        native_language: Option<&'a str> => Nullable<Text>,
        target_language: Option<&'a str> => Nullable<Text>,
        proficiency_level: Option<&'a str> => Nullable<Text>,
        time_zone: &'a str => Text,
        roles: Vec<&'static str> => Array<Text>,
        is_premium: bool => Bool,
        email_verified: bool => Bool,
        created_at: Timestamp => Timestamptz,
        updated_at: Timestamp => Timestamptz,
        last_login_at: Option<Timestamp> => Nullable<Timestamptz>,
        revision: i64 => BigInt,
        deactivated_at: Option<Timestamp> => Nullable<Timestamptz>,
        deleted_at: Option<Timestamp> => Nullable<Timestamptz>,
        purge_at: Option<Timestamp> => Nullable<Timestamptz>,
        deleted_by_owner: Option<bool> => Nullable<Bool>,
        deletion_reason: Option<&'a str> => Nullable<Text>,
        display_name_key: Option<String> => Nullable<Text>,
        session_ids: Vec<Uuid> => Array<SqlUuid>,
        counters: Vec<i64> => Array<BigInt>,
        rotated_at: Vec<Timestamp> => Array<Timestamptz>,
        previous_rotated_at: Vec<Option<Timestamp>> => Array<Nullable<Timestamptz>>,
        sessions_created_at: Vec<Timestamp> => Array<Timestamptz>,
        expires_at: Vec<Timestamp> => Array<Timestamptz>,
        revoked_at: Vec<Option<Timestamp>> => Array<Nullable<Timestamptz>>,
        authenticated_at: Vec<Timestamp> => Array<Timestamptz>,
        proofs: Vec<&'static str> => Array<Text>,
        user_agents: Vec<Option<String>> => Array<Nullable<Text>>,
        addresses: Vec<Option<String>> => Array<Nullable<Text>>,
        devices: Vec<Option<Uuid>> => Array<Nullable<SqlUuid>>,
    ) = "WITH account AS (INSERT INTO accounts (id, email, email_key, username, username_key, password_hash, \
            display_name, native_language, target_language, proficiency_level, time_zone, roles, is_premium, \
            email_verified, created_at, updated_at, last_login_at, revision, deactivated_at, deleted_at, purge_at, \
            deleted_by_owner, deletion_reason, display_name_key) \
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id AS user_id), \
         head AS (INSERT INTO progress_heads (user_id, revision, position) SELECT user_id, 0, 0 FROM account), \
         begun AS (INSERT INTO sessions (user_id, id, counter, rotated_at, previous_rotated_at, created_at, expires_at, \
            revoked_at, authenticated_at, proof, user_agent, address, device_id) SELECT account.user_id, session.* \
            FROM account CROSS JOIN unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) AS session \
            RETURNING user_id, device_id, created_at) \
         INSERT INTO known_devices (user_id, id, first_seen_at, last_seen_at) \
         SELECT user_id, device_id, min(created_at), max(created_at) FROM begun WHERE device_id IS NOT NULL \
         GROUP BY user_id, device_id"
);

/// Keeps an account, the head of its progress and its sessions.
pub(crate) fn insert<'a>(whole: &'a AccountWithPassword, sessions: &[Session]) -> Insert<'a> {
    fn column<T>(sessions: &[Session], of: impl Fn(&Session) -> T) -> Vec<T> {
        sessions.iter().map(of).collect()
    }
    let AccountWithPassword {
        account,
        password_hash,
    } = whole;
    let standing = StandingColumns::from(&account.standing);
    Insert::new(
        account.id.0,
        account.email.as_str(),
        account.email.key(),
        account.username.as_ref().map(Username::as_str),
        account.username.as_ref().map(Username::key),
        password_hash.as_str(),
        account.display_name.as_ref().map(DisplayName::as_str),
        account.native_language.as_ref().map(LanguageTag::as_str),
        account.target_language.as_ref().map(LanguageTag::as_str),
        account.proficiency_level.map(CefrLevel::as_str),
        account.time_zone.name(),
        roles_to(&account.roles),
        account.is_premium,
        account.email_verified,
        account.created_at,
        account.updated_at,
        account.last_login_at,
        to_i64(account.revision),
        standing.deactivated_at,
        standing.deleted_at,
        standing.purge_at,
        standing.deleted_by_owner,
        standing.deletion_reason,
        account.display_name.as_ref().map(DisplayName::key),
        column(sessions, |session| session.id.0),
        column(sessions, |session| to_i64(session.counter)),
        column(sessions, |session| session.rotated_at),
        column(sessions, |session| session.previous_rotated_at),
        column(sessions, |session| session.created_at),
        column(sessions, |session| session.expires_at),
        column(sessions, |session| session.revoked_at),
        column(sessions, |session| session.authenticated_at),
        column(sessions, |session| session.proof.as_str()),
        column(sessions, user_agent),
        column(sessions, address),
        column(sessions, device),
    )
}
