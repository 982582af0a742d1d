//! The figures, as a table for people and a line for programs.

use std::fmt::Write;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::load::{Case, Outcome};
use super::machine::machine;

/// Everything that was measured.
#[derive(Debug, Default)]
pub(super) struct Report {
    connections: u32,
    /// Until ready, on an empty folder.
    pub(super) first_start: Duration,
    /// Until ready, with everything in place.
    pub(super) start: Duration,
    /// Resident memory before the load, in kibibytes.
    pub(super) idle_memory: u64,
    /// Resident memory right after it.
    pub(super) busy_memory: u64,
    /// What came of each case and number of connections.
    pub(super) results: Vec<(Case, u32, Outcome)>,
}

impl Report {
    /// A report on a load of this many connections.
    pub(super) fn new(connections: u32) -> Self {
        Self {
            connections,
            ..Self::default()
        }
    }

    /// How many times the throughput of one connection grouped writes reach.
    pub(super) fn ratio(&self) -> Option<f64> {
        let rate = |wanted: u32| {
            self.results
                .iter()
                .find(|(case, connections, _)| *case == Case::Put && *connections == wanted)
                .map(|(_, _, outcome)| outcome.rate)
        };
        Some(rate(self.connections)? / rate(1)?)
    }

    /// A table in Markdown.
    pub(super) fn markdown(&self) -> Result<String> {
        let mut text = format!("\nMachine: {}\n\n", machine());
        text.push_str("| request | connections | requests/s | median ms | p95 ms | p99 ms | longest ms |\n");
        text.push_str("|---|--:|--:|--:|--:|--:|--:|\n");
        for (case, connections, outcome) in &self.results {
            let [p50, p95, p99, max] = outcome.latency;
            let (title, rate) = (case.title(), outcome.rate);
            writeln!(
                text,
                "| `{title}` | {connections} | {rate:.0} | {p50:.2} | {p95:.2} | {p99:.2} | {max:.1} |"
            )?;
        }
        text.push_str("\n| | |\n|---|--:|\n");
        let ratio = self.ratio().unwrap_or_default();
        writeln!(
            text,
            "| `PUT`: {} connections against one | {ratio:.1} × |",
            self.connections
        )?;
        writeln!(
            text,
            "| first start, vocabulary included | {} ms |",
            self.first_start.as_millis()
        )?;
        writeln!(text, "| start | {} ms |", self.start.as_millis())?;
        writeln!(
            text,
            "| resident memory, idle | {} MiB |",
            self.idle_memory / 1024
        )?;
        writeln!(
            text,
            "| resident memory, after the load | {} MiB |",
            self.busy_memory / 1024
        )?;
        Ok(text)
    }

    /// All figures on one line.
    pub(super) fn json(&self) -> Value {
        let results: Vec<Value> = self
            .results
            .iter()
            .map(|(case, connections, outcome)| {
                let [p50, p95, p99, max] = outcome.latency;
                json!({"case": case.name(), "connections": connections, "requestsPerSecond": outcome.rate.round(),
                       "p50Ms": p50, "p95Ms": p95, "p99Ms": p99, "maxMs": max})
            })
            .collect();
        json!({"machine": machine(), "results": results, "putRatio": self.ratio(),
               "firstStartMs": self.first_start.as_secs_f64() * 1e3, "startMs": self.start.as_secs_f64() * 1e3,
               "idleMemoryKib": self.idle_memory, "busyMemoryKib": self.busy_memory})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(rate: f64) -> Outcome {
        Outcome {
            answered: 100,
            rate,
            latency: [1.0, 2.0, 3.0, 4.0],
            bad: 0,
        }
    }

    #[test]
    fn the_ratio_is_of_many_connections_to_one() {
        let mut report = Report::new(64);
        assert_eq!(report.ratio(), None);
        report.results = vec![
            (Case::Put, 1, outcome(100.0)),
            (Case::Put, 64, outcome(550.0)),
            (Case::Batch, 64, outcome(1.0)),
        ];
        assert!((report.ratio().unwrap() - 5.5).abs() < 1e-9);
        assert!(report.markdown().unwrap().contains("5.5 ×"));
        assert_eq!(report.json()["results"][1]["requestsPerSecond"], 550.0);
    }
}
