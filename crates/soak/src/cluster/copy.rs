//! One copy of the program: its process, its port, its log.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use parlance_testbed::Port;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use super::{Client, Usage};

/// A start on a busy machine, migrations and vocabulary included.
const STARTING: Duration = Duration::from_mins(1);
/// Longer than any grace that the program gives itself.
const STOPPING: Duration = Duration::from_mins(1);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// A copy of the program, running or not.
#[derive(Debug)]
pub struct Copy {
    name: String,
    through: Vec<PathBuf>,
    program: PathBuf,
    settings: Vec<(String, String)>,
    folder: PathBuf,
    port: Port,
    process: Mutex<Option<Child>>,
}

impl Copy {
    /// A copy that works in this folder and is not started yet.
    ///
    /// The program may be started through another one.
    pub(super) fn new(
        name: String,
        (through, program): (Vec<PathBuf>, PathBuf),
        mut settings: Vec<(String, String)>,
        folder: &Path,
    ) -> Result<Self> {
        let port = Port::claim()?;
        settings.push(("PORT".to_owned(), port.number().to_string()));
        settings.push((
            "DATA_DIR".to_owned(),
            folder.join(format!("{name}-data")).display().to_string(),
        ));
        Ok(Self {
            name,
            through,
            program,
            settings,
            folder: folder.to_owned(),
            port,
            process: Mutex::new(None),
        })
    }

    /// Where it listens, the same over the whole life of this value.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port.number()))
    }

    /// Starts it; returns how long it took until it was ready.
    pub async fn start(&self) -> Result<Duration> {
        let began = Instant::now();
        self.launch().await?;
        self.ready().await?;
        Ok(began.elapsed())
    }

    /// Starts the process; it need not be ready when this returns.
    pub async fn launch(&self) -> Result<()> {
        let mut process = self.process.lock().await;
        if let Some(child) = process.as_mut()
            && child.try_wait()?.is_none()
        {
            bail!("{} runs already", self.name);
        }
        let child = self
            .command("serve")
            .spawn()
            .context("cannot start the program")?;
        let id = child.id().context("the program ended at once")?;
        std::fs::write(self.pid_file(), id.to_string())?;
        *process = Some(child);
        Ok(())
    }

    /// The program with the same settings and another task, such as `migrate`; what it says goes to the log.
    pub fn command(&self, task: &str) -> Command {
        let log = File::options().create(true).append(true).open(self.log_file());
        let line: Vec<&PathBuf> = self.through.iter().chain([&self.program]).collect();
        let mut command = Command::new(line[0]);
        command
            .args(&line[1..])
            .arg(task)
            .current_dir(&self.folder)
            .env_clear()
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.map_or_else(|_| Stdio::null(), Stdio::from))
            .kill_on_drop(true);
        command
    }

    /// Waits until it is ready.
    ///
    /// # Errors
    ///
    /// When the process ends instead, with the end of its log, or when it takes too long.
    pub async fn ready(&self) -> Result<()> {
        let client = Client::new(self.address(), Duration::from_secs(5))?;
        let deadline = Instant::now() + STARTING;
        loop {
            if client.probe("/readyz").await.is_ok_and(|answer| answer.is_ok()) {
                return Ok(());
            }
            if let Some(status) = self.ended().await? {
                bail!("{} ended ({status}):\n{}", self.name, self.last_lines());
            }
            if Instant::now() > deadline {
                bail!("{} did not become ready:\n{}", self.name, self.last_lines());
            }
            sleep(LOOK).await;
        }
    }

    /// How the process ended, if it did.
    pub async fn ended(&self) -> Result<Option<ExitStatus>> {
        match self.process.lock().await.as_mut() {
            Some(child) => Ok(child.try_wait()?),
            None => bail!("{} is not running", self.name),
        }
    }

    /// Sends the process a signal.
    pub async fn signal(&self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(i32::try_from(self.pid().await?)?), signal)
            .with_context(|| format!("cannot send {signal}"))
    }

    /// Asks it to stop and waits until it has; how it ended, and how long that took.
    pub async fn stop(&self) -> Result<(ExitStatus, Duration)> {
        let began = Instant::now();
        self.signal(Signal::SIGTERM).await?;
        let status = self.wait().await?;
        Ok((status, began.elapsed()))
    }

    /// Waits for the end of the process.
    pub async fn wait(&self) -> Result<ExitStatus> {
        let mut process = self.process.lock().await;
        let child = process.as_mut().context("it is not running")?;
        let ended = timeout(STOPPING, child.wait()).await;
        let status = ended.with_context(|| format!("{} does not end", self.name))??;
        self.forget(&mut process);
        Ok(status)
    }

    /// Ends the process without asking.
    pub async fn kill(&self) -> Result<()> {
        let mut process = self.process.lock().await;
        let child = process.as_mut().context("it is not running")?;
        child.kill().await?;
        self.forget(&mut process);
        Ok(())
    }

    /// The id of the process.
    pub async fn pid(&self) -> Result<u32> {
        let process = self.process.lock().await;
        let id = process.as_ref().and_then(Child::id);
        id.with_context(|| format!("{} is not running", self.name))
    }

    /// What it takes of the machine at present.
    pub async fn usage(&self) -> Result<Usage> {
        Usage::of(self.pid().await?)
    }

    /// What it has logged so far, over all its starts.
    pub fn log(&self) -> Result<String> {
        let written = std::fs::read(self.log_file()).context("there is no log")?;
        Ok(String::from_utf8_lossy(&written).into_owned())
    }

    fn last_lines(&self) -> String {
        let log = self.log().unwrap_or_default();
        let from = log.len().saturating_sub(4_000);
        log.get(from..).unwrap_or(&log).to_owned()
    }

    fn forget(&self, process: &mut Option<Child>) {
        *process = None;
        // The id may belong to another process soon. What cannot be removed is removed with the folder.
        let _ = std::fs::remove_file(self.pid_file());
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.name))
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.join(format!("{}.pid", self.name))
    }
}
