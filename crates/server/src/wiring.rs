//! Puts the system together: which adapter stands behind which port.

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::TimeDelta;
use parlance_domain::accounts::{
    AccessTokens, AccountStore, Accounts, PasswordHasher, RefreshTokens, RevokedSessions, SessionPolicy,
    SessionPorts, Sessions,
};
use parlance_domain::ids::IdGenerator;
use parlance_domain::limits::Limit;
use parlance_domain::progress::Progress;
use parlance_domain::pubsub::PubSub;
use parlance_domain::time::Clock;
use parlance_domain::words::{WordStore, Words};
use parlance_http::metrics::GaugeSource;
use parlance_http::state::{
    CookiePolicy, Draining, Environment, Features, HttpConfig, HttpServices, Limits, Timeouts,
};
use parlance_memory::{Elapsed, MemoryPubSub, MemoryRateLimiter, MemoryRevokedSessions};
use parlance_platform::{
    BcryptConfig, BcryptPasswordHasher, JwtAccessTokens, JwtConfig, SystemClock, UuidV7Ids,
};
use parlance_sqlite::{
    SqliteAccounts, SqliteConfig, SqliteDatabase, SqliteProgress, SqliteSessions, SqliteWords,
};
use secrecy::SecretString;

use crate::data_dir::DataDir;
use crate::settings::Settings;

/// How many keys the limiter remembers.
const LIMITER_KEYS: usize = 50_000;
/// How long a password hash of the usual cost takes on a usual core.
const HASHING_TIME: Duration = Duration::from_millis(300);
const USUAL_COST: u32 = 12;

/// What tests put in the place of the machine's own.
#[derive(Clone, Default)]
pub struct Overrides {
    /// The time.
    pub clock: Option<Arc<dyn Clock>>,
    /// The time that has passed, for limits.
    pub elapsed: Option<Elapsed>,
    /// How long requests may take.
    pub timeouts: Option<Timeouts>,
}

/// The system, put together.
pub struct System {
    /// The database.
    pub database: SqliteDatabase,
    /// The words, for whoever loads them.
    pub word_store: Arc<dyn WordStore>,
    /// Tells of ended sessions.
    pub pubsub: Arc<dyn PubSub>,
    /// What the HTTP face calls.
    pub http: HttpServices,
}

/// What tokens are made with.
pub struct Secrets {
    /// Signs access tokens.
    pub access: SecretString,
    /// Derives refresh tokens.
    pub refresh: SecretString,
}

impl Secrets {
    /// The secrets that are set; in development, one made for this data directory where none is.
    pub fn of(settings: &Settings, data_dir: &DataDir) -> anyhow::Result<Self> {
        let access = match &settings.sessions.secret {
            Some(secret) => secret.clone(),
            None if settings.is_production() => bail!("JWT_SECRET must be set in production"),
            None => data_dir.development_secret()?,
        };
        let refresh = settings.sessions.refresh_secret.clone();
        Ok(Self {
            refresh: refresh.unwrap_or_else(|| access.clone()),
            access,
        })
    }
}

/// Opens the database; one that is not up to date is brought up to date, or refused when that is not wanted.
///
/// Blocks while migrations run.
pub fn open_database(settings: &Settings) -> anyhow::Result<SqliteDatabase> {
    let config = SqliteConfig {
        migrate: settings.migrate_on_start,
        ..SqliteConfig::new(&settings.database)
    };
    let database = SqliteDatabase::open(config)
        .with_context(|| format!("cannot open the database {}", settings.database.display()))?;
    let pending = database.pending_migrations()?;
    if !pending.is_empty() {
        bail!("the database is not up to date (MIGRATE_ON_START is false): run `parlance migrate` first");
    }
    Ok(database)
}

impl System {
    /// Puts the system together over an open database.
    pub fn wire(
        settings: &Settings,
        secrets: &Secrets,
        database: SqliteDatabase,
        overrides: Overrides,
    ) -> Self {
        let clock = overrides.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let ids: Arc<dyn IdGenerator> = Arc::new(UuidV7Ids);
        let hasher = Arc::new(BcryptPasswordHasher::new(hashing(settings.bcrypt_cost)));
        let account_store: Arc<dyn AccountStore> = Arc::new(SqliteAccounts::new(database.clone()));
        let word_store: Arc<dyn WordStore> = Arc::new(SqliteWords::new(database.clone()));
        let pubsub: Arc<dyn PubSub> = Arc::new(MemoryPubSub::default());
        let ports = SessionPorts {
            accounts: Arc::clone(&account_store),
            sessions: Arc::new(SqliteSessions::new(database.clone())),
            hasher: Arc::clone(&hasher) as Arc<dyn PasswordHasher>,
            access_tokens: access_tokens(settings, secrets, Arc::clone(&ids)),
            revoked: Arc::new(MemoryRevokedSessions::default()) as Arc<dyn RevokedSessions>,
            pubsub: Arc::clone(&pubsub),
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ids),
        };
        let sessions = Arc::new(Sessions::new(
            ports,
            RefreshTokens::new(&secrets.refresh),
            session_policy(settings),
        ));
        let accounts = Accounts::new(
            Arc::clone(&account_store),
            Arc::clone(&hasher) as Arc<dyn PasswordHasher>,
            Arc::clone(&sessions),
            Arc::clone(&clock),
            Arc::clone(&ids),
        );
        let progress = Progress::new(
            Arc::new(SqliteProgress::new(database.clone())),
            account_store,
            Arc::clone(&word_store),
            Arc::clone(&clock),
            Arc::clone(&ids),
        );
        let limiter = match overrides.elapsed {
            Some(elapsed) => MemoryRateLimiter::new(LIMITER_KEYS, elapsed),
            None => MemoryRateLimiter::default(),
        };
        let http = HttpServices {
            accounts: Arc::new(accounts),
            sessions,
            words: Arc::new(Words::new(Arc::clone(&word_store))),
            progress: Arc::new(progress),
            limiter: Arc::new(limiter),
            clock,
            ids,
            database: Arc::new(database.clone()),
            gauges: gauges(&database, &hasher),
            draining: Draining::default(),
        };
        Self {
            database,
            word_store,
            pubsub,
            http,
        }
    }
}

fn access_tokens(settings: &Settings, secrets: &Secrets, ids: Arc<dyn IdGenerator>) -> Arc<dyn AccessTokens> {
    let config = JwtConfig {
        secret: secrets.access.clone(),
        issuer: settings.sessions.issuer.clone(),
        audience: settings.sessions.audience.clone(),
    };
    Arc::new(JwtAccessTokens::new(&config, ids))
}

fn session_policy(settings: &Settings) -> SessionPolicy {
    SessionPolicy {
        access_lifetime: TimeDelta::seconds(settings.sessions.access_seconds),
        refresh_lifetime: TimeDelta::days(settings.sessions.refresh_days),
        refresh_grace: TimeDelta::seconds(settings.sessions.grace_seconds),
    }
}

/// One hash per core at a time, and about a second's worth waiting.
fn hashing(cost: u32) -> BcryptConfig {
    let permits = available_parallelism().map_or(1, usize::from);
    let rounds_to_usual = 2_f64.powi(USUAL_COST.cast_signed() - cost.cast_signed());
    let per_second = rounds_to_usual / HASHING_TIME.as_secs_f64();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and cut to a small number first"
    )]
    let waiting_per_core = per_second.clamp(2.0, 256.0) as usize;
    BcryptConfig {
        cost,
        permits,
        queue: permits * waiting_per_core,
    }
}

fn gauges(database: &SqliteDatabase, hasher: &Arc<BcryptPasswordHasher>) -> Vec<GaugeSource> {
    let of_database = |name, help, read: fn(&SqliteDatabase) -> u64| {
        let database = database.clone();
        GaugeSource::new(name, help, move || as_f64(read(&database)))
    };
    let of_hasher = |name, help, read: fn(&BcryptPasswordHasher) -> usize| {
        let hasher = Arc::clone(hasher);
        GaugeSource::new(name, help, move || as_f64(read(&hasher) as u64))
    };
    vec![
        of_database(
            "database_writes_waiting",
            "Writes that wait for the next group",
            |database| database.stats().writes_waiting as u64,
        ),
        of_database(
            "database_reads_waiting",
            "Reads that wait for a reader",
            |database| database.stats().reads_waiting as u64,
        ),
        of_database("database_readers", "Connections that read", |database| {
            database.stats().readers as u64
        }),
        of_database(
            "database_readers_busy",
            "Connections that are reading",
            |database| database.stats().readers_busy as u64,
        ),
        of_database(
            "database_groups_committed",
            "Groups of writes committed",
            |database| database.stats().groups_committed,
        ),
        of_database("database_writes_committed", "Writes committed", |database| {
            database.stats().members_committed
        }),
        of_database(
            "database_groups_retried",
            "Groups tried again one by one",
            |database| database.stats().groups_retried,
        ),
        of_hasher("hashing_queue", "Passwords that wait to be hashed", |hasher| {
            hasher.queue_depth()
        }),
        of_hasher("hashing_running", "Passwords that are being hashed", |hasher| {
            hasher.in_flight()
        }),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floating-point numbers")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

/// The settings of the HTTP face.
pub fn http_config(settings: &Settings, timeouts: Option<Timeouts>) -> HttpConfig {
    HttpConfig {
        environment: settings.environment,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: option_env!("PARLANCE_COMMIT").unwrap_or("unknown").to_owned(),
        cors: settings.cors_origins.clone(),
        refresh_cookie: CookiePolicy {
            secure: settings.environment == Environment::Production,
            same_site: settings.sessions.same_site,
            max_age: TimeDelta::days(settings.sessions.refresh_days),
        },
        trusted_proxies: settings.trusted_proxies.clone(),
        limits: Limits {
            default: Limit::per_minute("default", settings.limits.per_minute),
            login: Limit::per_minute("login", settings.limits.login_per_minute),
        },
        features: Features {
            auth_enabled: settings.features.auth_enabled,
            sync_enabled: settings.features.sync_enabled,
            sync_rollout_percent: settings.features.sync_rollout_percent,
            ..Features::default()
        },
        timeouts: timeouts.unwrap_or_default(),
        ..HttpConfig::development()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_a_second_of_hashing_waits_per_core() {
        let waiting = |cost| hashing(cost).queue / hashing(cost).permits;
        assert_eq!([4, 10, 12, 13, 31].map(waiting), [256, 13, 3, 2, 2]);
    }
}
