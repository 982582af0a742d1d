//! The stores of accounts, words and progress on PostgreSQL.

mod accounts;
mod audit;
mod config;
mod consequences;
mod convert;
mod database;
mod idempotency;
mod progress;
mod spending;
mod statement;
mod transfer;
mod words;

pub use accounts::{PgAccounts, PgSecrets, PgSessions};
pub use audit::PgAudit;
pub use config::PgConfig;
pub use database::{MigrateError, OpenError, PgDatabase, Stats, TlsError, Unreachable, UrlError};
pub use idempotency::PgIdempotency;
pub use progress::{PgProgress, WriteStats};
pub use spending::PgSpending;
pub use transfer::{Hold, PgTransfer};
pub use words::PgWords;
