//! The server on the embedded default.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Arguments;
use super::client;
use super::load::{Case, Load};
use super::report::Report;
use super::server::Server;

/// How many times the throughput of one connection the grouped writes of many must reach.
const WANTED_RATIO: f64 = 4.0;
/// How many learners share the load.
const LEARNERS: usize = 64;
/// How often the start with everything in place is measured.
const STARTS: usize = 5;

/// Measures starting, reading and writing, and prints a table and a line of JSON.
pub(super) fn run(tool: &Path, binary: &Path, arguments: &Arguments) -> Result<()> {
    // Not the system's folder for temporary files, which may be memory and flush nothing.
    let folder = tempfile::tempdir_in(super::target()?).context("no folder for the data")?;
    let mut report = Report::new(arguments.connections);

    measure_starts(binary, folder.path(), &mut report)?;
    let server = Server::start(binary, folder.path(), &[])?;
    report.idle_memory = server.memory()?;
    let tokens = client::register(server.address(), LEARNERS)?;
    let load = Load::new(
        tool.to_owned(),
        server.address(),
        &tokens,
        arguments.warm_up,
        arguments.seconds,
    )?;
    for (case, connections) in plan(arguments.connections) {
        println!("{} over {connections} connections", case.title());
        let result = load.drive(case, connections)?;
        ensure!(
            result.bad == 0,
            "{}: {} requests failed",
            case.title(),
            result.bad
        );
        report.results.push((case, connections, result));
    }
    report.busy_memory = server.memory()?;
    server.stop()?;

    println!("{}", report.markdown()?);
    println!("{}", report.json());
    let ratio = report.ratio().context("no figures for writes")?;
    ensure!(
        ratio >= WANTED_RATIO,
        "grouped writes reach {ratio:.1} times one connection; {WANTED_RATIO} are wanted"
    );
    Ok(())
}

fn measure_starts(binary: &Path, folder: &Path, report: &mut Report) -> Result<()> {
    let start = || -> Result<Duration> {
        let server = Server::start(binary, folder, &[])?;
        let took = server.start_up();
        server.stop()?;
        Ok(took)
    };
    report.first_start = start()?;
    let mut starts = (0..STARTS).map(|_| start()).collect::<Result<Vec<_>>>()?;
    starts.sort();
    report.start = starts[STARTS / 2];
    Ok(())
}

fn plan(connections: u32) -> [(Case, u32); 5] {
    [
        (Case::Words, connections),
        (Case::Progress, connections),
        (Case::Put, 1),
        (Case::Put, connections),
        (Case::Batch, connections),
    ]
}
