//! Whole learners and the words, moved out of a database and into it.

mod export;
mod hold;
mod holdings;
mod import;
mod store;

pub use hold::Hold;
pub use store::PgTransfer;
