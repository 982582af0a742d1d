//! In how many ways the owner of an account can sign in.

use diesel::result::{Error as DieselError, OptionalExtension};
use diesel::sql_types::{BigInt, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use parlance_domain::accounts::{PasswordHash, WaysIn};
use parlance_domain::ids::UserId;
use uuid::Uuid;

use crate::statement::statement;

statement!(
    // Of several that are added or taken away at once, each is counted by the next.
    LockPassword(id: Uuid => SqlUuid) -> (Text,)
        = "SELECT password_hash FROM accounts WHERE id = ? FOR NO KEY UPDATE"
);
statement!(
    HowMany(of_passkeys: Uuid => SqlUuid, of_identities: Uuid => SqlUuid) -> (BigInt, BigInt)
        = "SELECT (SELECT count(*) FROM passkeys WHERE user_id = ?), \
           (SELECT count(*) FROM linked_identities WHERE user_id = ?)"
);

/// What is kept of the password of an account; nobody adds or takes a way in until the transaction under way ends.
pub(super) async fn lock(
    connection: &AsyncPgConnection,
    user: UserId,
) -> Result<Option<PasswordHash>, DieselError> {
    let found = LockPassword::new(user.0).get_result::<(String,)>(&mut &*connection);
    Ok(found
        .await
        .optional()?
        .map(|(hash,)| PasswordHash::from_stored(hash)))
}

/// In how many ways one can sign in to an account, none where there is no account; nobody adds or takes one until the
/// transaction under way ends.
pub(super) async fn ways_in(connection: &AsyncPgConnection, user: UserId) -> Result<WaysIn, DieselError> {
    let password = lock(connection, user).await?;
    let many = HowMany::new(user.0, user.0);
    let (passkeys, identities): (i64, i64) = many.get_result(&mut &*connection).await?;
    Ok(WaysIn {
        password: password.is_some_and(|hash| !hash.is_absent()),
        passkeys: u32::try_from(passkeys).unwrap_or(u32::MAX),
        identities: u32::try_from(identities).unwrap_or(u32::MAX),
    })
}
