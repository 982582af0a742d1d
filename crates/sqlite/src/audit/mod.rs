//! The audit log.

mod head;
mod page;
mod row;
mod store;

pub use store::SqliteAudit;
