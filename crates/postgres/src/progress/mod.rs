//! Each learner's log of events, and its projection.

mod columns;
mod committer;
pub(crate) mod event;
pub(crate) mod row;
mod store;

pub use committer::WriteStats;
pub use store::PgProgress;

/// The port that all this is behind.
const PORT: &str = "ProgressStore";
