//! The stores of accounts, words and progress on PostgreSQL.

mod accounts;
mod admin;
mod audit;
mod config;
mod consequences;
mod convert;
mod database;
mod idempotency;
mod mail;
mod personal;
mod progress;
#[cfg(test)]
mod script;
mod settings;
mod spending;
mod statement;
mod transfer;
mod words;

pub use accounts::{
    PgAccounts, PgApiKeys, PgAuthorizations, PgDevices, PgIdentities, PgLockouts, PgPasskeys,
    PgSecondFactors, PgSecrets, PgSessions,
};
pub use admin::PgDirectory;
pub use audit::PgAudit;
pub use config::PgConfig;
pub use database::{MigrateError, OpenError, PgDatabase, Stats, TlsError, Unreachable, UrlError};
pub use idempotency::PgIdempotency;
pub use mail::PgOutbox;
pub use personal::{PgExports, PgHeldData};
pub use progress::{PgProgress, WriteStats};
pub use settings::{PgProviderKeys, PgSettings};
pub use spending::PgSpending;
pub use transfer::{Hold, PgTransfer};
pub use words::PgWords;
