//! Each learner's log of events, and its projection.

mod append;
mod event;
mod row;
mod store;
#[cfg(test)]
mod tests;
mod transfer;

pub use store::SqliteProgress;
pub(crate) use transfer::StoredProgress;
