//! Sends a request to one of the copies and says what can be known of its outcome.

use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::header::{ETAG, HeaderMap, SET_COOKIE};
use reqwest::{Client, Method};
use serde_json::Value;

use crate::history::{Outcome, Recorder};

/// The connections of all clients, and where they note what happened.
pub struct Wire {
    client: Client,
    bases: Vec<String>,
    recorder: Recorder,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Ask {
    method: Method,
    path: String,
    body: Option<Value>,
    bearer: Option<String>,
    cookie: Option<String>,
}

/// What came back, if anything.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The copy that was asked.
    pub base: u16,
    /// When the request was sent.
    pub t_invoke: u64,
    /// When the answer was complete.
    pub t_return: Option<u64>,
    /// Its status.
    pub status: Option<u16>,
    /// What became of the request.
    pub outcome: Outcome,
    /// The body.
    pub body: Vec<u8>,
    /// The revision that the entity tag names.
    pub revision: Option<u64>,
    /// The refresh token that came as a cookie.
    pub cookie: Option<String>,
}

impl Ask {
    /// A request without a body.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            body: None,
            bearer: None,
            cookie: None,
        }
    }

    /// A read.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// A write.
    pub fn post(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::POST, path).with_body(body)
    }

    /// With JSON.
    pub fn with_body(self, body: Value) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }

    /// With an access token.
    pub fn with_bearer(self, token: impl Into<String>) -> Self {
        Self {
            bearer: Some(token.into()),
            ..self
        }
    }

    /// With a refresh token.
    pub fn with_cookie(self, token: &str) -> Self {
        Self {
            cookie: Some(format!("refreshToken={token}")),
            ..self
        }
    }
}

impl Reply {
    /// Whether it acknowledges the request.
    pub fn is_ok(&self) -> bool {
        self.outcome == Outcome::Ok
    }

    /// The body as JSON, if the request was acknowledged with some.
    pub fn json(&self) -> Option<Value> {
        self.is_ok()
            .then(|| serde_json::from_slice(&self.body).ok())
            .flatten()
    }
}

impl Wire {
    /// Clients of these copies, each waiting so long for an answer.
    pub fn new(bases: Vec<String>, patience: Duration, recorder: Recorder) -> Result<Self> {
        let client = Client::builder()
            .no_proxy()
            .timeout(patience)
            .connect_timeout(patience.min(Duration::from_secs(2)))
            .tcp_nodelay(true)
            .build()
            .context("cannot make an HTTP client")?;
        Ok(Self {
            client,
            bases,
            recorder,
        })
    }

    /// How many copies there are.
    pub fn copies(&self) -> usize {
        self.bases.len()
    }

    /// Where operations are noted.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// The recorder, when no client is left.
    pub fn into_recorder(self) -> Recorder {
        self.recorder
    }

    /// Sends a request to a copy.
    pub async fn send(&self, base: usize, ask: &Ask) -> Reply {
        let url = format!("{}/api/v1{}", self.bases[base], ask.path);
        let mut request = self.client.request(ask.method.clone(), url);
        if let Some(body) = &ask.body {
            request = request.json(body);
        }
        if let Some(token) = &ask.bearer {
            request = request.bearer_auth(token);
        }
        if let Some(cookie) = &ask.cookie {
            request = request.header("cookie", cookie);
        }
        let t_invoke = self.recorder.timeline().now();
        let mut reply = Reply {
            base: u16::try_from(base).unwrap_or(u16::MAX),
            t_invoke,
            t_return: None,
            status: None,
            outcome: Outcome::Info,
            body: Vec::new(),
            revision: None,
            cookie: None,
        };
        match request.send().await {
            Ok(response) => self.receive(response, &mut reply).await,
            // The connection was refused or never came about: nothing was sent.
            Err(error) if error.is_connect() => reply.outcome = Outcome::Fail,
            Err(_) => {}
        }
        if reply.outcome == Outcome::Fail {
            reply.t_return = Some(self.recorder.timeline().now());
        }
        reply
    }

    async fn receive(&self, response: reqwest::Response, reply: &mut Reply) {
        let status = response.status().as_u16();
        let (revision, cookie) = (revision(response.headers()), cookie(response.headers()));
        // An acknowledgement that broke off is none.
        let Ok(body) = response.bytes().await else {
            return;
        };
        reply.t_return = Some(self.recorder.timeline().now());
        reply.status = Some(status);
        reply.outcome = match status {
            ..400 => Outcome::Ok,
            400..500 => Outcome::Fail,
            _ => Outcome::Info,
        };
        reply.body = body.to_vec();
        reply.revision = revision;
        reply.cookie = cookie;
    }
}

fn revision(headers: &HeaderMap) -> Option<u64> {
    let tag = headers.get(ETAG)?.to_str().ok()?;
    tag.trim_matches('"').parse().ok()
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(SET_COOKIE).iter();
    let mut tokens = values.filter_map(|value| value.to_str().ok()?.strip_prefix("refreshToken="));
    let token = tokens.next()?.split(';').next()?;
    (!token.is_empty()).then(|| token.to_owned())
}
