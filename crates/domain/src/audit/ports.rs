//! The store of the audit log.

use async_trait::async_trait;

use super::{
    AuditChain, AuditCursor, AuditEntry, AuditFilter, AuditHead, AuditRecord, SealedRecord, UnknownHead,
};
use crate::port::PortError;
use crate::time::Timestamp;

/// The entries that have no place in the chain yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// How many there are.
    pub entries: u64,
    /// When the oldest was written.
    pub oldest: Option<Timestamp>,
}

/// Why nothing was sealed or deleted.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// Whoever wrote the head has none of the keys.
    #[error(transparent)]
    UnknownHead(#[from] UnknownHead),
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Keeps the audit log: entries are added, sealed once, and deleted when they are old; they are never changed.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Adds entries, all or none.
    ///
    /// - An entry that is there already, by its id, is left as it is.
    async fn append(&self, entries: &[AuditEntry]) -> Result<(), PortError>;

    /// At most `limit` entries that fit a filter, the newest first, from behind a place.
    ///
    /// - Of those with the same time, the one with the greater id comes first.
    /// - Those that are not sealed yet are among them.
    async fn page(
        &self,
        filter: &AuditFilter,
        after: Option<AuditCursor>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, PortError>;

    /// The entries that are not sealed yet.
    async fn backlog(&self) -> Result<Backlog, PortError>;

    /// Gives at most `limit` entries their places by [`AuditChain::extend`], in the order of their ids; says how many.
    ///
    /// - Of many that seal at once, one does, and the others find nothing to do: places have no gaps.
    /// - A head that the chain does not know is left as it is, and so are the entries.
    async fn seal(&self, chain: &AuditChain, limit: u32) -> Result<u32, ChainError>;

    /// What is known of the chain as a whole; `None` where somebody took it away.
    async fn head(&self) -> Result<Option<AuditHead>, PortError>;

    /// At most `limit` sealed entries in the order of their positions, from behind one, else from the lowest on.
    async fn sealed(&self, after: Option<u64>, limit: u32) -> Result<Vec<SealedRecord>, PortError>;

    /// Deletes at most `limit` entries from before an instant, as [`AuditChain::shorten`] says; says how many.
    ///
    /// - The oldest alone, without a gap, and only what is sealed.
    /// - A head that the chain does not know is left as it is, and so are the entries.
    async fn purge(&self, chain: &AuditChain, before: Timestamp, limit: u32) -> Result<u32, ChainError>;

    /// Begins the chain anew behind the entries that are there, by [`AuditChain::restart`]; gives its head.
    async fn restart(&self, chain: &AuditChain) -> Result<AuditHead, PortError>;
}
