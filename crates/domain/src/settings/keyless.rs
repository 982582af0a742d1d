//! Who is known to have no keys of providers.

use std::time::Duration;

use async_trait::async_trait;

use crate::ids::UserId;

/// How long it is remembered that a learner has no keys.
pub const KEYLESS_FOR: Duration = Duration::from_secs(10);

/// How many keys were set when somebody looked, in this copy of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeysSet(pub u64);

/// Remembers for a while which learners have no keys of providers, as most have none: what is in a cache is handed out
/// without a look into the store.
///
/// A copy of the program in which a key was not set learns of it within [`KEYLESS_FOR`].
#[async_trait]
pub trait KeylessLearners: Send + Sync {
    /// Whether a learner is remembered to have none.
    async fn contains(&self, user: UserId) -> bool;

    /// How many keys were set until now; asked before the store is.
    fn keys_set(&self) -> KeysSet;

    /// Remembers a learner, unless a key was set since the store was asked: it might be theirs.
    async fn insert(&self, user: UserId, before: KeysSet);

    /// Notes that a learner has set a key.
    async fn key_set(&self, user: UserId);
}
