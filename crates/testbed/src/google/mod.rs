//! A local server that speaks the protocols of Google, and misbehaves as it is told.

mod body;
mod call;
mod dialogue;
mod failure;
mod recognition;
mod record;
mod schema;
mod script;
mod serve;
mod state;
mod synthesis;
mod token;

use std::time::{Duration, Instant};

use actix_web::dev::Server;
use actix_web::web::{Data, PayloadConfig};
use actix_web::{App, HttpServer, web};
use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

pub use record::GoogleRequest;
pub use script::{GoogleBehaviour, GoogleService};

use crate::listener::Listener;
use crate::port::Port;
use state::State;

/// How long a connection may be idle: no test shall meet one that is just being closed.
const IDLE: Duration = Duration::from_mins(10);
/// The longest request.
const LARGEST: usize = 32 * 1024 * 1024;

/// Cloud Text-to-Speech, Speech-to-Text, Gemini and the tokens of service accounts at one address of this machine,
/// until it is dropped.
///
/// Requests are held against what Google publishes: one that is not as described is answered with 400 and counted as a
/// violation. So are the answers.
#[derive(Debug)]
pub struct FakeGoogle {
    state: Data<State>,
    listener: Listener,
}

impl FakeGoogle {
    /// The key that it knows.
    pub const API_KEY: &str = "AIza-key-of-tests-that-opens-nothing";
    /// Another key that it knows: one that a learner brings along.
    pub const LEARNERS_KEY: &str = "AIza-key-of-a-learner-that-opens-nothing";

    /// Starts one that behaves.
    pub fn start() -> Result<Self> {
        let port = Port::claim()?;
        let state = Data::new(State::new(format!("http://127.0.0.1:{}/token", port.number())));
        let shared = state.clone();
        let listener = Listener::start("google", port, move |port| listen(port, shared))?;
        Ok(Self { state, listener })
    }

    /// The base URL of every service, without a slash at its end.
    pub fn url(&self) -> String {
        self.listener.url()
    }

    /// The file of a service account whose tokens this server gives and knows.
    pub fn service_account(&self) -> Result<String> {
        token::service_account(&format!("{}/token", self.url()))
    }

    /// The public half of the key of that account, as PEM.
    pub fn public_key(&self) -> Result<String> {
        token::public_key()
    }

    /// Lets the next calls of a service, after those that were told before, be answered like this.
    pub fn next(&self, service: GoogleService, calls: u32, behaviour: GoogleBehaviour) {
        self.state.script(service, |script| script.next(calls, behaviour));
    }

    /// Lets all calls of a service be answered like this from now on.
    pub fn always(&self, service: GoogleService, behaviour: GoogleBehaviour) {
        self.in_turn(service, &[behaviour]);
    }

    /// Lets the calls of a service be answered like this in turn from now on.
    pub fn in_turn(&self, service: GoogleService, behaviours: &[GoogleBehaviour]) {
        self.state.script(service, |script| script.in_turn(behaviours));
    }

    /// Lets every answer take this long.
    pub fn latency(&self, latency: Duration) {
        self.state.set_latency(latency);
    }

    /// From now on no token is valid that was given out before.
    pub fn revoke_tokens(&self) {
        self.state.revoke_tokens();
    }

    /// How often a service was called.
    pub fn calls(&self, service: GoogleService) -> u64 {
        self.state.look(service, record::Record::calls)
    }

    /// How often a service was called from then on.
    pub fn calls_since(&self, service: GoogleService, then: Instant) -> u64 {
        self.state.look(service, |record| record.calls_since(then))
    }

    /// How many different requests a service got.
    pub fn distinct(&self, service: GoogleService) -> usize {
        self.state.look(service, record::Record::distinct)
    }

    /// The last requests of a service, the latest at the end.
    pub fn requests(&self, service: GoogleService) -> Vec<GoogleRequest> {
        self.state.look(service, record::Record::requests)
    }

    /// What a request for sound with this content is answered with when all is well; `None` when it is refused.
    pub fn sound_of(&self, body: &Value) -> Option<Vec<u8>> {
        let answer = synthesis::synthesize(body, &GoogleBehaviour::Right).ok()?;
        STANDARD.decode(answer["audioContent"].as_str()?).ok()
    }

    /// Counts anew, as if nothing had been asked.
    pub fn forget_calls(&self) {
        self.state.forget();
    }

    /// What of requests and answers was not as Google has it, one sentence each.
    pub fn violations(&self) -> Vec<String> {
        self.state.violations()
    }
}

fn listen(port: u16, state: Data<State>) -> Result<Server> {
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .app_data(PayloadConfig::new(LARGEST))
            .default_service(web::to(serve::answer))
    });
    let server = server
        .workers(2)
        .keep_alive(IDLE)
        .client_request_timeout(Duration::from_mins(1))
        .disable_signals()
        .bind(("127.0.0.1", port))
        .with_context(|| format!("cannot listen on port {port}"))?;
    Ok(server.run())
}
