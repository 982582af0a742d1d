//! What a run is to do.

use std::path::PathBuf;
use std::time::Duration;

/// How long the load lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Until the clients together sent this many requests.
    Requests(usize),
    /// For this long.
    Time(Duration),
    /// Until the faults are over; for [`run_under`](super::run_under).
    Faults,
}

/// A run: who acts, on what, for how long.
#[derive(Debug, Clone)]
pub struct Config {
    /// What every random choice of every device follows from.
    pub seed: u64,
    /// How many learners there are.
    pub users: u32,
    /// How many devices each has.
    pub devices: u32,
    /// How many words each learner studies; few words make devices collide.
    pub words: u32,
    /// Where the copies of the server answer, such as `http://127.0.0.1:8080`. Must stay the same over restarts.
    pub bases: Vec<String>,
    /// Out of a hundred devices, how many send each request to a copy drawn anew; the others stay with one
    /// while it answers.
    pub hopping_percent: u32,
    /// How long the load lasts.
    pub span: Span,
    /// The most requests per second of all clients together; as many as go if absent.
    pub rate: Option<f64>,
    /// How long a client waits for an answer.
    pub patience: Duration,
    /// How long to wait for requests that nobody waits for any more, if there were any, before what was kept is
    /// read: a server may still be working on them.
    pub quiet: Duration,
    /// How long everything may take to be acknowledged and read once the faults are over.
    pub settle: Duration,
    /// How long after the end of a session its access token may still be answered.
    pub revocation_grace: Duration,
    /// How long an access token is good, as the server is set up.
    pub access_lifetime: Duration,
    /// Where to write the history, a line of JSON for each operation, if anywhere.
    pub history: Option<PathBuf>,
}

impl Config {
    /// Ten learners with three devices each, hopping now and then, for this many requests.
    pub fn small(seed: u64, bases: Vec<String>, requests: usize) -> Self {
        Self {
            seed,
            users: 10,
            devices: 3,
            words: 12,
            bases,
            hopping_percent: 50,
            span: Span::Requests(requests),
            rate: None,
            patience: Duration::from_secs(10),
            quiet: Duration::from_secs(2),
            settle: Duration::from_mins(2),
            revocation_grace: Duration::from_secs(1),
            access_lifetime: Duration::from_mins(15),
            history: None,
        }
    }

    /// A thousand learners with two devices each, at a rate that one small machine bears.
    pub fn volume(seed: u64, bases: Vec<String>, requests: usize) -> Self {
        Self {
            users: 1000,
            devices: 2,
            rate: Some(400.0),
            ..Self::small(seed, bases, requests)
        }
    }
}
