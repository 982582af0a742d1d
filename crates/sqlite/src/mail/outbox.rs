//! The outbox. Whatever puts a mail there does so in its own transaction: see `consequences`.

use async_trait::async_trait;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::{Queryable, RunQueryDsl};
use parlance_domain::ids::{MailId, UserId};
use parlance_domain::mail::{AttemptId, Backlog, Fate, Lease, Message, Outbox, OutgoingMail, TakenMail};
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;

use crate::convert::{CorruptRow, RowOf};
use crate::database::{NoRefusal, SqliteDatabase};
use crate::statement::statement;

const PORT: &str = "Outbox";

statement!(
    AnyDue(now: i64 => BigInt) -> (BigInt)
        = "SELECT EXISTS (SELECT 1 FROM outbox WHERE due_at <= ? AND sent_at IS NULL AND given_up_at IS NULL)"
);
statement!(
    Take(attempt: &'a [u8] => Binary, until: i64 => BigInt, now: i64 => BigInt, limit: i64 => BigInt) -> (
        Binary, Binary, Text, Nullable<Text>, Text, BigInt, BigInt
    ) = "UPDATE outbox SET attempt = ?, due_at = ? WHERE (user_id, id) IN (SELECT user_id, id FROM outbox \
         WHERE due_at <= ? AND sent_at IS NULL AND given_up_at IS NULL ORDER BY due_at LIMIT ?) \
         RETURNING user_id, id, recipient, language, message, created_at, attempts"
);
statement!(
    Note(
        sent_at: Option<i64> => Nullable<BigInt>,
        given_up_at: Option<i64> => Nullable<BigInt>,
        due_at: Option<i64> => Nullable<BigInt>,
        attempts: Option<i64> => Nullable<BigInt>,
        user_id: &'a [u8] => Binary,
        id: &'a [u8] => Binary,
        attempt: &'a [u8] => Binary,
    ) = "UPDATE outbox SET sent_at = ?, given_up_at = ?, due_at = coalesce(?, due_at), \
         attempts = coalesce(?, attempts) WHERE user_id = ? AND id = ? AND attempt = ?"
);
statement!(
    Waiting() -> (BigInt, Nullable<BigInt>)
        = "SELECT count(*), min(created_at) FROM outbox WHERE sent_at IS NULL AND given_up_at IS NULL"
);
statement!(
    Purge(before: i64 => BigInt, limit: i64 => BigInt)
        = "DELETE FROM outbox WHERE (user_id, id) IN (SELECT user_id, id FROM outbox WHERE created_at < ? \
           ORDER BY created_at LIMIT ?)"
);

/// The outbox in the database.
#[derive(Clone)]
pub struct SqliteOutbox {
    database: SqliteDatabase,
}

impl SqliteOutbox {
    /// The outbox in this database.
    pub fn new(database: SqliteDatabase) -> Self {
        Self { database }
    }

    /// Whether anything is due; most of the time nothing is, and whoever writes is left in peace.
    async fn is_any_due(&self, now: Timestamp) -> Result<bool, NoRefusal> {
        let found = self.database.read(move |connection| {
            let (found,): (i64,) = AnyDue::new(now.timestamp_millis()).get_result(connection)?;
            Ok(found != 0)
        });
        found.await
    }
}

#[async_trait]
impl Outbox for SqliteOutbox {
    async fn take(&self, lease: &Lease) -> Result<Vec<TakenMail>, PortError> {
        let is_any_due = self.is_any_due(lease.now).await;
        if !is_any_due.map_err(|error| error.into_port(PORT))? {
            return Ok(Vec::new());
        }
        let lease = *lease;
        let taken: Result<Vec<TakenMail>, NoRefusal> = self
            .database
            .write(move |connection| {
                let rows: Vec<MailRow> = take(&lease).load(connection)?;
                let mails = rows.into_iter().map(TryInto::try_into);
                Ok(mails.collect::<Result<_, CorruptRow>>()?)
            })
            .await;
        taken.map_err(|error| error.into_port(PORT))
    }

    async fn note(
        &self,
        user: UserId,
        id: MailId,
        attempt: AttemptId,
        fate: Fate,
    ) -> Result<bool, PortError> {
        let noted: Result<usize, NoRefusal> = self
            .database
            .write(move |connection| Ok(note(&user, &id, &attempt, fate).execute(connection)?))
            .await;
        Ok(noted.map_err(|error| error.into_port(PORT))? > 0)
    }

    async fn backlog(&self) -> Result<Backlog, PortError> {
        let read = self.database.read(|connection| {
            let (waiting, oldest): (i64, Option<i64>) = Waiting::new().get_result(connection)?;
            let of = RowOf {
                table: "outbox",
                id: &"of the oldest",
            };
            Ok(Backlog {
                waiting: of.number(waiting, "count")?,
                oldest: of.time_some(oldest, "created_at")?,
            })
        });
        read.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u32, PortError> {
        let purged: Result<usize, NoRefusal> = self
            .database
            .write(move |connection| {
                let statement = Purge::new(before.timestamp_millis(), i64::from(limit));
                Ok(statement.execute(connection)?)
            })
            .await;
        let purged = purged.map_err(|error| error.into_port(PORT))?;
        Ok(u32::try_from(purged).unwrap_or(u32::MAX))
    }
}

fn take(lease: &Lease) -> Take<'_> {
    Take::new(
        lease.attempt.0.as_bytes(),
        lease.until.timestamp_millis(),
        lease.now.timestamp_millis(),
        i64::from(lease.limit),
    )
}

fn note<'a>(user: &'a UserId, id: &'a MailId, attempt: &'a AttemptId, fate: Fate) -> Note<'a> {
    let (sent_at, given_up_at, due_at, attempts) = match fate {
        Fate::Sent { at } => (Some(at), None, None, None),
        Fate::GivenUp { at } => (None, Some(at), None, None),
        Fate::Postponed { due, refusals } => (None, None, Some(due), Some(i64::from(refusals))),
    };
    let millis = |at: Option<Timestamp>| at.map(|at| at.timestamp_millis());
    Note::new(
        millis(sent_at),
        millis(given_up_at),
        millis(due_at),
        attempts,
        user.0.as_bytes(),
        id.0.as_bytes(),
        attempt.0.as_bytes(),
    )
}

#[derive(Queryable)]
struct MailRow {
    user_id: Vec<u8>,
    id: Vec<u8>,
    recipient: String,
    language: Option<String>,
    message: String,
    created_at: i64,
    attempts: i64,
}

impl TryFrom<MailRow> for TakenMail {
    type Error = CorruptRow;

    fn try_from(row: MailRow) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "outbox",
            id: &"taken to be sent",
        };
        let user_id = UserId(of.uuid(&row.user_id, "user_id")?);
        let id = MailId(of.uuid(&row.id, "id")?);
        let created_at = of.time(row.created_at, "created_at")?;
        // A later release may write what this one cannot read: it waits, and nothing else waits for it.
        let parts = (row.recipient.parse().ok(), Message::of_json(&row.message));
        let mail = parts.0.zip(parts.1).map(|(to, message)| OutgoingMail {
            id,
            user_id,
            to,
            language: row.language.and_then(|language| language.parse().ok()),
            message,
            created_at,
        });
        Ok(Self {
            user_id,
            id,
            created_at,
            refusals: of.number(row.attempts, "attempts")?,
            mail,
        })
    }
}
