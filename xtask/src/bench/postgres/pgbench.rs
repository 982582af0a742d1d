//! The same statements by pgbench.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use parlance_testbed::Postgres;

use super::Case;
use crate::process;
use crate::workspace;

/// How many clients it has.
const CLIENTS: u32 = 32;

/// What the store sets on the connections that write progress.
const WRITING: &str = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off";

/// Runs scripts of `xtask/bench/pgbench`.
pub(super) struct Pgbench<'a> {
    postgres: &'a Postgres,
    seconds: u32,
}

/// What came of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// Transactions per second.
    pub(super) rate: f64,
    /// Transactions.
    pub(super) count: f64,
}

impl<'a> Pgbench<'a> {
    /// Against this server, for so long each.
    pub(super) fn new(postgres: &'a Postgres, seconds: u32) -> Self {
        Self { postgres, seconds }
    }

    /// Runs the script of a case.
    pub(super) fn run(&self, case: Case) -> Result<Run> {
        let script: PathBuf = workspace::root()
            .join("xtask/bench/pgbench")
            .join(case.name())
            .with_extension("sql");
        let mut command = Command::new(parlance_testbed::postgres_program("pgbench")?);
        command
            .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
            .arg(format!("--client={CLIENTS}"))
            .arg(format!("--time={}", self.seconds))
            .arg(format!("--file={}", script.display()))
            .arg(self.postgres.url("bench"))
            .env("PGOPTIONS", options(case));
        let said = String::from_utf8_lossy(&process::output(&mut command)?).into_owned();
        read(&said).with_context(|| format!("cannot read what pgbench said:\n{said}"))
    }
}

/// What the store sets on the connections over which it does this.
fn options(case: Case) -> &'static str {
    if matches!(case, Case::Put | Case::Batch) {
        WRITING
    } else {
        ""
    }
}

fn read(said: &str) -> Option<Run> {
    let after = |start: &str| said.lines().find_map(|line| line.strip_prefix(start));
    let number = |text: &str| text.split([' ', '/']).next()?.parse().ok();
    let failed: f64 = number(after("number of failed transactions: ")?)?;
    (failed == 0.0).then_some(())?;
    Some(Run {
        rate: number(after("tps = ")?)?,
        count: number(after("number of transactions actually processed: ")?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_says_is_read_unless_something_failed() {
        let said = "number of transactions actually processed: 1500\nnumber of failed transactions: 0 (0.000%)\n\
                    latency average = 2.1 ms\ntps = 150.25 (without initial connection time)\n";
        let run = read(said).unwrap();
        assert!((run.rate - 150.25).abs() < 1e-9 && (run.count - 1500.0).abs() < 1e-9);
        assert!(read(&said.replace(": 0 (", ": 3 (")).is_none());
    }
}
