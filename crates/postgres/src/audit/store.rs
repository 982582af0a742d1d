//! The store of the audit log.

use async_trait::async_trait;
use futures_util::FutureExt;
use parlance_domain::audit::{AuditEntry, AuditStore};
use parlance_domain::port::PortError;

use crate::consequences::keep_entries;
use crate::database::{NoRefusal, PgDatabase};

const PORT: &str = "AuditStore";

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
}
