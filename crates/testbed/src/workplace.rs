//! The folder of a server, and the guardian that cleans up when the test process dies.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// Waits for the end of its input, which comes with the end of the process that holds the other end, however that
/// process ends. (A death signal of the kernel would come with the end of the *thread* that started the server, and a
/// test is a thread.) A server is asked first, for PostgreSQL has shared memory to give back.
const GUARDIAN: &str = r#"
while read -r _; do :; done
if [ -s "$1/pid" ]; then
    pid=$(cat "$1/pid")
    kill -INT "$pid"
    tries=0
    while kill -0 "$pid" && [ $tries -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
    kill -KILL "$pid"
fi
rm -rf "$1" || { sleep 1; rm -rf "$1"; }
"#;

/// A throw-away folder, removed when this is dropped or when the process dies.
#[derive(Debug)]
pub(crate) struct Workplace {
    guardian: Child,
    folder: TempDir,
}

impl Workplace {
    /// Makes a folder with a name that begins like this, within `parent` or where temporary files belong.
    pub(crate) fn new(name: &str, parent: Option<&Path>) -> Result<Self> {
        let parent = parent.map_or_else(std::env::temp_dir, Path::to_path_buf);
        let folder = tempfile::Builder::new()
            .prefix(&format!("parlance-{name}-"))
            .tempdir_in(&parent)
            .with_context(|| format!("cannot make a folder in {}", parent.display()))?;
        let guardian = Command::new("/bin/sh")
            .args(["-c", GUARDIAN, "guardian"])
            .arg(folder.path())
            .current_dir("/")
            // What stops the test must not stop its guardian.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start /bin/sh")?;
        Ok(Self { guardian, folder })
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Tells the guardian which process to kill; none when there is nothing to kill.
    pub(crate) fn guard(&self, process: Option<u32>) -> Result<()> {
        let text = process.map(|id| id.to_string()).unwrap_or_default();
        std::fs::write(self.pid_file(), text).context("cannot write the process id")
    }

    fn pid_file(&self) -> PathBuf {
        self.path().join("pid")
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        // Before the folder goes: nothing is left for the guardian to do.
        let _ = self.guardian.kill();
        let _ = self.guardian.wait();
    }
}
