//! What a provider answered once, served from the cache.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use parlance_testbed::{FakeGoogle, GoogleService};
use rand::distr::{Distribution, weighted::WeightedIndex};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

use super::client::{self, post};
use super::load::{Case, Load};
use super::median::median;
use super::open_loop::{CONVERSATION, Latency, OpenLoop, SPEECH};
use super::processor::Processor;
use super::server::Server;
use super::{Arguments, circuit, machine};

const LEARNERS: usize = 64;
/// How long the provider takes to answer.
const PROVIDER: Duration = Duration::from_millis(1_500);
/// The same where it is asked for a thousand texts.
const QUICK_PROVIDER: Duration = Duration::from_millis(20);
/// The skewed load: so many requests for so many texts.
const REQUESTS: usize = 10_000;
const TEXTS: u32 = 1_000;
const WANTED_HITS: f64 = 0.8;
/// How many ask at the same time.
const CLIENTS: usize = 16;
/// Requests a second of the open loop.
const RATE: u32 = 1_000;
const WANTED_MICROS: f64 = 60.0;
const WANTED_SHARE: f64 = 0.5;
const WANTED_P95: f64 = 20.0;

/// Measures hits, and that each text is paid for once; prints a table and fails where a figure is missed.
pub(super) fn run(tool: &Path, binary: &Path, arguments: &Arguments) -> Result<()> {
    let folder = tempfile::tempdir_in(super::target()?).context("no folder for the data")?;
    let google = FakeGoogle::start()?;
    let server = start(binary, folder.path(), &google)?;
    let tokens = client::register(server.address(), LEARNERS)?;
    google.latency(PROVIDER);
    fill(&server, &tokens)?;
    println!("Machine: {}\n", machine::machine());
    let load = Load::new(
        tool.to_owned(),
        server.address(),
        &tokens,
        arguments.warm_up,
        arguments.seconds,
    )?;
    let mut missed = at_full_speed(&server, &load, arguments)?;
    missed.extend(at_a_fixed_rate(&server, &tokens, arguments.seconds)?);
    google.latency(QUICK_PROVIDER);
    let hits = skewed(&server, &google, &tokens)?;
    println!(
        "{REQUESTS} requests for {TEXTS} texts, the k-th of them with a share of 1/k: hit rate {hits:.3}"
    );
    ensure!(hits > WANTED_HITS, "the hit rate is {hits:.3}");
    if !circuit::run(server.address(), &google, &tokens[0])? {
        missed.push("while the circuit is open");
    }
    server.stop()?;
    ensure!(missed.is_empty(), "missed: {missed:?}");
    Ok(())
}

/// The server with a provider, and without limits that would stand in the way.
fn start(binary: &Path, folder: &Path, google: &FakeGoogle) -> Result<Server> {
    let url = google.url();
    let settings = [
        ("GOOGLE_API_KEY", FakeGoogle::API_KEY),
        ("GOOGLE_TTS_URL", &url),
        ("GOOGLE_STT_URL", &url),
        ("GEMINI_URL", &url),
        ("AI_LIMIT_PER_MINUTE", "0"),
        ("SPEECH_CHARACTERS_PER_USER_DAY", "0"),
        ("SPEECH_CHARACTERS_PER_DAY", "0"),
    ];
    Server::start(binary, folder, &settings)
}

/// Has made what will be asked for.
fn fill(server: &Server, tokens: &[String]) -> Result<()> {
    let token = tokens.first().map(String::as_str);
    for (path, body) in [("/api/v1/tts", SPEECH), ("/api/v1/conversations", CONVERSATION)] {
        post(server.address(), path, &serde_json::from_str(body)?, token, 200)?;
    }
    Ok(())
}

/// What was measured of a case in one round.
struct Round {
    /// Requests a second.
    rate: f64,
    /// The same, of those of `/livez` in this round.
    share: f64,
    /// Microseconds of a core for each.
    micros: f64,
    /// The 95th percentile in milliseconds.
    p95: f64,
}

/// Asks as fast as there are answers, the cases in turn; a row of the table for each, and which missed their figures.
fn at_full_speed(server: &Server, load: &Load, arguments: &Arguments) -> Result<Vec<&'static str>> {
    println!("| request | requests/s | of /livez | server µs | p95 ms |\n|---|--:|--:|--:|--:|");
    let cases = [Case::Alive, Case::Speech, Case::Conversation];
    for case in cases {
        load.drive(case, arguments.connections)?;
    }
    let mut all = cases.map(|case| (case, Vec::new()));
    for _ in 0..arguments.rounds.max(1) {
        let mut alive = None;
        for (case, rounds) in &mut all {
            rounds.push(round(server, load, *case, &mut alive, arguments)?);
        }
    }
    let mut missed = Vec::new();
    for (case, rounds) in all {
        let share = median(&rounds, |round| round.share);
        let micros = median(&rounds, |round| round.micros);
        println!(
            "| `{}` | {:.0} | {share:.2} | {micros:.0} | {:.1} |",
            case.title(),
            median(&rounds, |round| round.rate),
            median(&rounds, |round| round.p95),
        );
        if case != Case::Alive && (share < WANTED_SHARE || micros > WANTED_MICROS) {
            missed.push(case.title());
        }
    }
    Ok(missed)
}

/// One round of a case; `alive` is the rate of the first case of the round.
fn round(
    server: &Server,
    load: &Load,
    case: Case,
    alive: &mut Option<f64>,
    arguments: &Arguments,
) -> Result<Round> {
    let processor = Processor::of_server(server.id());
    let before = processor.read()?;
    let outcome = load.measure(case, arguments.connections)?;
    let spent = processor.read()?.since(before).server;
    ensure!(
        outcome.bad == 0,
        "{}: {} requests failed",
        case.title(),
        outcome.bad
    );
    Ok(Round {
        rate: outcome.rate,
        share: outcome.rate / *alive.get_or_insert(outcome.rate),
        micros: spent / outcome.requests(arguments.seconds),
        p95: outcome.latency[1],
    })
}

/// Asks so many times a second, whatever the answers take; which missed their figure.
fn at_a_fixed_rate(server: &Server, tokens: &[String], seconds: u32) -> Result<Vec<&'static str>> {
    let open = OpenLoop::new(server, tokens);
    let mut missed = Vec::new();
    for (title, latency) in [
        ("speech", open.speech(RATE, seconds)?),
        ("conversations", open.conversations(RATE, seconds)?),
    ] {
        println!("{}", told(title, latency));
        if latency.p95 > WANTED_P95 {
            missed.push(title);
        }
    }
    Ok(missed)
}

fn told(title: &str, latency: Latency) -> String {
    let Latency {
        rate, p50, p95, p99, ..
    } = latency;
    format!(
        "{title}, {rate} a second over 1,000 connections: median, p95, p99 {p50:.1}, {p95:.1}, {p99:.1} ms"
    )
}

/// Asks for texts as people do, some often and most hardly ever; the share of answers that were there. The provider
/// must have been asked once for each text.
fn skewed(server: &Server, google: &FakeGoogle, tokens: &[String]) -> Result<f64> {
    let mut rng = StdRng::seed_from_u64(1);
    let weights = WeightedIndex::new((1..=TEXTS).map(|place| 1.0 / f64::from(place)))?;
    let wanted: Vec<usize> = (0..REQUESTS).map(|_| weights.sample(&mut rng)).collect();
    let distinct: HashSet<&usize> = wanted.iter().collect();
    let start = rng.random_range(0..LEARNERS);
    let before = google.calls(GoogleService::Synthesis);
    let (next, hits) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let ask = || -> Result<()> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(text) = wanted.get(number) else {
                return Ok(());
            };
            let token = &tokens[(start + number) % tokens.len()];
            let body = json!({ "text": format!("text {text}") });
            let answer = post(server.address(), "/api/v1/tts", &body, Some(token), 200)?;
            let is_hit = answer["data"]["cached"].as_bool().or(answer["cached"].as_bool());
            hits.fetch_add(usize::from(is_hit.context("no `cached`")?), Ordering::Relaxed);
        }
    };
    thread::scope(|scope| -> Result<()> {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(ask)).collect();
        for client in clients {
            match client.join() {
                Ok(done) => done?,
                Err(_) => bail!("a client panicked"),
            }
        }
        Ok(())
    })?;
    let asked = google.calls(GoogleService::Synthesis) - before;
    ensure!(
        asked == distinct.len() as u64,
        "the provider was asked {asked} times for {} texts",
        distinct.len()
    );
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let rate = hits.load(Ordering::Relaxed) as f64 / REQUESTS as f64;
    Ok(rate)
}
