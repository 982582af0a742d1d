//! Whole lists as bytes ready to send, for a moment.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use parlance_domain::ids::ListId;

use crate::reply::Body;

/// How long a list is sent without looking at the store. Another process may import words at any time, and
/// clients may keep an answer for minutes anyway.
const FRESH: Duration = Duration::from_secs(1);

/// Whole lists as bytes ready to send. Only lists that exist are kept, so it stays small.
#[derive(Debug, Default)]
pub(super) struct ListCache {
    bodies: Mutex<HashMap<ListId, (Instant, Body)>>,
}

impl ListCache {
    /// The list, if it was read a moment ago.
    pub(super) fn get(&self, id: &ListId) -> Option<Body> {
        let bodies = self.bodies.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, body) = bodies.get(id)?;
        (read_at.elapsed() < FRESH).then(|| body.clone())
    }

    /// Keeps a list that was just read.
    pub(super) fn keep(&self, id: ListId, body: Body) {
        let mut bodies = self.bodies.lock().unwrap_or_else(PoisonError::into_inner);
        bodies.insert(id, (Instant::now(), body));
    }
}
