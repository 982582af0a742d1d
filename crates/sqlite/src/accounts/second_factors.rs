//! The store of second factors and recovery codes.

use async_trait::async_trait;
use diesel::result::{Error as DieselError, OptionalExtension};
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::{RunQueryDsl, SqliteConnection};
use parlance_domain::accounts::{
    Ends, NewFactor, SecondFactor, SecondFactorRecord, SecondFactorStore, TotpSecret,
};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{SessionId, UserId};
use parlance_domain::port::PortError;
use parlance_domain::sealing::{KeptSecret, KeyId, Sealed, SealedSecrets};
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use super::change::raise_revision;
use super::sessions::end;
use crate::consequences;
use crate::convert::{CorruptRow, RowOf, to_i64};
use crate::database::{NoRefusal, SqliteDatabase, StoreError};
use crate::statement::statement;

const PORT: &str = "SecondFactorStore";

statement!(
    ByUser(of_codes: &'a [u8] => Binary, user_id: &'a [u8] => Binary) -> (
        Text, BigInt, Nullable<BigInt>, BigInt, BigInt
    ) = "SELECT secret, created_at, confirmed_at, last_step, \
         (SELECT count(*) FROM recovery_codes WHERE user_id = ?) FROM second_factors WHERE user_id = ?"
);
statement!(
    Begin(user_id: &'a [u8] => Binary, secret: &'a str => Text, key_id: &'a str => Text, created_at: i64 => BigInt)
        = "INSERT INTO second_factors (user_id, secret, key_id, created_at, last_step) VALUES (?, ?, ?, ?, 0) \
           ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, key_id = excluded.key_id, \
           created_at = excluded.created_at \
           WHERE second_factors.confirmed_at IS NULL"
);
statement!(
    Confirm(
        confirmed_at: i64 => BigInt,
        last_step: i64 => BigInt,
        user_id: &'a [u8] => Binary,
        secret: String => Text,
    ) = "UPDATE second_factors SET confirmed_at = ?, last_step = ? \
         WHERE user_id = ? AND secret = ? AND confirmed_at IS NULL"
);
statement!(
    UseStep(last_step: i64 => BigInt, user_id: &'a [u8] => Binary, step: i64 => BigInt)
        = "UPDATE second_factors SET last_step = ? \
           WHERE user_id = ? AND confirmed_at IS NOT NULL AND last_step < ?"
);
statement!(
    UseCode(user_id: &'a [u8] => Binary, digest: &'a [u8] => Binary)
        = "DELETE FROM recovery_codes WHERE user_id = ? AND digest = ?"
);
statement!(
    IsConfirmed(user_id: &'a [u8] => Binary) -> (BigInt)
        = "SELECT 1 FROM second_factors WHERE user_id = ? AND confirmed_at IS NOT NULL"
);
statement!(
    InsertCode(user_id: &'a [u8] => Binary, digest: &'a [u8] => Binary)
        = "INSERT INTO recovery_codes (user_id, digest) VALUES (?, ?)"
);
statement!(
    Codes(user_id: &'a [u8] => Binary) -> (Binary)
        = "SELECT digest FROM recovery_codes WHERE user_id = ? ORDER BY digest"
);
statement!(
    ForgetCodes(user_id: &'a [u8] => Binary) = "DELETE FROM recovery_codes WHERE user_id = ?"
);
statement!(
    Remove(user_id: &'a [u8] => Binary)
        = "DELETE FROM second_factors WHERE user_id = ? AND confirmed_at IS NOT NULL"
);
statement!(
    Forget(user_id: &'a [u8] => Binary) = "DELETE FROM second_factors WHERE user_id = ?"
);
statement!(
    Keep(
        user_id: &'a [u8] => Binary,
        secret: String => Text,
        key_id: &'a str => Text,
        created_at: i64 => BigInt,
        confirmed_at: Option<i64> => Nullable<BigInt>,
        last_step: i64 => BigInt,
    ) = "INSERT INTO second_factors (user_id, secret, key_id, created_at, confirmed_at, last_step) \
         VALUES (?, ?, ?, ?, ?, ?)"
);

statement!(
    SealedOtherwise(key_id: &'a str => Text, user_id: &'a [u8] => Binary, limit: i64 => BigInt) -> (Binary, Text)
        = "SELECT user_id, secret FROM second_factors WHERE key_id <> ? AND user_id > ? ORDER BY user_id LIMIT ?"
);
statement!(
    Replace(
        after: String => Text,
        key_id: &'a str => Text,
        user_id: &'a [u8] => Binary,
        before: String => Text,
    ) = "UPDATE second_factors SET secret = ?, key_id = ? WHERE user_id = ? AND secret = ?"
);

/// The second factors in the database.
#[derive(Clone)]
pub struct SqliteSecondFactors {
    database: SqliteDatabase,
}

impl SqliteSecondFactors {
    /// The second factors in this database.
    pub fn new(database: SqliteDatabase) -> Self {
        Self { database }
    }

    /// Does something, and writes the consequences if it was done.
    async fn write_if<F>(&self, consequences: &Consequences, mut work: F) -> Result<bool, PortError>
    where
        F: FnMut(&mut SqliteConnection) -> Result<bool, DieselError> + Send + 'static,
    {
        let consequences = consequences.clone();
        let written = self.database.write(move |connection| {
            let was_done = work(connection)?;
            if was_done {
                consequences::keep(connection, &consequences)?;
            }
            Ok(was_done)
        });
        written.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }
}

#[async_trait]
impl SecondFactorStore for SqliteSecondFactors {
    async fn by_user(&self, user: UserId) -> Result<Option<SecondFactor>, PortError> {
        let found = self.database.read(move |connection| {
            let row = row(connection, user)?;
            Ok(row.map(|row| row.into_factor(user)).transpose()?)
        });
        found.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn begin(&self, user: UserId, secret: &Sealed, now: Timestamp) -> Result<bool, PortError> {
        let (secret, key) = (secret.encode(), secret.key_id.clone());
        let begun = self.database.write(move |connection| {
            let statement = Begin::new(user.0.as_bytes(), &secret, key.as_str(), now.timestamp_millis());
            let begun = statement.execute(connection);
            Ok(begun.map_err(StoreError::of_owner)? > 0)
        });
        begun.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn confirm(&self, factor: &NewFactor, consequences: &Consequences) -> Result<bool, PortError> {
        let factor = factor.clone();
        let confirm = move |connection: &mut SqliteConnection| {
            let (user, now) = (factor.user_id, factor.now.timestamp_millis());
            let step = to_i64(factor.step);
            let confirm = Confirm::new(now, step, user.0.as_bytes(), factor.secret.encode());
            if confirm.execute(connection)? == 0 {
                return Ok(false);
            }
            put_codes(connection, user, &factor.codes)?;
            raise_revision(connection, user)?;
            Ok(true)
        };
        self.write_if(consequences, confirm).await
    }

    async fn use_step(&self, user: UserId, step: u64) -> Result<bool, PortError> {
        let step = to_i64(step);
        let outcome = self.database.write(move |connection| {
            let statement = UseStep::new(step, user.0.as_bytes(), step);
            Ok(statement.execute(connection)? > 0)
        });
        outcome.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn use_code(
        &self,
        user: UserId,
        digest: &[u8; 32],
        consequences: &Consequences,
    ) -> Result<bool, PortError> {
        let digest = *digest;
        let use_code = move |connection: &mut SqliteConnection| {
            let statement = UseCode::new(user.0.as_bytes(), &digest);
            Ok(statement.execute(connection)? > 0)
        };
        self.write_if(consequences, use_code).await
    }

    async fn renew_codes(
        &self,
        user: UserId,
        codes: &[[u8; 32]],
        consequences: &Consequences,
    ) -> Result<bool, PortError> {
        let codes = codes.to_vec();
        let renew = move |connection: &mut SqliteConnection| {
            let confirmed = IsConfirmed::new(user.0.as_bytes()).get_result::<(i64,)>(connection);
            if confirmed.optional()?.is_none() {
                return Ok(false);
            }
            put_codes(connection, user, &codes)?;
            Ok(true)
        };
        self.write_if(consequences, renew).await
    }

    async fn remove(
        &self,
        user: UserId,
        ends: Ends,
        now: Timestamp,
        consequences: &Consequences,
    ) -> Result<Option<Vec<SessionId>>, PortError> {
        let consequences = consequences.clone();
        let removed = self.database.write(move |connection| {
            if Remove::new(user.0.as_bytes()).execute(connection)? == 0 {
                return Ok(None);
            }
            ForgetCodes::new(user.0.as_bytes()).execute(connection)?;
            raise_revision(connection, user)?;
            let ended = end(connection, user, ends, now)?;
            consequences::keep(connection, &consequences)?;
            Ok(Some(ended))
        });
        removed.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }
}

#[async_trait]
impl SealedSecrets for SqliteSecondFactors {
    fn kind(&self) -> &'static str {
        "secrets of second factors"
    }

    async fn sealed_otherwise(
        &self,
        than: &KeyId,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<KeptSecret>, PortError> {
        let (than, after) = (than.clone(), after.map(str::to_owned));
        let found = self.database.read(move |connection| {
            let user = place_of(after.as_deref())?;
            let statement = SealedOtherwise::new(than.as_str(), user.as_bytes(), i64::from(limit));
            let rows: Vec<(Vec<u8>, String)> = statement.load(connection)?;
            let read = rows.iter().map(|(user, secret)| kept(user, secret));
            Ok(read.collect::<Result<_, CorruptRow>>()?)
        });
        found.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn replace(&self, secret: &KeptSecret, sealed: &Sealed) -> Result<bool, PortError> {
        let (place, before, sealed) = (secret.place.clone(), secret.sealed.encode(), sealed.clone());
        let replaced = self.database.write(move |connection| {
            let user = place_of(Some(&place))?;
            let (after, key_id) = (sealed.encode(), sealed.key_id.as_str());
            let statement = Replace::new(after, key_id, user.as_bytes(), before.clone());
            Ok(statement.execute(connection)? > 0)
        });
        replaced.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }
}

/// Puts recovery codes in the place of those that are there.
fn put_codes(connection: &mut SqliteConnection, user: UserId, codes: &[[u8; 32]]) -> Result<(), DieselError> {
    ForgetCodes::new(user.0.as_bytes()).execute(connection)?;
    for code in codes {
        InsertCode::new(user.0.as_bytes(), code).execute(connection)?;
    }
    Ok(())
}

/// Takes the second factor of a user away, confirmed or not, in the transaction under way.
pub(super) fn forget_factor(connection: &mut SqliteConnection, user: UserId) -> Result<(), DieselError> {
    Forget::new(user.0.as_bytes()).execute(connection)?;
    ForgetCodes::new(user.0.as_bytes()).execute(connection)?;
    Ok(())
}

/// Everything that is kept of the second factor of a user.
pub(crate) fn second_factor_of(
    connection: &mut SqliteConnection,
    user: UserId,
) -> Result<Option<SecondFactorRecord>, NoRefusal> {
    let Some(row) = row(connection, user)? else {
        return Ok(None);
    };
    let of = RowOf {
        table: "recovery_codes",
        id: &user,
    };
    let codes: Vec<(Vec<u8>,)> = Codes::new(user.0.as_bytes()).load(connection)?;
    let codes = codes.into_iter();
    let codes = codes.map(|(digest,)| of.some(digest.try_into().ok(), "digest"));
    let codes = codes.collect::<Result<_, CorruptRow>>()?;
    let last_step = of.number(row.last_step, "last_step")?;
    let factor = row.into_factor(user)?;
    Ok(Some(SecondFactorRecord {
        secret: factor.secret,
        created_at: factor.created_at,
        confirmed_at: factor.confirmed_at,
        last_step,
        codes,
    }))
}

/// Keeps the second factor of a user who has none yet.
pub(crate) fn keep_second_factor(
    connection: &mut SqliteConnection,
    user: UserId,
    record: &SecondFactorRecord,
) -> Result<(), DieselError> {
    Keep::new(
        user.0.as_bytes(),
        record.secret.encode(),
        record.secret.key_id.as_str(),
        record.created_at.timestamp_millis(),
        record.confirmed_at.map(|at| at.timestamp_millis()),
        to_i64(record.last_step),
    )
    .execute(connection)?;
    put_codes(connection, user, &record.codes)
}

struct Row {
    secret: String,
    created_at: i64,
    confirmed_at: Option<i64>,
    last_step: i64,
    codes_left: i64,
}

fn row(connection: &mut SqliteConnection, user: UserId) -> Result<Option<Row>, DieselError> {
    let id = user.0.as_bytes();
    let found: Option<(String, i64, Option<i64>, i64, i64)> =
        ByUser::new(id, id).get_result(connection).optional()?;
    Ok(
        found.map(|(secret, created_at, confirmed_at, last_step, codes_left)| Row {
            secret,
            created_at,
            confirmed_at,
            last_step,
            codes_left,
        }),
    )
}

impl Row {
    fn into_factor(self, user_id: UserId) -> Result<SecondFactor, CorruptRow> {
        let of = RowOf {
            table: "second_factors",
            id: &user_id,
        };
        Ok(SecondFactor {
            user_id,
            secret: of.parse(&self.secret, "secret")?,
            created_at: of.time(self.created_at, "created_at")?,
            confirmed_at: of.time_some(self.confirmed_at, "confirmed_at")?,
            codes_left: of.number(self.codes_left, "count")?,
        })
    }
}

/// A place is the owner's id; all places are behind that of nobody.
fn place_of(place: Option<&str>) -> Result<Uuid, CorruptRow> {
    let Some(place) = place else {
        return Ok(Uuid::nil());
    };
    let of = RowOf {
        table: "second_factors",
        id: &place,
    };
    of.parse(place, "user_id")
}

fn kept(user: &[u8], secret: &str) -> Result<KeptSecret, CorruptRow> {
    let nobody = UserId(Uuid::nil());
    let of = RowOf {
        table: "second_factors",
        id: &nobody,
    };
    let user = UserId(of.uuid(user, "user_id")?);
    let of = RowOf { id: &user, ..of };
    Ok(KeptSecret {
        place: user.to_string(),
        label: TotpSecret::label(user),
        sealed: of.parse(secret, "secret")?,
    })
}
