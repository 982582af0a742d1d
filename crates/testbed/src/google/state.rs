//! What the fake keeps between requests.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::record::{GoogleRequest, Record};
use super::schema::Violations;
use super::script::{GoogleBehaviour, GoogleService, Script};
use super::token::Tokens;

/// How many violations are kept.
const KEPT: usize = 100;

/// What all threads of the server share.
#[derive(Debug, Default)]
pub(super) struct State {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    scripts: BTreeMap<GoogleService, Script>,
    records: BTreeMap<GoogleService, Record>,
    violations: Violations,
    tokens: Tokens,
    token_uri: String,
    latency: Duration,
}

impl State {
    /// The state of a server with this place for tokens.
    pub(super) fn new(token_uri: String) -> Self {
        let inner = Inner {
            token_uri,
            ..Inner::default()
        };
        Self {
            inner: Mutex::new(inner),
        }
    }

    /// Keeps a request, and says how to answer it.
    pub(super) fn record(
        &self,
        service: GoogleService,
        request: GoogleRequest,
        body: &[u8],
    ) -> GoogleBehaviour {
        let mut inner = self.inner.lock();
        inner.records.entry(service).or_default().add(request, body);
        inner.scripts.entry(service).or_default().take()
    }

    pub(super) fn violate(&self, violations: Violations) {
        let mut inner = self.inner.lock();
        inner.violations.extend(violations);
        inner.violations.truncate(KEPT);
    }

    pub(super) fn violations(&self) -> Violations {
        self.inner.lock().violations.clone()
    }

    pub(super) fn script<T>(&self, service: GoogleService, change: impl FnOnce(&mut Script) -> T) -> T {
        change(self.inner.lock().scripts.entry(service).or_default())
    }

    pub(super) fn look<T>(&self, service: GoogleService, look: impl FnOnce(&Record) -> T) -> T {
        look(self.inner.lock().records.entry(service).or_default())
    }

    pub(super) fn forget(&self) {
        self.inner.lock().records.clear();
    }

    pub(super) fn latency(&self) -> Duration {
        self.inner.lock().latency
    }

    pub(super) fn set_latency(&self, latency: Duration) {
        self.inner.lock().latency = latency;
    }

    pub(super) fn give_token(&self, form: &[u8], behaviour: &GoogleBehaviour) -> Result<Value, String> {
        let inner = &mut *self.inner.lock();
        let token = inner.tokens.give(form, &inner.token_uri)?;
        Ok(match behaviour {
            GoogleBehaviour::Empty => json!({}),
            _ => token,
        })
    }

    pub(super) fn is_valid(&self, token: &str) -> bool {
        self.inner.lock().tokens.is_valid(token)
    }

    pub(super) fn revoke_tokens(&self) {
        self.inner.lock().tokens.revoke();
    }
}
