//! The six bugs, each as what it does to requests and answers.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use reqwest::Client;
use reqwest::header::{AUTHORIZATION, COOKIE, SET_COOKIE};
use serde_json::{Value, json};

use super::Bug;
use super::http::{Request, Response, forward};
use super::memory::Memory;

const API: &str = "/api/v1";
/// One batch out of so many is acknowledged and dropped.
const DROPPED: u64 = 9;
/// Out of so many pages of the feed, one loses an entry.
const CUT: u64 = 3;
/// How often an answer is given from the cache before the server is asked again.
const CACHED: u32 = 2;

/// A bug before a server.
pub(super) struct Planted {
    bug: Option<Bug>,
    upstream: String,
    client: Client,
    memory: Mutex<Memory>,
}

impl Planted {
    pub(super) fn new(bug: Option<Bug>, upstream: String) -> Result<Self> {
        let client = Client::builder().no_proxy().build();
        Ok(Self {
            bug,
            upstream,
            client: client.context("cannot make an HTTP client")?,
            memory: Mutex::default(),
        })
    }

    /// What the client is told.
    pub(super) async fn answer(&self, request: Request) -> Result<Response> {
        let path = request.path.split('?').next().unwrap_or_default();
        let route = path.strip_prefix(API).unwrap_or_default().to_owned();
        match (self.bug, request.method.as_str(), route.as_str()) {
            (Some(Bug::LastWriteWins), "POST", "/reviews") => self.swallow_older(request).await,
            (Some(Bug::LastWriteWins), "GET", "/reviews") => self.show_swallowed(request).await,
            (Some(Bug::MissingDedupe), "POST", "/reviews") => self.rename_known(request).await,
            (Some(Bug::AckBeforeCommit), "POST", "/reviews") => self.acknowledge_some(request).await,
            (Some(Bug::CursorGap), "GET", "/progress/changes") => self.cut_page(request).await,
            (Some(Bug::StaleCache), "GET", route) if is_word(route) => self.answer_from_cache(request).await,
            (Some(Bug::SplitRefresh), "POST", route) if route.starts_with("/auth/") => {
                self.split_refresh(request, route == "/auth/refresh").await
            }
            _ => self.forward(request).await,
        }
    }

    async fn forward(&self, request: Request) -> Result<Response> {
        forward(&self.client, &self.upstream, request).await
    }

    /// Keeps from the server what is older than what it has of the word.
    async fn swallow_older(&self, request: Request) -> Result<Response> {
        let (learner, mut body) = (learner_of(&request), request.json().unwrap_or_default());
        let reviews = take_reviews(&mut body);
        let count = reviews.len();
        let passed = {
            let mut memory = self.memory.lock();
            let (older, newer): (Vec<Value>, Vec<Value>) = reviews
                .into_iter()
                .partition(|review| !memory.is_newest(&learner, review));
            memory.swallow(&learner, older);
            newer
        };
        if passed.is_empty() {
            return Ok(acknowledgement(count));
        }
        body["reviews"] = passed.into();
        let response = self.forward(request.with_json(&body)).await?;
        let Some(mut answer) = response.json().filter(|_| response.status == 200) else {
            return Ok(response);
        };
        let duplicates = answer["duplicates"].as_u64().unwrap_or_default();
        answer["accepted"] = (count as u64 - duplicates).into();
        Ok(response.with_json(&answer))
    }

    /// Shows what was kept from the server at the end of the log, as if it had it.
    async fn show_swallowed(&self, request: Request) -> Result<Response> {
        let learner = learner_of(&request);
        let response = self.forward(request).await?;
        let Some(mut page) = response.json().filter(|page| page["hasMore"] == false) else {
            return Ok(response);
        };
        let mut reviews = take_reviews(&mut page);
        let swallowed = self.memory.lock().swallowed.get(&learner).cloned();
        for review in swallowed.unwrap_or_default() {
            if !reviews.iter().any(|other| other["id"] == review["id"]) {
                reviews.push(review);
            }
        }
        page["reviews"] = reviews.into();
        Ok(response.with_json(&page))
    }

    /// Gives reviews that were sent before another id.
    async fn rename_known(&self, request: Request) -> Result<Response> {
        let (learner, mut body) = (learner_of(&request), request.json().unwrap_or_default());
        {
            let mut memory = self.memory.lock();
            for review in body["reviews"].as_array_mut().into_iter().flatten() {
                let id = text(review, "id");
                if !memory.sent.insert((learner.clone(), id.clone())) {
                    memory.count += 1;
                    review["id"] = format!("{:08x}{}", memory.count, &id[8..]).into();
                }
            }
        }
        self.forward(request.with_json(&body)).await
    }

    /// Acknowledges a batch now and then without writing it.
    async fn acknowledge_some(&self, request: Request) -> Result<Response> {
        if self.is_turn(DROPPED) {
            let body = request.json().unwrap_or_default();
            let count = body["reviews"].as_array().map_or(0, Vec::len);
            return Ok(acknowledgement(count));
        }
        self.forward(request).await
    }

    /// Leaves out the first of several entries of a page.
    async fn cut_page(&self, request: Request) -> Result<Response> {
        let response = self.forward(request).await?;
        let Some(mut page) = response.json() else {
            return Ok(response);
        };
        let several = page["changes"].as_array_mut().filter(|changes| changes.len() > 1);
        match several {
            Some(changes) if self.is_turn(CUT) => {
                changes.remove(0);
                Ok(response.with_json(&page))
            }
            _ => Ok(response),
        }
    }

    /// Gives an answer again that was given before.
    async fn answer_from_cache(&self, request: Request) -> Result<Response> {
        let key = (learner_of(&request), request.path.clone());
        if let Some((response, times)) = self.memory.lock().cache.get_mut(&key)
            && *times > 0
        {
            *times -= 1;
            return Ok(response.clone());
        }
        let response = self.forward(request).await?;
        if response.status == 200 {
            let mut memory = self.memory.lock();
            memory.cache.insert(key, (response.clone(), CACHED));
        }
        Ok(response)
    }

    /// Answers a token that is presented again with a head of its own, from a sign-in behind the scenes.
    async fn split_refresh(&self, request: Request, is_refresh: bool) -> Result<Response> {
        let token = request.header(&COOKIE).unwrap_or_default().to_owned();
        let mut credentials = request.json();
        let mut sent = request;
        if is_refresh {
            let mut memory = self.memory.lock();
            credentials = memory.credentials.get(&token).cloned();
            if !memory.presented.insert(token)
                && let Some(credentials) = &credentials
            {
                sent.path = format!("{API}/auth/login");
                sent.headers.insert("content-type", "application/json".parse()?);
                sent = sent.with_json(credentials);
            }
        }
        let response = self.forward(sent).await?;
        let cookie = response
            .headers
            .get(SET_COOKIE)
            .and_then(|value| value.to_str().ok());
        if let (Some(cookie), Some(credentials)) = (cookie, credentials) {
            let token = cookie.split(';').next().unwrap_or_default().to_owned();
            self.memory.lock().credentials.insert(token, credentials);
        }
        Ok(response)
    }

    fn is_turn(&self, times: u64) -> bool {
        let mut memory = self.memory.lock();
        memory.count += 1;
        memory.count.is_multiple_of(times)
    }
}

impl Memory {
    /// Whether a review is the newest of its word so far.
    fn is_newest(&mut self, learner: &str, review: &Value) -> bool {
        let key = (learner.to_owned(), text(review, "wordId"));
        // Times of one form sort as their texts do.
        let at = text(review, "reviewedAt");
        match self.newest.get(&key) {
            Some(newest) if *newest > at => false,
            _ => {
                self.newest.insert(key, at);
                true
            }
        }
    }

    fn swallow(&mut self, learner: &str, reviews: Vec<Value>) {
        let known = self.swallowed.entry(learner.to_owned()).or_default();
        for mut review in reviews {
            review["undone"] = false.into();
            if !known.iter().any(|other| other["id"] == review["id"]) {
                known.push(review);
            }
        }
    }
}

/// What the server says when all is new.
fn acknowledgement(count: usize) -> Response {
    Response::ok(&json!({ "accepted": count, "duplicates": 0, "progress": [], "cursor": "0" }))
}

/// Whether a route is that of a word's progress.
fn is_word(route: &str) -> bool {
    let word = route.strip_prefix("/progress/");
    word.is_some_and(|word| word.contains(".w"))
}

fn take_reviews(body: &mut Value) -> Vec<Value> {
    match body["reviews"].take() {
        Value::Array(reviews) => reviews,
        _ => Vec::new(),
    }
}

fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_default().to_owned()
}

/// Whose request it is, by the claims of its token.
fn learner_of(request: &Request) -> String {
    let token = request.header(&AUTHORIZATION).unwrap_or_default();
    let payload = token.split('.').nth(1).unwrap_or_default();
    let claims = URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
    let claims: Value = serde_json::from_slice(&claims).unwrap_or_default();
    text(&claims, "sub")
}
