//! The audit log.

mod store;

pub use store::SqliteAudit;
