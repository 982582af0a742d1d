//! The audit log.

mod head;
mod moving;
mod page;
mod row;
mod store;

pub(crate) use head::{head, replace};
pub(crate) use moving::{EntryRow, entry_rows, keep_entries, to_entry};
pub use store::PgAudit;
