//! The store that an installation is moved out of and into.

use std::sync::Arc;

use async_trait::async_trait;
use diesel::sql_types::{BigInt, Bool, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;
use parlance_domain::audit::AuditHead;
use parlance_domain::ids::{AuditId, UserId, WordId};
use parlance_domain::port::PortError;
use parlance_domain::transfer::{KeptEntry, LearnerMark, LearnerRecord, TransferStore};
use parlance_domain::words::Word;
use uuid::Uuid;

use super::export::{export, mark_rows, to_mark};
use super::hold::Hold;
use super::import::import;
use crate::audit::{self, EntryRow, to_entry};
use crate::convert::CorruptRow;
use crate::database::{Bulk, PgDatabase, READS, Repeat, StoreError, WRITES};
use crate::statement::statement;
use crate::words::import::import_words;
use crate::words::row::{WordColumns, WordRow, word_columns};

const PORT: &str = "TransferStore";

statement!(
    WordsAfter(after: &'a str => Text, limit: i64 => BigInt) -> (WordColumns,)
        = concat!("SELECT ", word_columns!(), " FROM words w WHERE w.id > ? ORDER BY w.id LIMIT ?")
);
statement!(
    FirstLearners(limit: i64 => BigInt) -> (SqlUuid) = "SELECT id FROM accounts ORDER BY id LIMIT ?"
);
statement!(
    LearnersAfter(after: Uuid => SqlUuid, limit: i64 => BigInt) -> (SqlUuid)
        = "SELECT id FROM accounts WHERE id > ? ORDER BY id LIMIT ?"
);
statement!(
    IsThere(id: Uuid => SqlUuid) -> (Bool) = "SELECT EXISTS (SELECT FROM accounts WHERE id = ?)"
);

/// The words and the whole learners in the database.
#[derive(Clone)]
pub struct PgTransfer {
    database: PgDatabase,
    bulk: Bulk,
}

impl PgTransfer {
    /// What is in this database.
    pub fn new(database: PgDatabase) -> Self {
        Self {
            bulk: database.bulk(),
            database,
        }
    }

    /// Lets nobody write until the hold is dropped; what runs is waited for, a moment at most.
    pub async fn hold_still(&self) -> Result<Hold, PortError> {
        let held = Hold::take(&self.database).await;
        held.map_err(|error| error.into_port(PORT))
    }

    async fn is_there(&self, id: UserId) -> Result<bool, StoreError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            IsThere::new(id.0).get_result(&mut &*connection).await
        };
        let (there,): (bool,) = self.database.run(Repeat::Safe, read).await?;
        Ok(there)
    }

    async fn try_import(&self, record: &LearnerRecord) -> Result<bool, StoreError> {
        let id = record.holdings.owner();
        let record = record.clone();
        let imported = self.bulk.transaction(WRITES, move |connection| {
            async move { import(connection, &record).await }.boxed()
        });
        match imported.await {
            Ok(()) => Ok(true),
            Err(error) if error.is_taken() && self.is_there(id).await? => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl TransferStore for PgTransfer {
    async fn words(&self, after: Option<&WordId>, limit: u32) -> Result<Vec<Word>, PortError> {
        // Every id comes after no text.
        let after = after.map(WordId::as_str).unwrap_or_default();
        let read = |connection: Arc<AsyncPgConnection>| async move {
            let statement = WordsAfter::new(after, i64::from(limit));
            statement.load(&mut &*connection).await
        };
        let rows: Result<Vec<(WordRow,)>, _> = self.database.run(Repeat::Safe, read).await;
        let words = rows.and_then(|rows| {
            let words = rows.into_iter().map(|(row,)| row.try_into());
            Ok(words.collect::<Result<_, CorruptRow>>()?)
        });
        words.map_err(|error| error.into_port(PORT))
    }

    async fn import_words(&self, words: &[Word]) -> Result<(), PortError> {
        let words = words.to_vec();
        let imported = self.bulk.transaction(WRITES, move |connection| {
            async move { import_words(connection, &words).await }.boxed()
        });
        imported.await.map_err(|error| error.into_port(PORT))
    }

    async fn learners(&self, after: Option<UserId>, limit: u32) -> Result<Vec<UserId>, PortError> {
        let limit = i64::from(limit);
        let read = |connection: Arc<AsyncPgConnection>| async move {
            match after {
                Some(after) => LearnersAfter::new(after.0, limit).load(&mut &*connection).await,
                None => FirstLearners::new(limit).load(&mut &*connection).await,
            }
        };
        let rows: Result<Vec<(Uuid,)>, _> = self.database.run(Repeat::Safe, read).await;
        let rows = rows.map_err(|error| error.into_port(PORT))?;
        Ok(rows.into_iter().map(|(id,)| UserId(id)).collect())
    }

    async fn mark(&self, id: UserId) -> Result<Option<LearnerMark>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move { mark_rows(&connection, id).await };
        let rows = self.database.run(Repeat::Safe, read).await;
        let mark = rows.and_then(|rows| to_mark(id, rows));
        mark.map_err(|error| error.into_port(PORT))
    }

    async fn export(&self, id: UserId) -> Result<Option<LearnerRecord>, PortError> {
        let exported = self.bulk.transaction(READS, move |connection| {
            async move { export(connection, id).await }.boxed()
        });
        exported.await.map_err(|error| error.into_port(PORT))
    }

    async fn import(&self, record: &LearnerRecord) -> Result<bool, PortError> {
        let imported = self.try_import(record).await;
        imported.map_err(|error| error.into_port(PORT))
    }

    async fn audit(&self, after: Option<AuditId>, limit: u32) -> Result<Vec<KeptEntry>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            audit::entry_rows(&connection, after, limit).await
        };
        let rows: Result<Vec<EntryRow>, _> = self.database.run(Repeat::Safe, read).await;
        let entries = rows.and_then(|rows| {
            let entries = rows.into_iter().map(to_entry);
            Ok(entries.collect::<Result<_, CorruptRow>>()?)
        });
        entries.map_err(|error| error.into_port(PORT))
    }

    async fn import_audit(&self, entries: &[KeptEntry]) -> Result<(), PortError> {
        let entries = entries.to_vec();
        let imported = self.bulk.transaction(WRITES, move |connection| {
            async move { Ok(audit::keep_entries(connection, &entries).await?) }.boxed()
        });
        imported.await.map_err(|error| error.into_port(PORT))
    }

    async fn audit_head(&self) -> Result<Option<AuditHead>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move { Ok(audit::head(&connection).await) };
        let head = self.database.run(Repeat::Safe, read).await;
        head.and_then(|head| head).map_err(|error| error.into_port(PORT))
    }

    async fn import_audit_head(&self, head: &AuditHead) -> Result<(), PortError> {
        let head = *head;
        let imported = self.bulk.transaction(WRITES, move |connection| {
            async move { audit::replace(connection, &head).await }.boxed()
        });
        imported.await.map_err(|error| error.into_port(PORT))
    }
}
