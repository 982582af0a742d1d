//! Accounts and their sessions.

mod insert;
mod row;
mod sessions;
mod store;

pub use sessions::PgSessions;
pub use store::PgAccounts;
