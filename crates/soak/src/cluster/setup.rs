//! What a cluster is to consist of.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use parlance_testbed::{Postgres, PostgresBuilder, Redis, parlance_binary};

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
    proxies: BTreeSet<Before>,
    settings: Vec<(String, String)>,
    through: Vec<PathBuf>,
}

/// What the copies stand on.
struct Servers {
    postgres: Arc<Postgres>,
    database: String,
    redis: Option<Arc<Redis>>,
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
        let to_postgres = self
            .stand(Before::Postgres, Some(servers.postgres.port()))
            .await?;
        let to_redis = self
            .stand(Before::Redis, servers.redis.as_ref().map(|redis| redis.port()))
            .await?;
        self.connect(&servers, to_postgres.as_ref(), to_redis.as_ref());
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
            to_postgres,
            to_redis,
            front,
            _guardian: guardian,
        })
    }

    async fn servers(&mut self) -> Result<Servers> {
        let own = self.own_postgres.take();
        let (without_redis, role) = (self.without_redis, self.role.clone());
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

    /// Tells the copies where their servers are.
    fn connect(&mut self, servers: &Servers, to_postgres: Option<&Proxy>, to_redis: Option<&Proxy>) {
        let user = self.role.as_deref().unwrap_or(SUPERUSER);
        let port = to_postgres.map_or(servers.postgres.port(), Proxy::port);
        let url = format!("postgres://{user}@127.0.0.1:{port}/{}", servers.database);
        self.settings.push(("DATABASE_URL".to_owned(), url));
        if let Some(redis) = &servers.redis {
            let port = to_redis.map_or(redis.port(), Proxy::port);
            let url = format!("redis://127.0.0.1:{port}/0");
            self.settings.push(("REDIS_URL".to_owned(), url));
        }
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

fn usual_settings() -> Vec<(String, String)> {
    [
        ("HOST", "127.0.0.1"),
        ("METRICS_ADDR", "off"),
        ("BCRYPT_COST", "4"),
        ("JWT_SECRET", SECRET),
        ("RATE_LIMIT_PER_MINUTE", "0"),
        ("LOGIN_LIMIT_PER_MINUTE", "0"),
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
