//! Asks one server, and tells apart what came of it.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use reqwest::header::{HeaderMap, RETRY_AFTER, SET_COOKIE};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

/// What the paths of the interface begin with.
const BASE: &str = "/api/v1";

/// Connections to one server.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    address: SocketAddr,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    method: Method,
    path: String,
    token: Option<String>,
    cookie: Option<String>,
    forwarded_for: Option<String>,
    idempotency_key: Option<String>,
    body: Option<Value>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// How long it took.
    pub took: Duration,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// There was no connection: nothing was sent.
    NotSent,
    /// It broke off: the request may have been carried out.
    Broken,
    /// It broke off in the middle of the answer: the request was taken.
    Cut,
    /// The client waited long enough: the request may have been carried out, or may yet be.
    TimedOut,
}

impl Request {
    /// A request of the interface; the path is what follows `/api/v1`.
    pub fn new(method: Method, path: &str) -> Self {
        Self::outside(method, &format!("{BASE}{path}"))
    }

    /// A request of what lies beside the interface, such as `/livez`.
    pub fn outside(method: Method, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            token: None,
            cookie: None,
            forwarded_for: None,
            idempotency_key: None,
            body: None,
        }
    }

    /// A read.
    pub fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    /// A write.
    pub fn post(path: &str, body: Value) -> Self {
        Self::new(Method::POST, path).body(body)
    }

    /// With JSON.
    pub fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// With an access token.
    pub fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// With a refresh token in its cookie.
    pub fn refresh_token(mut self, token: &str) -> Self {
        self.cookie = Some(format!("refreshToken={token}"));
        self
    }

    /// The request as it goes over a connection of its own to this address.
    pub fn bytes(&self, address: SocketAddr) -> Vec<u8> {
        let body = self.body.as_ref().map(Value::to_string).unwrap_or_default();
        let mut head = format!(
            "{self} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n",
            body.len()
        );
        let bearer = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let json = self.body.as_ref().map(|_| "application/json".to_owned());
        let headers = [
            ("authorization", bearer),
            ("cookie", self.cookie.clone()),
            ("x-forwarded-for", self.forwarded_for.clone()),
            ("idempotency-key", self.idempotency_key.clone()),
            ("content-type", json),
        ];
        for (name, value) in headers {
            if let Some(value) = value {
                head = head + name + ": " + &value + "\r\n";
            }
        }
        format!("{head}\r\n{body}").into_bytes()
    }

    /// To be carried out once, however often it is sent with this key.
    pub fn idempotency_key(mut self, key: &str) -> Self {
        self.idempotency_key = Some(key.to_owned());
        self
    }

    /// As if through a proxy, for this address.
    pub fn forwarded_for(self, address: &str) -> Self {
        self.from_address(Some(address.to_owned()))
    }

    /// As if through a proxy, for this address, if there is one.
    pub fn from_address(mut self, address: Option<String>) -> Self {
        self.forwarded_for = address;
        self
    }
}

impl fmt::Display for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method, self.path)
    }
}

impl Client {
    /// A client that waits so long for an answer.
    pub fn new(address: SocketAddr, patience: Duration) -> Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(patience)
            .tcp_nodelay(true)
            .build()
            .context("cannot make an HTTP client")?;
        Ok(Self { http, address })
    }

    /// The same client of another server, with the same connections besides.
    pub fn of(&self, address: SocketAddr) -> Self {
        Self {
            http: self.http.clone(),
            address,
        }
    }

    /// Which server it asks.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends a request and waits for the whole answer.
    pub async fn send(&self, request: Request) -> Result<Answer, Lost> {
        let began = Instant::now();
        let response = self.build(request).send().await.map_err(|error| lost(&error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.map_err(|error| match lost(&error) {
            Lost::TimedOut => Lost::TimedOut,
            _ => Lost::Cut,
        })?;
        Ok(Answer {
            status,
            headers,
            body: body.to_vec(),
            took: began.elapsed(),
        })
    }

    /// Sends a request that must be answered with this status.
    pub async fn expect(&self, status: u16, request: Request) -> Result<Answer> {
        let what = request.to_string();
        match self.send(request).await {
            Ok(answer) if answer.status == status => Ok(answer),
            Ok(answer) => bail!("{what} answered {}", answer.told()),
            Err(lost) => bail!("{what} was not answered: {lost:?}"),
        }
    }

    /// What is answered beside the interface.
    pub async fn probe(&self, path: &str) -> Result<Answer, Lost> {
        self.send(Request::outside(Method::GET, path)).await
    }

    fn build(&self, request: Request) -> RequestBuilder {
        let url = format!("http://{}{}", self.address, request.path);
        let mut built = self.http.request(request.method, url);
        if let Some(token) = &request.token {
            built = built.bearer_auth(token);
        }
        if let Some(cookie) = &request.cookie {
            built = built.header("cookie", cookie);
        }
        if let Some(address) = &request.forwarded_for {
            built = built.header("x-forwarded-for", address);
        }
        if let Some(key) = &request.idempotency_key {
            built = built.header("idempotency-key", key);
        }
        if let Some(body) = &request.body {
            built = built.json(body);
        }
        built
    }
}

impl Answer {
    /// Whether the request was carried out.
    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether it says to come back later, and when.
    pub fn is_shed(&self) -> bool {
        self.status == 503 && self.headers.contains_key(RETRY_AFTER)
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("no JSON: {}", self.told()))
    }

    /// The refresh token that came along.
    pub fn refresh_token(&self) -> Result<String> {
        let cookies = self.headers.get_all(SET_COOKIE).iter();
        let mut tokens = cookies.filter_map(|cookie| cookie.to_str().ok()?.strip_prefix("refreshToken="));
        let token = tokens.next().and_then(|token| token.split(';').next());
        let token = token.filter(|token| !token.is_empty());
        token
            .map(str::to_owned)
            .ok_or_else(|| anyhow!("no refresh token in {}", self.status))
    }

    /// The status and the beginning of the body, for messages.
    pub fn told(&self) -> String {
        let body = String::from_utf8_lossy(&self.body);
        let beginning: String = body.chars().take(300).collect();
        format!("{} {beginning}", self.status)
    }
}

fn lost(error: &reqwest::Error) -> Lost {
    if error.is_connect() {
        Lost::NotSent
    } else if error.is_timeout() {
        Lost::TimedOut
    } else {
        Lost::Broken
    }
}
