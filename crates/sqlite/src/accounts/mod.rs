//! Accounts and their sessions.

mod row;
mod sessions;
mod store;

pub use sessions::SqliteSessions;
pub use store::SqliteAccounts;
