//! Settings: read from the environment and `.env`, checked all at once, secrets shown to nobody.

mod audit;
mod dotenv;
mod federation;
mod lockout;
mod mail;
mod objects;
mod origin;
mod own_keys;
mod passkey;
mod problems;
mod providers;
mod reader;
pub mod reference;
mod sealing;
mod second_factor;
mod secret;
mod sources;
mod storage;
pub mod table;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use parlance_domain::accounts::Roles;
use parlance_http::cors::CorsPolicy;
use parlance_http::state::{CookieSameSite, Environment};
use parlance_passkeys::Site;
use parlance_platform::EncryptionKey;
use secrecy::SecretString;
use tracing_subscriber::EnvFilter;

pub use audit::AuditSettings;
pub use federation::{FederationSettings, IdentityProviderSettings};
pub use lockout::LockoutSettings;
pub use mail::{MailDelivery, MailSettings};
pub use objects::ObjectSettings;
pub use origin::out_of_reach;
pub use own_keys::{OwnKeySettings, OwnOpenAiSettings};
pub use problems::{Problem, Problems};
pub use providers::{
    BudgetSettings, ConversationProvider, GeminiSettings, GoogleAccount, GoogleSettings, OpenAiSettings,
    ProtectionSettings, ProviderSettings, SpeechProvider,
};
use reader::Reader;
pub use sources::Values;
pub use storage::{DatabaseSettings, PostgresSettings, RedisSettings};

/// Everything that can be set, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the program runs.
    pub environment: Environment,
    /// The address to listen on.
    pub host: IpAddr,
    /// The port to listen on; 0 for any free one.
    pub port: u16,
    /// How long requests are still accepted after the first signal to stop.
    pub drain: Duration,
    /// The directory for everything that is kept in files.
    pub data_dir: PathBuf,
    /// Where the database is.
    pub database: DatabaseSettings,
    /// The Redis that copies share, if there is one.
    pub redis: Option<RedisSettings>,
    /// How many bytes of answers are kept in the process.
    pub cache_bytes: u64,
    /// Where audio is kept.
    pub objects: ObjectSettings,
    /// How mail is sent.
    pub mail: MailSettings,
    /// Who speaks and who writes conversations.
    pub providers: ProviderSettings,
    /// What keeps a provider that is slow or fails from slowing us down.
    pub protection: ProtectionSettings,
    /// How much may be spent in a day.
    pub budgets: BudgetSettings,
    /// Whether `serve` migrates the database.
    pub migrate_on_start: bool,
    /// The tokens and the cookie of a session.
    pub sessions: SessionSettings,
    /// How many sign-ins may fail.
    pub lockout: LockoutSettings,
    /// Who must have a second factor.
    pub second_factor_roles: Roles,
    /// For which site passkeys are, if there are any.
    pub passkeys: Option<Site>,
    /// The providers that one can sign in with.
    pub federation: FederationSettings,
    /// How the audit log is sealed, and how long it is kept.
    pub audit: AuditSettings,
    /// What secrets are sealed with that must be read again, the newest first; without any, development makes its own.
    pub encryption_keys: Vec<EncryptionKey>,
    /// Whether the most used passwords are refused.
    pub known_passwords_refused: bool,
    /// The cost of hashing a password.
    pub bcrypt_cost: u32,
    /// How many passwords are hashed at the same time; 0 for one per core.
    pub bcrypt_parallelism: usize,
    /// The origins of front ends.
    pub cors_origins: CorsPolicy,
    /// The proxies whose word is taken for who calls.
    pub trusted_proxies: Vec<IpNet>,
    /// How often a caller may call.
    pub limits: LimitSettings,
    /// Where metrics are served, if they are.
    pub metrics: Option<SocketAddr>,
    /// How logs are written.
    pub logs: LogSettings,
    /// What learners can do.
    pub features: FeatureSettings,
    /// What an operator should know though nothing is wrong.
    pub warnings: Vec<String>,
}

/// The tokens and the cookie of a session.
#[derive(Debug, Clone)]
pub struct SessionSettings {
    /// Signs access tokens; without one, development makes its own.
    pub secret: Option<SecretString>,
    /// The file of keys that sign access tokens in the place of `secret`, if there is one.
    pub signing_keys_file: Option<PathBuf>,
    /// Derives refresh tokens; without one, `secret` does.
    pub refresh_secret: Option<SecretString>,
    /// The `iss` of access tokens.
    pub issuer: String,
    /// The `aud` of access tokens.
    pub audience: String,
    /// How long an access token is good, in seconds.
    pub access_seconds: i64,
    /// How long an unused refresh token is good, in days.
    pub refresh_days: i64,
    /// How long a session goes on however often it is refreshed, in days.
    pub longest_days: i64,
    /// How long an exchanged refresh token yields the same successor, in seconds.
    pub grace_seconds: i64,
    /// The `SameSite` of the refresh cookie.
    pub same_site: CookieSameSite,
}

/// How often a caller may call in a minute; 0 for as often as they like.
#[derive(Debug, Clone, Copy)]
pub struct LimitSettings {
    /// Any request, by client address.
    pub per_minute: u32,
    /// Sign-ins, by client address.
    pub login_per_minute: u32,
    /// What has a provider asked, by user.
    pub ai_per_minute: u32,
}

/// How logs are written.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// In which form.
    pub format: LogFormat,
    /// Which lines, as `tracing` filters them.
    pub filter: String,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Pretty on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Pretty,
    /// One object per line.
    Json,
}

/// Switches for what learners can do.
#[derive(Debug, Clone, Copy)]
pub struct FeatureSettings {
    /// Whether anybody can register and sign in, and whether anything can be written.
    pub auth_enabled: bool,
    /// Whether progress is written.
    pub sync_enabled: bool,
    /// For how many of a hundred learners progress is written.
    pub sync_rollout_percent: u8,
}

impl Settings {
    /// Reads and checks values; all that is wrong with them is said at once.
    pub fn from_values(values: &Values) -> Result<Self, Problems> {
        let mut reader = Reader::new(values);
        let environment = reader.environment();
        let data_dir = PathBuf::from(reader.text("DATA_DIR").unwrap_or_default());
        let port = reader.number("PORT", 0..=u16::MAX);
        let settings = Self {
            environment,
            host: reader
                .read("HOST", parse_host)
                .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            port,
            drain: Duration::from_secs(reader.number("DRAIN_SECONDS", 0..=300)),
            database: storage::database(&mut reader, &data_dir),
            redis: storage::redis(&mut reader),
            cache_bytes: reader.number("CACHE_MEGABYTES", 1..=65_536) << 20,
            objects: objects::objects(&mut reader, &data_dir),
            providers: providers::providers(&mut reader),
            protection: providers::protection(&mut reader),
            budgets: providers::budgets(&mut reader),
            mail: mail::mail(&mut reader, &data_dir, port),
            data_dir,
            migrate_on_start: reader.flag("MIGRATE_ON_START"),
            sessions: sessions(&mut reader),
            lockout: lockout::lockout(&mut reader),
            second_factor_roles: second_factor::required_roles(&mut reader),
            passkeys: passkey::site(&mut reader),
            federation: federation::federation(&mut reader, port),
            audit: audit::audit(&mut reader),
            encryption_keys: sealing::encryption_keys(&mut reader),
            known_passwords_refused: reader.flag("KNOWN_PASSWORDS_REFUSED"),
            bcrypt_cost: bcrypt_cost(&mut reader),
            bcrypt_parallelism: reader.number("BCRYPT_PARALLELISM", 0..=1_024),
            cors_origins: cors_origins(&mut reader),
            trusted_proxies: reader.list("TRUSTED_PROXIES", parse_network),
            limits: limits(&mut reader),
            metrics: reader.read("METRICS_ADDR", parse_metrics).flatten(),
            logs: logs(&mut reader),
            features: features(&mut reader),
            warnings: values.warnings().to_vec(),
        };
        reader.into_problems().into_result()?;
        Ok(settings.with_warnings())
    }

    /// Whether it runs for real.
    pub const fn is_production(&self) -> bool {
        matches!(self.environment, Environment::Production)
    }

    fn with_warnings(mut self) -> Self {
        let unreached = out_of_reach(&self.cors_origins, self.sessions.same_site, self.environment);
        let warnings: Vec<String> = unreached
            .into_iter()
            .map(|origin| {
                format!(
                    "browsers will not send the refresh cookie from {origin}, which is another site: see \
                     REFRESH_COOKIE_SAMESITE"
                )
            })
            .collect();
        self.warnings.extend(warnings);
        self.warn_of_audio_apart();
        self.warn_of_nothing_sealed();
        self
    }

    /// In development a key is made.
    fn warn_of_nothing_sealed(&mut self) {
        if self.is_production() && self.encryption_keys.is_empty() {
            self.warnings.push(
                "ENCRYPTION_KEYS is not set: what must be kept encrypted, such as learners' own keys of providers, is refused"
                    .to_owned(),
            );
        }
    }

    /// Audio that one copy keeps in its own directory is not found by the others.
    fn warn_of_audio_apart(&mut self) {
        let speaks = self.providers.speech != SpeechProvider::Nobody;
        if self.is_production() && speaks && self.objects.in_directory() && self.database.file().is_none() {
            self.warnings.push(
                "audio is kept in a directory: where there are several copies of the program, all of them must see it, \
                 or OBJECT_STORE must name a bucket"
                    .to_owned(),
            );
        }
    }
}

fn sessions(reader: &mut Reader<'_>) -> SessionSettings {
    let same_site = reader.choice(
        "REFRESH_COOKIE_SAMESITE",
        &[
            ("strict", CookieSameSite::Strict),
            ("lax", CookieSameSite::Lax),
            ("none", CookieSameSite::None),
        ],
    );
    if same_site == CookieSameSite::None && !reader.is_production() {
        reader.refuse(
            "REFRESH_COOKIE_SAMESITE",
            "`none` needs a Secure cookie, which there is in production only",
        );
    }
    SessionSettings {
        secret: reader.read("JWT_SECRET", secret::parse),
        signing_keys_file: reader.text("JWT_SIGNING_KEYS_FILE").map(PathBuf::from),
        refresh_secret: reader.read("JWT_REFRESH_SECRET", secret::parse),
        issuer: reader.text("JWT_ISSUER").unwrap_or_default(),
        audience: reader.text("JWT_AUDIENCE").unwrap_or_default(),
        access_seconds: reader.number("ACCESS_TOKEN_TTL_SECONDS", 1..=86_400),
        refresh_days: reader.number("REFRESH_TOKEN_TTL_DAYS", 1..=365),
        longest_days: reader.number("SESSION_MAX_DAYS", 1..=3_650),
        grace_seconds: reader.number("REFRESH_GRACE_SECONDS", 0..=300),
        same_site,
    }
}

fn cors_origins(reader: &mut Reader<'_>) -> CorsPolicy {
    let text = reader.text("CORS_ORIGIN").unwrap_or_default();
    let origins = origin::parse(&text).unwrap_or_else(|wrong| {
        for message in wrong {
            reader.refuse("CORS_ORIGIN", message);
        }
        CorsPolicy::default()
    });
    if reader.is_production() {
        origins
    } else {
        origins.and(CorsPolicy::development())
    }
}

fn bcrypt_cost(reader: &mut Reader<'_>) -> u32 {
    let lowest = if reader.is_production() { 10 } else { 4 };
    reader.number("BCRYPT_COST", lowest..=18)
}

fn limits(reader: &mut Reader<'_>) -> LimitSettings {
    let limits = LimitSettings {
        per_minute: reader.number("RATE_LIMIT_PER_MINUTE", 0..=1_000_000),
        login_per_minute: reader.number("LOGIN_LIMIT_PER_MINUTE", 0..=1_000_000),
        ai_per_minute: reader.number("AI_LIMIT_PER_MINUTE", 0..=1_000_000),
    };
    if reader.is_production() && reader.text("LOGIN_LIMIT_PER_MINUTE").as_deref() == Some("0") {
        reader.refuse("LOGIN_LIMIT_PER_MINUTE", "must not be 0 in production");
    }
    limits
}

fn logs(reader: &mut Reader<'_>) -> LogSettings {
    LogSettings {
        format: reader.choice(
            "LOG_FORMAT",
            &[
                ("auto", LogFormat::Auto),
                ("pretty", LogFormat::Pretty),
                ("json", LogFormat::Json),
            ],
        ),
        filter: reader.read("RUST_LOG", parse_filter).unwrap_or_default(),
    }
}

fn features(reader: &mut Reader<'_>) -> FeatureSettings {
    FeatureSettings {
        auth_enabled: reader.flag("APP_AUTH_ENABLED"),
        sync_enabled: reader.flag("SYNC_TO_BACKEND"),
        sync_rollout_percent: reader.number("SYNC_ROLLOUT_PERCENT", 0..=100),
    }
}

fn parse_host(text: &str) -> Result<IpAddr, String> {
    if text == "localhost" {
        return Ok(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    text.parse()
        .map_err(|_| "must be an IP address or `localhost`".to_owned())
}

fn parse_network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| format!("`{text}` is neither an address nor a network such as 10.0.0.0/8"))
}

fn parse_metrics(text: &str) -> Result<Option<SocketAddr>, String> {
    if text == "off" {
        return Ok(None);
    }
    text.parse()
        .map(Some)
        .map_err(|_| "must be an address and a port, such as 127.0.0.1:9464, or `off`".to_owned())
}

fn parse_filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text)
        .map(|_| text.to_owned())
        .map_err(|error| format!("is not a filter of tracing: {error}"))
}
