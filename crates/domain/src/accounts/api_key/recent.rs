//! The keys that were looked up a moment ago.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;

use super::ApiKey;
use crate::ids::ApiKeyId;
use crate::time::Timestamp;

/// For how long what the store said is taken for true.
const KEPT_FOR: TimeDelta = TimeDelta::milliseconds(900);
/// How many are kept at most.
const MOST: usize = 4_096;

/// The keys that were looked up a moment ago, by their id.
#[derive(Default)]
pub(super) struct RecentKeys {
    keys: Mutex<HashMap<ApiKeyId, (Arc<ApiKey>, Timestamp)>>,
}

impl RecentKeys {
    /// A key, if the store was asked for it a moment ago.
    pub(super) fn get(&self, id: ApiKeyId, now: Timestamp) -> Option<Arc<ApiKey>> {
        let keys = self.lock();
        let (key, asked_at) = keys.get(&id)?;
        is_fresh(*asked_at, now).then(|| Arc::clone(key))
    }

    /// Keeps what the store said when it was asked at this time.
    pub(super) fn keep(&self, key: Arc<ApiKey>, asked_at: Timestamp) {
        let mut keys = self.lock();
        if keys.len() >= MOST {
            keys.retain(|_, (_, other)| is_fresh(*other, asked_at));
        }
        if keys.len() >= MOST {
            keys.clear();
        }
        keys.insert(key.id, (key, asked_at));
    }

    /// Keeps in mind that the use of a key was noted.
    pub(super) fn note_use(&self, id: ApiKeyId, at: Timestamp) {
        if let Some((key, _)) = self.lock().get_mut(&id) {
            Arc::make_mut(key).last_used_at = Some(at);
        }
    }

    /// Forgets a key.
    pub(super) fn forget(&self, id: ApiKeyId) {
        self.lock().remove(&id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ApiKeyId, (Arc<ApiKey>, Timestamp)>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a time was a moment ago; not when the clock was set back since.
fn is_fresh(asked_at: Timestamp, now: Timestamp) -> bool {
    (TimeDelta::zero()..KEPT_FOR).contains(&(now - asked_at))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::accounts::Scope;
    use crate::ids::UserId;

    fn at(milliseconds: i64) -> Timestamp {
        DateTime::UNIX_EPOCH + TimeDelta::milliseconds(milliseconds)
    }

    fn key(number: u128) -> Arc<ApiKey> {
        Arc::new(ApiKey {
            id: ApiKeyId(Uuid::from_u128(number)),
            user_id: UserId(Uuid::from_u128(1)),
            name: "a key".parse().unwrap(),
            scopes: [Scope::Speech].into(),
            digest: [0; 32],
            created_at: at(0),
            expires_at: None,
            last_used_at: None,
        })
    }

    #[test]
    fn a_key_is_known_for_less_than_a_second() {
        let recent = RecentKeys::default();
        recent.keep(key(1), at(0));
        let is_known = |milliseconds| recent.get(key(1).id, at(milliseconds)).is_some();
        assert_eq!([-1, 0, 899, 900].map(is_known), [false, true, true, false]);
        recent.note_use(key(1).id, at(5));
        assert_eq!(recent.get(key(1).id, at(6)).unwrap().last_used_at, Some(at(5)));
        recent.forget(key(1).id);
        assert!(!is_known(6));
    }

    #[test]
    fn there_are_never_more_than_fit() {
        let recent = RecentKeys::default();
        for number in 0..10_000 {
            recent.keep(key(number), at(0));
            assert!(recent.lock().len() <= MOST);
        }
    }
}
