//! Runs other programs, and stops them when the task is interrupted.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::workspace;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static GROUPS: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// Whether somebody asked the task to stop.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// From now on, an interrupted task stops the programs that it started, and theirs.
pub(crate) fn stop_children_when_interrupted() -> Result<()> {
    ctrlc::set_handler(|| {
        INTERRUPTED.store(true, Ordering::SeqCst);
        for group in groups().iter() {
            // A group that has ended meanwhile needs no stopping.
            let _ = killpg(*group, Signal::SIGTERM);
        }
    })
    .context("no handler for interrupts")
}

fn groups() -> MutexGuard<'static, Vec<Pid>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A program that runs, stopped when this is dropped.
pub(crate) struct Running {
    child: Child,
    group: Pid,
}

impl Running {
    /// Starts a program at the head of a process group of its own.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        if interrupted() {
            bail!("interrupted");
        }
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let group = Pid::from_raw(i32::try_from(child.id())?);
        groups().push(group);
        let running = Self { child, group };
        // An interrupt may have come between the look above and the entry in the list.
        if interrupted() {
            bail!("interrupted");
        }
        Ok(running)
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The program's process, to talk to it.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits until the program ends.
    pub(crate) fn wait(mut self) -> Result<ExitStatus> {
        let status = self.child.wait()?;
        self.forget();
        Ok(status)
    }

    fn forget(&self) {
        groups().retain(|group| *group != self.group);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = killpg(self.group, Signal::SIGTERM);
            let _ = self.child.wait();
        }
        self.forget();
    }
}

/// A command of cargo at the root of the workspace.
pub(crate) fn cargo<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(workspace::root());
    command
}

/// Runs a program to its end; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    println!("$ {shown}");
    let status = Running::start(command)?.wait()?;
    if interrupted() {
        bail!("interrupted");
    }
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// Runs a program to its end and gives back what it wrote; anything but success is an error.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>> {
    let shown = show(command);
    command.stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut running = Running::start(command)?;
    let stdout = running.child().stdout.take();
    let mut written = Vec::new();
    if let Some(mut stdout) = stdout {
        std::io::Read::read_to_end(&mut stdout, &mut written)?;
    }
    let status = running.wait()?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(written)
}

fn show(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    std::iter::once(name)
        .chain(command.get_args())
        .map(|part| part.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
