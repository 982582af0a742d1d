//! Databases of the tests' own.

use std::path::PathBuf;
use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use parlance_contract::stores::Stores;
use parlance_contract::transfer::Installation;
use parlance_sqlite::{
    SqliteAccounts, SqliteApiKeys, SqliteAudit, SqliteAuthorizations, SqliteConfig, SqliteDatabase,
    SqliteDevices, SqliteDirectory, SqliteExports, SqliteHeldData, SqliteIdempotency, SqliteIdentities,
    SqliteLockouts, SqliteOutbox, SqlitePasskeys, SqliteProgress, SqliteProviderKeys, SqliteSecondFactors,
    SqliteSecrets, SqliteSessions, SqliteSettings, SqliteSpending, SqliteTransfer, SqliteWords,
};
use tempfile::TempDir;

/// A database in a directory that goes away with it.
pub(crate) struct Fresh {
    pub(crate) database: SqliteDatabase,
    pub(crate) directory: TempDir,
}

pub(crate) fn fresh() -> Fresh {
    let directory = tempfile::tempdir().unwrap();
    let database = open(directory.path().join("data/parlance.db"));
    Fresh { database, directory }
}

pub(crate) fn open(path: impl Into<PathBuf>) -> SqliteDatabase {
    let mut config = SqliteConfig::new(path);
    // The tests run beside each other, and the disk may be slow.
    config.deadline = std::time::Duration::from_mins(1);
    config.queue = 20_000;
    SqliteDatabase::open(config).unwrap()
}

/// The stores of a database of its own.
pub(crate) fn stores() -> Stores {
    let Fresh { database, directory } = fresh();
    let mut stores = stores_of(&database);
    stores.guard = Box::new((database, directory));
    stores
}

/// The stores of a database of its own, and what changes it behind them.
pub(crate) fn unguarded() -> (Stores, impl AsyncFn(&str)) {
    let Fresh { database, directory } = fresh();
    let mut stores = stores_of(&database);
    stores.guard = Box::new(directory);
    (stores, async move |sql: &str| tamper(&database, sql))
}

/// Changes a database behind its stores, whatever the checks of its columns say.
pub(crate) fn tamper(database: &SqliteDatabase, sql: &str) {
    let path = database.path().to_str().unwrap();
    let mut connection = SqliteConnection::establish(path).unwrap();
    let pragmas = "PRAGMA foreign_keys = ON; PRAGMA ignore_check_constraints = ON";
    connection.batch_execute(&format!("{pragmas}; {sql}")).unwrap();
}

/// The stores of a database of its own, and the way in and out of it.
pub(crate) fn installation() -> Installation {
    let Fresh { database, directory } = fresh();
    Installation {
        stores: stores_of(&database),
        transfer: Arc::new(SqliteTransfer::new(database.clone())),
        guard: Box::new((database, directory)),
    }
}

/// The stores of a database.
pub(crate) fn stores_of(database: &SqliteDatabase) -> Stores {
    Stores {
        accounts: Arc::new(SqliteAccounts::new(database.clone())),
        sessions: Arc::new(SqliteSessions::new(database.clone())),
        devices: Arc::new(SqliteDevices::new(database.clone())),
        api_keys: Arc::new(SqliteApiKeys::new(database.clone())),
        lockouts: Arc::new(SqliteLockouts::new(database.clone())),
        second_factors: Arc::new(SqliteSecondFactors::new(database.clone())),
        passkeys: Arc::new(SqlitePasskeys::new(database.clone())),
        identities: Arc::new(SqliteIdentities::new(database.clone())),
        authorizations: Arc::new(SqliteAuthorizations::new(database.clone())),
        secrets: Arc::new(SqliteSecrets::new(database.clone())),
        audit: Arc::new(SqliteAudit::new(database.clone())),
        directory: Arc::new(SqliteDirectory::new(database.clone())),
        outbox: Arc::new(SqliteOutbox::new(database.clone())),
        exports: Arc::new(SqliteExports::new(database.clone())),
        held: Arc::new(SqliteHeldData::new(database.clone())),
        words: Arc::new(SqliteWords::new(database.clone())),
        progress: Arc::new(SqliteProgress::new(database.clone())),
        settings: Arc::new(SqliteSettings::new(database.clone())),
        provider_keys: Arc::new(SqliteProviderKeys::new(database.clone())),
        sealed: Arc::new(SqliteProviderKeys::new(database.clone())),
        sealed_factors: Arc::new(SqliteSecondFactors::new(database.clone())),
        spending: Arc::new(SqliteSpending::new(database.clone())),
        idempotency: Arc::new(SqliteIdempotency::new(database.clone())),
        guard: Box::new(()),
    }
}
