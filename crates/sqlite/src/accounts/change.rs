//! A change of an account, with all that goes with it.

use diesel::result::{DatabaseErrorKind, Error as DieselError, OptionalExtension};
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
use diesel::{RunQueryDsl, SqliteConnection};
use parlance_domain::accounts::{
    Account, AccountChange, CefrLevel, DisplayName, Ends, Forgets, LanguageTag, LockoutKey, PasswordHash,
    SaveAccountError, Username,
};
use parlance_domain::ids::{SessionId, UserId};

use super::api_keys::revoke_keys;
use super::identities::{link, unlink_all, unlink_others};
use super::lockouts;
use super::passkeys::remove_passkeys;
use super::row::{StandingColumns, is_notable, roles_to};
use super::second_factors::forget_factor;
use super::secrets::{redeem, spend_all};
use super::sessions::end;
use super::store::account;
use crate::consequences;
use crate::convert::to_i64;
use crate::database::{Fail, StoreError};
use crate::settings::forget_keys;
use crate::statement::statement;

statement!(
    #[expect(clippy::too_many_arguments, reason = "one for each column that changes")]
    Save(
        email: &'a str => Text,
        email_key: &'a str => Text,
        username: Option<&'a str> => Nullable<Text>,
        username_key: Option<String> => Nullable<Text>,
        display_name: Option<&'a str> => Nullable<Text>,
        display_name_key: Option<String> => Nullable<Text>,
        native_language: Option<&'a str> => Nullable<Text>,
        target_language: Option<&'a str> => Nullable<Text>,
        proficiency_level: Option<&'a str> => Nullable<Text>,
        time_zone: &'a str => Text,
        roles: String => Text,
        is_premium: bool => Bool,
        email_verified: bool => Bool,
        updated_at: i64 => BigInt,
        deactivated_at: Option<i64> => Nullable<BigInt>,
        deleted_at: Option<i64> => Nullable<BigInt>,
        purge_at: Option<i64> => Nullable<BigInt>,
        deleted_by_owner: Option<bool> => Nullable<Bool>,
        deletion_reason: Option<String> => Nullable<Text>,
        password_hash: Option<&'a str> => Nullable<Text>,
        revision: i64 => BigInt,
        id: &'a [u8] => Binary,
        expected: i64 => BigInt,
    ) = "UPDATE accounts SET email = ?, email_key = ?, username = ?, username_key = ?, display_name = ?, \
         display_name_key = ?, native_language = ?, target_language = ?, proficiency_level = ?, time_zone = ?, roles = ?, \
         is_premium = ?, email_verified = ?, updated_at = ?, deactivated_at = ?, deleted_at = ?, purge_at = ?, \
         deleted_by_owner = ?, deletion_reason = ?, password_hash = coalesce(?, password_hash), revision = ? \
         WHERE id = ? AND revision = ?"
);
statement!(
    AnotherAdministrator(id: &'a [u8] => Binary) -> (BigInt)
        = concat!("SELECT 1 FROM accounts WHERE ", is_notable!(), " AND id <> ? \
            AND instr(' ' || roles || ' ', ' admin ') > 0 AND deactivated_at IS NULL AND deleted_at IS NULL LIMIT 1")
);

statement!(
    RaiseRevision(id: &'a [u8] => Binary) = "UPDATE accounts SET revision = revision + 1 WHERE id = ?"
);

/// Why a change was not made.
pub(super) enum Refusal {
    Conflict,
    SecretSpent,
    EmailTaken,
    IdentityTaken,
    LastAdministrator,
}

impl From<Refusal> for SaveAccountError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Conflict => Self::Conflict,
            Refusal::SecretSpent => Self::SecretSpent,
            Refusal::EmailTaken => Self::EmailTaken,
            Refusal::IdentityTaken => Self::IdentityTaken,
            Refusal::LastAdministrator => Self::LastAdministrator,
        }
    }
}

/// Makes a change in the transaction under way; says which sessions it ended.
pub(super) fn save(
    connection: &mut SqliteConnection,
    change: &AccountChange,
) -> Result<Vec<SessionId>, Fail<Refusal>> {
    let (id, now) = (change.account.id, change.account.updated_at);
    let before = account(connection, id).map_err(Fail::never)?;
    let before = before.filter(|before| before.account.revision == change.expected);
    let before = before.ok_or(Fail::Refused(Refusal::Conflict))?.account;
    if before.is_administrator() && !change.account.is_administrator() && !has_other(connection, id)? {
        return Err(Fail::Refused(Refusal::LastAdministrator));
    }
    if let Some(secret) = change.redeems
        && !redeem(connection, id, secret, now)?
    {
        return Err(Fail::Refused(Refusal::SecretSpent));
    }
    write(connection, change)?;
    if change.password_hash.is_some() || before.email != change.account.email {
        spend_all(connection, id, now)?;
    }
    if change.password_hash.is_some() {
        // Whoever can set it need not guess it.
        lockouts::forget(connection, LockoutKey::of_email(&before.email))?;
    }
    let ended = end(connection, id, change.ends, now).map_err(Fail::never)?;
    if change.password_hash.is_some() && change.ends == Ends::AllSessions {
        // Whoever takes an account back takes it from the keys that others may have made.
        revoke_keys(connection, id)?;
        remove_passkeys(connection, id)?;
    }
    forget(connection, change)?;
    if let Some(identity) = &change.links
        && !link(connection, identity)?
    {
        return Err(Fail::Refused(Refusal::IdentityTaken));
    }
    consequences::keep(connection, &change.consequences)?;
    Ok(ended)
}

fn forget(connection: &mut SqliteConnection, change: &AccountChange) -> Result<(), Fail<Refusal>> {
    let id = change.account.id;
    match change.forgets {
        Forgets::Nothing => {}
        Forgets::IdentitiesOfOthers => {
            unlink_others(connection, id, &change.account.email).map_err(Fail::never)?;
        }
        Forgets::Everything => {
            unlink_all(connection, id)?;
            forget_factor(connection, id)?;
            forget_keys(connection, id)?;
        }
    }
    Ok(())
}

fn has_other(connection: &mut SqliteConnection, id: UserId) -> Result<bool, DieselError> {
    let other = AnotherAdministrator::new(id.0.as_bytes()).get_result::<(i64,)>(connection);
    Ok(other.optional()?.is_some())
}

/// Changes nothing of an account but its revision, in the transaction under way: whoever read it before reads it again.
pub(super) fn raise_revision(connection: &mut SqliteConnection, id: UserId) -> Result<(), DieselError> {
    RaiseRevision::new(id.0.as_bytes()).execute(connection)?;
    Ok(())
}

fn write(connection: &mut SqliteConnection, change: &AccountChange) -> Result<(), Fail<Refusal>> {
    match statement(change).execute(connection) {
        Ok(0) => Err(Fail::Refused(Refusal::Conflict)),
        Ok(_) => Ok(()),
        // The username of an account never changes.
        Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => {
            Err(Fail::Refused(Refusal::EmailTaken))
        }
        Err(error) => Err(StoreError::from(error).into()),
    }
}

fn statement(change: &AccountChange) -> Save<'_> {
    let account: &Account = &change.account;
    let standing = StandingColumns::from(&account.standing);
    Save::new(
        account.email.as_str(),
        account.email.key(),
        account.username.as_ref().map(Username::as_str),
        account.username.as_ref().map(Username::key),
        account.display_name.as_ref().map(DisplayName::as_str),
        account.display_name.as_ref().map(DisplayName::key),
        account.native_language.as_ref().map(LanguageTag::as_str),
        account.target_language.as_ref().map(LanguageTag::as_str),
        account.proficiency_level.map(CefrLevel::as_str),
        account.time_zone.name(),
        roles_to(&account.roles),
        account.is_premium,
        account.email_verified,
        account.updated_at.timestamp_millis(),
        standing.deactivated_at,
        standing.deleted_at,
        standing.purge_at,
        standing.deleted_by_owner,
        standing.deletion_reason,
        change.password_hash.as_ref().map(PasswordHash::as_str),
        to_i64(account.revision),
        account.id.0.as_bytes(),
        to_i64(change.expected),
    )
}
