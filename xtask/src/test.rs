//! The whole test suite, with the servers that it needs.

use std::ffi::OsString;
use std::process::Command;

use anyhow::{Context, Result, bail};
use nix::sys::statvfs::statvfs;
use parlance_testbed::{Postgres, Redis, ensure_servers, ensure_tools};

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
    ("max_wal_size", "256MB"),
    ("checkpoint_timeout", "30min"),
];
/// A database of a test is some three hundred files, which many a disk takes longer to make than the test to run.
const MEMORY: &str = "/dev/shm";
/// With less room than this in memory, the data lie on the disk.
const ROOM: u128 = 2 << 30;

/// What says to `cargo test` which packages it is about.
const PACKAGES: [&str; 4] = ["-p", "--package", "--workspace", "--exclude"];
/// What says to `cargo test` which targets it is about, in any spelling.
const TARGETS: [&str; 10] = [
    "--lib",
    "--bin",
    "--bins",
    "--test",
    "--tests",
    "--example",
    "--examples",
    "--bench",
    "--benches",
    "--doc",
];

/// Says which store the suite of the HTTP face runs over.
const STORE: &str = "PARLANCE_TEST_STORE";
/// What of the suite depends on the store; it runs over SQLite with everything else.
const SUITE: [&str; 9] = [
    "test",
    "-p",
    "parlance-server",
    "--test",
    "suite",
    "--",
    "api::",
    "cancellation::",
    "workers::",
];

/// What to hand on to `cargo test`.
#[derive(clap::Args)]
#[command(
    after_help = "PostgreSQL, Redis, espeak-ng, python3, cc and curl are found, or installed where this runs as root of a \
                  Debian. The servers run with throw-away data; TEST_DATABASE_URL and TEST_REDIS_URL name servers to \
                  use instead, PARLANCE_BIN a program instead of a debug build."
)]
pub(crate) struct Arguments {
    /// Handed on to `cargo test`, such as `-p parlance-domain` or the name of a test
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Runs the tests of every crate, and the examples in their documentation when nothing narrows the choice.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let servers = Servers::start()?;
    let binary = binary(&arguments.rest)?;
    let tell = |mut command: Command| {
        command.envs(servers.environment()).env(BINARY, &binary);
        command
    };
    run_command(&mut tell(cargo(tests(&arguments.rest))))?;
    if arguments.rest.is_empty() {
        run_command(tell(cargo(SUITE)).env(STORE, "postgres"))?;
        run_command(&mut tell(cargo(["test", "--workspace", "--doc"])))?;
    }
    Ok(())
}

/// The program that the tests run as a process: the one that the environment names, or a debug build.
fn binary(rest: &[String]) -> Result<OsString> {
    if let Some(binary) = std::env::var_os(BINARY) {
        return Ok(binary);
    }
    // Who tests everything builds the program with it, and what it consists of once instead of twice: a package alone
    // is built with fewer features of what all share.
    if names_one_of(rest, &PACKAGES) || names_one_of(rest, &TARGETS) {
        run_command(&mut cargo(["build", "-p", "parlance-server", "--locked"]))?;
    }
    Ok(workspace::metadata()?
        .target_directory
        .join("debug/parlance")
        .into())
}

/// The arguments of `cargo test`: everything, unless they choose among packages or targets.
fn tests(rest: &[String]) -> Vec<&str> {
    let mut tests = vec!["test"];
    if !names_one_of(rest, &PACKAGES) {
        tests.push("--workspace");
    }
    if !names_one_of(rest, &TARGETS) {
        tests.push("--all-targets");
    }
    tests.extend(rest.iter().map(String::as_str));
    tests
}

/// Whether one of these options is given, as `--option value` or `--option=value`; what follows `--` is for the tests.
fn names_one_of(rest: &[String], options: &[&str]) -> bool {
    rest.iter()
        .take_while(|argument| *argument != "--")
        .filter_map(|argument| argument.split('=').next())
        .any(|argument| options.contains(&argument))
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
        ensure_tools()?;
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
    if has_room(MEMORY) {
        builder = builder.within(MEMORY);
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

fn has_room(folder: &str) -> bool {
    statvfs(folder)
        .is_ok_and(|state| u128::from(state.blocks_available()) * u128::from(state.fragment_size()) >= ROOM)
}

#[cfg(test)]
mod tests {
    fn given(arguments: &str) -> String {
        let rest: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
        super::tests(&rest).join(" ")
    }

    #[test]
    fn everything_is_tested_unless_something_is_chosen() {
        assert_eq!(given(""), "test --workspace --all-targets");
        assert_eq!(given("a_name"), "test --workspace --all-targets a_name");
        assert_eq!(given("-p one"), "test --all-targets -p one");
        assert_eq!(given("-p one --test api"), "test -p one --test api");
        assert_eq!(given("--package=one --lib"), "test --package=one --lib");
        assert_eq!(given("-- --lib"), "test --workspace --all-targets -- --lib");
    }
}
