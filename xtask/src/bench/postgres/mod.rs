//! The server on a private PostgreSQL, beside pgbench running the same statements.

mod data;
mod pgbench;
mod plan;
mod report;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};
use parlance_testbed::Postgres;

use self::data::Data;
use self::pgbench::Pgbench;
use self::plan::{PLAN, Row};
use self::report::{Figures, Login, Report};
use super::Arguments;
use super::load::{Case, Load};
use super::median::median;
use super::open_loop::{Latency, OpenLoop};
use super::processor::Processor;
use super::server::Server;

/// What tokens are signed with.
const SECRET: &str = "benchmark-benchmark-benchmark-benchmark";
/// What a password's hash costs: the base-2 logarithm of its rounds.
const COST: &str = "10";
/// How many hashes one round times.
const HASHES: usize = 5;

/// Measures every row of the plan and prints the table.
pub(super) fn run(tool: &Path, binary: &Path, arguments: &Arguments) -> Result<()> {
    let folder = tempfile::tempdir_in(super::target()?).context("no folder for the data")?;
    let postgres = start_postgres(&super::target()?)?;
    let url = postgres.url("bench");
    postgres.query("postgres", "CREATE DATABASE bench")?;
    let data = Data::prepare(binary, folder.path(), &postgres)?;
    let mut report = Report::default();

    let server = Server::start(binary, folder.path(), &settings(&url))?;
    let bench = Bench {
        load: Load::new(
            tool.to_owned(),
            server.address(),
            data.tokens(),
            0,
            arguments.seconds,
        )?,
        pgbench: Pgbench::new(&postgres, arguments.seconds),
        processor: Processor::of_both(server.id(), postgres.pid()?.as_raw()),
        arguments,
    };
    for row in PLAN.iter().filter(|row| arguments.wants(row.case.name())) {
        report.rows.push((row, bench.measure(row)?));
        println!("{}", report.json());
    }
    if arguments.wants("login") {
        report.login = Some(bench.login()?);
    }
    if arguments.wants("open") {
        let open = OpenLoop::new(&server, data.tokens());
        let (mut reads, mut writes) = (Vec::new(), Vec::new());
        for _ in 0..arguments.rounds.max(1) {
            reads.push(open.reads(1_000, arguments.seconds)?);
            writes.push(open.writes(500, arguments.seconds)?);
        }
        report.open_reads = Some(Latency::medians(&reads));
        report.open_writes = Some(Latency::medians(&writes));
    }
    server.stop()?;
    if arguments.wants("storm") {
        report.storm = Some(storm(tool, binary, folder.path(), &url, &data, arguments)?);
    }
    println!("{}", report.markdown()?);
    println!("{}", report.json());
    Ok(())
}

/// The settings that a server of many connections would have, with its promises kept.
fn start_postgres(within: &Path) -> Result<Postgres> {
    Postgres::builder()
        .setting("shared_buffers", "1GB")
        .setting("max_wal_size", "16GB")
        .setting("min_wal_size", "8GB")
        .setting("checkpoint_timeout", "30min")
        .within(within)
        .start()
}

fn settings(url: &str) -> [(&str, &str); 4] {
    [
        ("DATABASE_URL", url),
        ("JWT_SECRET", SECRET),
        ("ACCESS_TOKEN_TTL_SECONDS", "86400"),
        ("BCRYPT_COST", COST),
    ]
}

/// Reads while many sign in at once, with one core left to them.
fn storm(
    tool: &Path,
    binary: &Path,
    folder: &Path,
    url: &str,
    data: &Data,
    arguments: &Arguments,
) -> Result<Latency> {
    let seconds = arguments.seconds;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let permits = (cores - 1).max(1).to_string();
    let mut with_permits = settings(url).to_vec();
    with_permits.push(("BCRYPT_PARALLELISM", &permits));
    let server = Server::start(binary, folder, &with_permits)?;
    let sign_ins = Load::new(tool.to_owned(), server.address(), data.tokens(), 0, seconds + 1)?;
    let open = OpenLoop::new(&server, data.tokens()).over(100);
    let mut rounds = Vec::new();
    for _ in 0..arguments.rounds.max(1) {
        rounds.push(std::thread::scope(|scope| {
            let storm = scope.spawn(|| sign_ins.drive(Case::Login, 64));
            let latency = open.reads(100, seconds)?;
            // Most sign-ins are refused, as they should be; not all.
            let sign_ins = storm.join().map_err(|_| anyhow!("the storm panicked"))??;
            ensure!(sign_ins.bad < sign_ins.answered, "nobody signed in");
            anyhow::Ok(latency)
        })?);
    }
    server.stop()?;
    Ok(Latency::medians(&rounds))
}

/// What every row is measured with.
struct Bench<'a> {
    load: Load,
    pgbench: Pgbench<'a>,
    processor: Processor,
    arguments: &'a Arguments,
}

impl Bench<'_> {
    /// The medians of some rounds, the server's and pgbench's in turn.
    fn measure(&self, row: &Row) -> Result<Figures> {
        let connections = row.connections.unwrap_or(self.arguments.connections);
        println!("{} over {connections} connections", row.case.title());
        // The first run fills caches and the server's set of prepared statements.
        self.load.drive(row.case, connections)?;
        self.pgbench.run(row.case)?;
        let mut rounds = Vec::new();
        for _ in 0..self.arguments.rounds.max(1) {
            rounds.push(self.round(row.case, connections)?);
        }
        Ok(Figures::medians(&rounds))
    }

    fn round(&self, case: Case, connections: u32) -> Result<Figures> {
        let begin = self.processor.read()?;
        let outcome = self.load.drive(case, connections)?;
        let between = self.processor.read()?;
        ensure!(
            outcome.bad == 0,
            "{}: {} requests failed",
            case.title(),
            outcome.bad
        );
        let theirs = self.pgbench.run(case)?;
        let end = self.processor.read()?;
        Ok(Figures::of(
            &outcome,
            between.since(begin),
            &theirs,
            end.since(between).database,
            self.arguments.seconds,
        ))
    }

    /// The medians of some rounds of sign-ins without any other load.
    fn login(&self) -> Result<Login> {
        let rounds: Result<Vec<Login>> = (0..self.arguments.rounds.max(1))
            .map(|_| self.login_round())
            .collect();
        Ok(Login::medians(&rounds?))
    }

    /// One hash alone, one sign-in at a time, many at once.
    fn login_round(&self) -> Result<Login> {
        let hash = hash_millis()?;
        let one = self.load.drive(Case::Login, 1)?;
        let many = self.load.drive(Case::Login, 16)?;
        let refused = one.bad + many.bad;
        ensure!(refused == 0, "{refused} sign-ins were refused");
        Ok(Login {
            hash,
            alone: one.latency[0],
            rate: many.rate,
        })
    }
}

/// The milliseconds of one hash while nothing else is asked for: the median of some.
fn hash_millis() -> Result<f64> {
    let cost = COST.parse()?;
    let mut millis = Vec::new();
    for _ in 0..HASHES {
        let begin = Instant::now();
        bcrypt::hash(SECRET, cost)?;
        millis.push(begin.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(median(&millis, |millis| *millis))
}
