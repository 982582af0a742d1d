//! Words and the lists that teach them.

mod import;
mod row;
mod search;
mod store;

pub use store::PgWords;
