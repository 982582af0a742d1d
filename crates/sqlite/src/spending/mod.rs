//! What was spent on providers.

mod store;

pub use store::SqliteSpending;
