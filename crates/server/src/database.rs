//! The open database: a file of this machine, or a PostgreSQL that many copies share.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use parlance_domain::accounts::{
    AccountStore, ApiKeyStore, AuthorizationStore, DeviceStore, IdentityStore, LockoutStore, PasskeyStore,
    SecondFactorStore, SecretStore, SessionStore,
};
use parlance_domain::admin::AccountDirectory;
use parlance_domain::audit::AuditStore;
use parlance_domain::health::Probe;
use parlance_domain::idempotency::IdempotencyStore;
use parlance_domain::mail::Outbox;
use parlance_domain::personal::{ExportStore, HeldData};
use parlance_domain::progress::ProgressStore;
use parlance_domain::sealing::SealedSecrets;
use parlance_domain::settings::{ProviderKeyStore, SettingsStore};
use parlance_domain::spending::SpendingStore;
use parlance_domain::transfer::TransferStore;
use parlance_domain::words::WordStore;
use parlance_http::metrics::GaugeSource;
use parlance_postgres::{
    PgAccounts, PgApiKeys, PgAudit, PgAuthorizations, PgConfig, PgDatabase, PgDevices, PgDirectory,
    PgExports, PgHeldData, PgIdempotency, PgIdentities, PgLockouts, PgOutbox, PgPasskeys, PgProgress,
    PgProviderKeys, PgSecondFactors, PgSecrets, PgSessions, PgSettings, PgSpending, PgTransfer, PgWords,
};
use parlance_sqlite::{
    SqliteAccounts, SqliteApiKeys, SqliteAudit, SqliteAuthorizations, SqliteConfig, SqliteDatabase,
    SqliteDevices, SqliteDirectory, SqliteExports, SqliteHeldData, SqliteIdempotency, SqliteIdentities,
    SqliteLockouts, SqliteOutbox, SqlitePasskeys, SqliteProgress, SqliteProviderKeys, SqliteSecondFactors,
    SqliteSecrets, SqliteSessions, SqliteSettings, SqliteSpending, SqliteTransfer, SqliteWords,
};

use crate::gauges;
use crate::settings::{DatabaseSettings, PostgresSettings};

/// An open database.
#[derive(Clone)]
pub enum Database {
    /// In a file.
    Sqlite(SqliteDatabase),
    /// On a server.
    Postgres(PgDatabase),
}

/// The stores in a database.
pub struct Stores {
    /// The accounts.
    pub accounts: Arc<dyn AccountStore>,
    /// The sessions.
    pub sessions: Arc<dyn SessionStore>,
    /// The devices that accounts know.
    pub devices: Arc<dyn DeviceStore>,
    /// The keys for programs.
    pub api_keys: Arc<dyn ApiKeyStore>,
    /// The attempts to sign in.
    pub lockouts: Arc<dyn LockoutStore>,
    /// The second factors.
    pub second_factors: Arc<dyn SecondFactorStore>,
    /// The passkeys.
    pub passkeys: Arc<dyn PasskeyStore>,
    /// The linked identities.
    pub identities: Arc<dyn IdentityStore>,
    /// What is under way at providers.
    pub authorizations: Arc<dyn AuthorizationStore>,
    /// The one-time secrets.
    pub secrets: Arc<dyn SecretStore>,
    /// The audit log.
    pub audit: Arc<dyn AuditStore>,
    /// The directory of the accounts.
    pub directory: Arc<dyn AccountDirectory>,
    /// The outbox.
    pub outbox: Arc<dyn Outbox>,
    /// The archives that were asked for.
    pub exports: Arc<dyn ExportStore>,
    /// Whatever is held of a learner.
    pub held: Arc<dyn HeldData>,
    /// The words.
    pub words: Arc<dyn WordStore>,
    /// The progress.
    pub progress: Arc<dyn ProgressStore>,
    /// What learners want.
    pub settings: Arc<dyn SettingsStore>,
    /// Learners' own keys of providers.
    pub provider_keys: Arc<dyn ProviderKeyStore>,
    /// Everything that is sealed.
    pub sealed: Vec<Arc<dyn SealedSecrets>>,
    /// What was spent on providers.
    pub spending: Arc<dyn SpendingStore>,
    /// What was answered to requests with a key.
    pub idempotency: Arc<dyn IdempotencyStore>,
    /// Everything, to be moved elsewhere.
    pub transfer: Arc<dyn TransferStore>,
}

impl Database {
    /// Opens a database, applying pending migrations where that is wanted.
    pub async fn open(settings: &DatabaseSettings, migrate: bool) -> anyhow::Result<Self> {
        match settings {
            DatabaseSettings::Sqlite(path) => open_file(path.clone(), migrate).await.map(Self::Sqlite),
            DatabaseSettings::Postgres(server) => {
                let config = PgConfig {
                    migrate,
                    ..server_config(server)
                };
                let opened = PgDatabase::open(config).await;
                opened
                    .map(Self::Postgres)
                    .context("cannot open the database on PostgreSQL")
            }
        }
    }

    /// Opens a database that must be up to date when it is not to be brought there.
    pub async fn open_current(settings: &DatabaseSettings, migrate: bool) -> anyhow::Result<Self> {
        let database = Self::open(settings, migrate).await?;
        if !database.pending_migrations().await?.is_empty() {
            bail!("the database is not up to date: run `parlance migrate` with a DATABASE_URL that names it");
        }
        Ok(database)
    }

    /// The migrations that wait to be applied.
    pub async fn pending_migrations(&self) -> anyhow::Result<Vec<String>> {
        match self {
            Self::Sqlite(database) => {
                let database = database.clone();
                Ok(tokio::task::spawn_blocking(move || database.pending_migrations()).await??)
            }
            Self::Postgres(database) => Ok(database.pending_migrations().await?),
        }
    }

    /// Applies the migrations that wait, and names them.
    pub async fn migrate(&self) -> anyhow::Result<Vec<String>> {
        match self {
            Self::Sqlite(database) => {
                let database = database.clone();
                Ok(tokio::task::spawn_blocking(move || database.migrate()).await??)
            }
            Self::Postgres(database) => Ok(database.migrate().await?),
        }
    }

    /// The stores in it, and what is measured of them.
    pub fn stores(&self) -> (Stores, Vec<GaugeSource>) {
        match self {
            Self::Sqlite(database) => (stores_of_file(database), gauges::of_sqlite(database)),
            Self::Postgres(database) => {
                let progress = PgProgress::new(database.clone());
                let gauges = gauges::of_postgres(database, &progress);
                (stores_of_server(database, progress), gauges)
            }
        }
    }

    /// Says whether it works.
    pub fn probe(&self) -> Arc<dyn Probe> {
        match self {
            Self::Sqlite(database) => Arc::new(database.clone()),
            Self::Postgres(database) => Arc::new(database.clone()),
        }
    }

    /// Leaves it to the threads that answer requests, now that everything is ready.
    pub async fn serve_workers(&self) {
        match self {
            Self::Sqlite(_) => {}
            Self::Postgres(database) => database.hand_out().await,
        }
    }

    /// Keeps it working while the threads that answer requests end, one after the other.
    pub async fn outlive_workers(&self) {
        match self {
            Self::Sqlite(_) => {}
            Self::Postgres(database) => database.take_over().await,
        }
    }

    /// Finishes what runs and closes it.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(database) => database.close().await,
            Self::Postgres(database) => database.close().await,
        }
    }
}

async fn open_file(path: std::path::PathBuf, migrate: bool) -> anyhow::Result<SqliteDatabase> {
    let config = SqliteConfig {
        migrate,
        ..SqliteConfig::new(&path)
    };
    let opened = tokio::task::spawn_blocking(move || SqliteDatabase::open(config)).await?;
    opened.with_context(|| format!("cannot open the database {}", Path::display(&path)))
}

fn server_config(settings: &PostgresSettings) -> PgConfig {
    let PostgresSettings {
        url,
        connections,
        transactions,
        writers,
        wait,
        statement_timeout,
    } = settings;
    PgConfig {
        connections: *connections,
        transactions: *transactions,
        writers: *writers,
        wait: *wait,
        statement_timeout: *statement_timeout,
        ..PgConfig::new(url.clone())
    }
}

fn stores_of_file(database: &SqliteDatabase) -> Stores {
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
        sealed: vec![
            Arc::new(SqliteProviderKeys::new(database.clone())),
            Arc::new(SqliteSecondFactors::new(database.clone())),
        ],
        spending: Arc::new(SqliteSpending::new(database.clone())),
        idempotency: Arc::new(SqliteIdempotency::new(database.clone())),
        transfer: Arc::new(SqliteTransfer::new(database.clone())),
    }
}

fn stores_of_server(database: &PgDatabase, progress: PgProgress) -> Stores {
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
        progress: Arc::new(progress),
        settings: Arc::new(PgSettings::new(database.clone())),
        provider_keys: Arc::new(PgProviderKeys::new(database.clone())),
        sealed: vec![
            Arc::new(PgProviderKeys::new(database.clone())),
            Arc::new(PgSecondFactors::new(database.clone())),
        ],
        spending: Arc::new(PgSpending::new(database.clone())),
        idempotency: Arc::new(PgIdempotency::new(database.clone())),
        transfer: Arc::new(PgTransfer::new(database.clone())),
    }
}
