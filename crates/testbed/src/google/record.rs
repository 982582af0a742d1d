//! What was asked of the fake, and how often.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

use actix_web::HttpRequest;
use serde_json::Value;

/// How many requests of a service are kept whole.
const KEPT: usize = 64;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct GoogleRequest {
    /// Its path.
    pub path: String,
    /// What comes after the question mark.
    pub query: String,
    /// Its header fields by their names in small letters.
    pub headers: BTreeMap<String, String>,
    /// Its content, if it is JSON; else its text.
    pub body: Value,
}

impl GoogleRequest {
    pub(super) fn new(request: &HttpRequest, body: &[u8]) -> Self {
        let headers = request.headers().iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        });
        let text = || Value::String(String::from_utf8_lossy(body).into_owned());
        Self {
            path: request.path().to_owned(),
            query: request.query_string().to_owned(),
            headers: headers.collect(),
            body: serde_json::from_slice(body).unwrap_or_else(|_| text()),
        }
    }

    /// The value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// The requests of a service.
#[derive(Debug, Default)]
pub(super) struct Record {
    times: Vec<Instant>,
    distinct: HashSet<u64>,
    last: VecDeque<GoogleRequest>,
}

impl Record {
    pub(super) fn add(&mut self, request: GoogleRequest, body: &[u8]) {
        let mut hasher = DefaultHasher::new();
        (&request.path, &request.query, body).hash(&mut hasher);
        self.distinct.insert(hasher.finish());
        self.times.push(Instant::now());
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(request);
    }

    pub(super) fn calls(&self) -> u64 {
        self.times.len() as u64
    }

    pub(super) fn calls_since(&self, then: Instant) -> u64 {
        let earlier = self.times.partition_point(|time| *time < then);
        (self.times.len() - earlier) as u64
    }

    pub(super) fn distinct(&self) -> usize {
        self.distinct.len()
    }

    pub(super) fn requests(&self) -> Vec<GoogleRequest> {
        self.last.iter().cloned().collect()
    }
}
