//! The store of requests with keys.
//!
//! They live for a day: `parlance copy` leaves them behind.

use async_trait::async_trait;
use diesel::result::OptionalExtension;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::{RunQueryDsl, SqliteConnection};
use parlance_domain::idempotency::{Beginning, Fingerprint, GivenAnswer, IdempotencyKey, IdempotencyStore};
use parlance_domain::ids::UserId;
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;

use super::row::RequestRow;
use crate::database::{NoRefusal, SqliteDatabase, StoreError};
use crate::statement::statement;

const PORT: &str = "IdempotencyStore";

statement!(
    ByKey(user_id: &'a [u8] => Binary, key: &'a str => Text)
        -> (Binary, BigInt, Nullable<BigInt>, Nullable<Text>, Nullable<Binary>)
        = "SELECT fingerprint, begun_at, status, content_type, body FROM idempotency_keys \
           WHERE user_id = ? AND key = ?"
);
statement!(
    Begin(user_id: &'a [u8] => Binary, key: &'a str => Text, fingerprint: &'a [u8] => Binary, begun_at: i64 => BigInt)
        = "INSERT INTO idempotency_keys (user_id, key, fingerprint, begun_at) VALUES (?, ?, ?, ?) \
           ON CONFLICT (user_id, key) DO UPDATE SET fingerprint = excluded.fingerprint, \
             begun_at = excluded.begun_at, status = NULL, content_type = NULL, body = NULL"
);
statement!(
    Finish(
        status: i64 => BigInt,
        content_type: &'a str => Text,
        body: &'a [u8] => Binary,
        user_id: &'a [u8] => Binary,
        key: &'a str => Text,
        fingerprint: &'a [u8] => Binary,
    ) = "UPDATE idempotency_keys SET status = ?, content_type = ?, body = ? \
         WHERE user_id = ? AND key = ? AND fingerprint = ? AND status IS NULL"
);
statement!(
    Abandon(user_id: &'a [u8] => Binary, key: &'a str => Text, fingerprint: &'a [u8] => Binary)
        = "DELETE FROM idempotency_keys WHERE user_id = ? AND key = ? AND fingerprint = ? AND status IS NULL"
);
statement!(
    Purge(before: i64 => BigInt, limit: i64 => BigInt)
        = "DELETE FROM idempotency_keys WHERE (user_id, key) IN (SELECT user_id, key FROM idempotency_keys \
           WHERE begun_at < ? ORDER BY begun_at LIMIT ?)"
);

/// The requests with keys in the database.
#[derive(Clone)]
pub struct SqliteIdempotency {
    database: SqliteDatabase,
}

impl SqliteIdempotency {
    /// The requests with keys in this database.
    pub fn new(database: SqliteDatabase) -> Self {
        Self { database }
    }

    /// Does something that refuses nobody.
    async fn write<T, F>(&self, work: F) -> Result<T, PortError>
    where
        T: Send + 'static,
        F: FnMut(&mut SqliteConnection) -> Result<T, NoRefusal> + Send + 'static,
    {
        let done = self.database.write(work).await;
        done.map_err(|error| error.into_port(PORT))
    }
}

#[async_trait]
impl IdempotencyStore for SqliteIdempotency {
    async fn begin(
        &self,
        user: UserId,
        key: &IdempotencyKey,
        fingerprint: &Fingerprint,
        now: Timestamp,
    ) -> Result<Beginning, PortError> {
        let (key, fingerprint) = (key.clone(), *fingerprint);
        self.write(move |connection| begin(connection, user, &key, &fingerprint, now))
            .await
    }

    async fn finish(
        &self,
        user: UserId,
        key: &IdempotencyKey,
        fingerprint: &Fingerprint,
        answer: &GivenAnswer,
    ) -> Result<(), PortError> {
        let (key, fingerprint, answer) = (key.clone(), *fingerprint, answer.clone());
        let finished = self.write(move |connection| {
            let statement = Finish::new(
                answer.status.into(),
                &answer.content_type,
                &answer.body,
                user.0.as_bytes(),
                key.as_str(),
                &fingerprint,
            );
            Ok(statement.execute(connection)?)
        });
        finished.await.map(|_| ())
    }

    async fn abandon(
        &self,
        user: UserId,
        key: &IdempotencyKey,
        fingerprint: &Fingerprint,
    ) -> Result<(), PortError> {
        let (key, fingerprint) = (key.clone(), *fingerprint);
        let abandoned = self.write(move |connection| {
            let statement = Abandon::new(user.0.as_bytes(), key.as_str(), &fingerprint);
            Ok(statement.execute(connection)?)
        });
        abandoned.await.map(|_| ())
    }

    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u32, PortError> {
        let purged = self.write(move |connection| {
            let statement = Purge::new(before.timestamp_millis(), i64::from(limit));
            Ok(statement.execute(connection)?)
        });
        Ok(u32::try_from(purged.await?).unwrap_or(u32::MAX))
    }
}

fn begin(
    connection: &mut SqliteConnection,
    user: UserId,
    key: &IdempotencyKey,
    fingerprint: &Fingerprint,
    now: Timestamp,
) -> Result<Beginning, NoRefusal> {
    let (id, key) = (user.0.as_bytes(), key.as_str());
    let found: Option<RequestRow> = ByKey::new(id, key).get_result(connection).optional()?;
    if let Some(row) = found
        && !row.is_over(now)
    {
        return Ok(row.beginning(user, fingerprint)?);
    }
    let begun = Begin::new(id, key, fingerprint, now.timestamp_millis()).execute(connection);
    begun.map_err(StoreError::of_owner)?;
    Ok(Beginning::New)
}
