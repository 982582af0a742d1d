//! The outbox. Whatever puts a mail there does so in its own transaction: see `consequences`.

use std::sync::Arc;

use async_trait::async_trait;
use diesel::Queryable;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use parlance_domain::ids::{MailId, UserId};
use parlance_domain::mail::{AttemptId, Backlog, Fate, Lease, Message, Outbox, OutgoingMail, TakenMail};
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use crate::convert::{CorruptRow, RowOf};
use crate::database::{PgDatabase, Repeat, StoreError};
use crate::statement::statement;

const PORT: &str = "Outbox";

statement!(
    Take(attempt: Uuid => SqlUuid, until: Timestamp => Timestamptz, now: Timestamp => Timestamptz, limit: i64 => BigInt)
        -> (SqlUuid, SqlUuid, Text, Nullable<Text>, Text, Timestamptz, Integer)
        = "UPDATE outbox SET attempt = ?, due_at = ? WHERE ctid = ANY (ARRAY(SELECT ctid FROM outbox \
           WHERE due_at <= ? AND sent_at IS NULL AND given_up_at IS NULL ORDER BY due_at LIMIT ? \
           FOR UPDATE SKIP LOCKED)) RETURNING user_id, id, recipient, language, message, created_at, attempts"
);
statement!(
    Note(
        sent_at: Option<Timestamp> => Nullable<Timestamptz>,
        given_up_at: Option<Timestamp> => Nullable<Timestamptz>,
        due_at: Option<Timestamp> => Nullable<Timestamptz>,
        attempts: Option<i32> => Nullable<Integer>,
        user_id: Uuid => SqlUuid,
        id: Uuid => SqlUuid,
        attempt: Uuid => SqlUuid,
    ) = "UPDATE outbox SET sent_at = ?, given_up_at = ?, due_at = coalesce(?, due_at), \
         attempts = coalesce(?, attempts) WHERE user_id = ? AND id = ? AND attempt = ?"
);
statement!(
    Waiting() -> (BigInt, Nullable<Timestamptz>)
        = "SELECT count(*), min(created_at) FROM outbox WHERE sent_at IS NULL AND given_up_at IS NULL"
);
statement!(
    Purge(before: Timestamp => Timestamptz, limit: i64 => BigInt)
        = "DELETE FROM outbox WHERE ctid = ANY (ARRAY(SELECT ctid FROM outbox WHERE created_at < ? \
           ORDER BY created_at LIMIT ? FOR UPDATE SKIP LOCKED))"
);

/// The outbox in the database.
#[derive(Clone)]
pub struct PgOutbox {
    database: PgDatabase,
}

impl PgOutbox {
    /// The outbox in this database.
    pub fn new(database: PgDatabase) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Outbox for PgOutbox {
    async fn take(&self, lease: &Lease) -> Result<Vec<TakenMail>, PortError> {
        let send = |connection: Arc<AsyncPgConnection>| async move {
            let statement = Take::new(lease.attempt.0, lease.until, lease.now, i64::from(lease.limit));
            statement.load(&mut &*connection).await
        };
        // Sent again, it takes others: those that were taken unheard wait until the lease is over.
        let rows: Result<Vec<MailRow>, StoreError> = self.database.run(Repeat::Safe, send).await;
        let taken = rows.and_then(|rows| {
            let mails = rows.into_iter().map(TryInto::try_into);
            Ok(mails.collect::<Result<_, CorruptRow>>()?)
        });
        taken.map_err(|error| error.into_port(PORT))
    }

    async fn note(
        &self,
        user: UserId,
        id: MailId,
        attempt: AttemptId,
        fate: Fate,
    ) -> Result<bool, PortError> {
        let send = |connection: Arc<AsyncPgConnection>| async move {
            note(user, id, attempt, fate).execute(&mut &*connection).await
        };
        let noted = self.database.run(Repeat::Safe, send).await;
        Ok(noted.map_err(|error| error.into_port(PORT))? > 0)
    }

    async fn backlog(&self) -> Result<Backlog, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            Waiting::new().get_result(&mut &*connection).await
        };
        let read: Result<(i64, Option<Timestamp>), _> = self.database.run(Repeat::Safe, read).await;
        let (waiting, oldest) = read.map_err(|error| error.into_port(PORT))?;
        Ok(Backlog {
            waiting: waiting.try_into().unwrap_or_default(),
            oldest,
        })
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

fn note(user: UserId, id: MailId, attempt: AttemptId, fate: Fate) -> Note<'static> {
    let (sent_at, given_up_at, due_at, attempts) = match fate {
        Fate::Sent { at } => (Some(at), None, None, None),
        Fate::GivenUp { at } => (None, Some(at), None, None),
        Fate::Postponed { due, refusals } => {
            let refusals = i32::try_from(refusals).unwrap_or(i32::MAX);
            (None, None, Some(due), Some(refusals))
        }
    };
    Note::new(sent_at, given_up_at, due_at, attempts, user.0, id.0, attempt.0)
}

#[derive(Queryable)]
struct MailRow {
    user_id: Uuid,
    id: Uuid,
    recipient: String,
    language: Option<String>,
    message: String,
    created_at: Timestamp,
    attempts: i32,
}

impl TryFrom<MailRow> for TakenMail {
    type Error = CorruptRow;

    fn try_from(row: MailRow) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "outbox",
            id: &row.id,
        };
        let (user_id, id) = (UserId(row.user_id), MailId(row.id));
        let refusals = of.number(row.attempts, "attempts")?;
        // A later release may write what this one cannot read: it waits, and nothing else waits for it.
        let parts = (row.recipient.parse().ok(), Message::of_json(&row.message));
        let mail = parts.0.zip(parts.1).map(|(to, message)| OutgoingMail {
            id,
            user_id,
            to,
            language: row.language.and_then(|language| language.parse().ok()),
            message,
            created_at: row.created_at,
        });
        Ok(Self {
            user_id,
            id,
            created_at: row.created_at,
            refusals,
            mail,
        })
    }
}
