//! The one table of settings: it is parsed by, documented from and compared with.

/// What a setting belongs to; the order in which the documentation shows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Where the program runs and listens.
    Server,
    /// Where things are kept.
    Storage,
    /// Accounts, tokens and cookies.
    Accounts,
    /// Who may call, and how often.
    Access,
    /// Logs and metrics.
    Observability,
    /// Switches for what learners can do.
    Features,
}

impl Group {
    /// Every group, in order.
    pub const ALL: [Self; 6] = [
        Self::Server,
        Self::Storage,
        Self::Accounts,
        Self::Access,
        Self::Observability,
        Self::Features,
    ];

    /// Its heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Server => "Server",
            Self::Storage => "Storage",
            Self::Accounts => "Accounts and sessions",
            Self::Access => "Access and limits",
            Self::Observability => "Logs and metrics",
            Self::Features => "Features",
        }
    }
}

/// What differs when `APP_ENV=production`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InProduction {
    /// Nothing.
    Same,
    /// Another default.
    Default(&'static str),
    /// There is no default: the start is refused without it.
    Required,
}

/// A setting.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The environment variable.
    pub name: &'static str,
    /// What it belongs to.
    pub group: Group,
    /// Its value when it is not set; empty for none.
    pub default: &'static str,
    /// What differs in production.
    pub production: InProduction,
    /// Whether its value must never be shown.
    pub secret: bool,
    /// What it does: whole sentences, units included.
    pub description: &'static str,
}

const fn key(name: &'static str, group: Group, default: &'static str, description: &'static str) -> Key {
    Key {
        name,
        group,
        default,
        production: InProduction::Same,
        secret: false,
        description,
    }
}

impl Key {
    const fn in_production(self, production: InProduction) -> Self {
        Self { production, ..self }
    }

    const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }
}

/// Every setting that this version knows.
pub const KEYS: &[Key] = &[
    key(
        "APP_ENV",
        Group::Server,
        "development",
        "`development` or `production`. In production the start is refused on whatever is meant for development only.",
    ),
    key(
        "HOST",
        Group::Server,
        "127.0.0.1",
        "The address to listen on: an IP address or `localhost`.",
    )
    .in_production(InProduction::Default("0.0.0.0")),
    key(
        "PORT",
        Group::Server,
        "8080",
        "The port to listen on. 0 picks a free one and prints it.",
    ),
    key(
        "DRAIN_SECONDS",
        Group::Server,
        "0",
        "How long requests are still accepted after SIGTERM, while `/readyz` already answers 503: time for a load \
         balancer to look elsewhere. 0 to 300 seconds.",
    )
    .in_production(InProduction::Default("5")),
    key(
        "DATA_DIR",
        Group::Storage,
        "./data",
        "The directory for everything that is kept in files. It is made when it is not there.",
    ),
    key(
        "DATABASE_URL",
        Group::Storage,
        "",
        "Where the database is: `sqlite://` and a path, such as `sqlite:///var/lib/parlance/parlance.db`, for one copy of \
         the program, or `postgres://user:password@host:5432/database` for any number of copies, with `?sslmode=` \
         (`disable`, `prefer`, `require`, `verify-ca`, `verify-full`) and `&sslrootcert=` a file. When not set, \
         `parlance.db` in `DATA_DIR`.",
    )
    .in_production(InProduction::Required)
    .secret(),
    key(
        "DATABASE_CONNECTIONS",
        Group::Storage,
        "4",
        "How many connections to PostgreSQL a copy shares among its requests, several statements at once on each: 1 to \
         64.",
    ),
    key(
        "DATABASE_WRITERS",
        Group::Storage,
        "2",
        "How many connections to PostgreSQL a copy has besides to write progress, a group of requests at a time: 1 to \
         16.",
    ),
    key(
        "DATABASE_WAIT_MS",
        Group::Storage,
        "1000",
        "How long a request waits for a free place on a connection to PostgreSQL before it gets a 503: 1 to 60000 \
         milliseconds.",
    ),
    key(
        "DATABASE_STATEMENT_TIMEOUT_MS",
        Group::Storage,
        "3000",
        "How long PostgreSQL may work on one statement: 100 to 600000 milliseconds.",
    ),
    key(
        "REDIS_URL",
        Group::Storage,
        "",
        "The Redis that copies of the program share limits and announcements through: \
         `redis://user:password@host:6379/0`, `rediss://` for TLS, `redis+sentinel://host:26379,host:26379/name/0`, or \
         `redis+cluster://host:6379,host:6379`. When not set, each copy keeps its own.",
    )
    .secret(),
    key(
        "USE_REDIS",
        Group::Storage,
        "true",
        "Whether the Redis of `REDIS_URL` is used. When `false`, limits are counted by each copy.",
    ),
    key(
        "REDIS_SENTINEL_PASSWORD",
        Group::Storage,
        "",
        "The password of the sentinels of a `redis+sentinel://` URL, where they want one; the login in the URL is that of \
         the servers.",
    )
    .secret(),
    key(
        "REDIS_PREFIX",
        Group::Storage,
        "parlance:",
        "What every key and channel in Redis begins with, so that installations can share a Redis.",
    ),
    key(
        "REDIS_DEADLINE_MS",
        Group::Storage,
        "50",
        "How long a request waits for Redis before it goes on without: 1 to 10000 milliseconds.",
    ),
    key(
        "REDIS_CA_FILE",
        Group::Storage,
        "",
        "A file with the certificates, in PEM, that a `rediss://` server is trusted by. When not set, those of the \
         system.",
    ),
    key(
        "MIGRATE_ON_START",
        Group::Storage,
        "true",
        "Whether `serve` brings the database up to date by itself. When `false`, run `parlance migrate` first.",
    ),
    key(
        "JWT_SECRET",
        Group::Accounts,
        "",
        "The secret that access tokens are signed with: at least 32 bytes, for instance from `openssl rand -base64 48`. \
         In development one is made at the first start and kept in `DATA_DIR`.",
    )
    .in_production(InProduction::Required)
    .secret(),
    key(
        "JWT_REFRESH_SECRET",
        Group::Accounts,
        "",
        "The secret that refresh tokens are derived from: at least 32 bytes. When not set, `JWT_SECRET`.",
    )
    .secret(),
    key("JWT_ISSUER", Group::Accounts, "parlance", "The `iss` of access tokens."),
    key("JWT_AUDIENCE", Group::Accounts, "parlance", "The `aud` of access tokens."),
    key(
        "ACCESS_TOKEN_TTL_SECONDS",
        Group::Accounts,
        "900",
        "How long an access token is good: 1 to 86400 seconds.",
    ),
    key(
        "REFRESH_TOKEN_TTL_DAYS",
        Group::Accounts,
        "7",
        "How long a refresh token is good when it is not used: 1 to 365 days.",
    ),
    key(
        "REFRESH_GRACE_SECONDS",
        Group::Accounts,
        "10",
        "How long a refresh token that was exchanged still yields the same successor: 0 to 300 seconds.",
    ),
    key(
        "REFRESH_COOKIE_SAMESITE",
        Group::Accounts,
        "lax",
        "The `SameSite` of the refresh cookie: `strict`, `lax` or `none`. `none`, for front ends on another site, works \
         in production only, where the cookie is `Secure`.",
    )
    .in_production(InProduction::Default("strict")),
    key(
        "BCRYPT_COST",
        Group::Accounts,
        "12",
        "The cost of hashing a password: 4 to 18, in production at least 10. Each step doubles the work.",
    ),
    key(
        "BCRYPT_PARALLELISM",
        Group::Accounts,
        "0",
        "How many passwords are hashed at the same time: 1 to 1024, or 0 for one per core. One less than there are cores \
         leaves a core to everybody who is signed in already.",
    ),
    key(
        "CORS_ORIGIN",
        Group::Access,
        "",
        "The origins of front ends, separated by commas: exact (`https://app.example.com`), all subdomains \
         (`https://*.example.com`), any port (`http://localhost:*`) or of a native app (`capacitor://localhost`). In \
         development, `http://localhost:*` and `http://127.0.0.1:*` are allowed besides.",
    )
    .in_production(InProduction::Required),
    key(
        "TRUSTED_PROXIES",
        Group::Access,
        "",
        "The reverse proxies whose `X-Forwarded-For` is believed: addresses or networks (`10.0.0.0/8`), separated by \
         commas.",
    ),
    key(
        "RATE_LIMIT_PER_MINUTE",
        Group::Access,
        "100",
        "How many requests a client address may send in a minute. 0 means no limit.",
    ),
    key(
        "LOGIN_LIMIT_PER_MINUTE",
        Group::Access,
        "5",
        "How many sign-ins a client address may try in a minute. 0 means no limit, which production refuses.",
    ),
    key(
        "METRICS_ADDR",
        Group::Observability,
        "127.0.0.1:9464",
        "The address of the second listener, which serves `/metrics` to Prometheus, or `off`.",
    ),
    key(
        "LOG_FORMAT",
        Group::Observability,
        "auto",
        "`pretty` for people, `json` for machines, `auto` for pretty on a terminal and JSON elsewhere.",
    ),
    key(
        "RUST_LOG",
        Group::Observability,
        "info,actix_server=warn",
        "Which log lines are written, as a filter of `tracing`, such as `info,parlance_http=debug`.",
    ),
    key(
        "APP_AUTH_ENABLED",
        Group::Features,
        "true",
        "When `false`, nobody can register, sign in or refresh, and every other write is refused too; reads and \
         sign-outs go on.",
    ),
    key(
        "SYNC_TO_BACKEND",
        Group::Features,
        "true",
        "When `false`, writes of progress are refused.",
    ),
    key(
        "SYNC_ROLLOUT_PERCENT",
        Group::Features,
        "100",
        "For how many of a hundred learners progress is written; the same ones as long as it stays. 0 to 100.",
    ),
];

/// Settings of the contract that this version cannot honour yet.
///
/// In `.env` each is refused, in the environment the start warns about it.
pub const NOT_YET: &[&str] = &[
    "AI_LIMIT_PER_MINUTE",
    "LOCKOUT_ATTEMPTS",
    "LOCKOUT_MINUTES",
    "OBJECT_STORE",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];

/// The setting of this name.
pub fn by_name(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_is_named_once_and_described_in_sentences() {
        for (at, key) in KEYS.iter().enumerate() {
            assert!(key.description.ends_with('.'), "{}", key.name);
            assert!(
                KEYS[..at].iter().all(|other| other.name != key.name),
                "{}",
                key.name
            );
            assert!(!NOT_YET.contains(&key.name), "{}", key.name);
        }
    }
}
