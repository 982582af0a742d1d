//! Where the servers' programs are, and their installation where that can be done.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

const OLDEST_POSTGRES: Version = Version(14, 0);
const OLDEST_REDIS: Version = Version(6, 2);
/// Debian keeps cluster and service settings of PostgreSQL here.
const CREATE_CLUSTER: &str = "/etc/postgresql-common/createcluster.conf";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32);

/// The folder with `postgres` and `initdb`.
pub(crate) fn postgres_programs() -> Result<PathBuf> {
    let found = postgres_folders().into_iter().find(|folder| {
        folder.join("initdb").is_file() && version(&folder.join("postgres")) >= Some(OLDEST_POSTGRES)
    });
    found.context(
        "no PostgreSQL 14 or newer found: install it (Debian, Ubuntu: `apt-get install postgresql`; \
         macOS: `brew install postgresql@17`), put its programs on PATH, or set TEST_DATABASE_URL",
    )
}

/// A program that comes with PostgreSQL, such as `pgbench`.
pub fn postgres_program(name: &str) -> Result<PathBuf> {
    let programs = postgres_folders().into_iter().map(|folder| folder.join(name));
    programs
        .into_iter()
        .find(|program| program.is_file())
        .with_context(|| format!("{name} is missing: install what belongs to PostgreSQL beside the server"))
}

/// Where the programs of PostgreSQL may be, the likeliest first.
fn postgres_folders() -> Vec<PathBuf> {
    let mut folders = search_path();
    folders.extend(pg_config());
    folders.extend(debian_versions());
    folders.extend(matching("/opt/homebrew/opt", "postgresql"));
    folders.extend(matching("/usr/local/opt", "postgresql"));
    folders.extend(["/opt/homebrew/bin", "/usr/local/bin", "/usr/local/pgsql/bin"].map(PathBuf::from));
    folders
}

/// The program `redis-server`.
pub(crate) fn redis_program() -> Result<PathBuf> {
    let mut folders = search_path();
    folders.extend(["/usr/bin", "/opt/homebrew/bin", "/usr/local/bin"].map(PathBuf::from));
    let mut programs = folders.into_iter().map(|folder| folder.join("redis-server"));
    programs
        .find(|program| version(program) >= Some(OLDEST_REDIS))
        .context(
            "no Redis 6.2 or newer found: install it (Debian, Ubuntu: `apt-get install redis-server`; \
         macOS: `brew install redis`), put redis-server on PATH, or set TEST_REDIS_URL",
        )
}

/// Looks for the programs of the servers named; what is missing is installed where this runs as root of a Debian.
///
/// # Errors
///
/// Says what to install.
pub fn ensure_servers(postgres: bool, redis: bool) -> Result<()> {
    let mut packages = Vec::new();
    if postgres && postgres_programs().is_err() {
        packages.push("postgresql");
    }
    if redis && redis_program().is_err() {
        packages.push("redis-server");
    }
    let installed = install_where_allowed(&packages);
    // What counts is whether the programs are there: a package whose service cannot be started here is good enough.
    let found = postgres_if(postgres).and_then(|()| redis_if(redis));
    found_or(found, installed)
}

/// Looks for `espeak-ng`, by which the offline synthesizer speaks; it is installed where this runs as root of a Debian.
///
/// # Errors
///
/// Says what to install.
pub fn ensure_espeak() -> Result<()> {
    if espeak_program().is_ok() {
        return Ok(());
    }
    let installed = install_where_allowed(&["espeak-ng"]);
    found_or(espeak_program().map(drop), installed)
}

/// The program `espeak-ng`.
fn espeak_program() -> Result<PathBuf> {
    let mut folders = search_path();
    folders.extend(["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"].map(PathBuf::from));
    let mut programs = folders.into_iter().map(|folder| folder.join("espeak-ng"));
    programs.find(|program| program.is_file()).context(
        "no espeak-ng found: install it (Debian, Ubuntu: `apt-get install espeak-ng`; \
         macOS: `brew install espeak-ng`) or put it on PATH",
    )
}

fn install_where_allowed(packages: &[&str]) -> Result<()> {
    if !packages.is_empty() && nix::unistd::geteuid().is_root() && has_apt() {
        install(packages)
    } else {
        Ok(())
    }
}

/// What is still missing is told together with why it could not be installed.
fn found_or(found: Result<()>, installed: Result<()>) -> Result<()> {
    match (found, installed) {
        (Ok(()), _) => Ok(()),
        (Err(missing), Ok(())) => Err(missing),
        (Err(missing), Err(failure)) => Err(failure.context(missing)),
    }
}

fn postgres_if(wanted: bool) -> Result<()> {
    if wanted {
        postgres_programs()?;
    }
    Ok(())
}

fn redis_if(wanted: bool) -> Result<()> {
    if wanted {
        redis_program()?;
    }
    Ok(())
}

fn has_apt() -> bool {
    Path::new("/usr/bin/apt-get").is_file()
}

/// Installs packages of Debian, without a cluster and services of the system, which nobody here asked for.
fn install(packages: &[&str]) -> Result<()> {
    if packages.contains(&"postgresql") && !Path::new(CREATE_CLUSTER).exists() {
        std::fs::create_dir_all("/etc/postgresql-common")?;
        std::fs::write(CREATE_CLUSTER, "create_main_cluster = false\n")?;
    }
    // Old lists of packages may do when new ones cannot be had.
    let _ = apt_get(&["update"]);
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    // The settings written above are kept without a question.
    arguments.extend(["-o", "Dpkg::Options::=--force-confold"]);
    arguments.extend(packages);
    apt_get(&arguments)
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let status = Command::new("/usr/bin/apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("UCF_FORCE_CONFFOLD", "1")
        // In this level no service is to run, so that none is started.
        .env("RUNLEVEL", "1")
        .stdin(Stdio::null())
        .status()
        .context("cannot run apt-get")?;
    if !status.success() {
        bail!("`apt-get {}` failed ({status})", arguments.join(" "));
    }
    Ok(())
}

fn search_path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).collect()
}

fn pg_config() -> Option<PathBuf> {
    let folder = output(Command::new("pg_config").arg("--bindir"))?;
    Some(PathBuf::from(folder.trim()))
}

/// The folders of Debian's versions, the newest first.
fn debian_versions() -> Vec<PathBuf> {
    let mut folders = matching("/usr/lib/postgresql", "");
    folders.sort_by_key(|folder| std::cmp::Reverse(version(&folder.join("postgres"))));
    folders
}

/// The folders `bin` within those of a folder whose names begin like this.
fn matching(folder: &str, start: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(start))
        .map(|entry| entry.path().join("bin"))
        .collect()
}

fn version(program: &Path) -> Option<Version> {
    program.is_file().then_some(())?;
    parse_version(&output(Command::new(program).arg("--version"))?)
}

fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Reads `postgres (PostgreSQL) 15.20 (…)` and `Redis server v=7.0.15 …`.
fn parse_version(text: &str) -> Option<Version> {
    let numbered = text.split_whitespace().find_map(|word| {
        let word = word.strip_prefix("v=").unwrap_or(word);
        word.starts_with(|first: char| first.is_ascii_digit())
            .then_some(word)
    })?;
    // A version before its first release reads `19beta1`.
    let mut numbers = numbered.split(|sign: char| !sign.is_ascii_digit());
    let major = numbers.next()?.parse().ok()?;
    let minor = numbers.next().and_then(|number| number.parse().ok()).unwrap_or(0);
    Some(Version(major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_the_servers_say() {
        let cases = [
            (
                "postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)",
                Version(15, 20),
            ),
            ("postgres (PostgreSQL) 19beta1", Version(19, 0)),
            (
                "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64",
                Version(7, 0),
            ),
            ("Redis server v=6.2.0 sha=0", Version(6, 2)),
        ];
        for (text, version) in cases {
            assert_eq!(parse_version(text), Some(version), "{text}");
        }
        assert_eq!(parse_version("no number here"), None);
    }
}
