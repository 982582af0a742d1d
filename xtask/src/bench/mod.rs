//! Measures the release build under load.

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {}

/// Runs the benchmark.
pub(crate) fn run(_: &Arguments) -> anyhow::Result<()> {
    anyhow::bail!("not there yet")
}
