//! Words and the lists that teach them.

mod import;
mod row;
mod search;
mod store;

pub(crate) use import::{NewWord, upsert};
pub use store::SqliteWords;
pub(crate) use store::words_after;
