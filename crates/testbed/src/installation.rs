//! Where the servers' programs are, and their installation where that can be done.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail};

const OLDEST_POSTGRES: Version = Version(14, 0);
const OLDEST_REDIS: Version = Version(6, 2);
/// Debian keeps cluster and service settings of PostgreSQL here.
const CREATE_CLUSTER: &str = "/etc/postgresql-common/createcluster.conf";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32);

/// A program that tests run.
struct Tool {
    name: &'static str,
    /// The first version that will do, where that is not any.
    oldest: Option<Version>,
    /// Where it is looked for besides the `PATH`.
    besides: &'static [&'static str],
    /// What it comes with on Debian.
    packages: &'static [&'static str],
    /// What is said where it is missing.
    remedy: &'static str,
}

/// What tests run besides the servers.
const TOOLS: [Tool; 4] = [
    // By which the offline synthesizer speaks.
    Tool {
        name: "espeak-ng",
        oldest: None,
        besides: &["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"],
        packages: &["espeak-ng"],
        remedy: "no espeak-ng found: install it (Debian, Ubuntu: `apt-get install espeak-ng`; \
                 macOS: `brew install espeak-ng`) or put it on PATH",
    },
    // What says a second time what a log of reviews comes to.
    Tool {
        name: "python3",
        oldest: Some(Version(3, 10)),
        besides: &[],
        packages: &["python3"],
        remedy: "no Python 3.10 or newer found: install it (Debian, Ubuntu: `apt-get install python3`; \
                 macOS: `brew install python`) or put python3 on PATH",
    },
    // What a library is made with that sets the clocks of copies wrong.
    Tool {
        name: "cc",
        oldest: None,
        besides: &[],
        packages: &["gcc", "libc6-dev"],
        remedy: "no C compiler found: install one (Debian, Ubuntu: `apt-get install gcc libc6-dev`; \
                 macOS: `xcode-select --install`) or put cc on PATH",
    },
    // For the walk through the README.
    Tool {
        name: "curl",
        oldest: None,
        besides: &[],
        packages: &["curl"],
        remedy: "no curl found: install it (Debian, Ubuntu: `apt-get install curl`; macOS: `brew install curl`) or put \
                 it on PATH",
    },
];

impl Tool {
    /// Whether what runs under its name is there and will do.
    fn is_there(&self) -> bool {
        let mut folders = search_path();
        folders.extend(self.besides.iter().map(PathBuf::from));
        let mut programs = folders.into_iter().map(|folder| folder.join(self.name));
        let program = programs.find(|program| program.is_file());
        program.is_some_and(|program| self.oldest.is_none_or(|oldest| version(&program) >= Some(oldest)))
    }
}

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

/// Looks for the other programs that tests run; what is missing is installed where this runs as root of a Debian.
///
/// # Errors
///
/// Says of all that are missing what to install.
pub fn ensure_tools() -> Result<()> {
    let packages: Vec<&str> = missing(&TOOLS)
        .flat_map(|tool| tool.packages.iter().copied())
        .collect();
    let installed = install_where_allowed(&packages);
    found_or(found(&TOOLS), installed)
}

fn found(tools: &[Tool]) -> Result<()> {
    let remedies: Vec<&str> = missing(tools).map(|tool| tool.remedy).collect();
    if remedies.is_empty() {
        Ok(())
    } else {
        Err(anyhow!(remedies.join("\n")))
    }
}

fn missing(tools: &[Tool]) -> impl Iterator<Item = &Tool> {
    tools.iter().filter(|tool| !tool.is_there())
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

    fn tool(name: &'static str, oldest: Option<Version>, remedy: &'static str) -> Tool {
        Tool {
            name,
            oldest,
            besides: &["/bin"],
            packages: &[],
            remedy,
        }
    }

    #[test]
    fn of_all_that_is_missing_or_too_old_it_is_said_what_to_install() {
        let tools = [
            tool("sh", None, "a shell"),
            tool("no-such-program", None, "install the one"),
            tool("sh", Some(Version(u32::MAX, 0)), "install the other"),
        ];
        assert!(found(&tools[..1]).is_ok());
        let error = found(&tools).unwrap_err();
        assert_eq!(error.to_string(), "install the one\ninstall the other");
    }

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
