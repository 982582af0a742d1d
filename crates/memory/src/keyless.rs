//! Learners without keys of providers, remembered in the process.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use moka::future::Cache;
use parlance_domain::ids::UserId;
use parlance_domain::settings::{KEYLESS_FOR, KeylessLearners, KeysSet};

/// How many learners are remembered at most.
const REMEMBERED: u64 = 100_000;

/// Learners who were seen to have no keys, for as long as that is to be believed.
pub struct MemoryKeyless {
    learners: Cache<UserId, ()>,
    keys_set: AtomicU64,
}

impl MemoryKeyless {
    /// Remembers each for this long.
    pub fn remembering_for(time: Duration) -> Self {
        Self {
            learners: Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(time)
                .build(),
            keys_set: AtomicU64::default(),
        }
    }
}

impl Default for MemoryKeyless {
    fn default() -> Self {
        Self::remembering_for(KEYLESS_FOR)
    }
}

#[async_trait]
impl KeylessLearners for MemoryKeyless {
    async fn contains(&self, user: UserId) -> bool {
        self.learners.contains_key(&user)
    }

    fn keys_set(&self) -> KeysSet {
        KeysSet(self.keys_set.load(Ordering::SeqCst))
    }

    async fn insert(&self, user: UserId, before: KeysSet) {
        self.learners.insert(user, ()).await;
        // Looked at behind the insertion: whoever sets a key counts first and forgets then, so that one of the two forgets.
        if self.keys_set() != before {
            self.learners.invalidate(&user).await;
        }
    }

    async fn key_set(&self, user: UserId) {
        self.keys_set.fetch_add(1, Ordering::SeqCst);
        self.learners.invalidate(&user).await;
    }
}

#[cfg(test)]
mod tests {
    use parlance_contract::stores::user;

    use super::*;

    #[tokio::test]
    async fn whoever_has_none_is_remembered_until_they_set_one() {
        let keyless = MemoryKeyless::default();
        assert!(!keyless.contains(user(1)).await);
        keyless.insert(user(1), keyless.keys_set()).await;
        assert!(keyless.contains(user(1)).await);
        assert!(!keyless.contains(user(2)).await);
        keyless.key_set(user(1)).await;
        assert!(!keyless.contains(user(1)).await);
    }

    #[tokio::test]
    async fn a_look_that_a_key_overtook_is_not_remembered() {
        let keyless = MemoryKeyless::default();
        let before = keyless.keys_set();
        keyless.key_set(user(1)).await;
        keyless.insert(user(1), before).await;
        assert!(!keyless.contains(user(1)).await);
    }

    #[tokio::test]
    async fn nobody_is_remembered_for_longer_than_that() {
        let keyless = MemoryKeyless::remembering_for(Duration::from_millis(20));
        keyless.insert(user(1), keyless.keys_set()).await;
        while keyless.contains(user(1)).await {
            tokio::task::yield_now().await;
        }
    }
}
