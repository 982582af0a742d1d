//! Starts the real program with its embedded default, in a directory of its own.

use std::process::Stdio;
use std::time::Duration;

use parlance_testbed::parlance_binary;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Long enough for a busy machine, short enough to fail a test.
const PATIENCE: Duration = Duration::from_mins(1);

const SETTINGS: [(&str, &str); 6] = [
    ("PORT", "0"),
    ("METRICS_ADDR", "off"),
    ("BCRYPT_COST", "4"),
    ("LOG_FORMAT", "json"),
    ("RATE_LIMIT_PER_MINUTE", "0"),
    ("LOGIN_LIMIT_PER_MINUTE", "0"),
];

/// A running server; it is killed when this is dropped.
pub(crate) struct Server {
    _dir: TempDir,
    _child: Child,
    /// Where it answers.
    pub(crate) url: String,
}

impl Server {
    /// Starts it and waits until it listens.
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let binary = parlance_binary();
        let mut child = Command::new(&binary)
            .arg("serve")
            .current_dir(dir.path())
            .env_clear()
            .envs(SETTINGS)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", binary.display()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let listening = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.contains("\"listening\"") {
                    return line;
                }
            }
            panic!("it ended before it listened");
        };
        let line = timeout(PATIENCE, listening).await.expect("it does not listen");
        let line: Value = serde_json::from_str(&line).unwrap();
        // What is not read would fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self {
            _dir: dir,
            _child: child,
            url: format!("http://{}", line["address"].as_str().unwrap()),
        }
    }
}
