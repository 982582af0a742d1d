//! Measures the release build under load.

mod cached;
mod circuit;
mod client;
mod embedded;
mod load;
mod machine;
mod median;
mod open_loop;
mod postgres;
mod processor;
mod report;
mod server;

use std::path::PathBuf;

use anyhow::Result;

use crate::process::{cargo, run as run_command};
use crate::workspace;

/// What to measure, and how long.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Which store the server works on
    #[arg(long, value_enum, default_value_t = Store::All)]
    store: Store,
    /// How many connections drive the server
    #[arg(long, default_value_t = 64)]
    connections: u32,
    /// How many seconds each case is measured
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// How many seconds each case is driven before
    #[arg(long, default_value_t = 3)]
    warm_up: u32,
    /// How many times each case on PostgreSQL or from the cache is measured, in turn with what it is compared with; the
    /// median counts
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Only cases on PostgreSQL whose name contains this
    #[arg(long)]
    only: Option<String>,
    /// Measure this binary instead of building one
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// What the server keeps its data in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Store {
    /// The embedded default
    Sqlite,
    /// A private PostgreSQL
    Postgres,
    /// The embedded default, and what a provider answered in its cache
    Cached,
    /// All of them, one after the other
    All,
}

impl Arguments {
    /// Whether a case on PostgreSQL of this name is to be measured.
    fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
    }
}

/// Measures what was asked for; prints tables for people and lines of JSON for programs.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let tool = load::find_tool()?;
    let binary = match &arguments.binary {
        Some(binary) => std::path::absolute(binary)?,
        None => build()?,
    };
    let is_wanted = |store| [store, Store::All].contains(&arguments.store);
    if is_wanted(Store::Sqlite) {
        embedded::run(&tool, &binary, arguments)?;
    }
    if is_wanted(Store::Cached) {
        cached::run(&tool, &binary, arguments)?;
    }
    if is_wanted(Store::Postgres) {
        postgres::run(&tool, &binary, arguments)?;
    }
    Ok(())
}

fn build() -> Result<PathBuf> {
    run_command(&mut cargo([
        "build",
        "--locked",
        "--release",
        "--package",
        "parlance-server",
    ]))?;
    Ok(target()?.join("release/parlance"))
}

/// Where cargo builds.
fn target() -> Result<PathBuf> {
    Ok(workspace::metadata()?.target_directory.into_std_path_buf())
}
