//! The stores of accounts, words and progress on PostgreSQL.

mod config;
mod convert;
mod database;
mod statement;

pub use config::PgConfig;
pub use database::{MigrateError, OpenError, PgDatabase, Stats, TlsError, Unreachable, UrlError};
