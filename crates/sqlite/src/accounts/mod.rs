//! Accounts and their sessions.

mod row;
mod sessions;
mod store;

pub use sessions::SqliteSessions;
pub(crate) use sessions::sessions_of;
pub use store::SqliteAccounts;
pub(crate) use store::{NewAccount, account, keep};
