//! The store of the audit log.

use async_trait::async_trait;
use diesel::result::OptionalExtension;
use diesel::sql_types::{BigInt, Binary, Nullable};
use diesel::{RunQueryDsl, SqliteConnection};
use parlance_domain::audit::{
    AuditChain, AuditCursor, AuditEntry, AuditFilter, AuditHead, AuditRecord, AuditStore, Backlog,
    ChainError, Place, SealedRecord, UnknownHead,
};
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;

use super::head;
use super::page::Page;
use super::row::{RecordColumns, RecordRow, SealedRow, place, record_columns, sealed};
use crate::consequences::keep_entries;
use crate::convert::{CorruptRow, RowOf, to_i64};
use crate::database::{Fail, NoRefusal, SqliteDatabase, StoreError};
use crate::statement::statement;

const PORT: &str = "AuditStore";

statement!(
    Waiting() -> (BigInt, Nullable<BigInt>)
        = "SELECT count(*), min(at) FROM audit_entries WHERE position IS NULL"
);
statement!(
    Unsealed(limit: i64 => BigInt) -> (RecordColumns,)
        = concat!("SELECT ", record_columns!(), " FROM audit_entries WHERE position IS NULL ORDER BY id LIMIT ?")
);
statement!(
    Put(position: i64 => BigInt, seal: &'a [u8] => Binary, id: &'a [u8] => Binary)
        = "UPDATE audit_entries SET position = ?, seal = ? WHERE id = ?"
);
statement!(
    Sealed(after: i64 => BigInt, limit: i64 => BigInt) -> (RecordColumns, BigInt, Binary)
        = concat!("SELECT ", record_columns!(), ", position, seal FROM audit_entries WHERE position > ? \
           ORDER BY position LIMIT ?")
);
statement!(
    Oldest(limit: i64 => BigInt) -> ((BigInt, Binary), BigInt)
        = "SELECT position, seal, at FROM audit_entries WHERE position IS NOT NULL ORDER BY position LIMIT ?"
);
statement!(
    Newest() -> ((BigInt, Binary),)
        = "SELECT position, seal FROM audit_entries WHERE position IS NOT NULL ORDER BY position DESC LIMIT 1"
);
statement!(
    Delete(until: i64 => BigInt) = "DELETE FROM audit_entries WHERE position <= ?"
);

/// The audit log in the database.
#[derive(Clone)]
pub struct SqliteAudit {
    database: SqliteDatabase,
}

impl SqliteAudit {
    /// The audit log in this database.
    pub fn new(database: SqliteDatabase) -> Self {
        Self { database }
    }

    /// Works on the chain; says how many entries it was about.
    async fn work<W>(&self, mut work: W) -> Result<u32, ChainError>
    where
        W: FnMut(&mut SqliteConnection, AuditHead) -> Result<usize, Fail<UnknownHead>> + Send + 'static,
    {
        let worked = self.database.write(move |connection| {
            let head = head::head(connection)?.ok_or(Fail::Refused(UnknownHead))?;
            work(connection, head)
        });
        let worked = worked.await.map_err(|fail| match fail {
            Fail::Refused(unknown) => ChainError::UnknownHead(unknown),
            Fail::Store(error) => error.into_port(PORT).into(),
        })?;
        Ok(u32::try_from(worked).unwrap_or(u32::MAX))
    }
}

#[async_trait]
impl AuditStore for SqliteAudit {
    async fn append(&self, entries: &[AuditEntry]) -> Result<(), PortError> {
        let entries = entries.to_vec();
        let appended: Result<(), NoRefusal> = self
            .database
            .write(move |connection| Ok(keep_entries(connection, &entries)?))
            .await;
        appended.map_err(|error| error.into_port(PORT))
    }

    async fn page(
        &self,
        filter: &AuditFilter,
        after: Option<AuditCursor>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, PortError> {
        let statement = Page::new(filter, after, limit);
        let found = self.database.read(move |connection| {
            let rows: Vec<(RecordRow,)> = statement.load(connection)?;
            let records = rows.into_iter().map(|(row,)| row.try_into());
            Ok(records.collect::<Result<_, CorruptRow>>()?)
        });
        found.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn backlog(&self) -> Result<Backlog, PortError> {
        let waiting = self.database.read(|connection| {
            let (entries, oldest): (i64, Option<i64>) = Waiting::new().get_result(connection)?;
            let of = RowOf {
                table: "audit_entries",
                id: &"oldest",
            };
            Ok(Backlog {
                entries: entries.unsigned_abs(),
                oldest: of.time_some(oldest, "at")?,
            })
        });
        waiting.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn seal(&self, chain: &AuditChain, limit: u32) -> Result<u32, ChainError> {
        let chain = chain.clone();
        self.work(move |connection, head| seal(connection, &head, &chain, limit))
            .await
    }

    async fn head(&self) -> Result<Option<AuditHead>, PortError> {
        let head = self.database.read(|connection| Ok(head::head(connection)?));
        head.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn sealed(&self, after: Option<u64>, limit: u32) -> Result<Vec<SealedRecord>, PortError> {
        let after = after.map_or(i64::MIN, to_i64);
        let found = self.database.read(move |connection| {
            let rows: Vec<SealedRow> = Sealed::new(after, i64::from(limit)).load(connection)?;
            let records = rows.into_iter().map(sealed);
            Ok(records.collect::<Result<_, CorruptRow>>()?)
        });
        found.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn purge(&self, chain: &AuditChain, before: Timestamp, limit: u32) -> Result<u32, ChainError> {
        let chain = chain.clone();
        self.work(move |connection, head| purge(connection, &head, &chain, before, limit))
            .await
    }

    async fn restart(&self, chain: &AuditChain) -> Result<AuditHead, PortError> {
        let chain = chain.clone();
        let restarted = self.database.write(move |connection| {
            let head = chain.restart(kept(connection)?);
            head::replace(connection, &head)?;
            Ok(head)
        });
        restarted.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }
}

/// Gives entries their places.
fn seal(
    connection: &mut SqliteConnection,
    head: &AuditHead,
    chain: &AuditChain,
    limit: u32,
) -> Result<usize, Fail<UnknownHead>> {
    let rows: Vec<(RecordRow,)> = Unsealed::new(i64::from(limit)).load(connection)?;
    let records = rows.into_iter().map(|(row,)| row.try_into());
    let records = records.collect::<Result<_, CorruptRow>>()?;
    let (head, sealed) = chain.extend(head, records).map_err(Fail::Refused)?;
    if sealed.is_empty() {
        return Ok(0);
    }
    for SealedRecord { record, place } in &sealed {
        let statement = Put::new(to_i64(place.position), &place.seal.0, record.id.0.as_bytes());
        statement.execute(connection)?;
    }
    head::replace(connection, &head)?;
    Ok(sealed.len())
}

/// Deletes what is old: the head says so first, else the entries resist.
fn purge(
    connection: &mut SqliteConnection,
    head: &AuditHead,
    chain: &AuditChain,
    before: Timestamp,
    limit: u32,
) -> Result<usize, Fail<UnknownHead>> {
    let oldest = oldest(connection, limit)?;
    let Some(head) = chain.shorten(head, &oldest, before).map_err(Fail::Refused)? else {
        return Ok(0);
    };
    head::replace(connection, &head)?;
    Ok(Delete::new(to_i64(head.purged)).execute(connection)?)
}

/// The first position and the last place of what is sealed.
fn kept(connection: &mut SqliteConnection) -> Result<Option<(u64, Place)>, StoreError> {
    let first = oldest(connection, 1)?.into_iter().next();
    let newest: Option<((i64, Vec<u8>),)> = Newest::new().get_result(connection).optional()?;
    let last = newest.map(|(row,)| entry_place(row)).transpose()?;
    Ok(first.map(|(place, _)| place.position).zip(last))
}

/// The places of the oldest entries, with their times.
fn oldest(connection: &mut SqliteConnection, limit: u32) -> Result<Vec<(Place, Timestamp)>, StoreError> {
    let rows: Vec<((i64, Vec<u8>), i64)> = Oldest::new(i64::from(limit)).load(connection)?;
    let places = rows.into_iter().map(|(row, at)| {
        let of = RowOf {
            table: "audit_entries",
            id: &row.0,
        };
        let at = of.time(at, "at")?;
        Ok((entry_place(row)?, at))
    });
    Ok(places.collect::<Result<_, CorruptRow>>()?)
}

fn entry_place((position, seal): (i64, Vec<u8>)) -> Result<Place, CorruptRow> {
    let of = RowOf {
        table: "audit_entries",
        id: &position,
    };
    place(of, position, seal)
}
