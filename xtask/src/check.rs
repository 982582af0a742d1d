//! What CI demands besides the tests.

use anyhow::{Result, bail};

use crate::process::{cargo, interrupted, run as run_command};
use crate::{deployment, generate, licences, supply, tidy};

type Step = (&'static str, fn() -> Result<()>);

/// What to check.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only these: format, tidy, deployment, licences, supply, clippy, documentation, generated
    only: Vec<String>,
}

const STEPS: [Step; 8] = [
    ("format", format),
    ("tidy", tidy::run),
    ("deployment", deployment::check),
    ("licences", licences::run),
    ("supply", supply::run),
    ("clippy", clippy),
    ("documentation", documentation),
    ("generated", generate::check),
];

/// Takes every step, even when one fails, so that everything that is wrong is told at once.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let only = &arguments.only;
    if let Some(unknown) = only
        .iter()
        .find(|name| STEPS.iter().all(|(step, _)| step != name))
    {
        bail!("there is no check `{unknown}`");
    }
    let mut failed = Vec::new();
    for (name, step) in STEPS {
        if !only.is_empty() && !only.iter().any(|wanted| wanted == name) {
            continue;
        }
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
    let mut command = cargo(["doc", "--locked", "--no-deps", "--workspace"]);
    run_command(command.env("RUSTDOCFLAGS", "--deny warnings"))
}
