//! Load, faults and checker at full length, on the release build.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use parlance_testbed::ensure_servers;
use serde_json::Value;

use crate::process::{Running, cargo, interrupted, run as run_command};
use crate::workspace;

const BINARY: &str = "PARLANCE_BIN";
/// Figures that have a column of their own, or say nothing to a reader.
const NOT_TOLD: [&str; 8] = [
    "acked",
    "before",
    "during",
    "after",
    "usageBefore",
    "usageAfter",
    "usage",
    "wellAfterMs",
];

/// What to run, and how long.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many seconds the checked load and the open connections take, each
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// What every random choice follows from; drawn and printed unless given
    #[arg(long)]
    seed: Option<u64>,
    /// Only parts whose name contains this; may be given several times
    #[arg(long)]
    only: Vec<String>,
    /// Drive this binary instead of building one
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// Runs all parts, prints a line of JSON for each as it ends, and a table at the end.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    ensure_servers(true, true)?;
    let mut packages = vec!["--package", "parlance-soak"];
    if arguments.binary.is_none() {
        packages.extend(["--package", "parlance-server"]);
    }
    run_command(cargo(["build", "--locked", "--release"]).args(packages))?;
    let built = workspace::metadata()?
        .target_directory
        .into_std_path_buf()
        .join("release");
    let binary = match &arguments.binary {
        Some(binary) => std::path::absolute(binary)?,
        None => built.join("parlance"),
    };
    let mut command = Command::new(built.join("parlance-soak"));
    command
        .env(BINARY, binary)
        .args(["--seconds", &arguments.seconds.to_string()]);
    if let Some(seed) = arguments.seed {
        command.args(["--seed", &seed.to_string()]);
    }
    for part in &arguments.only {
        command.args(["--only", part]);
    }
    let (lines, succeeded) = drive(&mut command)?;
    println!("{}", markdown(&lines)?);
    ensure!(succeeded, "not everything held");
    Ok(())
}

/// Runs the program and passes on what it says; its lines, and whether it succeeded.
fn drive(command: &mut Command) -> Result<(Vec<Value>, bool)> {
    let mut running = Running::start(command.stdout(Stdio::piped()))?;
    let output = running.child().stdout.take().context("no output of the run")?;
    let mut lines = Vec::new();
    for line in BufReader::new(output).lines() {
        let line = line?;
        println!("{line}");
        lines.push(serde_json::from_str(&line).with_context(|| format!("no JSON: {line}"))?);
    }
    let status = running.wait()?;
    if interrupted() {
        bail!("interrupted");
    }
    Ok((lines, status.success()))
}

/// A table, a line for each part.
fn markdown(lines: &[Value]) -> Result<String> {
    let mut text =
        String::from("| part | seed | held | s | acknowledged | meanwhile | well again after | figures |\n");
    text.push_str("|---|--:|---|--:|--:|---|--:|---|\n");
    for line in lines {
        let figures = &line["figures"];
        let name = line["name"].as_str().unwrap_or_default().replace('_', " ");
        let held = if line["ok"] == true { "yes" } else { "**no**" };
        let well = figures["wellAfterMs"]
            .as_f64()
            .map(|millis| format!("{millis:.0} ms"));
        writeln!(
            text,
            "| {name} | {} | {held} | {:.0} | {} | {} | {} | {} |",
            line["seed"],
            line["seconds"].as_f64().unwrap_or_default(),
            number(&figures["acked"]),
            meanwhile(&figures["during"])?,
            well.unwrap_or_default(),
            others(figures),
        )?;
    }
    Ok(text)
}

/// What became of the requests during a fault.
fn meanwhile(during: &Value) -> Result<String> {
    if during.is_null() {
        return Ok(String::new());
    }
    let mut text = format!("{} carried out", number(&during["done"]));
    let outcomes = [
        ("shed", "refused with 503"),
        ("notSent", "without a connection"),
        ("broken", "broken off"),
        ("timedOut", "given up"),
    ];
    for (name, words) in outcomes {
        if during[name].as_u64().is_some_and(|count| count > 0) {
            write!(text, ", {} {words}", during[name])?;
        }
    }
    write!(
        text,
        "; p99 {} ms, longest {} ms",
        during["p99Ms"], during["longestMs"]
    )?;
    Ok(text)
}

/// All other figures, as `name value`.
fn others(figures: &Value) -> String {
    let mut told = Vec::new();
    tell(figures, "", &mut told);
    told.join(", ")
}

fn tell(figures: &Value, within: &str, told: &mut Vec<String>) {
    let Some(members) = figures.as_object() else {
        return;
    };
    for (name, value) in members {
        if NOT_TOLD.contains(&name.as_str()) {
            continue;
        }
        let name = format!("{within}{name}");
        if value.is_object() {
            tell(value, &format!("{name}."), told);
        } else {
            told.push(format!("{name} {}", value.to_string().replace('"', "")));
        }
    }
}

fn number(value: &Value) -> String {
    value
        .as_u64()
        .map(|number| number.to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_part_is_a_line_of_the_table() {
        let line = json!({"part": "fault", "name": "fault_05_postgresql_is_restarted", "seed": 3, "ok": true, "seconds": 121.4,
            "figures": {"acked": 1200, "faultMs": 900.5, "usageAfter": [], "wellAfterMs": 170.2, "nested": {"p95Ms": 2},
                "during": {"done": 40, "shed": 9, "p99Ms": 80.5, "longestMs": 91.0}}});
        let table = markdown(&[line]).unwrap();
        assert_eq!(
            table.lines().last().unwrap(),
            "| fault 05 postgresql is restarted | 3 | yes | 121 | 1200 | 40 carried out, 9 refused with 503; p99 80.5 ms, \
             longest 91.0 ms | 170 ms | faultMs 900.5, nested.p95Ms 2 |"
        );
    }
}
