//! The whole test suite, with the servers that it needs.

use std::ffi::OsString;
use std::process::Command;

use anyhow::{Context, Result, bail};
use parlance_testbed::{Postgres, Redis, ensure_servers};

use crate::process::{cargo, interrupted, run as run_command};
use crate::workspace;

const DATABASE_URL: &str = "TEST_DATABASE_URL";
const REDIS_URL: &str = "TEST_REDIS_URL";
const BINARY: &str = "PARLANCE_BIN";

/// Its data need not outlive it, and many small databases come and go in it.
const POSTGRES_SETTINGS: [(&str, &str); 6] = [
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("synchronous_commit", "off"),
    ("max_connections", "500"),
    ("max_wal_size", "4GB"),
    ("checkpoint_timeout", "30min"),
];

/// What to hand on to `cargo test`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Handed on to `cargo test`, such as `-p parlance-domain` or the name of a test
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Runs the tests of every crate, and the examples in their documentation when nothing narrows the choice.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let servers = Servers::start()?;
    let binary = binary()?;
    let tell = |mut command: Command| {
        command.envs(servers.environment()).env(BINARY, &binary);
        command
    };
    run_command(&mut tell(cargo(tests(&arguments.rest))))?;
    if arguments.rest.is_empty() {
        run_command(&mut tell(cargo(["test", "--workspace", "--doc"])))?;
    }
    Ok(())
}

/// The program that the tests run as a process: the one that the environment names, or a debug build.
fn binary() -> Result<OsString> {
    if let Some(binary) = std::env::var_os(BINARY) {
        return Ok(binary);
    }
    run_command(&mut cargo(["build", "-p", "parlance-server", "--locked"]))?;
    Ok(workspace::metadata()?
        .target_directory
        .join("debug/parlance")
        .into())
}

/// The arguments of `cargo test`.
fn tests(rest: &[String]) -> Vec<&str> {
    let mut tests = vec!["test"];
    let narrowed = rest
        .iter()
        .any(|argument| matches!(argument.as_str(), "-p" | "--package"));
    if !narrowed {
        tests.push("--workspace");
    }
    tests.push("--all-targets");
    tests.extend(rest.iter().map(String::as_str));
    tests
}

/// The servers that this task started, stopped when this is dropped; none where the environment names one.
struct Servers {
    postgres: Option<Postgres>,
    redis: Option<Redis>,
}

impl Servers {
    fn start() -> Result<Self> {
        let [postgres, redis] = [DATABASE_URL, REDIS_URL].map(|name| std::env::var_os(name).is_none());
        ensure_servers(postgres, redis)?;
        if interrupted() {
            bail!("interrupted");
        }
        Ok(Self {
            postgres: postgres.then(start_postgres).transpose()?,
            redis: redis.then(start_redis).transpose()?,
        })
    }

    /// What the tests are told. What the environment names, they see there.
    fn environment(&self) -> impl Iterator<Item = (&'static str, String)> {
        let postgres = self.postgres.as_ref();
        let postgres = postgres.map(|server| (DATABASE_URL, server.url("postgres")));
        let redis = self.redis.as_ref().map(|server| (REDIS_URL, server.url()));
        postgres.into_iter().chain(redis)
    }
}

fn start_postgres() -> Result<Postgres> {
    let mut builder = Postgres::builder();
    for (name, value) in POSTGRES_SETTINGS {
        builder = builder.setting(name, value);
    }
    let postgres = builder.start().context("no PostgreSQL to test with")?;
    println!("PostgreSQL for the tests: port {}", postgres.port());
    Ok(postgres)
}

fn start_redis() -> Result<Redis> {
    let redis = Redis::start().context("no Redis to test with")?;
    println!("Redis for the tests: port {}", redis.port());
    Ok(redis)
}
