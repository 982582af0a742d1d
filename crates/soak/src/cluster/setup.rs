//! What a cluster is to consist of.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use parlance_testbed::{FakeGoogle, Postgres, PostgresBuilder, Redis, parlance_binary};

use super::bucket::Bucket;
use super::guardian::Guardian;
use super::{Cluster, Copy};
use crate::proxy::Proxy;

/// The same for all copies, as it must be.
const SECRET: &str = "a secret of runs that nobody else ever sees: 0123456789";
/// Who the copies are to PostgreSQL when nothing else is wanted.
const SUPERUSER: &str = "postgres";

/// Where a proxy stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Before {
    /// Between the copies and PostgreSQL.
    Postgres,
    /// Between the copies and Redis.
    Redis,
    /// Between the copies and the bucket that keeps audio.
    Bucket,
    /// Between the clients and the copies; each connection goes to the next copy.
    Copies,
}

/// A cluster to be started.
#[derive(Debug, Default)]
pub struct Setup {
    copies: usize,
    own_postgres: Option<PostgresBuilder>,
    role: Option<String>,
    without_redis: bool,
    google: bool,
    bucket: bool,
    proxies: BTreeSet<Before>,
    settings: Vec<(String, String)>,
    through: Vec<PathBuf>,
}

/// What the copies stand on.
struct Servers {
    postgres: Arc<Postgres>,
    database: String,
    redis: Option<Arc<Redis>>,
    google: Option<FakeGoogle>,
    bucket: Option<Bucket>,
}

/// What stands between the copies and these.
#[derive(Default)]
struct Proxies {
    postgres: Option<Proxy>,
    redis: Option<Proxy>,
    bucket: Option<Proxy>,
}

impl Setup {
    /// So many copies, without limits, on a Redis of their own and a database on a PostgreSQL that clusters share.
    pub fn copies(copies: usize) -> Self {
        Self {
            copies,
            ..Self::default()
        }
    }

    /// With a PostgreSQL that may be stopped and killed.
    pub fn own_postgres(self) -> Self {
        self.postgres(Postgres::builder())
    }

    /// With a PostgreSQL set up like this.
    pub fn postgres(mut self, builder: PostgresBuilder) -> Self {
        self.own_postgres = Some(builder);
        self
    }

    /// With copies that sign in to PostgreSQL as this role, which is made and owns the database.
    pub fn role(mut self, role: &str) -> Self {
        self.role = Some(role.to_owned());
        self
    }

    /// Without a Redis.
    pub fn without_redis(mut self) -> Self {
        self.without_redis = true;
        self
    }

    /// With a Google that speaks and writes for all copies, without bounds to what may be spent; audio is kept in a
    /// directory that they share.
    pub fn google(mut self) -> Self {
        self.google = true;
        self
    }

    /// With a bucket in which audio is kept, in the place of the directory.
    pub fn bucket(mut self) -> Self {
        self.bucket = true;
        self
    }

    /// With a proxy there.
    pub fn proxy(mut self, before: Before) -> Self {
        self.proxies.insert(before);
        self
    }

    /// With this in the environment of every copy.
    pub fn setting(mut self, name: &str, value: impl Into<String>) -> Self {
        self.settings.push((name.to_owned(), value.into()));
        self
    }

    /// With copies started by another program, which gets the program and its arguments as its last ones and must
    /// become it.
    pub fn through(mut self, program: &[&str]) -> Self {
        self.through = program.iter().map(PathBuf::from).collect();
        self
    }

    /// Starts all of it; returns when every copy is ready.
    pub async fn start(self) -> Result<Cluster> {
        let cluster = self.prepare().await?;
        cluster.start_all().await?;
        Ok(cluster)
    }

    /// Starts what the copies stand on, and no copy.
    pub async fn prepare(mut self) -> Result<Cluster> {
        let guardian = Guardian::new()?;
        let servers = self.servers().await?;
        let proxies = Proxies {
            postgres: self
                .stand(Before::Postgres, Some(servers.postgres.port()))
                .await?,
            redis: self
                .stand(Before::Redis, servers.redis.as_ref().map(|redis| redis.port()))
                .await?,
            bucket: self
                .stand(Before::Bucket, servers.bucket.as_ref().map(Bucket::port))
                .await?,
        };
        self.connect(&servers, &proxies, &guardian);
        let copies = (0..self.copies).map(|number| self.copy(number, &guardian));
        let copies = copies.collect::<Result<Vec<_>>>()?;
        let front = if self.proxies.contains(&Before::Copies) {
            Some(Proxy::start(copies.iter().map(|copy| copy.address()).collect()).await?)
        } else {
            None
        };
        Ok(Cluster {
            copies,
            postgres: servers.postgres,
            database: servers.database,
            redis: servers.redis,
            google: servers.google,
            bucket: servers.bucket,
            to_postgres: proxies.postgres,
            to_redis: proxies.redis,
            to_bucket: proxies.bucket,
            front,
            _guardian: guardian,
        })
    }

    async fn servers(&mut self) -> Result<Servers> {
        let own = self.own_postgres.take();
        let (without_redis, role, google) = (self.without_redis, self.role.clone(), self.google);
        let bucket = if self.bucket {
            Some(Bucket::start().await?)
        } else {
            None
        };
        let start = move || {
            let postgres = match own {
                Some(builder) => Arc::new(builder.start()?),
                None => shared_postgres()?,
            };
            let redis = if without_redis {
                None
            } else {
                Some(Redis::start()?)
            };
            Ok(Servers {
                database: make_database(&postgres, role.as_deref())?,
                postgres,
                redis: redis.map(Arc::new),
                google: google.then(FakeGoogle::start).transpose()?,
                bucket,
            })
        };
        tokio::task::spawn_blocking(start).await?
    }

    /// Puts a proxy before a server, if there is to be one and the server is there.
    async fn stand(&self, before: Before, port: Option<u16>) -> Result<Option<Proxy>> {
        match port {
            Some(port) if self.proxies.contains(&before) => Ok(Some(Proxy::to_port(port).await?)),
            _ => Ok(None),
        }
    }

    /// Tells the copies where their servers are; whatever was set before counts.
    fn connect(&mut self, servers: &Servers, proxies: &Proxies, guardian: &Guardian) {
        let user = self.role.as_deref().unwrap_or(SUPERUSER);
        let port = |proxy: Option<&Proxy>, port| proxy.map_or(port, Proxy::port);
        let postgres = port(proxies.postgres.as_ref(), servers.postgres.port());
        let url = format!("postgres://{user}@127.0.0.1:{postgres}/{}", servers.database);
        let mut settings = vec![("DATABASE_URL", url)];
        if let Some(redis) = &servers.redis {
            let redis = port(proxies.redis.as_ref(), redis.port());
            settings.push(("REDIS_URL", format!("redis://127.0.0.1:{redis}/0")));
        }
        if let Some(google) = &servers.google {
            settings.extend(of_google(google));
        }
        match &servers.bucket {
            Some(bucket) => settings.extend(Bucket::settings(port(proxies.bucket.as_ref(), bucket.port()))),
            None => settings.push((
                "OBJECT_STORE",
                guardian.folder().join("objects").display().to_string(),
            )),
        }
        let told = settings.into_iter().map(|(name, value)| (name.to_owned(), value));
        self.settings.splice(..0, told);
    }

    fn copy(&self, number: usize, guardian: &Guardian) -> Result<Arc<Copy>> {
        let mut settings = usual_settings();
        // A later value of the same name counts.
        settings.extend(self.settings.iter().cloned());
        let program = (self.through.clone(), parlance_binary());
        let copy = Copy::new(format!("copy-{number}"), program, settings, guardian.folder())?;
        Ok(Arc::new(copy))
    }
}

/// How the copies reach a Google, and that they may ask it as often as they like.
fn of_google(google: &FakeGoogle) -> Vec<(&'static str, String)> {
    let mut settings = vec![("GOOGLE_API_KEY", FakeGoogle::API_KEY.to_owned())];
    let places = ["GOOGLE_TTS_URL", "GOOGLE_STT_URL", "GEMINI_URL"];
    settings.extend(places.map(|name| (name, google.url())));
    let bounds = [
        "AI_LIMIT_PER_MINUTE",
        "SPEECH_CHARACTERS_PER_USER_DAY",
        "SPEECH_CHARACTERS_PER_DAY",
        "CONVERSATION_TOKENS_PER_USER_DAY",
        "CONVERSATION_TOKENS_PER_DAY",
    ];
    settings.extend(bounds.map(|name| (name, "0".to_owned())));
    settings
}

fn usual_settings() -> Vec<(String, String)> {
    [
        ("HOST", "127.0.0.1"),
        ("METRICS_ADDR", "off"),
        ("BCRYPT_COST", "4"),
        ("JWT_SECRET", SECRET),
        ("RATE_LIMIT_PER_MINUTE", "0"),
        ("LOGIN_LIMIT_PER_MINUTE", "0"),
        // Everybody comes from one address, and whoever tries a limit fails often.
        ("LOCKOUT_ADDRESS_ATTEMPTS", "0"),
        ("LOCKOUT_ATTEMPTS", "100"),
        ("LOG_FORMAT", "json"),
        // Without a line for each request.
        ("RUST_LOG", "info,parlance_http::middleware::edge=warn"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// The PostgreSQL of all clusters that leave it in peace, started when the first one comes.
fn shared_postgres() -> Result<Arc<Postgres>> {
    static SHARED: Mutex<Option<Arc<Postgres>>> = Mutex::new(None);
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(postgres) = &*shared {
        return Ok(Arc::clone(postgres));
    }
    let postgres = Arc::new(Postgres::start().context("no PostgreSQL for a cluster")?);
    *shared = Some(Arc::clone(&postgres));
    Ok(postgres)
}

/// Makes an empty database, and the role that owns it if there is to be one.
fn make_database(postgres: &Postgres, role: Option<&str>) -> Result<String> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("soak_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    if let Some(role) = role {
        postgres.query("postgres", &format!("CREATE ROLE {role} LOGIN"))?;
    }
    let owner = role.unwrap_or(SUPERUSER);
    postgres.query("postgres", &format!("CREATE DATABASE {name} OWNER {owner}"))?;
    Ok(name)
}
