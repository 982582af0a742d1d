//! The store of second factors and recovery codes.

use std::sync::Arc;

use async_trait::async_trait;
use diesel::result::{Error as DieselError, OptionalExtension};
use diesel::sql_types::{Array, BigInt, Bytea, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;
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
use super::ways_in;
use crate::consequences;
use crate::convert::{CorruptRow, RowOf, to_i64};
use crate::database::{NoRefusal, PgDatabase, Repeat, StoreError};
use crate::statement::statement;

const PORT: &str = "SecondFactorStore";

statement!(
    ByUser(of_codes: Uuid => SqlUuid, user_id: Uuid => SqlUuid) -> (
        Text, Timestamptz, Nullable<Timestamptz>, BigInt, BigInt
    ) = "SELECT secret, created_at, confirmed_at, last_step, \
         (SELECT count(*) FROM recovery_codes WHERE user_id = ?) FROM second_factors WHERE user_id = ?"
);
statement!(
    Begin(
        user_id: Uuid => SqlUuid,
        secret: String => Text,
        key_id: String => Text,
        created_at: Timestamp => Timestamptz,
    ) = "INSERT INTO second_factors (user_id, secret, key_id, created_at, last_step) VALUES (?, ?, ?, ?, 0) \
         ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, key_id = excluded.key_id, \
         created_at = excluded.created_at \
           WHERE second_factors.confirmed_at IS NULL"
);
statement!(
    Confirm(
        confirmed_at: Timestamp => Timestamptz,
        last_step: i64 => BigInt,
        user_id: Uuid => SqlUuid,
        secret: String => Text,
    ) = "UPDATE second_factors SET confirmed_at = ?, last_step = ? \
         WHERE user_id = ? AND secret = ? AND confirmed_at IS NULL"
);
statement!(
    UseStep(last_step: i64 => BigInt, user_id: Uuid => SqlUuid, step: i64 => BigInt)
        = "UPDATE second_factors SET last_step = ? \
           WHERE user_id = ? AND confirmed_at IS NOT NULL AND last_step < ?"
);
statement!(
    UseCode(user_id: Uuid => SqlUuid, digest: &'a [u8] => Bytea)
        = "DELETE FROM recovery_codes WHERE user_id = ? AND digest = ?"
);
statement!(
    // Of those who make codes at once, one waits for the other.
    Lock(user_id: Uuid => SqlUuid) -> (BigInt,)
        = "SELECT last_step FROM second_factors WHERE user_id = ? AND confirmed_at IS NOT NULL FOR NO KEY UPDATE"
);
statement!(
    InsertCodes(user_id: Uuid => SqlUuid, digests: Vec<&'a [u8]> => Array<Bytea>)
        = "INSERT INTO recovery_codes (user_id, digest) SELECT ?, digest FROM unnest(?::bytea[]) AS digest"
);
statement!(
    Codes(user_id: Uuid => SqlUuid) -> (Bytea,)
        = "SELECT digest FROM recovery_codes WHERE user_id = ? ORDER BY digest"
);
statement!(
    ForgetCodes(user_id: Uuid => SqlUuid) = "DELETE FROM recovery_codes WHERE user_id = ?"
);
statement!(
    Remove(user_id: Uuid => SqlUuid)
        = "DELETE FROM second_factors WHERE user_id = ? AND confirmed_at IS NOT NULL"
);
statement!(
    Forget(user_id: Uuid => SqlUuid) = "DELETE FROM second_factors WHERE user_id = ?"
);
statement!(
    Keep(
        user_id: Uuid => SqlUuid,
        secret: String => Text,
        key_id: &'a str => Text,
        created_at: Timestamp => Timestamptz,
        confirmed_at: Option<Timestamp> => Nullable<Timestamptz>,
        last_step: i64 => BigInt,
    ) = "INSERT INTO second_factors (user_id, secret, key_id, created_at, confirmed_at, last_step) \
         VALUES (?, ?, ?, ?, ?, ?)"
);

statement!(
    SealedOtherwise(key_id: &'a str => Text, user_id: Uuid => SqlUuid, limit: i64 => BigInt) -> (SqlUuid, Text)
        = "SELECT user_id, secret FROM second_factors WHERE key_id <> ? AND user_id > ? ORDER BY user_id LIMIT ?"
);
statement!(
    Replace(
        after: String => Text,
        key_id: &'a str => Text,
        user_id: Uuid => SqlUuid,
        before: String => Text,
    ) = "UPDATE second_factors SET secret = ?, key_id = ? WHERE user_id = ? AND secret = ?"
);

type Row = (String, Timestamp, Option<Timestamp>, i64, i64);

/// The second factors in the database.
#[derive(Clone)]
pub struct PgSecondFactors {
    database: PgDatabase,
}

impl PgSecondFactors {
    /// The second factors in this database.
    pub fn new(database: PgDatabase) -> Self {
        Self { database }
    }
}

#[async_trait]
impl SecondFactorStore for PgSecondFactors {
    async fn by_user(&self, user: UserId) -> Result<Option<SecondFactor>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move { row(&connection, user).await };
        let found = self.database.run(Repeat::Safe, read).await;
        let factor = found.and_then(|found| Ok(found.map(|row| to_factor(user, row)).transpose()?));
        factor.map_err(|error: StoreError| error.into_port(PORT))
    }

    async fn begin(&self, user: UserId, secret: &Sealed, now: Timestamp) -> Result<bool, PortError> {
        let (secret, key) = (secret.encode(), secret.key_id.as_str().to_owned());
        let send = |connection: Arc<AsyncPgConnection>| {
            let (secret, key) = (secret.clone(), key.clone());
            async move {
                let statement = Begin::new(user.0, secret, key, now);
                statement.execute(&mut &*connection).await
            }
        };
        let begun = self.database.run(Repeat::Safe, send).await;
        let begun = begun.map_err(|error| error.for_owner().into_port(PORT));
        Ok(begun? > 0)
    }

    async fn confirm(&self, factor: &NewFactor, consequences: &Consequences) -> Result<bool, PortError> {
        let both = Arc::new((factor.clone(), consequences.clone()));
        let confirmed = self.database.transact(move |connection| {
            let both = Arc::clone(&both);
            async move {
                let (factor, consequences) = &*both;
                let (user, step) = (factor.user_id, to_i64(factor.step));
                ways_in::lock(connection, user).await?;
                let confirm = Confirm::new(factor.now, step, user.0, factor.secret.encode());
                if confirm.execute(&mut &*connection).await? == 0 {
                    return Ok(false);
                }
                put_codes(connection, user, &factor.codes).await?;
                raise_revision(connection, user).await?;
                consequences::keep(connection, consequences).await?;
                Ok(true)
            }
            .boxed()
        });
        confirmed.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn use_step(&self, user: UserId, step: u64) -> Result<bool, PortError> {
        let step = to_i64(step);
        let send = |connection: Arc<AsyncPgConnection>| async move {
            let statement = UseStep::new(step, user.0, step);
            statement.execute(&mut &*connection).await
        };
        // Sent twice, it would say of its own first time that the code was used before.
        let outcome = self.database.run(Repeat::Never, send).await;
        Ok(outcome.map_err(|error| error.into_port(PORT))? > 0)
    }

    async fn use_code(
        &self,
        user: UserId,
        digest: &[u8; 32],
        consequences: &Consequences,
    ) -> Result<bool, PortError> {
        let both = Arc::new((*digest, consequences.clone()));
        let outcome = self.database.transact(move |connection| {
            let both = Arc::clone(&both);
            async move {
                let (digest, consequences) = &*both;
                let deleted = UseCode::new(user.0, digest).execute(&mut &*connection).await?;
                if deleted > 0 {
                    consequences::keep(connection, consequences).await?;
                }
                Ok(deleted > 0)
            }
            .boxed()
        });
        outcome.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn renew_codes(
        &self,
        user: UserId,
        codes: &[[u8; 32]],
        consequences: &Consequences,
    ) -> Result<bool, PortError> {
        let both = Arc::new((codes.to_vec(), consequences.clone()));
        let renewed = self.database.transact(move |connection| {
            let both = Arc::clone(&both);
            async move {
                let (codes, consequences) = &*both;
                let confirmed = Lock::new(user.0).get_result::<(i64,)>(&mut &*connection);
                if confirmed.await.optional()?.is_none() {
                    return Ok(false);
                }
                put_codes(connection, user, codes).await?;
                consequences::keep(connection, consequences).await?;
                Ok(true)
            }
            .boxed()
        });
        renewed.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn remove(
        &self,
        user: UserId,
        ends: Ends,
        now: Timestamp,
        consequences: &Consequences,
    ) -> Result<Option<Vec<SessionId>>, PortError> {
        let consequences = Arc::new(consequences.clone());
        let removed = self.database.transact(move |connection| {
            let consequences = Arc::clone(&consequences);
            async move {
                ways_in::lock(connection, user).await?;
                if Remove::new(user.0).execute(&mut &*connection).await? == 0 {
                    return Ok(None);
                }
                ForgetCodes::new(user.0).execute(&mut &*connection).await?;
                raise_revision(connection, user).await?;
                let ended = end(connection, user, ends, now).await?;
                consequences::keep(connection, &consequences).await?;
                Ok(Some(ended))
            }
            .boxed()
        });
        removed.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }
}

#[async_trait]
impl SealedSecrets for PgSecondFactors {
    fn kind(&self) -> &'static str {
        "secrets of second factors"
    }

    async fn sealed_otherwise(
        &self,
        than: &KeyId,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<KeptSecret>, PortError> {
        let user = place_of(after).map_err(|error| StoreError::from(error).into_port(PORT))?;
        let read = |connection: Arc<AsyncPgConnection>| async move {
            let statement = SealedOtherwise::new(than.as_str(), user, i64::from(limit));
            statement.load(&mut &*connection).await
        };
        let rows: Result<Vec<(Uuid, String)>, _> = self.database.run(Repeat::Safe, read).await;
        let read = rows.and_then(|rows| {
            let read = rows.iter().map(|(user, secret)| kept(UserId(*user), secret));
            Ok(read.collect::<Result<_, CorruptRow>>()?)
        });
        read.map_err(|error: StoreError| error.into_port(PORT))
    }

    async fn replace(&self, secret: &KeptSecret, sealed: &Sealed) -> Result<bool, PortError> {
        let place = place_of(Some(&secret.place));
        let user = place.map_err(|error| StoreError::from(error).into_port(PORT))?;
        let send = |connection: Arc<AsyncPgConnection>| async move {
            let (after, key_id) = (sealed.encode(), sealed.key_id.as_str());
            let statement = Replace::new(after, key_id, user, secret.sealed.encode());
            statement.execute(&mut &*connection).await
        };
        let replaced = self.database.run(Repeat::Safe, send).await;
        Ok(replaced.map_err(|error| error.into_port(PORT))? > 0)
    }
}

/// Puts recovery codes in the place of those that are there.
async fn put_codes(
    connection: &AsyncPgConnection,
    user: UserId,
    codes: &[[u8; 32]],
) -> Result<(), DieselError> {
    ForgetCodes::new(user.0).execute(&mut &*connection).await?;
    let digests = codes.iter().map(|code| &code[..]).collect();
    let insert = InsertCodes::new(user.0, digests);
    insert.execute(&mut &*connection).await?;
    Ok(())
}

/// Takes the second factor of a user away, confirmed or not, in the transaction under way.
pub(super) async fn forget_factor(connection: &AsyncPgConnection, user: UserId) -> Result<(), DieselError> {
    Forget::new(user.0).execute(&mut &*connection).await?;
    ForgetCodes::new(user.0).execute(&mut &*connection).await?;
    Ok(())
}

/// A row of a second factor, and those of its recovery codes.
pub(crate) type SecondFactorRows = Option<(Row, Vec<(Vec<u8>,)>)>;

/// Reads everything that is kept of the second factor of a user.
pub(crate) async fn second_factor_rows(
    connection: &AsyncPgConnection,
    user: UserId,
) -> Result<SecondFactorRows, DieselError> {
    let Some(row) = row(connection, user).await? else {
        return Ok(None);
    };
    let codes = Codes::new(user.0).load(&mut &*connection).await?;
    Ok(Some((row, codes)))
}

/// What is kept of the second factor of a user.
pub(crate) fn to_second_factor(
    user: UserId,
    rows: SecondFactorRows,
) -> Result<Option<SecondFactorRecord>, CorruptRow> {
    let Some((row, codes)) = rows else {
        return Ok(None);
    };
    let of = RowOf {
        table: "recovery_codes",
        id: &user,
    };
    let codes = codes.into_iter();
    let codes = codes.map(|(digest,)| of.some(digest.try_into().ok(), "digest"));
    let codes = codes.collect::<Result<_, CorruptRow>>()?;
    let last_step = of.number(row.3, "last_step")?;
    let factor = to_factor(user, row)?;
    Ok(Some(SecondFactorRecord {
        secret: factor.secret,
        created_at: factor.created_at,
        confirmed_at: factor.confirmed_at,
        last_step,
        codes,
    }))
}

/// Keeps the second factor of a user who has none yet.
pub(crate) async fn keep_second_factor(
    connection: &AsyncPgConnection,
    user: UserId,
    record: &SecondFactorRecord,
) -> Result<(), DieselError> {
    let keep = Keep::new(
        user.0,
        record.secret.encode(),
        record.secret.key_id.as_str(),
        record.created_at,
        record.confirmed_at,
        to_i64(record.last_step),
    );
    keep.execute(&mut &*connection).await?;
    put_codes(connection, user, &record.codes).await
}

async fn row(connection: &AsyncPgConnection, user: UserId) -> Result<Option<Row>, DieselError> {
    let statement = ByUser::new(user.0, user.0);
    statement.get_result(&mut &*connection).await.optional()
}

fn to_factor(
    user_id: UserId,
    (secret, created_at, confirmed_at, _, codes_left): Row,
) -> Result<SecondFactor, CorruptRow> {
    let of = RowOf {
        table: "second_factors",
        id: &user_id,
    };
    Ok(SecondFactor {
        user_id,
        secret: of.parse(&secret, "secret")?,
        created_at,
        confirmed_at,
        codes_left: of.number(codes_left, "count")?,
    })
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

fn kept(user: UserId, secret: &str) -> Result<KeptSecret, CorruptRow> {
    let of = RowOf {
        table: "second_factors",
        id: &user,
    };
    Ok(KeptSecret {
        place: user.to_string(),
        label: TotpSecret::label(user),
        sealed: of.parse(secret, "secret")?,
    })
}
