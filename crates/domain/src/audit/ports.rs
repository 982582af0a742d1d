//! The store of the audit log.

use async_trait::async_trait;

use super::AuditEntry;
use crate::port::PortError;

/// Keeps the audit log: entries are added and never changed.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Adds entries, all or none.
    ///
    /// - An entry that is there already, by its id, is left as it is.
    async fn append(&self, entries: &[AuditEntry]) -> Result<(), PortError>;
}
