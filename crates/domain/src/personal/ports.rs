//! What is asked of stores: the rows of a learner, the archives that were asked for, and their files.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use super::{Export, ExportAttempt, ExportFileName, HeldRow, ReadyExport, Table};
use crate::consequences::Consequences;
use crate::ids::{ExportId, UserId};
use crate::port::PortError;
use crate::time::Timestamp;

/// Some rows of a table, and where the next ones begin, if there may be more.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HeldPage {
    /// The rows.
    pub rows: Vec<HeldRow>,
    /// Where to go on.
    pub next: Option<String>,
}

impl HeldPage {
    /// A page of at most `limit` rows, if there is a limit, the last of which is at a place.
    pub fn new(rows: Vec<HeldRow>, limit: Option<u32>, last: Option<String>) -> Self {
        let is_full = limit.is_some_and(|limit| rows.len() == limit as usize);
        Self {
            rows,
            next: last.filter(|_| is_full),
        }
    }
}

/// Reads whatever is held of a learner.
#[async_trait]
pub trait HeldData: Send + Sync {
    /// At most `limit` rows of a table that are a user's, from behind a place; all of them, where a table has no pages.
    ///
    /// - Whatever its [`Table`] says is there, and nothing of anybody else.
    /// - One page behind the other, no row is told twice, and none is left out that was there all the time.
    /// - What another account did, or what was done to another, is told without what is theirs.
    async fn page(
        &self,
        user: UserId,
        table: &'static Table,
        after: Option<&str>,
        limit: u32,
    ) -> Result<HeldPage, PortError>;
}

/// An archive that is asked for.
#[derive(Debug, Clone, Copy)]
pub struct ExportOrder {
    /// Whose data it is to hold.
    pub user_id: UserId,
    /// Its id.
    pub id: ExportId,
    /// The present instant.
    pub now: Timestamp,
    /// How many may be asked for since an instant.
    pub limit: u32,
    /// That instant.
    pub since: Timestamp,
}

/// What came of asking for an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requested {
    /// It will be made.
    Begun(Export),
    /// Another one is being made.
    Underway(Export),
    /// As many as may be were asked for; the first of them then.
    TooMany {
        /// When the first of them was asked for.
        first: Timestamp,
    },
    /// The account is gone or out of use.
    NoAccount,
}

/// On which terms an archive is taken to be made.
#[derive(Debug, Clone, Copy)]
pub struct ExportLease {
    /// Who takes it.
    pub attempt: ExportAttempt,
    /// The present instant.
    pub now: Timestamp,
    /// Until when nobody else takes it.
    pub until: Timestamp,
}

/// An archive that was taken to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenExport {
    /// Whose data it is to hold.
    pub user_id: UserId,
    /// Its id.
    pub id: ExportId,
    /// How often it was taken, this time included.
    pub attempts: u32,
}

/// What became of an archive in an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportOutcome {
    /// It can be fetched.
    Ready(ReadyExport),
    /// It is to be tried again.
    Postponed {
        /// When.
        due: Timestamp,
    },
    /// It will not be made.
    Failed {
        /// When that was decided.
        at: Timestamp,
    },
}

/// Keeps which archives were asked for, and how far they have come.
#[async_trait]
pub trait ExportStore: Send + Sync {
    /// Asks for an archive, with the consequences.
    ///
    /// - Of many that ask at once, one begins, and the others are told of that one.
    /// - As many as may be asked for since an instant are.
    /// - Where none begins, nothing is written.
    async fn request(&self, order: &ExportOrder, consequences: &Consequences)
    -> Result<Requested, PortError>;

    /// The archive that a user asked for last.
    async fn latest(&self, user: UserId) -> Result<Option<Export>, PortError>;

    /// An archive of a user.
    async fn by_id(&self, user: UserId, id: ExportId) -> Result<Option<Export>, PortError>;

    /// Takes the archive that has been due for longest.
    ///
    /// - Of as many parallel calls as there may be, one takes it.
    /// - It is due again when the lease is over, and each taking is counted.
    /// - What is ready or failed is taken no more.
    async fn take(&self, lease: &ExportLease) -> Result<Option<TakenExport>, PortError>;

    /// Makes a lease longer; whether this attempt was the last one that took it. If not, nothing is done.
    async fn renew(
        &self,
        user: UserId,
        id: ExportId,
        attempt: ExportAttempt,
        until: Timestamp,
    ) -> Result<bool, PortError>;

    /// Notes what became of an archive, with the consequences; whether this attempt was the last one that took it, and
    /// nothing had become of it. If not, nothing is written.
    async fn finish(
        &self,
        user: UserId,
        id: ExportId,
        attempt: ExportAttempt,
        outcome: &ExportOutcome,
        consequences: &Consequences,
    ) -> Result<bool, PortError>;

    /// Forgets archives that were asked for before this instant; how many, at most `limit`.
    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u32, PortError>;
}

/// The content of a file, piece by piece.
pub struct ExportContent {
    /// How long it is, in bytes.
    pub length: u64,
    /// The pieces.
    pub pieces: BoxStream<'static, Result<Bytes, PortError>>,
}

/// Keeps the files of archives.
#[async_trait]
pub trait ExportFiles: Send + Sync {
    /// Begins a file.
    ///
    /// - It is there once it is finished, whole, and not before.
    /// - One that is dropped instead leaves nothing that anybody could read.
    async fn begin(&self, name: &ExportFileName) -> Result<Box<dyn ExportArchive>, PortError>;

    /// Reads a file.
    async fn read(&self, name: &ExportFileName) -> Result<Option<ExportContent>, PortError>;

    /// Deletes the files that are not needed any more at an instant, as their names say; how many.
    ///
    /// - Files of attempts that nobody finished are among them.
    async fn purge(&self, now: Timestamp) -> Result<u32, PortError>;
}

/// An archive that is being written: one entry behind the other, never whole in memory.
#[async_trait]
pub trait ExportArchive: Send {
    /// Begins an entry; what is written from now on is in it.
    async fn entry(&mut self, name: &str) -> Result<(), PortError>;

    /// Writes to the entry.
    async fn write(&mut self, content: Bytes) -> Result<(), PortError>;

    /// Keeps the archive; how long it is, in bytes.
    async fn finish(self: Box<Self>) -> Result<u64, PortError>;
}
