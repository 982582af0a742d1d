//! The stores in one SQLite file: the embedded default.
//!
//! One thread owns the connection that writes and commits whatever waits as one group; a few threads own
//! connections that read. Statements are written by hand, each with a fixed text, so that every connection
//! prepares it once and partial indexes are used.

mod accounts;
mod admin;
mod audit;
mod consequences;
mod convert;
mod database;
mod idempotency;
mod mail;
mod personal;
mod progress;
mod settings;
mod spending;
mod statement;
mod transfer;
mod words;

pub use accounts::{
    SqliteAccounts, SqliteApiKeys, SqliteAuthorizations, SqliteDevices, SqliteIdentities, SqliteLockouts,
    SqlitePasskeys, SqliteSecondFactors, SqliteSecrets, SqliteSessions,
};
pub use admin::SqliteDirectory;
pub use audit::SqliteAudit;
pub use database::{
    BackupError, DatabaseStats, MigrateError, OpenError, RestoreError, SqliteConfig, SqliteDatabase,
};
pub use idempotency::SqliteIdempotency;
pub use mail::SqliteOutbox;
pub use personal::{SqliteExports, SqliteHeldData};
pub use progress::SqliteProgress;
pub use settings::{SqliteProviderKeys, SqliteSettings};
pub use spending::SqliteSpending;
pub use transfer::SqliteTransfer;
pub use words::SqliteWords;
