//! Accounts, their sessions and one-time secrets.

mod api_keys;
mod change;
mod devices;
pub(crate) mod insert;
mod lockouts;
pub(crate) mod row;
mod secrets;
mod sessions;
mod store;

pub use api_keys::PgApiKeys;
pub use devices::PgDevices;
pub use lockouts::PgLockouts;
pub use secrets::PgSecrets;
pub(crate) use secrets::keep_secrets;
pub use sessions::PgSessions;
pub use store::PgAccounts;
