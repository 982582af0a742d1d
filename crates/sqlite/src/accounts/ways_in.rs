//! In how many ways the owner of an account can sign in.

use diesel::result::{Error as DieselError, OptionalExtension};
use diesel::sql_types::{BigInt, Binary, Text};
use diesel::{RunQueryDsl, SqliteConnection};
use parlance_domain::accounts::{PasswordHash, WaysIn};
use parlance_domain::ids::UserId;

use crate::statement::statement;

statement!(
    Ways(
        of_passkeys: &'a [u8] => Binary,
        of_identities: &'a [u8] => Binary,
        id: &'a [u8] => Binary,
    ) -> (Text, BigInt, BigInt)
        = "SELECT password_hash, (SELECT count(*) FROM passkeys WHERE user_id = ?), \
           (SELECT count(*) FROM linked_identities WHERE user_id = ?) FROM accounts WHERE id = ?"
);

/// In how many ways one can sign in to an account, none where there is no account, in the transaction under way.
pub(super) fn ways_in(connection: &mut SqliteConnection, user: UserId) -> Result<WaysIn, DieselError> {
    let id = user.0.as_bytes();
    let found: Option<(String, i64, i64)> = Ways::new(id, id, id).get_result(connection).optional()?;
    let Some((hash, passkeys, identities)) = found else {
        return Ok(WaysIn::default());
    };
    Ok(WaysIn {
        password: !PasswordHash::from_stored(hash).is_absent(),
        passkeys: u32::try_from(passkeys).unwrap_or(u32::MAX),
        identities: u32::try_from(identities).unwrap_or(u32::MAX),
    })
}
