//! A local server of somebody's protocol that misbehaves as it is told.

mod body;
mod form;
mod recording;
mod serve;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::web::{Bytes, Data, PayloadConfig};
use actix_web::{App, HttpServer, web};
use anyhow::{Context, Result};
use parking_lot::Mutex;
use serde_json::Value;

pub(crate) use recording::is_heard;

use crate::listener::Listener;
use crate::port::Port;

/// No connection is closed for being idle while a test runs.
const IDLE: Duration = Duration::from_mins(10);
/// The longest request.
const LARGEST: usize = 32 * 1024 * 1024;

/// How a call is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// As it should be.
    Right,
    /// With this status and an error as the protocol has it.
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
pub struct Request {
    /// Its method and path.
    pub path: String,
    /// What comes after the question mark.
    pub query: String,
    /// Its header fields by their names in small letters.
    pub headers: BTreeMap<String, String>,
    /// Its content: JSON as it is, of a form the texts of its fields.
    pub body: Value,
    /// The file in a form.
    pub file: Option<Bytes>,
}

/// An answer that is as it should be.
pub(crate) struct Answer {
    pub(crate) content_type: &'static str,
    pub(crate) content: Bytes,
}

impl Answer {
    pub(crate) fn json(content: &Value) -> Self {
        Self {
            content_type: "application/json",
            content: content.to_string().into(),
        }
    }

    pub(crate) fn mp3(content: Vec<u8>) -> Self {
        Self {
            content_type: "audio/mpeg",
            content: content.into(),
        }
    }
}

/// Why a request is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) param: Option<String>,
    pub(crate) message: String,
}

impl Refusal {
    /// With this status, and without a reason.
    pub(crate) const fn of(status: u16) -> Self {
        Self {
            status,
            param: None,
            message: String::new(),
        }
    }

    /// With 400, for this reason.
    pub(crate) fn because(message: &str) -> Self {
        Self {
            message: message.to_owned(),
            ..Self::of(400)
        }
    }
}

/// How a service answers.
pub(crate) trait Protocol: Send + Sync + 'static {
    /// The answer to a request, if it behaves.
    fn answer(&self, request: &Request) -> Result<Answer, Refusal>;

    /// An error as it writes it.
    fn error(&self, refusal: &Refusal) -> Value;
}

struct State {
    protocol: Arc<dyn Protocol>,
    script: Mutex<Script>,
}

#[derive(Default)]
struct Script {
    next: VecDeque<Behaviour>,
    always: Option<Behaviour>,
    requests: Vec<Request>,
}

/// A server until it is dropped.
pub(crate) struct Told {
    state: Data<State>,
    listener: Listener,
}

impl Told {
    /// Starts one that behaves, in a thread of this name.
    pub(crate) fn start(name: &str, protocol: Arc<dyn Protocol>) -> Result<Self> {
        let port = Port::claim()?;
        let state = Data::new(State {
            protocol,
            script: Mutex::default(),
        });
        let shared = state.clone();
        let listener = Listener::start(name, port, move |port| listen(port, shared))?;
        Ok(Self { state, listener })
    }

    /// Where it is, without a slash at its end.
    pub(crate) fn url(&self) -> String {
        self.listener.url()
    }

    /// Lets the next call, after those that were told before, be answered like this.
    pub(crate) fn next(&self, behaviour: Behaviour) {
        self.state.script.lock().next.push_back(behaviour);
    }

    /// Lets all calls be answered like this from now on.
    pub(crate) fn always(&self, behaviour: Behaviour) {
        self.state.script.lock().always = Some(behaviour);
    }

    /// All requests, the latest at the end.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state.script.lock().requests.clone()
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
        .workers(1)
        .keep_alive(IDLE)
        .disable_signals()
        .bind(("127.0.0.1", port))
        .with_context(|| format!("cannot listen on port {port}"))?;
    Ok(server.run())
}
