//! The store of the audit log.

use std::sync::Arc;

use async_trait::async_trait;
use diesel::result::{Error as DieselError, OptionalExtension};
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;
use parlance_domain::audit::{
    AuditChain, AuditCursor, AuditEntry, AuditFilter, AuditHead, AuditRecord, AuditStore, Backlog,
    ChainError, Place, SealedRecord, UnknownHead,
};
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use super::head::{self, Turn};
use super::page::Page;
use super::row::{PlaceColumns, RecordColumns, RecordRow, SealedRow, place, record_columns, sealed};
use crate::consequences::keep_entries;
use crate::convert::{CorruptRow, RowOf, to_i64};
use crate::database::{Fail, NoRefusal, PgDatabase, Repeat, StoreError};
use crate::statement::statement;

const PORT: &str = "AuditStore";

statement!(
    Waiting() -> (BigInt, Nullable<Timestamptz>)
        = "SELECT count(*), min(at) FROM audit_entries WHERE position IS NULL"
);
statement!(
    Unsealed(limit: i64 => BigInt) -> (RecordColumns,)
        = concat!("SELECT ", record_columns!(), " FROM audit_entries WHERE position IS NULL ORDER BY id LIMIT ?")
);
statement!(
    Put(ids: Vec<Uuid> => Array<SqlUuid>, positions: Vec<i64> => Array<BigInt>, seals: Vec<Vec<u8>> => Array<Binary>)
        = "UPDATE audit_entries e SET position = s.position, seal = s.seal \
           FROM unnest(?::uuid[], ?::bigint[], ?::bytea[]) AS s (id, position, seal) \
           WHERE e.id = s.id AND e.position IS NULL"
);
statement!(
    Sealed(after: i64 => BigInt, limit: i64 => BigInt) -> (RecordColumns, BigInt, Binary)
        = concat!("SELECT ", record_columns!(), ", position, seal FROM audit_entries WHERE position > ? \
           ORDER BY position LIMIT ?")
);
statement!(
    Oldest(limit: i64 => BigInt) -> (PlaceColumns, Timestamptz)
        = "SELECT position, seal, at FROM audit_entries WHERE position IS NOT NULL ORDER BY position LIMIT ?"
);
statement!(
    Newest() -> (PlaceColumns,)
        = "SELECT position, seal FROM audit_entries WHERE position IS NOT NULL ORDER BY position DESC LIMIT 1"
);
statement!(
    Delete(until: i64 => BigInt) = "DELETE FROM audit_entries WHERE position <= ?"
);

/// The audit log in the database.
#[derive(Clone)]
pub struct PgAudit {
    database: PgDatabase,
}

impl PgAudit {
    /// The audit log in this database.
    pub fn new(database: PgDatabase) -> Self {
        Self { database }
    }

    /// Works on the chain in a transaction of its own, if nobody else does; says how many entries it was about.
    async fn work(&self, work: Work) -> Result<u32, ChainError> {
        let worked = self.database.transact(move |connection| {
            let work = work.clone();
            async move {
                match head::try_lock(connection).await? {
                    Turn::Mine(head) => work.run(connection, &head).await,
                    Turn::Theirs => Ok(0),
                    Turn::Gone => Err(Fail::Refused(UnknownHead)),
                }
            }
            .boxed()
        });
        let worked = worked.await.map_err(|fail| match fail {
            Fail::Refused(unknown) => ChainError::UnknownHead(unknown),
            Fail::Store(error) => error.into_port(PORT).into(),
        })?;
        Ok(u32::try_from(worked).unwrap_or(u32::MAX))
    }
}

#[async_trait]
impl AuditStore for PgAudit {
    async fn append(&self, entries: &[AuditEntry]) -> Result<(), PortError> {
        let entries = entries.to_vec();
        let appended = self.database.transact(move |connection| {
            let entries = entries.clone();
            async move { Ok(keep_entries(connection, &entries).await?) }.boxed()
        });
        appended.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn page(
        &self,
        filter: &AuditFilter,
        after: Option<AuditCursor>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            let statement = Page::new(filter, after, limit);
            statement.load(&mut &*connection).await
        };
        let rows = self.database.run(Repeat::Safe, read).await;
        let rows: Vec<(RecordRow,)> = rows.map_err(|error| error.into_port(PORT))?;
        Ok(rows.into_iter().map(|(row,)| row.into()).collect())
    }

    async fn backlog(&self) -> Result<Backlog, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            Waiting::new().get_result(&mut &*connection).await
        };
        let waiting = self.database.run(Repeat::Safe, read).await;
        let (entries, oldest): (i64, Option<Timestamp>) = waiting.map_err(|error| error.into_port(PORT))?;
        Ok(Backlog {
            entries: entries.unsigned_abs(),
            oldest,
        })
    }

    async fn seal(&self, chain: &AuditChain, limit: u32) -> Result<u32, ChainError> {
        let chain = chain.clone();
        self.work(Work::Seal { chain, limit }).await
    }

    async fn head(&self) -> Result<Option<AuditHead>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move { Ok(head::head(&connection).await) };
        let head = self.database.run(Repeat::Safe, read).await;
        head.and_then(|head| head).map_err(|error| error.into_port(PORT))
    }

    async fn sealed(&self, after: Option<u64>, limit: u32) -> Result<Vec<SealedRecord>, PortError> {
        let after = after.map_or(i64::MIN, to_i64);
        let read = |connection: Arc<AsyncPgConnection>| async move {
            let statement = Sealed::new(after, i64::from(limit));
            statement.load(&mut &*connection).await
        };
        let rows: Result<Vec<SealedRow>, StoreError> = self.database.run(Repeat::Safe, read).await;
        let records = rows.and_then(|rows| {
            let records = rows.into_iter().map(sealed);
            Ok(records.collect::<Result<_, CorruptRow>>()?)
        });
        records.map_err(|error| error.into_port(PORT))
    }

    async fn purge(&self, chain: &AuditChain, before: Timestamp, limit: u32) -> Result<u32, ChainError> {
        let chain = chain.clone();
        self.work(Work::Purge { chain, before, limit }).await
    }

    async fn restart(&self, chain: &AuditChain) -> Result<AuditHead, PortError> {
        let chain = chain.clone();
        let restarted = self.database.transact(move |connection| {
            let chain = chain.clone();
            async move {
                let kept = kept(connection).await?;
                let head = chain.restart(kept);
                head::replace(connection, &head).await?;
                Ok(head)
            }
            .boxed()
        });
        restarted.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }
}

/// What is done while the head is locked.
#[derive(Clone)]
enum Work {
    Seal {
        chain: AuditChain,
        limit: u32,
    },
    Purge {
        chain: AuditChain,
        before: Timestamp,
        limit: u32,
    },
}

impl Work {
    async fn run(
        &self,
        connection: &AsyncPgConnection,
        head: &AuditHead,
    ) -> Result<usize, Fail<UnknownHead>> {
        match self {
            Self::Seal { chain, limit } => seal(connection, head, chain, *limit).await,
            Self::Purge { chain, before, limit } => purge(connection, head, chain, *before, *limit).await,
        }
    }
}

/// Gives entries their places.
async fn seal(
    connection: &AsyncPgConnection,
    head: &AuditHead,
    chain: &AuditChain,
    limit: u32,
) -> Result<usize, Fail<UnknownHead>> {
    let statement = Unsealed::new(i64::from(limit));
    let rows: Vec<(RecordRow,)> = statement.load(&mut &*connection).await?;
    let records = rows.into_iter().map(|(row,)| row.into()).collect();
    let (head, sealed) = chain.extend(head, records).map_err(Fail::Refused)?;
    if sealed.is_empty() {
        return Ok(0);
    }
    let statement = Put::new(
        sealed.iter().map(|entry| entry.record.id.0).collect(),
        sealed.iter().map(|entry| to_i64(entry.place.position)).collect(),
        sealed.iter().map(|entry| entry.place.seal.0.to_vec()).collect(),
    );
    let put = statement.execute(&mut &*connection).await?;
    if put != sealed.len() {
        return Err(StoreError::from(DieselError::NotFound).into());
    }
    head::replace(connection, &head).await?;
    Ok(put)
}

/// Deletes what is old: the head says so first, else the entries resist.
async fn purge(
    connection: &AsyncPgConnection,
    head: &AuditHead,
    chain: &AuditChain,
    before: Timestamp,
    limit: u32,
) -> Result<usize, Fail<UnknownHead>> {
    let statement = Oldest::new(i64::from(limit));
    let rows: Vec<((i64, Vec<u8>), Timestamp)> = statement.load(&mut &*connection).await?;
    let oldest = rows.into_iter().map(|(row, at)| Ok((entry_place(row)?, at)));
    let oldest = oldest.collect::<Result<Vec<_>, CorruptRow>>()?;
    let Some(head) = chain.shorten(head, &oldest, before).map_err(Fail::Refused)? else {
        return Ok(0);
    };
    head::replace(connection, &head).await?;
    Ok(Delete::new(to_i64(head.purged))
        .execute(&mut &*connection)
        .await?)
}

/// The first position and the last place of what is sealed.
async fn kept(connection: &AsyncPgConnection) -> Result<Option<(u64, Place)>, StoreError> {
    let first: Vec<((i64, Vec<u8>), Timestamp)> = Oldest::new(1).load(&mut &*connection).await?;
    let newest: Option<((i64, Vec<u8>),)> = Newest::new().get_result(&mut &*connection).await.optional()?;
    let kept = first.into_iter().next().zip(newest);
    let kept = kept.map(|((first, _), (last,))| Ok((entry_place(first)?.position, entry_place(last)?)));
    Ok(kept.transpose().map_err(|error: CorruptRow| error)?)
}

fn entry_place((position, seal): (i64, Vec<u8>)) -> Result<Place, CorruptRow> {
    let of = RowOf {
        table: "audit_entries",
        id: &position,
    };
    place(of, position, seal)
}
