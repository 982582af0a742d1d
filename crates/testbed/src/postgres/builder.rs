//! How a PostgreSQL server is set up.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use nix::unistd::User;

use super::Postgres;
use crate::installation::postgres_programs;
use crate::port::Port;
use crate::server::Server;
use crate::sql;
use crate::tls::TlsFiles;
use crate::workplace::Workplace;

/// The data directory within the server's folder.
const DATA: &str = "data";
/// The log within the server's folder.
pub(super) const LOG: &str = "data/log/postgresql.log";

const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", "127.0.0.1"),
    ("max_connections", "200"),
    // In files of the data directory, which go with it, also when the processes are killed.
    ("dynamic_shared_memory_type", "mmap"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    // One file, whose name stays the same when the server starts again.
    ("logging_collector", "on"),
    ("log_directory", "log"),
    ("log_filename", "postgresql.log"),
    ("log_rotation_age", "0"),
    ("log_rotation_size", "0"),
    ("log_line_prefix", "%m [%p] %d %a: "),
];

/// A [`Postgres`] to be started.
#[derive(Debug, Default)]
pub struct PostgresBuilder {
    settings: Vec<(String, String)>,
    parent: Option<PathBuf>,
    tls: Option<(PathBuf, PathBuf)>,
}

impl PostgresBuilder {
    /// Sets a parameter of `postgresql.conf`; the last value counts.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Keeps the data below this folder, which the user who runs the server must be able to enter.
    pub fn within(mut self, parent: impl Into<PathBuf>) -> Self {
        self.parent = Some(parent.into());
        self
    }

    /// Offers TLS; connections without it are taken as well. The files are copied.
    pub fn tls(mut self, files: &TlsFiles) -> Self {
        self.tls = Some((files.certificate(), files.key()));
        self
    }

    /// Makes the data directory and starts the server; returns when it accepts connections.
    pub fn start(self) -> Result<Postgres> {
        let programs = postgres_programs()?;
        let port = Port::claim()?;
        let workplace = Workplace::new("postgres", self.parent.as_deref())?;
        let folder = workplace.path();
        let user = user()?;
        give(folder, user.as_ref())?;
        run(initdb(&programs, folder, user.as_ref()))?;
        self.configure(folder, user.as_ref())?;
        let mut command = as_user(&programs.join("postgres"), user.as_ref());
        command
            .arg("-D")
            .arg(folder.join(DATA))
            .args(["-p", &port.number().to_string()]);
        let postgres = Postgres {
            server: Server::new(command, workplace)?,
            port,
        };
        postgres.start_again()?;
        Ok(postgres)
    }

    fn configure(&self, folder: &Path, user: Option<&User>) -> Result<()> {
        let mut settings: Vec<(&str, String)> = Vec::new();
        settings.extend(SETTINGS.iter().map(|(name, value)| (*name, (*value).to_owned())));
        settings.push(("unix_socket_directories", folder.display().to_string()));
        if let Some((certificate, key)) = &self.tls {
            settings.push(("ssl", "on".to_owned()));
            settings.push(("ssl_cert_file", copy(certificate, folder, user)?));
            settings.push(("ssl_key_file", copy(key, folder, user)?));
        }
        settings.extend(self.settings.iter().map(|(name, value)| (&**name, value.clone())));
        let path = folder.join(DATA).join("postgresql.conf");
        let mut file = File::options().append(true).open(path)?;
        for (name, value) in settings {
            writeln!(file, "{name} = {}", sql::literal(&value))?;
        }
        Ok(())
    }
}

fn initdb(programs: &Path, folder: &Path, user: Option<&User>) -> Command {
    let mut command = as_user(&programs.join("initdb"), user);
    command
        .arg("--pgdata")
        .arg(folder.join(DATA))
        .args(["--username", "postgres", "--auth", "trust"])
        .args(["--locale", "C", "--encoding", "UTF8", "--no-sync"])
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

fn run(mut command: Command) -> Result<()> {
    let output = command.output().context("cannot run initdb")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("initdb failed ({}):\n{said}", output.status);
    }
    Ok(())
}

/// Whom to run PostgreSQL as: it refuses to run as root.
fn user() -> Result<Option<User>> {
    if !nix::unistd::geteuid().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let Some(user) = User::from_name(name)? {
            return Ok(Some(user));
        }
    }
    bail!("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}

fn as_user(program: &Path, user: Option<&User>) -> Command {
    let mut command = Command::new(program);
    command.env("LC_ALL", "C");
    if let Some(user) = user {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command
}

fn give(path: &Path, user: Option<&User>) -> Result<()> {
    if let Some(user) = user {
        chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
            .with_context(|| format!("cannot give {} to {}", path.display(), user.name))?;
    }
    Ok(())
}

/// Copies a file to where only the server's user reads it.
fn copy(from: &Path, folder: &Path, user: Option<&User>) -> Result<String> {
    let to = folder.join(from.file_name().context("a file of TLS has no name")?);
    std::fs::copy(from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
    std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o600))?;
    give(&to, user)?;
    Ok(to.display().to_string())
}
