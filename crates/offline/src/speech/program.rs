//! The program `espeak-ng`: where it is, and how it is run.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// What it is called.
const NAME: &str = "espeak-ng";
/// Where it may be besides the folders of `PATH`.
const FOLDERS: [&str; 3] = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"];

/// How `espeak-ng` is found and bounded.
#[derive(Debug, Clone)]
pub struct EspeakConfig {
    /// Where the program is; looked for in `PATH` and where systems install programs, if not said.
    pub program: Option<PathBuf>,
    /// How long one run may take, and how long a run may wait for others before it.
    pub timeout: Duration,
    /// How many bytes one run may write. 300 Chinese characters at the slowest are 8.5 MB.
    pub most_bytes: usize,
    /// How many runs there may be at once.
    pub most_at_once: usize,
}

impl Default for EspeakConfig {
    fn default() -> Self {
        Self {
            program: None,
            timeout: Duration::from_secs(10),
            most_bytes: 16 << 20,
            most_at_once: 4,
        }
    }
}

/// Why a run gave nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    #[error(
        "espeak-ng is not there: install it (Debian, Ubuntu: `apt-get install espeak-ng`), or set GOOGLE_API_KEY or \
         GOOGLE_APPLICATION_CREDENTIALS"
    )]
    NotThere,
    #[error("espeak-ng cannot be run")]
    Broken(#[source] std::io::Error),
    #[error("espeak-ng failed: {0}")]
    Failed(ExitStatus),
    #[error("espeak-ng wrote more than {0} bytes")]
    TooMuch(usize),
    #[error("espeak-ng took longer than {0:?}")]
    TooSlow(Duration),
    #[error("too many runs of espeak-ng wait for each other")]
    Full,
}

/// The program, found or not.
pub(super) struct Program {
    path: Option<PathBuf>,
    timeout: Duration,
    most_bytes: usize,
    places: Semaphore,
}

impl Program {
    /// Looks for the program, once.
    pub(super) fn find(config: &EspeakConfig) -> Self {
        let path = match &config.program {
            Some(path) => path.is_file().then(|| path.clone()),
            None => folders()
                .map(|folder| folder.join(NAME))
                .find(|path| path.is_file()),
        };
        Self {
            path,
            timeout: config.timeout,
            most_bytes: config.most_bytes,
            places: Semaphore::new(config.most_at_once.max(1)),
        }
    }

    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// What the program writes when it is run with these arguments and reads this text.
    ///
    /// The process dies with the future. The arguments are ours; nothing that a client sent is ever among them.
    pub(super) async fn run(&self, arguments: &[&str], text: &str) -> Result<Vec<u8>, RunError> {
        let path = self.path().ok_or(RunError::NotThere)?;
        let place = timeout(self.timeout, self.places.acquire()).await;
        let Ok(Ok(_place)) = place else {
            return Err(RunError::Full);
        };
        let run = async {
            let mut child = command(path, arguments).spawn().map_err(not_started)?;
            let written = exchange(&mut child, text, self.most_bytes).await?;
            let status = child.wait().await.map_err(RunError::Broken)?;
            status
                .success()
                .then_some(written)
                .ok_or(RunError::Failed(status))
        };
        let written = timeout(self.timeout, run).await;
        written.unwrap_or(Err(RunError::TooSlow(self.timeout)))
    }
}

fn folders() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    // A relative folder would depend on where the server was started.
    let folders = folders.into_iter().filter(|folder| folder.is_absolute());
    folders.chain(FOLDERS.map(PathBuf::from))
}

/// The program sees nothing of this process but the pipes: its environment holds secrets.
fn command(path: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(path);
    command
        .args(arguments)
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command
}

fn not_started(error: std::io::Error) -> RunError {
    match error.kind() {
        // It was there when it was looked for, and was uninstalled.
        std::io::ErrorKind::NotFound => RunError::NotThere,
        _ => RunError::Broken(error),
    }
}

/// Writes and reads at once: neither waits for a pipe that the other should empty.
async fn exchange(child: &mut Child, text: &str, most: usize) -> Result<Vec<u8>, RunError> {
    let (mut input, output) = (child.stdin.take(), child.stdout.take());
    let write = async {
        if let Some(mut input) = input.take() {
            // A program that ends without reading fails by its status.
            let _ = input.write_all(text.as_bytes()).await;
        }
    };
    let read = async {
        let mut written = Vec::new();
        if let Some(output) = output {
            // One byte more than allowed tells that there is more.
            let mut output = output.take(most as u64 + 1);
            output.read_to_end(&mut written).await.map_err(RunError::Broken)?;
        }
        Ok(written)
    };
    let ((), written) = tokio::join!(write, read);
    let written: Vec<u8> = written?;
    if written.len() > most {
        return Err(RunError::TooMuch(most));
    }
    Ok(written)
}
