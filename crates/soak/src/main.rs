//! Runs faults, load and checker at full length on real processes; one line of JSON for each part.
#![expect(
    clippy::print_stdout,
    reason = "it tells what came of it on its standard output"
)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Parser;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use parlance_soak::cluster::Setup;
use parlance_soak::faults::{Extent, FAULTS, Plan, nemesis, vulnerable};
use parlance_soak::history::Timeline;
use parlance_soak::report::{Figures, Line};
use parlance_soak::volume::{Volume, keep_connections, patient};
use parlance_soak::workload::{Config, Span, run_under};
use rand::Rng;

/// Of the requests outside of faults, so many must be answered by the server.
const AVAILABILITY: f64 = 0.999;
/// Of a hundred requests of checked loads, nobody knows what became of so many at most.
const UNKNOWN_PERCENT: usize = 5;
/// Checked loads of the usual length are so many requests together, at least.
const CHECKED: usize = 100_000;
/// The usual length, in seconds.
const USUAL: u64 = 600;
/// How long everything rests before what was kept is read, where something may still be under way.
const QUIET: Duration = Duration::from_secs(30);
/// Requests a second of the checked load.
const CHECKED_RATE: f64 = 300.0;

/// Drives copies of Parlance with load and faults, and checks what they kept.
#[derive(Parser)]
#[command(name = "parlance-soak")]
struct Arguments {
    /// How many seconds the checked load and the open connections take, each
    #[arg(long, default_value_t = USUAL)]
    seconds: u64,
    /// How many runs the time of the checked load is divided among, each with a seed and a cluster of its own
    #[arg(long, default_value_t = 20)]
    seeds: u32,
    /// What every random choice follows from; drawn and printed unless given
    #[arg(long)]
    seed: Option<u64>,
    /// Only parts whose name contains this; may be given several times
    #[arg(long)]
    only: Vec<String>,
    /// Where to leave the histories of checked loads that failed, a line of JSON for each operation
    #[arg(long)]
    histories: Option<PathBuf>,
    /// Faults and volume as in the tests: seconds each, and nothing said of speed
    #[arg(long)]
    short: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    raise_limit();
    let seed = arguments
        .seed
        .unwrap_or_else(|| rand::rng().random_range(0..1_000_000));
    let plan = Plan {
        seed,
        extent: if arguments.short {
            Extent::Short
        } else {
            Extent::Full
        },
    };
    let mut ok = true;
    for fault in FAULTS.iter().filter(|fault| arguments.wants(fault.name)) {
        ok &= tell(&fault.inject(plan).await);
    }
    if arguments.wants("volume") {
        ok &= tell(&timed("volume", "volume", seed, volume(&plan)).await);
    }
    if arguments.wants("thousand_connections") {
        let length = Duration::from_secs(arguments.seconds);
        ok &= tell(&timed("volume", "thousand_connections", seed, connections(seed, length)).await);
    }
    if arguments.wants("checker") {
        ok &= Box::pin(check_all(&arguments, &plan)).await;
    }
    if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Has the checker judge one load after the other, and at last all together; whether all was well.
async fn check_all(arguments: &Arguments, plan: &Plan) -> bool {
    let seeds = arguments.seeds.max(1);
    let length = Duration::from_secs(arguments.seconds) / seeds;
    let (mut ok, mut total) = (true, Total::default());
    for number in 0..u64::from(seeds) {
        let plan = Plan {
            seed: plan.seed + number,
            ..*plan
        };
        let history = arguments.history_of(plan.seed);
        let checked = check(&plan, length, history.clone(), &mut total);
        let line = timed("checker", "checker", plan.seed, checked).await;
        if line.ok
            && let Some(history) = history
        {
            let _ = std::fs::remove_file(history);
        }
        ok &= tell(&line);
    }
    let is_whole = plan.extent == Extent::Full && arguments.seconds >= USUAL;
    let judged = async { total.judge(is_whole) };
    tell(&timed("checker", "checker_together", plan.seed, judged).await) && ok
}

/// The requests of all checked loads.
#[derive(Default)]
struct Total {
    ops: usize,
    /// Those of which nobody knows what became of them.
    info: usize,
}

impl Total {
    /// Fails when too little is known of them or, after runs of the usual length, when they are too few.
    fn judge(&self, is_whole: bool) -> Result<Figures> {
        let Self { ops, info } = *self;
        ensure!(!is_whole || ops >= CHECKED, "only {ops} requests were checked");
        ensure!(
            !is_whole || info * 100 <= ops * UNKNOWN_PERCENT,
            "of {info} of {ops} requests nobody knows what became of them"
        );
        Ok(Figures::default().with("ops", ops).with("info", info))
    }
}

impl Arguments {
    fn history_of(&self, seed: u64) -> Option<PathBuf> {
        let folder = self.histories.as_ref()?;
        Some(folder.join(format!("history-{seed}.jsonl")))
    }

    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| name.contains(part.as_str()))
    }
}

/// Allows as many open files as may be allowed: the copies, which inherit that, are to have a thousand connections.
fn raise_limit() {
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // With fewer, what needs them says so.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
}

/// Prints a line; whether all was well.
fn tell(line: &Line) -> bool {
    println!("{}", line.json());
    line.ok
}

async fn timed(part: &str, name: &str, seed: u64, work: impl Future<Output = Result<Figures>>) -> Line {
    let began = Instant::now();
    let outcome = work.await;
    Line::of(part, name, seed, began.elapsed(), outcome)
}

async fn volume(plan: &Plan) -> Result<Figures> {
    let cluster = Setup::copies(2).own_postgres().start().await?;
    let volume = plan.pick(Volume::fifty(plan.seed), Volume::thousand(plan.seed));
    volume.run(&cluster).await
}

async fn connections(seed: u64, length: Duration) -> Result<Figures> {
    let cluster = patient().own_postgres().start().await?;
    keep_connections(&cluster, seed, length).await
}

/// Has the checker judge a load under random faults.
async fn check(
    plan: &Plan,
    length: Duration,
    history: Option<PathBuf>,
    total: &mut Total,
) -> Result<Figures> {
    let cluster = vulnerable(2).start().await?;
    let bases = cluster.addresses();
    let config = Config {
        span: Span::Faults,
        rate: Some(CHECKED_RATE),
        quiet: QUIET,
        history,
        ..Config::small(
            plan.seed,
            bases.iter().map(|base| format!("http://{base}")).collect(),
            0,
        )
    };
    let timeline = Timeline::begin();
    let faults = async {
        nemesis(&cluster, &timeline, plan, length).await?;
        Ok(())
    };
    let report = run_under(&config, &timeline, faults).await?;
    total.ops += report.figures.ops;
    total.info += report.figures.info;
    let availability = report.figures.availability;
    ensure!(
        report.is_clean(),
        "{}: {:?}",
        report.line(),
        report.violations.iter().take(5).collect::<Vec<_>>()
    );
    ensure!(
        availability >= AVAILABILITY,
        "only {availability:.4} of the requests outside of faults were answered"
    );
    Ok(Figures::default().with("run", serde_json::to_value(&report.figures)?))
}
