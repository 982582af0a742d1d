//! Collects the operations of all clients, and writes them as lines of JSON if wanted.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use parking_lot::Mutex;

use super::{Op, Outcome, Timeline};

/// Where clients put their operations.
pub struct Recorder {
    timeline: Timeline,
    next_id: AtomicU64,
    ops: Mutex<Vec<Op>>,
    sink: Option<Mutex<BufWriter<File>>>,
}

impl Recorder {
    /// A recorder on this timeline; with a path, it writes each operation there as it ends.
    pub fn new(timeline: Timeline, path: Option<&Path>) -> Result<Self> {
        let create = |path: &Path| {
            File::create(path)
                .map(|file| Mutex::new(BufWriter::new(file)))
                .with_context(|| format!("cannot write the history to {}", path.display()))
        };
        Ok(Self {
            timeline,
            next_id: AtomicU64::new(0),
            ops: Mutex::default(),
            sink: path.map(create).transpose()?,
        })
    }

    /// The clock of the history.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// The next operation's number.
    pub fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// How many operations have ended.
    pub fn count(&self) -> usize {
        self.ops.lock().len()
    }

    /// How many operations had this outcome.
    pub fn count_of(&self, outcome: Outcome) -> usize {
        self.ops.lock().iter().filter(|op| op.outcome == outcome).count()
    }

    /// Takes an operation that has ended.
    pub fn record(&self, op: Op) -> Result<()> {
        if let Some(sink) = &self.sink {
            let mut line = serde_json::to_vec(&op)?;
            line.push(b'\n');
            sink.lock().write_all(&line).context("cannot write the history")?;
        }
        self.ops.lock().push(op);
        Ok(())
    }

    /// All operations, in the order in which they were sent.
    pub fn finish(self) -> Result<Vec<Op>> {
        if let Some(sink) = self.sink {
            sink.into_inner().flush().context("cannot write the history")?;
        }
        let mut ops = self.ops.into_inner();
        ops.sort_by_key(|op| (op.t_invoke, op.op_id));
        Ok(ops)
    }
}
