//! A local server that speaks the protocol of `OpenAI`, and misbehaves as it is told.

mod body;
mod protocol;
mod serve;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::web::Data;
use actix_web::{App, HttpServer, web};
use anyhow::{Context, Result};
use parking_lot::Mutex;
use serde_json::Value;

use crate::listener::Listener;
use crate::port::Port;

/// No connection is closed for being idle while a test runs.
const IDLE: Duration = Duration::from_mins(10);

/// How a call is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenAiBehaviour {
    /// As it should be.
    Right,
    /// With this status and an error as `OpenAI` writes it.
    Status(u16),
    /// With this status and this header field besides.
    StatusHeader(u16, &'static str, String),
    /// With this status and this content, whatever it is.
    Content(u16, String),
    /// As it should be, after this time.
    Slow(Duration),
    /// Never.
    Hang,
    /// It begins, and never goes on.
    HangInside,
    /// It is cut off in the middle of the body.
    Cut,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct OpenAiRequest {
    /// Its path.
    pub path: String,
    /// Its header fields by their names in small letters.
    pub headers: BTreeMap<String, String>,
    /// Its content.
    pub body: Value,
}

#[derive(Debug, Default)]
struct State {
    next: VecDeque<OpenAiBehaviour>,
    requests: Vec<OpenAiRequest>,
    unknown: Vec<&'static str>,
}

/// A server of the protocol's `POST /v1/chat/completions` on this machine, until it is dropped.
///
/// Requests that are not as the protocol has them, or not by whoever has the key, are answered with an error.
#[derive(Debug)]
pub struct FakeOpenAi {
    state: Data<Mutex<State>>,
    listener: Listener,
}

impl FakeOpenAi {
    /// The key that it knows.
    pub const KEY: &str = "sk-key-of-tests-that-opens-nothing";
    /// The model that it has.
    pub const MODEL: &str = "small-model";

    /// Starts one that behaves.
    pub fn start() -> Result<Self> {
        let port = Port::claim()?;
        let state = Data::new(Mutex::new(State::default()));
        let shared = state.clone();
        let listener = Listener::start("openai", port, move |port| listen(port, shared))?;
        Ok(Self { state, listener })
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("{}/v1", self.listener.url())
    }

    /// Lets the next call, after those that were told before, be answered like this.
    pub fn next(&self, behaviour: OpenAiBehaviour) {
        self.state.lock().next.push_back(behaviour);
    }

    /// From now on it refuses requests with one of these: `json_schema`, or members of a request.
    pub fn does_not_understand(&self, unknown: &[&'static str]) {
        self.state.lock().unknown = unknown.to_vec();
    }

    /// All requests, the latest at the end.
    pub fn requests(&self) -> Vec<OpenAiRequest> {
        self.state.lock().requests.clone()
    }
}

fn listen(port: u16, state: Data<Mutex<State>>) -> Result<Server> {
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .default_service(web::to(serve::answer))
    });
    let server = server
        .workers(1)
        .keep_alive(IDLE)
        .disable_signals()
        .bind(("127.0.0.1", port))
        .with_context(|| format!("cannot listen on port {port}"))?;
    Ok(server.run())
}
