//! Accounts and their sessions.

pub(crate) mod insert;
pub(crate) mod row;
mod sessions;
mod store;

pub use sessions::PgSessions;
pub use store::PgAccounts;
