//! A local provider of identities that speaks `OpenID Connect`, and misbehaves as it is told.

mod codes;
mod keys;
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
use codes::Codes;
use keys::Keys;

/// No connection is closed for being idle while a test runs.
const IDLE: Duration = Duration::from_mins(10);

/// How a code is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenIdBehaviour {
    /// By a token as it should be.
    Right,
    /// By a token with another nonce.
    WrongNonce,
    /// By a token without a nonce.
    NoNonce,
    /// By a token of another issuer.
    OtherIssuer(String),
    /// By a token for another client.
    OtherAudience,
    /// By a token for this client and another one.
    TwoAudiences,
    /// By a token that is not signed (`alg: none`).
    Unsigned,
    /// By a token that is signed with the secret that both sides know (`alg: HS256`).
    SignedWithSecret,
    /// By a token whose signature is of another key under the same name.
    SignedByStranger,
    /// By a token whose key is on no list.
    UnknownKey,
    /// By a token that has expired.
    Expired,
    /// By a token of tomorrow.
    OfTomorrow,
    /// By a token that belongs to another access token.
    OtherAccessToken,
    /// Without a token.
    NoToken,
    /// With this status and nothing else.
    Status(u16),
    /// By more than anybody can read.
    Endless,
    /// Never.
    Hang,
}

/// Who sits before the browser, as the provider says it.
#[derive(Debug, Clone)]
pub struct OpenIdPerson {
    /// `sub`.
    pub subject: String,
    /// `email`.
    pub email: Option<String>,
    /// `email_verified`, of whatever type.
    pub email_verified: Option<Value>,
    /// `name`.
    pub name: Option<String>,
}

impl OpenIdPerson {
    /// Somebody with an address that the provider knows to be theirs.
    pub fn new(subject: &str, email: &str) -> Self {
        Self {
            subject: subject.to_owned(),
            email: Some(email.to_owned()),
            email_verified: Some(true.into()),
            name: Some("Ann Example".to_owned()),
        }
    }
}

struct State {
    issuer: String,
    keys: Keys,
    codes: Codes,
    person: OpenIdPerson,
    next: VecDeque<OpenIdBehaviour>,
    discovery: VecDeque<OpenIdBehaviour>,
    document: BTreeMap<&'static str, Value>,
    names_itself: bool,
    calls: BTreeMap<String, u64>,
}

/// A provider of identities at an address of this machine, until it is dropped.
///
/// Requests that are not as the protocol has them, or not by whoever has the secret, are answered with an error; a code is
/// good once, for who asked for it, with the verifier of its challenge.
pub struct FakeOpenId {
    state: Data<Mutex<State>>,
    listener: Listener,
}

impl FakeOpenId {
    /// The client that it knows.
    pub const CLIENT_ID: &str = "parlance-tests";
    /// The secret of that client; with signs that must be encoded.
    pub const CLIENT_SECRET: &str = "secret:of tests/that+opens=nothing";

    /// Starts one that behaves.
    pub fn start() -> Result<Self> {
        let port = Port::claim()?;
        let state = Data::new(Mutex::new(State {
            issuer: format!("http://127.0.0.1:{}", port.number()),
            keys: Keys::new()?,
            codes: Codes::default(),
            person: OpenIdPerson::new("person-1", "ann@example.com"),
            next: VecDeque::new(),
            discovery: VecDeque::new(),
            document: BTreeMap::new(),
            names_itself: false,
            calls: BTreeMap::new(),
        }));
        let shared = state.clone();
        let listener = Listener::start("openid", port, move |port| listen(port, shared))?;
        Ok(Self { state, listener })
    }

    /// Its issuer.
    pub fn issuer(&self) -> String {
        self.listener.url()
    }

    /// From now on this is who sits before the browser.
    pub fn is_visited_by(&self, person: OpenIdPerson) {
        self.state.lock().person = person;
    }

    /// Lets the next code, after those that were told before, be answered like this.
    pub fn next(&self, behaviour: OpenIdBehaviour) {
        self.state.lock().next.push_back(behaviour);
    }

    /// Lets the next question where it is, after those that were told before, be answered like this.
    pub fn next_discovery(&self, behaviour: OpenIdBehaviour) {
        self.state.lock().discovery.push_back(behaviour);
    }

    /// From now on its discovery document says this.
    pub fn says(&self, member: &'static str, value: Value) {
        self.state.lock().document.insert(member, value);
    }

    /// From now on it says with each code that it is its own (RFC 9207), and says that it does.
    pub fn names_itself(&self) {
        self.state.lock().names_itself = true;
    }

    /// From now on it signs with a new key, of the other kind.
    pub fn rotate_keys(&self) -> Result<()> {
        self.state.lock().keys.rotate()
    }

    /// How often a path was asked for.
    pub fn calls(&self, path: &str) -> u64 {
        self.state.lock().calls.get(path).copied().unwrap_or_default()
    }
}

impl std::fmt::Debug for FakeOpenId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("FakeOpenId").field(&self.issuer()).finish()
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
