//! The store of the audit log.

use async_trait::async_trait;
use parlance_domain::audit::{AuditEntry, AuditStore};
use parlance_domain::port::PortError;

use crate::consequences::keep_entries;
use crate::database::{NoRefusal, SqliteDatabase};

const PORT: &str = "AuditStore";

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
}
