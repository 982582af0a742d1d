//! What is answered while the circuit of a provider is open.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Result, ensure};
use parlance_testbed::{FakeGoogle, GoogleBehaviour, GoogleService};
use serde_json::json;

use super::client::post;

/// So many failures open it for certain.
const FAILURES: u32 = 20;
const ANSWERS: u32 = 500;
const WANTED_P99: f64 = 10.0;

/// Opens the circuit of speech and asks for texts that nobody has heard; whether the answers came in time. The provider must
/// hear nothing of them.
pub(super) fn run(address: SocketAddr, google: &FakeGoogle, token: &str) -> Result<bool> {
    google.always(GoogleService::Synthesis, GoogleBehaviour::Status(503));
    let ask = |text: String| post(address, "/api/v1/tts", &json!({ "text": text }), Some(token), 503);
    for failure in 0..FAILURES {
        ask(format!("failure {failure}"))?;
    }
    let calls = google.calls(GoogleService::Synthesis);
    let mut millis = Vec::new();
    for number in 0..ANSWERS {
        let begin = Instant::now();
        ask(format!("unheard {number}"))?;
        millis.push(begin.elapsed().as_secs_f64() * 1_000.0);
    }
    ensure!(
        google.calls(GoogleService::Synthesis) == calls,
        "the provider was asked though the circuit should be open"
    );
    millis.sort_by(f64::total_cmp);
    let at = |part: usize| millis[millis.len() * part / 100];
    println!(
        "503 while the circuit is open, {ANSWERS} new texts, a connection for each: median, p95, p99 {:.1}, {:.1}, {:.1} ms",
        at(50),
        at(95),
        at(99)
    );
    Ok(at(99) < WANTED_P99)
}
