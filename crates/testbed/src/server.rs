//! A server's process: started, signalled, stopped, started again.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wait;
use crate::workplace::Workplace;

/// A server that was asked to stop has this long; with a checkpoint on a busy machine it can take a while.
const STOPPING: Duration = Duration::from_mins(1);
/// What of a server's output is told when it does not start.
const OUTPUT: &str = "output";

/// A program, where it works, and its process while there is one.
#[derive(Debug)]
pub(crate) struct Server {
    command: Mutex<Command>,
    process: Mutex<Option<Child>>,
    workplace: Workplace,
}

impl Server {
    /// A server that is not started yet.
    pub(crate) fn new(mut command: Command, workplace: Workplace) -> Result<Self> {
        let output = File::options()
            .create(true)
            .append(true)
            .open(workplace.path().join(OUTPUT))
            .context("cannot make the file of the server's output")?;
        command
            .current_dir(workplace.path())
            // An interrupt at the terminal is for the tests, which stop their servers in order.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        Ok(Self {
            command: Mutex::new(command),
            process: Mutex::new(None),
            workplace,
        })
    }

    /// The server's folder.
    pub(crate) fn folder(&self) -> &Path {
        self.workplace.path()
    }

    /// Starts the process; it need not be ready when this returns.
    pub(crate) fn start(&self) -> Result<()> {
        let mut process = self.process();
        if let Some(child) = process.as_mut()
            && child.try_wait()?.is_none()
        {
            bail!("the server runs already");
        }
        let mut command = self.command.lock().unwrap_or_else(PoisonError::into_inner);
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        self.workplace.guard(Some(child.id()))?;
        *process = Some(child);
        Ok(())
    }

    /// Waits until `is_ready` says so.
    ///
    /// # Errors
    ///
    /// When the process ends instead, with what it wrote, or when it takes too long.
    pub(crate) fn wait_until_ready(&self, is_ready: impl Fn() -> bool) -> Result<()> {
        wait::until("a server was to be ready", STOPPING, || {
            if let Some(status) = self.ended()? {
                bail!("the server ended ({status}):\n{}", self.output());
            }
            Ok(is_ready().then_some(()))
        })
    }

    /// How the process ended, if it did.
    fn ended(&self) -> Result<Option<ExitStatus>> {
        match self.process().as_mut() {
            Some(child) => Ok(child.try_wait()?),
            None => bail!("the server is not running"),
        }
    }

    /// The id of the process.
    pub(crate) fn pid(&self) -> Result<Pid> {
        let process = self.process();
        let child = process.as_ref().context("the server is not running")?;
        Ok(Pid::from_raw(i32::try_from(child.id())?))
    }

    /// Sends the process a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        kill(self.pid()?, signal).with_context(|| format!("cannot send {signal}"))
    }

    /// Asks the process to stop by a signal, and waits until it has.
    pub(crate) fn stop(&self, by: Signal) -> Result<()> {
        self.signal(by)?;
        wait::until("a server was to stop", STOPPING, || self.ended())?;
        self.forget()
    }

    /// Ends the process without asking.
    pub(crate) fn kill(&self) -> Result<()> {
        if let Some(child) = self.process().as_mut() {
            child.kill()?;
            child.wait()?;
        }
        self.forget()
    }

    fn forget(&self) -> Result<()> {
        *self.process() = None;
        self.workplace.guard(None)
    }

    /// What the process wrote on its standard output and error, at the end.
    fn output(&self) -> String {
        let written = std::fs::read(self.folder().join(OUTPUT)).unwrap_or_default();
        let tail = written.len().saturating_sub(4_000);
        String::from_utf8_lossy(&written[tail..]).into_owned()
    }

    fn process(&self) -> MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A process that is gone already needs no killing.
        let _ = self.kill();
    }
}
