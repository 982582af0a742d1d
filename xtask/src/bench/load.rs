//! Drives the server with wrk.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::process;
use crate::workspace;

/// What is asked of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// All words of a list of 506.
    Words,
    /// All progress of a learner with 500 words.
    Progress,
    /// The progress of one word is set.
    Put,
    /// The progress of a hundred words is set.
    Batch,
    /// The learner's own account.
    Me,
    /// The progress of one word.
    Word,
    /// A learner signs in.
    Login,
    /// The process says that it answers.
    Alive,
    /// What was spoken before.
    Speech,
    /// What was written before.
    Conversation,
}

impl Case {
    /// What it is called in `load.lua` and in figures.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Progress => "progress",
            Self::Put => "put",
            Self::Batch => "batch",
            Self::Me => "me",
            Self::Word => "word",
            Self::Login => "login",
            Self::Alive => "alive",
            Self::Speech => "speech",
            Self::Conversation => "conversation",
        }
    }

    /// What it is for a reader.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Words => "GET /vocabulary/lists/hsk3-band-1/words (506 words)",
            Self::Progress => "GET /progress (500 rows)",
            Self::Put => "PUT /progress/{wordId}",
            Self::Batch => "POST /progress/batch (100 words)",
            Self::Me => "GET /auth/me",
            Self::Word => "GET /progress/{wordId}",
            Self::Login => "POST /auth/login",
            Self::Alive => "GET /livez",
            Self::Speech => "POST /tts, cached",
            Self::Conversation => "POST /conversations, cached",
        }
    }
}

/// What came of driving one case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Outcome {
    /// How many requests were answered, also those that were refused.
    pub(super) answered: u64,
    /// The same in a second.
    pub(super) rate: f64,
    /// Latencies in milliseconds: median, 95th and 99th percentile, the longest.
    pub(super) latency: [f64; 4],
    /// Requests that were refused or got no answer.
    pub(super) bad: u64,
}

impl Outcome {
    /// How many requests were answered in so many seconds.
    pub(super) fn requests(&self, seconds: u32) -> f64 {
        self.rate * f64::from(seconds)
    }
}

/// Drives one server for some learners.
pub(super) struct Load {
    tool: PathBuf,
    address: SocketAddr,
    tokens: NamedTempFile,
    warm_up: u32,
    seconds: u32,
}

impl Load {
    /// A load by the bearers of these tokens.
    pub(super) fn new(
        tool: PathBuf,
        address: SocketAddr,
        tokens: &[String],
        warm_up: u32,
        seconds: u32,
    ) -> Result<Self> {
        let file = NamedTempFile::new()?;
        std::fs::write(file.path(), tokens.join("\n"))?;
        Ok(Self {
            tool,
            address,
            tokens: file,
            warm_up,
            seconds,
        })
    }

    /// Measures without warming up.
    pub(super) fn measure(&self, case: Case, connections: u32) -> Result<Outcome> {
        self.run(case, connections, self.seconds)
    }

    /// Warms up, then measures.
    pub(super) fn drive(&self, case: Case, connections: u32) -> Result<Outcome> {
        if self.warm_up > 0 {
            self.run(case, connections, self.warm_up)?;
        }
        self.run(case, connections, self.seconds)
    }

    fn run(&self, case: Case, connections: u32, seconds: u32) -> Result<Outcome> {
        let mut command = Command::new(&self.tool);
        command
            .arg(format!("--threads={}", connections.min(2)))
            .arg(format!("--connections={connections}"))
            .arg(format!("--duration={seconds}s"))
            .arg("--timeout=10s")
            .arg("--script")
            .arg(workspace::root().join("xtask/bench/load.lua"))
            .arg(format!("http://{}", self.address))
            .env("BENCH_CASE", case.name())
            .env("BENCH_TOKENS", self.tokens.path());
        let said = String::from_utf8_lossy(&process::output(&mut command)?).into_owned();
        read(&said).with_context(|| format!("cannot read what wrk said:\n{said}"))
    }
}

fn read(said: &str) -> Option<Outcome> {
    let line = said.lines().find_map(|line| line.strip_prefix("RESULT "))?;
    let result: Value = serde_json::from_str(line).ok()?;
    let number = |name: &str| result[name].as_f64();
    let millis = |name: &str| number(name).map(|micros| micros / 1_000.0);
    Some(Outcome {
        answered: result["requests"].as_u64()?,
        rate: number("requests")? / (number("micros")? / 1_000_000.0),
        latency: [millis("p50")?, millis("p95")?, millis("p99")?, millis("max")?],
        bad: result["refused"].as_u64()? + result["broken"].as_u64()?,
    })
}

/// Finds wrk, or installs it where that takes no question.
pub(super) fn find_tool() -> Result<PathBuf> {
    if let Some(found) = in_path("wrk") {
        return Ok(found);
    }
    if nix::unistd::geteuid().is_root() && in_path("apt-get").is_some() {
        process::run(Command::new("apt-get").args(["install", "--yes", "--quiet", "wrk"]))?;
    }
    match in_path("wrk") {
        Some(found) => Ok(found),
        None => {
            bail!("wrk is needed: `apt-get install wrk`, `brew install wrk`, or https://github.com/wg/wrk")
        }
    }
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_script_is_read() {
        let said = "Running 10s test\n\nRESULT {\"requests\":2000,\"micros\":10000000,\"p50\":500,\"p95\":1500,\"p99\":2500,\
                    \"max\":9000,\"refused\":1,\"broken\":2}\n";
        let outcome = read(said).unwrap();
        assert!((outcome.rate - 200.0).abs() < 1e-9);
        assert!((outcome.latency[1] - 1.5).abs() < 1e-9);
        assert_eq!((outcome.answered, outcome.bad), (2_000, 3));
    }

    #[test]
    fn anything_else_is_not() {
        assert_eq!(read("unable to connect"), None);
        assert_eq!(read("RESULT {}"), None);
    }
}
