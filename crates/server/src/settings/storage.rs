//! Where things are kept: the database, and what copies of the program share.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use super::reader::Reader;

/// Where the database is.
#[derive(Debug, Clone)]
pub enum DatabaseSettings {
    /// In this file, for one copy of the program.
    Sqlite(PathBuf),
    /// On a server, for any number of copies.
    Postgres(PostgresSettings),
}

/// How PostgreSQL is reached, and how much is asked of it at once.
#[derive(Debug, Clone)]
pub struct PostgresSettings {
    /// The URL, which may hold a password.
    pub url: SecretString,
    /// How many connections requests share.
    pub connections: usize,
    /// How many connections do sign-ins and changes of accounts.
    pub transactions: usize,
    /// How many connections write progress.
    pub writers: usize,
    /// How long a request waits for a free place.
    pub wait: Duration,
    /// How long the server may work on one statement.
    pub statement_timeout: Duration,
}

/// How Redis is reached.
#[derive(Debug, Clone)]
pub struct RedisSettings {
    /// The URL, which may hold a password.
    pub url: SecretString,
    /// What every key begins with.
    pub prefix: String,
    /// How long a request waits for it.
    pub deadline: Duration,
    /// The certificates that its server is trusted by, where not those of the system.
    pub ca_file: Option<PathBuf>,
    /// The password of the sentinels, where they want one.
    pub sentinel_password: Option<SecretString>,
}

impl DatabaseSettings {
    /// Reads a URL; the settings beside it are the usual ones.
    pub fn parse(url: &str) -> Result<Self, String> {
        if is_postgres(url) {
            return Ok(Self::Postgres(PostgresSettings {
                url: url.into(),
                connections: 4,
                transactions: 4,
                writers: 2,
                wait: Duration::from_secs(1),
                statement_timeout: Duration::from_secs(3),
            }));
        }
        match url.strip_prefix("sqlite://") {
            Some(path) if !path.is_empty() && !path.contains([':', '?']) && !path.ends_with('/') => {
                Ok(Self::Sqlite(Path::new(path).to_owned()))
            }
            _ => Err(
                "must be sqlite:// and the path of a file, without anything behind it, or postgres:// and \
                      where the server is"
                    .to_owned(),
            ),
        }
    }

    /// The same for work that is large and that no request waits for.
    pub fn for_bulk_work(self) -> Self {
        match self {
            Self::Postgres(server) => Self::Postgres(PostgresSettings {
                statement_timeout: server.statement_timeout.max(Duration::from_mins(1)),
                ..server
            }),
            file @ Self::Sqlite(_) => file,
        }
    }

    /// The file, where it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }
}

fn is_postgres(url: &str) -> bool {
    ["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
}

/// The database of `DATABASE_URL`, else the file in the data directory.
pub(super) fn database(reader: &mut Reader<'_>, data_dir: &Path) -> DatabaseSettings {
    let millis =
        |reader: &mut Reader<'_>, name, low, high| Duration::from_millis(reader.number(name, low..=high));
    let connections = reader.number("DATABASE_CONNECTIONS", 1..=64);
    let transactions = reader.number("DATABASE_TRANSACTIONS", 1..=64);
    let writers = reader.number("DATABASE_WRITERS", 1..=16);
    let wait = millis(reader, "DATABASE_WAIT_MS", 1, 60_000);
    let statement_timeout = millis(reader, "DATABASE_STATEMENT_TIMEOUT_MS", 100, 600_000);
    match reader.read("DATABASE_URL", DatabaseSettings::parse) {
        Some(DatabaseSettings::Postgres(PostgresSettings { url, .. })) => {
            DatabaseSettings::Postgres(PostgresSettings {
                url,
                connections,
                transactions,
                writers,
                wait,
                statement_timeout,
            })
        }
        Some(file @ DatabaseSettings::Sqlite(_)) => file,
        None => DatabaseSettings::Sqlite(data_dir.join("parlance.db")),
    }
}

/// The Redis of `REDIS_URL`, unless it is not to be used.
pub(super) fn redis(reader: &mut Reader<'_>) -> Option<RedisSettings> {
    let url = reader.read("REDIS_URL", parse_redis);
    let settings = RedisSettings {
        url: url.clone().unwrap_or_default(),
        prefix: reader.text("REDIS_PREFIX").unwrap_or_default(),
        deadline: Duration::from_millis(reader.number("REDIS_DEADLINE_MS", 1..=10_000)),
        ca_file: reader.text("REDIS_CA_FILE").map(PathBuf::from),
        sentinel_password: reader.text("REDIS_SENTINEL_PASSWORD").map(SecretString::from),
    };
    (reader.flag("USE_REDIS") && url.is_some()).then_some(settings)
}

fn parse_redis(url: &str) -> Result<SecretString, String> {
    let schemes = ["redis", "rediss"]
        .into_iter()
        .flat_map(|scheme| ["", "+sentinel", "+cluster"].map(|kind| format!("{scheme}{kind}://")));
    if schemes.into_iter().any(|scheme| url.starts_with(&scheme)) {
        return Ok(url.into());
    }
    Err(
        "must begin with redis://, rediss://, redis+sentinel://, rediss+sentinel://, redis+cluster:// or \
         rediss+cluster://"
            .to_owned(),
    )
}
