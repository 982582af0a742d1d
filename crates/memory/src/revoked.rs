//! The revoked sessions, held in the process.

use std::collections::HashMap;

use parking_lot::RwLock;
use parlance_domain::accounts::RevokedSessions;
use parlance_domain::ids::SessionId;
use parlance_domain::time::Timestamp;

/// The revoked sessions in one map: asked on every request, changed when somebody signs out.
#[derive(Debug, Default)]
pub struct MemoryRevokedSessions(RwLock<HashMap<SessionId, Timestamp>>);

impl MemoryRevokedSessions {
    /// How many sessions are refused.
    pub fn len(&self) -> usize {
        self.0.read().len()
    }

    /// Whether no session is refused.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl RevokedSessions for MemoryRevokedSessions {
    fn insert(&self, id: SessionId, until: Timestamp) {
        self.0
            .write()
            .entry(id)
            .and_modify(|known| *known = until.max(*known))
            .or_insert(until);
    }

    fn contains(&self, id: SessionId) -> bool {
        self.0.read().contains_key(&id)
    }

    fn forget_before(&self, now: Timestamp) {
        let mut sessions = self.0.write();
        sessions.retain(|_, until| now < *until);
        // A wave of revocations is not to be paid for ever after.
        let kept = sessions.len();
        sessions.shrink_to(2 * kept);
    }
}

#[cfg(test)]
mod tests {
    parlance_contract::revoked_sessions_contract!(super::MemoryRevokedSessions::default());
}
