//! The audit log.

mod head;
mod moving;
mod page;
mod row;
mod store;

pub(crate) use head::{head, replace};
pub(crate) use moving::{entries_after, keep_entries};
pub use store::SqliteAudit;
