//! Puts the system together: which adapter stands behind which port.

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::bail;
use chrono::TimeDelta;
use parlance_domain::accounts::{
    AccessTokens, Accounts, PasswordHasher, RefreshTokens, RevokedSessions, SessionPolicy, SessionPorts,
    Sessions,
};
use parlance_domain::ids::IdGenerator;
use parlance_domain::limits::Limit;
use parlance_domain::progress::Progress;
use parlance_domain::pubsub::PubSub;
use parlance_domain::time::Clock;
use parlance_domain::words::{WordStore, Words};
use parlance_http::state::{
    CookiePolicy, Draining, Environment, Features, HttpConfig, HttpServices, Limits, Timeouts,
};
use parlance_memory::{Elapsed, MemoryRevokedSessions};
use parlance_platform::{
    BcryptConfig, BcryptPasswordHasher, JwtAccessTokens, JwtConfig, SystemClock, UuidV7Ids,
};
use secrecy::SecretString;

use crate::data_dir::DataDir;
use crate::database::Database;
use crate::gauges;
use crate::settings::Settings;
use crate::shared::{DEFAULT_LIMIT, Shared};

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

impl System {
    /// Puts the system together over an open database.
    pub fn wire(
        settings: &Settings,
        secrets: &Secrets,
        database: &Database,
        overrides: Overrides,
    ) -> anyhow::Result<Self> {
        let clock = overrides.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let ids: Arc<dyn IdGenerator> = Arc::new(UuidV7Ids);
        let hasher = Arc::new(BcryptPasswordHasher::new(hashing(
            settings.bcrypt_cost,
            settings.bcrypt_parallelism,
        )));
        let (stores, mut gauges) = database.stores();
        gauges.extend(gauges::of_hasher(&hasher));
        let shared = Shared::new(settings, overrides.elapsed)?;
        gauges.extend(gauges::of_circuits(&shared.circuits));
        let ports = SessionPorts {
            accounts: Arc::clone(&stores.accounts),
            sessions: stores.sessions,
            hasher: Arc::clone(&hasher) as Arc<dyn PasswordHasher>,
            access_tokens: access_tokens(settings, secrets, Arc::clone(&ids)),
            revoked: Arc::new(MemoryRevokedSessions::default()) as Arc<dyn RevokedSessions>,
            pubsub: Arc::clone(&shared.pubsub),
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ids),
        };
        let sessions = Arc::new(Sessions::new(
            ports,
            RefreshTokens::new(&secrets.refresh),
            session_policy(settings),
        ));
        let accounts = Accounts::new(
            Arc::clone(&stores.accounts),
            Arc::clone(&hasher) as Arc<dyn PasswordHasher>,
            Arc::clone(&sessions),
            Arc::clone(&clock),
            Arc::clone(&ids),
        );
        let progress = Progress::new(
            stores.progress,
            stores.accounts,
            Arc::clone(&stores.words),
            Arc::clone(&clock),
            Arc::clone(&ids),
        );
        let http = HttpServices {
            accounts: Arc::new(accounts),
            sessions,
            words: Arc::new(Words::new(Arc::clone(&stores.words))),
            progress: Arc::new(progress),
            limiter: shared.limiter,
            clock,
            ids,
            database: database.probe(),
            shared: shared.probe,
            circuits: shared.circuits,
            gauges,
            draining: Draining::default(),
        };
        Ok(Self {
            word_store: stores.words,
            pubsub: shared.pubsub,
            http,
        })
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

/// So many hashes at a time, one per core when it is 0, and about a second's worth waiting.
fn hashing(cost: u32, parallelism: usize) -> BcryptConfig {
    let permits = match parallelism {
        0 => available_parallelism().map_or(1, usize::from),
        permits => permits,
    };
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
            default: Limit::per_minute(DEFAULT_LIMIT, settings.limits.per_minute),
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
        let waiting = |cost| hashing(cost, 3).queue / 3;
        assert_eq!([4, 10, 12, 13, 31].map(waiting), [256, 13, 3, 2, 2]);
    }
}
