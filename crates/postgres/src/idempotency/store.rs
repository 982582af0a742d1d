//! The store of requests with keys.
//!
//! They live for a day: `parlance copy` leaves them behind.

use std::sync::Arc;

use async_trait::async_trait;
use diesel::sql_types::{BigInt, Binary, Integer, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use parlance_domain::idempotency::{
    Beginning, Fingerprint, GIVEN_UP_AFTER, GivenAnswer, IdempotencyKey, IdempotencyStore, KEPT_FOR,
};
use parlance_domain::ids::UserId;
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use super::row::{Found, FoundColumns};
use crate::database::{PgDatabase, Repeat, StoreError, only};
use crate::statement::statement;

const PORT: &str = "IdempotencyStore";

/// How often a key is looked at that others begin and abandon at the same time.
const LOOKS: u32 = 16;

statement!(
    // What is over is taken over by one: whoever waited for the row sees that it is not over any more. What is read
    // beside that is of the moment before; what was over then is no answer, since another has begun it anew.
    Begin(
        user_id: Uuid => SqlUuid,
        key: &'a str => Text,
        fingerprint: &'a [u8] => Binary,
        begun_at: Timestamp => Timestamptz,
        given_up: Timestamp => Timestamptz,
        expired: Timestamp => Timestamptz,
    ) -> (FoundColumns,)
        = "WITH wanted (user_id, key, fingerprint, begun_at, given_up, expired) AS (VALUES (?, ?, ?, ?, ?, ?)), \
           begun AS (INSERT INTO idempotency_keys (user_id, key, fingerprint, begun_at) \
              SELECT user_id, key, fingerprint, begun_at FROM wanted \
              ON CONFLICT (user_id, key) DO UPDATE SET fingerprint = excluded.fingerprint, \
                begun_at = excluded.begun_at, status = NULL, content_type = NULL, body = NULL \
                WHERE idempotency_keys.begun_at <= (SELECT CASE WHEN idempotency_keys.status IS NULL \
                  THEN given_up ELSE expired END FROM wanted) \
              RETURNING user_id) \
           SELECT EXISTS (SELECT FROM begun), k.fingerprint, k.status, k.content_type, k.body \
           FROM wanted w LEFT JOIN idempotency_keys k ON k.user_id = w.user_id AND k.key = w.key \
             AND k.begun_at > CASE WHEN k.status IS NULL THEN w.given_up ELSE w.expired END"
);
statement!(
    Finish(
        status: i32 => Integer,
        content_type: &'a str => Text,
        body: &'a [u8] => Binary,
        user_id: Uuid => SqlUuid,
        key: &'a str => Text,
        fingerprint: &'a [u8] => Binary,
    ) = "UPDATE idempotency_keys SET status = ?, content_type = ?, body = ? \
         WHERE user_id = ? AND key = ? AND fingerprint = ? AND status IS NULL"
);
statement!(
    Abandon(user_id: Uuid => SqlUuid, key: &'a str => Text, fingerprint: &'a [u8] => Binary)
        = "DELETE FROM idempotency_keys WHERE user_id = ? AND key = ? AND fingerprint = ? AND status IS NULL"
);
statement!(
    // Copies of the program that purge at once take different ones, as those of sessions.
    Purge(before: Timestamp => Timestamptz, limit: i64 => BigInt)
        = "DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(SELECT ctid FROM idempotency_keys \
           WHERE begun_at < ? ORDER BY begun_at LIMIT ? FOR UPDATE SKIP LOCKED))"
);

/// The requests with keys in the database.
#[derive(Clone)]
pub struct PgIdempotency {
    database: PgDatabase,
}

impl PgIdempotency {
    /// The requests with keys in this database.
    pub fn new(database: PgDatabase) -> Self {
        Self { database }
    }

    async fn try_begin(
        &self,
        user: UserId,
        key: &IdempotencyKey,
        fingerprint: &Fingerprint,
        now: Timestamp,
    ) -> Result<Beginning, StoreError> {
        let (given_up, expired) = (now - GIVEN_UP_AFTER, now - KEPT_FOR);
        let send = |connection: Arc<AsyncPgConnection>| async move {
            let statement = Begin::new(user.0, key.as_str(), fingerprint, now, given_up, expired);
            statement.load(&mut &*connection).await.and_then(only)
        };
        for _ in 0..LOOKS {
            // Sent twice, it would take its own beginning for that of another.
            let (found,): (Found,) = self.database.run(Repeat::Never, send).await?;
            if let Some(beginning) = found.beginning(user, fingerprint)? {
                return Ok(beginning);
            }
        }
        Err(StoreError::Overtaken)
    }
}

#[async_trait]
impl IdempotencyStore for PgIdempotency {
    async fn begin(
        &self,
        user: UserId,
        key: &IdempotencyKey,
        fingerprint: &Fingerprint,
        now: Timestamp,
    ) -> Result<Beginning, PortError> {
        let begun = self.try_begin(user, key, fingerprint, now).await;
        begun.map_err(|error| error.for_owner().into_port(PORT))
    }

    async fn finish(
        &self,
        user: UserId,
        key: &IdempotencyKey,
        fingerprint: &Fingerprint,
        answer: &GivenAnswer,
    ) -> Result<(), PortError> {
        let GivenAnswer {
            status,
            content_type,
            body,
        } = answer;
        let send = |connection: Arc<AsyncPgConnection>| async move {
            let statement = Finish::new(
                i32::from(*status),
                content_type,
                body,
                user.0,
                key.as_str(),
                fingerprint,
            );
            statement.execute(&mut &*connection).await
        };
        let finished = self.database.run(Repeat::Safe, send).await;
        finished.map(|_| ()).map_err(|error| error.into_port(PORT))
    }

    async fn abandon(
        &self,
        user: UserId,
        key: &IdempotencyKey,
        fingerprint: &Fingerprint,
    ) -> Result<(), PortError> {
        let send = |connection: Arc<AsyncPgConnection>| async move {
            let statement = Abandon::new(user.0, key.as_str(), fingerprint);
            statement.execute(&mut &*connection).await
        };
        // Sent twice, it might forget what another has begun meanwhile.
        let abandoned = self.database.run(Repeat::Never, send).await;
        abandoned.map(|_| ()).map_err(|error| error.into_port(PORT))
    }

    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u32, PortError> {
        let send = |connection: Arc<AsyncPgConnection>| async move {
            let statement = Purge::new(before, i64::from(limit));
            statement.execute(&mut &*connection).await
        };
        let purged = self.database.run(Repeat::Safe, send).await;
        let purged = purged.map_err(|error| error.into_port(PORT))?;
        Ok(u32::try_from(purged).unwrap_or(u32::MAX))
    }
}
