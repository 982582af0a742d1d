//! The figures on PostgreSQL beside what is wanted of them.

use std::fmt::Write;

use anyhow::Result;
use serde_json::{Value, json};

use super::pgbench::Run;
use super::plan::Row;
use crate::bench::load::Outcome;
use crate::bench::machine::machine;
use crate::bench::median::median;
use crate::bench::open_loop::Latency;
use crate::bench::processor::Spent;

/// What was measured of a row; times per request in microseconds of a core.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Figures {
    server: f64,
    database: f64,
    database_by_pgbench: f64,
    rate: f64,
    rate_of_pgbench: f64,
    p95: f64,
}

/// Sign-ins without any other load.
#[derive(Debug, Clone, Copy)]
pub(super) struct Login {
    /// Milliseconds of one hash, without a server.
    pub(super) hash: f64,
    /// Milliseconds of a sign-in when nobody else signs in.
    pub(super) alone: f64,
    /// Sign-ins a second of many at once.
    pub(super) rate: f64,
}

impl Login {
    /// The median of each figure.
    pub(super) fn medians(rounds: &[Self]) -> Self {
        Self {
            hash: median(rounds, |round| round.hash),
            alone: median(rounds, |round| round.alone),
            rate: median(rounds, |round| round.rate),
        }
    }

    /// The rate, in parts of what so many cores could hash.
    fn share(&self, cores: f64) -> f64 {
        // A sign-in that takes less shows that the server's hash does: it is optimised further than this program's.
        self.rate * self.hash.min(self.alone) / 1_000.0 / cores
    }
}

/// Everything that was measured.
#[derive(Debug, Default)]
pub(super) struct Report<'a> {
    /// The rows of the plan.
    pub(super) rows: Vec<(&'a Row, Figures)>,
    /// Sign-ins alone.
    pub(super) login: Option<Login>,
    /// Reads while many sign in.
    pub(super) storm: Option<Latency>,
    /// Reads at a fixed rate.
    pub(super) open_reads: Option<Latency>,
    /// Writes at a fixed rate.
    pub(super) open_writes: Option<Latency>,
}

impl Figures {
    /// Of one round of so many seconds.
    pub(super) fn of(
        outcome: &Outcome,
        spent: Spent,
        theirs: &Run,
        spent_by_theirs: f64,
        seconds: u32,
    ) -> Self {
        let requests = outcome.rate * f64::from(seconds);
        Self {
            server: spent.server / requests,
            database: spent.database / requests,
            database_by_pgbench: spent_by_theirs / theirs.count,
            rate: outcome.rate,
            rate_of_pgbench: theirs.rate,
            p95: outcome.latency[1],
        }
    }

    /// The median of each figure.
    pub(super) fn medians(rounds: &[Self]) -> Self {
        Self {
            server: median(rounds, |round| round.server),
            database: median(rounds, |round| round.database),
            database_by_pgbench: median(rounds, |round| round.database_by_pgbench),
            rate: median(rounds, |round| round.rate),
            rate_of_pgbench: median(rounds, |round| round.rate_of_pgbench),
            p95: median(rounds, |round| round.p95),
        }
    }

    fn rate_ratio(&self) -> f64 {
        self.rate / self.rate_of_pgbench
    }

    fn database_ratio(&self) -> f64 {
        self.database / self.database_by_pgbench
    }
}

impl Report<'_> {
    /// Tables in Markdown.
    pub(super) fn markdown(&self) -> Result<String> {
        let mut text = format!("\nMachine: {}\n\n", machine());
        text.push_str(
            "| route | connections | server µs | wanted | PostgreSQL µs | × pgbench | wanted | requests/s | × pgbench | wanted | p95 ms | wanted |\n\
             |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
        );
        for (row, figures) in &self.rows {
            let limit =
                |wanted: Option<f64>| wanted.map_or_else(|| "—".to_owned(), |value| format!("≤ {value}"));
            writeln!(
                text,
                "| `{}` | {} | {:.0} | {} | {:.0} | {:.2} | {} | {:.0} | {:.2} | ≥ {} | {:.1} | {} |",
                row.case.title(),
                row.connections.unwrap_or(64),
                figures.server,
                limit(row.server_micros),
                figures.database,
                figures.database_ratio(),
                limit(row.database_ratio),
                figures.rate,
                figures.rate_ratio(),
                row.rate_ratio,
                figures.p95,
                limit(row.p95_millis),
            )?;
        }
        text.push_str("\n| | |\n|---|--:|\n");
        if let Some(login) = self.login {
            let cores = cores();
            writeln!(
                text,
                "| sign-ins a second, {cores} cores, {:.1} ms a hash, {:.1} ms a sign-in when alone | {:.0}: {:.2} × cores ÷ time of one hash |",
                login.hash,
                login.alone,
                login.rate,
                login.share(cores)
            )?;
        }
        for (what, latency) in [
            ("reads during a storm of sign-ins", self.storm),
            ("reads over 1,000 connections, open loop", self.open_reads),
            ("writes over 1,000 connections, open loop", self.open_writes),
        ] {
            if let Some(latency) = latency {
                writeln!(
                    text,
                    "| {what}, {:.0} a second: median, p95, p99 | {:.1}, {:.1}, {:.1} ms |",
                    latency.rate, latency.p50, latency.p95, latency.p99
                )?;
            }
        }
        if let Some(memory) = self.memory() {
            writeln!(
                text,
                "| resident memory while 1,000 connections are open | {:.0} MiB |",
                memory / 1024.0
            )?;
        }
        Ok(text)
    }

    /// Resident memory in kibibytes while a thousand connections are open: of those that read or of those that write,
    /// whichever is more.
    fn memory(&self) -> Option<f64> {
        let loads = [self.open_reads, self.open_writes].into_iter().flatten();
        loads.map(|load| load.memory).reduce(f64::max)
    }

    /// All figures on one line.
    pub(super) fn json(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|(row, figures)| {
                json!({"case": row.case.name(), "connections": row.connections, "serverMicros": figures.server,
                       "databaseMicros": figures.database, "databaseRatio": figures.database_ratio(),
                       "requestsPerSecond": figures.rate, "rateRatio": figures.rate_ratio(), "p95Ms": figures.p95})
            })
            .collect();
        let latency = |latency: Option<Latency>| {
            latency.map(|one| json!({"rate": one.rate, "p50Ms": one.p50, "p95Ms": one.p95, "p99Ms": one.p99}))
        };
        let login = self.login.map(|login| {
            json!({"hashMs": login.hash, "aloneMs": login.alone, "rate": login.rate,
                   "share": login.share(cores())})
        });
        json!({"machine": machine(), "rows": rows, "login": login, "storm": latency(self.storm),
               "openReads": latency(self.open_reads), "openWrites": latency(self.open_writes),
               "memoryKib": self.memory()})
    }
}

/// How many cores there are to hash on.
fn cores() -> f64 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    u32::try_from(cores).map_or(1.0, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(hash: f64, rate: f64) -> Login {
        Login {
            hash,
            alone: hash + 1.0,
            rate,
        }
    }

    #[test]
    fn sign_ins_are_compared_with_what_the_cores_could_hash() {
        let login = Login::medians(&[login(50.0, 36.0), login(70.0, 20.0), login(40.0, 38.0)]);
        assert!((login.hash - 50.0).abs() < 1e-9 && (login.alone - 51.0).abs() < 1e-9);
        assert!((login.share(2.0) - 0.9).abs() < 1e-9);
    }

    #[test]
    fn the_memory_is_that_of_the_load_that_needs_more() {
        let load = |memory| {
            Some(Latency {
                rate: 1.0,
                p50: 1.0,
                p95: 1.0,
                p99: 1.0,
                memory,
            })
        };
        let report = Report {
            open_reads: load(80_000.0),
            open_writes: load(90_000.0),
            ..Report::default()
        };
        assert_eq!(report.memory(), Some(90_000.0));
        assert_eq!(Report::default().memory(), None);
    }
}
