//! Makes system calls of other processes fail.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Attaching to a few processes takes no longer.
const ATTACHED: Duration = Duration::from_secs(20);

/// Processes under a fault; they are let go when this is dropped.
pub(super) struct Strace {
    _process: Child,
}

impl Strace {
    /// Whether the program is there and the system lets it trace.
    pub(super) async fn works() -> bool {
        let mut command = Command::new("strace");
        command.args(["-o", "/dev/null", "-e", "trace=none", "true"]);
        let status = command.stdin(Stdio::null()).stderr(Stdio::null()).status().await;
        status.is_ok_and(|status| status.success())
    }

    /// Has system calls of these processes fail, such as `fdatasync:error=EIO:when=1`; returns when it is in force.
    pub(super) async fn inject(processes: &[u32], what: &str) -> Result<Self> {
        let mut command = Command::new("strace");
        let call = what.split(':').next().unwrap_or_default();
        command.args([
            "-e",
            "signal=none",
            "-e",
            &format!("trace={call}"),
            "-e",
            &format!("inject={what}"),
        ]);
        for process in processes {
            command.args(["-p", &process.to_string()]);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut process = command.spawn().context("cannot start strace")?;
        let mut lines = BufReader::new(process.stderr.take().context("no output of strace")?).lines();
        let attaching = async {
            let mut attached = 0;
            while attached < processes.len() {
                let line = lines.next_line().await?.context("strace ended at once")?;
                attached += usize::from(line.ends_with(" attached"));
            }
            anyhow::Ok(())
        };
        match timeout(ATTACHED, attaching).await {
            Ok(attached) => attached?,
            Err(_) => bail!("strace does not attach"),
        }
        // Read on, lest it wait for somebody who does.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { _process: process })
    }
}
