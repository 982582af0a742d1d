//! Words and the lists that teach them.

pub(crate) mod import;
pub(crate) mod row;
mod search;
mod store;

pub use store::PgWords;
