//! What CI demands besides the tests.

use anyhow::{Result, bail};

use crate::process::{cargo, interrupted, run as run_command};
use crate::{generate, licences, supply, tidy};

type Step = (&'static str, fn() -> Result<()>);

const STEPS: [Step; 7] = [
    ("format", format),
    ("tidy", tidy::run),
    ("licences", licences::run),
    ("supply", supply::run),
    ("clippy", clippy),
    ("documentation", documentation),
    ("generated files", generate::check),
];

/// Takes every step, even when one fails, so that everything that is wrong is told at once.
pub(crate) fn run() -> Result<()> {
    let mut failed = Vec::new();
    for (name, step) in STEPS {
        println!("== {name}");
        if let Err(error) = step() {
            eprintln!("error: {error:#}");
            failed.push(name);
        }
        if interrupted() {
            bail!("interrupted");
        }
    }
    if failed.is_empty() {
        println!("all checks passed");
        Ok(())
    } else {
        bail!("failed: {}", failed.join(", "))
    }
}

fn format() -> Result<()> {
    run_command(&mut cargo(["fmt", "--all", "--check"]))
}

fn clippy() -> Result<()> {
    run_command(&mut cargo([
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ]))
}

fn documentation() -> Result<()> {
    let mut command = cargo([
        "doc",
        "--locked",
        "--no-deps",
        "--workspace",
        "--document-private-items",
    ]);
    run_command(command.env("RUSTDOCFLAGS", "--deny warnings"))
}
