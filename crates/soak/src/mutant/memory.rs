//! What the proxy remembers of the requests that went by.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::http::Response;

/// What the bugs need to know of the past. Learners are told apart by the `sub` of their tokens.
#[derive(Default)]
pub(super) struct Memory {
    /// How many requests of the kind in question went by.
    pub(super) count: u64,
    /// Ids of reviews that were sent.
    pub(super) sent: HashSet<(String, String)>,
    /// The newest review of each word, by the clocks of the devices.
    pub(super) newest: HashMap<(String, String), String>,
    /// Reviews that were kept from the server.
    pub(super) swallowed: HashMap<String, Vec<Value>>,
    /// Cached answers, and how often each may be given again.
    pub(super) cache: HashMap<(String, String), (Response, u32)>,
    /// Who each refresh token belongs to: what they signed in with.
    pub(super) credentials: HashMap<String, Value>,
    /// Refresh tokens that were presented.
    pub(super) presented: HashSet<String>,
}
