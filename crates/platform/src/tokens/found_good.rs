//! Tokens that were found good: the signature of each is checked once, not with every request.

use std::sync::Arc;

use moka::sync::Cache;
use parlance_domain::accounts::AccessClaims;
use sha2::{Digest, Sha256};

/// How many tokens are remembered, about 300 bytes for each; those that nobody showed for long go first.
const MOST: u64 = 10_000;

/// What a good token says. Whether it is good at this moment is another question.
pub(super) struct Good {
    pub(super) claims: AccessClaims,
    /// From when on it is good, in seconds since the epoch.
    pub(super) not_before: i64,
}

/// Tokens that were found good, by their SHA-256: what is kept here opens nothing.
pub(super) struct FoundGood(Cache<[u8; 32], Arc<Good>>);

impl FoundGood {
    /// What is known of a token, or is found now. Of one that is not good nothing is kept.
    pub(super) fn or_find(&self, token: &str, find: impl FnOnce() -> Option<Good>) -> Option<Arc<Good>> {
        let digest: [u8; 32] = Sha256::digest(token).into();
        if let Some(good) = self.0.get(&digest) {
            return Some(good);
        }
        let good = Arc::new(find()?);
        self.0.insert(digest, Arc::clone(&good));
        Some(good)
    }
}

impl Default for FoundGood {
    fn default() -> Self {
        Self(Cache::new(MOST))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use parlance_domain::accounts::Roles;
    use parlance_domain::ids::{SessionId, UserId};
    use parlance_domain::time::Timestamp;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_good_token_is_looked_into_once_and_a_bad_one_each_time() {
        let good = || Good {
            claims: AccessClaims {
                user_id: UserId(Uuid::nil()),
                session_id: SessionId(Uuid::nil()),
                roles: Roles::default(),
                issued_at: Timestamp::UNIX_EPOCH,
                expires_at: Timestamp::UNIX_EPOCH,
            },
            not_before: 0,
        };
        let tokens = FoundGood::default();
        let looks = Cell::new(0);
        let look = |token: &str, found: Option<Good>| {
            let find = || {
                looks.set(looks.get() + 1);
                found
            };
            tokens.or_find(token, find).is_some()
        };
        assert!(look("good", Some(good())));
        assert!(look("good", None));
        assert_eq!(looks.get(), 1);
        assert!(!look("bad", None));
        assert!(!look("bad", None));
        assert!(look("bad", Some(good())));
        assert_eq!(looks.get(), 4);
    }
}
