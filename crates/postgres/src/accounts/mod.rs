//! Accounts, their sessions and one-time secrets.

mod change;
pub(crate) mod insert;
pub(crate) mod row;
mod secrets;
mod sessions;
mod store;

pub use secrets::PgSecrets;
pub(crate) use secrets::keep_secrets;
pub use sessions::PgSessions;
pub use store::PgAccounts;
