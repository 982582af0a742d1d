//! Databases of the tests' own.

use std::error::Error;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parlance_contract::stores::Stores;
use parlance_contract::transfer::Installation;
use parlance_postgres::{
    PgAccounts, PgApiKeys, PgAudit, PgAuthorizations, PgConfig, PgDatabase, PgDevices, PgDirectory,
    PgExports, PgHeldData, PgIdempotency, PgIdentities, PgLockouts, PgOutbox, PgPasskeys, PgProgress,
    PgProviderKeys, PgSecondFactors, PgSecrets, PgSessions, PgSettings, PgSpending, PgTransfer, PgWords,
};
use parlance_testbed::TestDatabase;
use tokio_postgres::{Client, NoTls};

/// A database with the schema.
pub(crate) struct Fresh {
    pub(crate) database: PgDatabase,
    pub(crate) home: TestDatabase,
}

/// A database with the schema that nobody else uses.
pub(crate) async fn fresh() -> Fresh {
    let home = home().await;
    let database = open(&home.url()).await;
    Fresh { database, home }
}

/// A place with the schema, to be opened by the test itself.
pub(crate) async fn home() -> TestDatabase {
    let template = format!("stores_{:x}", schema_hash());
    TestDatabase::create(&template, async |url| open(&url).await.close().await).await
}

/// Settings with which tests beside each other, on a busy machine, do not time out.
pub(crate) fn config(url: &str) -> PgConfig {
    crate::isolation::watch();
    PgConfig {
        wait: Duration::from_secs(30),
        statement_timeout: Duration::from_secs(30),
        lock_timeout: Duration::from_secs(30),
        connect_timeout: Duration::from_secs(30),
        ..PgConfig::new(url)
    }
}

pub(crate) async fn open(url: &str) -> PgDatabase {
    PgDatabase::open(config(url)).await.unwrap()
}

/// The stores of a database of its own.
pub(crate) async fn stores() -> Stores {
    let Fresh { database, home } = fresh().await;
    let mut stores = stores_of(&database);
    stores.guard = Box::new((database, home));
    stores
}

/// The stores of a database.
pub(crate) fn stores_of(database: &PgDatabase) -> Stores {
    Stores {
        accounts: Arc::new(PgAccounts::new(database.clone())),
        sessions: Arc::new(PgSessions::new(database.clone())),
        devices: Arc::new(PgDevices::new(database.clone())),
        api_keys: Arc::new(PgApiKeys::new(database.clone())),
        lockouts: Arc::new(PgLockouts::new(database.clone())),
        second_factors: Arc::new(PgSecondFactors::new(database.clone())),
        passkeys: Arc::new(PgPasskeys::new(database.clone())),
        identities: Arc::new(PgIdentities::new(database.clone())),
        authorizations: Arc::new(PgAuthorizations::new(database.clone())),
        secrets: Arc::new(PgSecrets::new(database.clone())),
        audit: Arc::new(PgAudit::new(database.clone())),
        directory: Arc::new(PgDirectory::new(database.clone())),
        outbox: Arc::new(PgOutbox::new(database.clone())),
        exports: Arc::new(PgExports::new(database.clone())),
        held: Arc::new(PgHeldData::new(database.clone())),
        words: Arc::new(PgWords::new(database.clone())),
        progress: Arc::new(PgProgress::new(database.clone())),
        settings: Arc::new(PgSettings::new(database.clone())),
        provider_keys: Arc::new(PgProviderKeys::new(database.clone())),
        sealed: Arc::new(PgProviderKeys::new(database.clone())),
        sealed_factors: Arc::new(PgSecondFactors::new(database.clone())),
        spending: Arc::new(PgSpending::new(database.clone())),
        idempotency: Arc::new(PgIdempotency::new(database.clone())),
        guard: Box::new(()),
    }
}

/// The stores of a database of its own without checks of columns, and what changes it behind them.
pub(crate) async fn unguarded() -> (Stores, impl AsyncFn(&str)) {
    const DROP_CHECKS: &str = "DO $$ DECLARE found record; BEGIN \
        FOR found IN SELECT conrelid::regclass AS place, conname FROM pg_constraint \
        WHERE contype = 'c' AND connamespace = 'public'::regnamespace \
        LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', found.place, found.conname); END LOOP; END $$";
    let Fresh { database, home } = fresh().await;
    let session = session(&home.url()).await;
    session.batch_execute(DROP_CHECKS).await.unwrap();
    let mut stores = stores_of(&database);
    stores.guard = Box::new((database, home));
    (stores, async move |sql: &str| {
        session.batch_execute(sql).await.unwrap();
    })
}

/// An installation in a database of its own.
pub(crate) async fn installation() -> Installation {
    let Fresh { database, home } = fresh().await;
    Installation {
        stores: stores_of(&database),
        transfer: Arc::new(PgTransfer::new(database.clone())),
        guard: Box::new((database, home)),
    }
}

/// The folders of the migrations, in their order.
pub(crate) fn migrations() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/postgres");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut migrations: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    migrations.sort();
    migrations
}

fn schema_hash() -> u64 {
    let mut hasher = DefaultHasher::new();
    for migration in migrations() {
        std::fs::read_to_string(migration.join("up.sql"))
            .unwrap()
            .hash(&mut hasher);
    }
    hasher.finish()
}

/// A session of a test's own, beside those of the stores.
pub(crate) async fn session(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Waits until somebody in the database waits for a lock; the process that serves them.
pub(crate) async fn backend_waiting_for_a_lock(session: &Client) -> i32 {
    let query =
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually("somebody was to wait for a lock", async || {
        let rows = session.query(query, &[]).await.unwrap();
        rows.first().map(|row| row.get(0))
    })
    .await
}

/// Asks again and again until there is an answer.
pub(crate) async fn eventually<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let answered = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let answered = tokio::time::timeout(Duration::from_mins(1), answered).await;
    answered.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// An error with all its causes.
pub(crate) fn told(error: &dyn Error) -> String {
    let cause = error.source().map(told);
    cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}
