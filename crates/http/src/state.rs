//! What the routes work with: services, public settings, and what is made of them once.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actix_web::web::Data;
use chrono::TimeDelta;
use ipnet::IpNet;
use parlance_domain::accounts::{
    Accounts, ApiKeys, Credentials, Federation, Passkeys, SecondFactors, Sessions,
};
use parlance_domain::admin::Administration;
use parlance_domain::audit::AuditLog;
use parlance_domain::caching::Answers;
use parlance_domain::conversations::Conversations;
use parlance_domain::health::{Circuit, Probe};
use parlance_domain::idempotency::IdempotencyStore;
use parlance_domain::ids::IdGenerator;
use parlance_domain::limits::{Limit, RateLimiter};
use parlance_domain::personal::PersonalData;
use parlance_domain::progress::Progress;
use parlance_domain::settings::{ProviderKeys, UserSettings};
use parlance_domain::speech::Speech;
use parlance_domain::time::Clock;
use parlance_domain::words::Words;
use serde_json::Value;

use crate::conversations::Replies;
use crate::cors::CorsPolicy;
use crate::metrics::{GaugeSource, Metrics};
use crate::speech::Room;
use crate::system::Recent;

/// The state of the whole face, as a handler's argument.
pub type State = Data<AppState>;

/// Where the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// On somebody's desk.
    Development,
    /// For real.
    Production,
}

impl Environment {
    /// Its name in `APP_ENV` and in the health answer.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Production => "production",
        }
    }
}

/// When browsers send the refresh cookie along (`SameSite`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CookieSameSite {
    /// Only from the same site.
    Strict,
    /// Also when somebody follows a link to it.
    Lax,
    /// From everywhere; browsers want it to be secure.
    None,
}

/// How the refresh cookie is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CookiePolicy {
    /// Whether it is sent over https only.
    pub secure: bool,
    /// From where it is sent.
    pub same_site: CookieSameSite,
    /// How long browsers keep it.
    pub max_age: TimeDelta,
}

/// How often a client may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Everything, per client address.
    pub default: Limit,
    /// Sign-ins, per client address.
    pub login: Limit,
    /// What reaches a provider, per user. The services count it; the face only tells of it.
    pub ai: Limit,
}

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the head of a request has arrived; whoever starts the listener sets it there.
    pub head: Duration,
    /// Until the body has arrived after the head.
    pub arrival: Duration,
    /// Until the answer is ready after the request has arrived.
    pub handler: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            arrival: Duration::from_secs(30),
            handler: Duration::from_secs(30),
        }
    }
}

/// What is switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "flags are what it is about")]
pub struct Features {
    /// `APP_AUTH_ENABLED`: without it nobody signs in and nothing is changed.
    pub auth_enabled: bool,
    /// `SYNC_TO_BACKEND`: without it progress is not written.
    pub sync_enabled: bool,
    /// `SYNC_ROLLOUT_PERCENT`: for how many of a hundred users progress is written.
    pub sync_rollout_percent: u8,
    /// Whether a provider of speech is there.
    pub speech: bool,
    /// Whether a provider of conversations is there.
    pub conversations: bool,
}

/// What people are told who ask for what is not set up: a sentence each that names the settings to set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedies {
    /// When nobody speaks.
    pub speech: String,
    /// When nobody listens.
    pub recognition: String,
    /// When nobody writes.
    pub conversations: String,
}

impl Default for Remedies {
    fn default() -> Self {
        Self {
            speech: "Speech is not set up on this server.".to_owned(),
            recognition: "Writing down what was said is not set up on this server.".to_owned(),
            conversations: "Conversations are not set up on this server.".to_owned(),
        }
    }
}

impl Default for Features {
    fn default() -> Self {
        Self {
            auth_enabled: true,
            sync_enabled: true,
            sync_rollout_percent: 100,
            speech: false,
            conversations: false,
        }
    }
}

/// The settings of the face; none of them is secret.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// Where the program runs.
    pub environment: Environment,
    /// The program's version.
    pub version: String,
    /// The commit it was built from, or `unknown`.
    pub commit: String,
    /// Where the documents are; the `type` of an error is `{docs_url}/errors/{code}`.
    pub docs_url: String,
    /// The origins that may call from a browser.
    pub cors: CorsPolicy,
    /// Where the front end is that browsers come to by themselves.
    pub public_url: String,
    /// How the refresh cookie is written.
    pub refresh_cookie: CookiePolicy,
    /// The proxies whose `X-Forwarded-*` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How often a client may ask.
    pub limits: Limits,
    /// The largest body, in bytes.
    pub body_limit: usize,
    /// The largest recording that is written down, in bytes.
    pub recording_limit: usize,
    /// How many bytes of recordings may be held at a time, by all requests together.
    pub uploads_limit: usize,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// What is switched on.
    pub features: Features,
    /// What people are told who ask for what is not set up.
    pub remedies: Remedies,
}

impl HttpConfig {
    /// The settings of a development machine, as the contract has them.
    pub fn development() -> Self {
        Self {
            environment: Environment::Development,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: "unknown".to_owned(),
            docs_url: "https://parlance-app.github.io/parlance".to_owned(),
            cors: CorsPolicy::development(),
            public_url: "http://localhost:8080".to_owned(),
            refresh_cookie: CookiePolicy {
                secure: false,
                same_site: CookieSameSite::Lax,
                max_age: TimeDelta::days(7),
            },
            trusted_proxies: Vec::new(),
            limits: Limits {
                default: Limit::per_minute("default", 100),
                login: Limit::per_minute("login", 5),
                ai: Limit::per_minute("ai", 10),
            },
            body_limit: 1024 * 1024,
            recording_limit: 10 * 1024 * 1024,
            uploads_limit: 256 * 1024 * 1024,
            timeouts: Timeouts::default(),
            features: Features::default(),
            remedies: Remedies::default(),
        }
    }

    /// Whether an address is a proxy whose word is taken.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted_proxies.iter().any(|net| net.contains(&address))
    }
}

/// A flag that says the program is about to stop; its copies are the same flag.
#[derive(Debug, Clone, Default)]
pub struct Draining(Arc<AtomicBool>);

impl Draining {
    /// From now on the program is not ready for new work.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the routes call.
#[derive(Clone)]
pub struct HttpServices {
    /// The use-cases of accounts.
    pub accounts: Arc<Accounts>,
    /// The use-cases of administrators.
    pub administration: Arc<Administration>,
    /// The use-cases of addresses and passwords.
    pub credentials: Arc<Credentials>,
    /// Keys for programs.
    pub api_keys: Arc<ApiKeys>,
    /// The use-cases of sessions.
    pub sessions: Arc<Sessions>,
    /// The use-cases of personal data.
    pub personal_data: Arc<PersonalData>,
    /// The use-cases of passkeys.
    pub passkeys: Arc<Passkeys>,
    /// The use-cases of second factors.
    pub second_factors: Arc<SecondFactors>,
    /// The use-cases of identities at providers.
    pub federation: Arc<Federation>,
    /// The use-cases of the audit log.
    pub audit: Arc<AuditLog>,
    /// The use-cases of words.
    pub words: Arc<Words>,
    /// The use-cases of progress.
    pub progress: Arc<Progress>,
    /// The use-cases of settings.
    pub settings: Arc<UserSettings>,
    /// The use-cases of learners' own keys of providers.
    pub provider_keys: Arc<ProviderKeys>,
    /// The use-cases of speech.
    pub speech: Speech,
    /// The use-cases of conversations.
    pub conversations: Conversations,
    /// Keeps what was answered to requests with an `Idempotency-Key`.
    pub idempotency: Arc<dyn IdempotencyStore>,
    /// Answers of providers, for the figures of their cache.
    pub answers: Arc<dyn Answers>,
    /// Counts requests, and what reaches a provider: the same that the services of providers ask.
    pub limiter: Arc<dyn RateLimiter>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdGenerator>,
    /// Whether the database works.
    pub database: Arc<dyn Probe>,
    /// Whether what copies of the program share beside the database works; `None` where nothing is shared.
    pub shared: Option<Arc<dyn Probe>>,
    /// Whether the store of audio works; `None` where there is none.
    pub object_store: Option<Arc<dyn Probe>>,
    /// The circuit breakers, by name. While one is open whose name begins with `speech` or `conversations`, that service
    /// is down.
    pub circuits: Vec<(&'static str, Arc<dyn Circuit>)>,
    /// What else is measured, such as pools and queues.
    pub gauges: Vec<GaugeSource>,
    /// Whether the program is about to stop.
    pub draining: Draining,
}

/// The state of the whole face: made once, shared by all workers.
pub struct AppState {
    /// What the routes call.
    pub services: HttpServices,
    /// The settings.
    pub config: HttpConfig,
    /// What is counted.
    pub metrics: Metrics,
    /// The description of the routes, as `/api-docs/openapi.json` sends it.
    pub(crate) document: Value,
    /// Answers to who asks for conversations that were there already.
    pub(crate) conversation_replies: Replies,
    /// Room for recordings.
    pub(crate) uploads: Room,
    /// What the probe of the database said last.
    pub(crate) database: Recent,
    /// What the probe of what copies share said last.
    pub(crate) shared: Recent,
    /// What the probe of the store of audio said last.
    pub(crate) object_store: Recent,
    started: Instant,
}

impl AppState {
    /// The state over these services.
    pub async fn new(services: HttpServices, config: HttpConfig) -> State {
        let metrics = Metrics::new(services.gauges.clone());
        let document = crate::openapi::openapi_document(&config.version).await;
        Data::new(Self {
            conversation_replies: Replies::default(),
            uploads: Room::new(config.uploads_limit),
            services,
            config,
            metrics,
            document,
            database: Recent::new("database"),
            shared: Recent::new("redis"),
            object_store: Recent::new("object store"),
            started: Instant::now(),
        })
    }

    /// For how long the program has run.
    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }
}
