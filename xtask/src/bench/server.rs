//! The server under measurement: started on an empty folder, asked whether it is ready, stopped.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::client;
use crate::process::Running;

/// Nothing that takes longer will become ready any more.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server that runs.
pub(super) struct Server {
    process: Running,
    address: SocketAddr,
    start_up: Duration,
}

impl Server {
    /// Starts the binary in a folder, with settings besides the usual ones, and waits until it is ready.
    pub(super) fn start(binary: &Path, folder: &Path, settings: &[(&str, &str)]) -> Result<Self> {
        let address = free_address()?;
        let log: PathBuf = folder.join("server.log");
        let output = File::create(&log)?;
        let began = Instant::now();
        let mut command = Command::new(binary);
        command
            .arg("serve")
            .current_dir(folder)
            .env("APP_ENV", "development")
            .env("HOST", address.ip().to_string())
            .env("PORT", address.port().to_string())
            .env("DATA_DIR", folder.join("data"))
            .env("BCRYPT_COST", "4")
            .env("RATE_LIMIT_PER_MINUTE", "0")
            .env("LOGIN_LIMIT_PER_MINUTE", "0")
            .env("METRICS_ADDR", "off")
            .env("LOG_FORMAT", "json")
            .env("RUST_LOG", "warn")
            .envs(settings.iter().copied())
            .stdout(output.try_clone()?)
            .stderr(output);
        let mut process = Running::start(&mut command)?;
        while !client::is_ready(address) {
            let ended = process.child().try_wait()?.is_some();
            if ended || began.elapsed() > PATIENCE {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                bail!("the server did not become ready:\n{said}");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(Self {
            process,
            address,
            start_up: began.elapsed(),
        })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From its start until it was ready.
    pub(super) fn start_up(&self) -> Duration {
        self.start_up
    }

    /// The id of its process.
    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its resident memory, in kibibytes.
    pub(super) fn memory(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(path).context("no account of the server's memory")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.split_whitespace().next());
        kibibytes
            .context("no VmRSS")?
            .parse()
            .context("VmRSS is no number")
    }

    /// Asks it to stop and waits until it has.
    pub(super) fn stop(self) -> Result<()> {
        kill(Pid::from_raw(i32::try_from(self.process.id())?), Signal::SIGTERM)?;
        let status = self.process.wait()?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?)
}
