//! Each learner's log of events, and its projection.

mod append;
mod event;
mod row;
mod store;

pub use store::SqliteProgress;
