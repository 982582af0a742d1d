//! The folder of a cluster, and who cleans up when the process that owns it dies.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// Waits for the end of its input, which comes with the end of the process that holds the other end.
const SCRIPT: &str = r#"
while read -r _; do :; done
for file in "$1"/*.pid; do
  [ -s "$file" ] && kill -KILL "$(cat "$file")"
done
rm -rf "$1" || { sleep 1; rm -rf "$1"; }
"#;

/// A throw-away folder, removed when this is dropped or when the process dies, with whatever is written down in it.
#[derive(Debug)]
pub(super) struct Guardian {
    process: Child,
    folder: TempDir,
}

impl Guardian {
    pub(super) fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("parlance-soak-").tempdir()?;
        let process = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "guardian"])
            .arg(folder.path())
            .current_dir("/")
            // What stops the run must not stop its guardian.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start /bin/sh")?;
        Ok(Self { process, folder })
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        // Before the folder goes: nothing is left for the guardian to do.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
