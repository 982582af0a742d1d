//! The second opinion on every state: `tools/fold.py`, upon py-fsrs, in a process of its own.

use std::io::{BufWriter, ErrorKind, Write};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The interpreter; 3.10 or later.
const PYTHON: &str = "python3";

/// A word's log and state; times in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Case {
    /// Names the word in what is found.
    pub key: String,
    /// All its reviews.
    pub reviews: Vec<Reviewed>,
    /// What fixed members of it.
    pub sets: Vec<Fixed>,
    /// What reset it.
    pub forgets: Vec<Placed>,
    /// The state that was read; absent if there was none.
    pub state: Option<State>,
}

/// A review of the log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reviewed {
    /// Its id; decides between reviews of the same time.
    pub id: String,
    /// When it happened.
    pub at: i64,
    /// 1 to 4.
    pub rating: u8,
    /// Whether it was taken back.
    pub undone: bool,
    /// The retention that the learner wants.
    pub retention: f64,
}

/// When an event took place, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Placed {
    /// At the earliest.
    pub lo: i64,
    /// At the latest; absent if nothing is known.
    pub hi: Option<i64>,
    /// Whether it took place at all.
    pub certain: bool,
}

/// Members that were fixed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fixed {
    /// When.
    #[serde(flatten)]
    pub placed: Placed,
    /// The study count.
    pub study: Option<u32>,
    /// The correct count.
    pub correct: Option<u32>,
    /// The confidence.
    pub confidence: Option<f64>,
}

/// A state that was read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct State {
    /// The study count.
    pub study: u64,
    /// The correct count.
    pub correct: u64,
    /// The confidence.
    pub confidence: f64,
    /// The next review.
    pub next: i64,
    /// What the scheduler knows.
    pub memory: Option<Memory>,
}

/// What the scheduler knows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Memory {
    /// In days.
    pub stability: f64,
    /// 1 to 10.
    pub difficulty: f64,
    /// The last review.
    pub last: i64,
    /// How often it was forgotten.
    pub lapses: u32,
}

/// A state that no order of the events leads to.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Mismatch {
    /// The case.
    pub key: String,
    /// What was to be expected, part by part.
    pub expected: Vec<String>,
    /// What was seen.
    pub seen: Value,
}

#[derive(Deserialize)]
struct Sum {
    checked: usize,
}

/// Folds every log again and tells which states it does not lead to.
///
/// Fails if there is no Python, saying what is missing, and if it did not look at every case.
pub fn disagreements(cases: &[Case]) -> Result<Vec<Mismatch>> {
    let mut file = tempfile::NamedTempFile::new().context("cannot write for the oracle")?;
    let mut writer = BufWriter::new(&mut file);
    for case in cases {
        serde_json::to_writer(&mut writer, case)?;
        writer.write_all(b"\n")?;
    }
    writer.flush()?;
    drop(writer);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/fold.py");
    // Isolated from the environment, and without a cache of bytecode in the source tree.
    let output = Command::new(PYTHON)
        .args(["-I", "-B"])
        .args([script.as_path(), file.path()])
        .output();
    let output = output.map_err(|error| match error.kind() {
        ErrorKind::NotFound => anyhow!("the oracle needs {PYTHON} (3.10 or later) on the path: install it"),
        _ => anyhow!(error).context("cannot start the oracle"),
    })?;
    if !output.status.success() {
        bail!(
            "the oracle failed; it needs Python 3.10 or later: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    read(&output.stdout, cases.len())
}

fn read(output: &[u8], cases: usize) -> Result<Vec<Mismatch>> {
    let text = std::str::from_utf8(output).context("the oracle wrote no text")?;
    let mut lines: Vec<&str> = text.lines().collect();
    let last = lines.pop().context("the oracle wrote nothing")?;
    let sum: Sum = serde_json::from_str(last).context("the oracle did not finish")?;
    if sum.checked != cases {
        bail!("the oracle looked at {} of {cases} words", sum.checked);
    }
    let mismatches = lines
        .into_iter()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>();
    mismatches.context("cannot read what the oracle found")
}
