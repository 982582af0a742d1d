//! Whole learners and the words, moved out of a database and into it.

mod export;
mod import;
mod store;

pub use store::PgTransfer;
