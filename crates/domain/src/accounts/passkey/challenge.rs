//! Challenges: what a device signs, once and within minutes.

use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use super::CeremonyState;
use crate::ids::{PasskeyChallengeId, SessionId};
use crate::time::Timestamp;

/// How long a challenge is good: as long as browsers wait for somebody to touch a device.
pub const PASSKEY_CHALLENGE_LIFETIME: TimeDelta = TimeDelta::minutes(5);

/// What a challenge is for. It is good for nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasskeyAudience {
    /// Somebody who shows who they are; nobody knows yet who that is.
    Anybody,
    /// Somebody who adds a passkey within this session.
    Session(SessionId),
}

impl PasskeyAudience {
    /// What is kept of it: `SHA-256("parlance passkey challenge v1" ‖ 0x00 ‖ session id)`, the id left out for anybody.
    ///
    /// So a challenge says of nobody that they asked for it.
    pub fn digest(self) -> [u8; 32] {
        let digest = Sha256::new().chain_update(b"parlance passkey challenge v1\0");
        let digest = match self {
            Self::Anybody => digest,
            Self::Session(id) => digest.chain_update(id.0.as_bytes()),
        };
        digest.finalize().into()
    }
}

/// A challenge that waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasskeyChallenge {
    /// Its id, which comes back with the answer.
    pub id: PasskeyChallengeId,
    /// What it is for.
    pub audience: PasskeyAudience,
    /// By what the answer is checked.
    pub state: CeremonyState,
    /// When it stops being good.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_challenge_is_told_apart_by_what_it_is_for() {
        let session = |number| PasskeyAudience::Session(SessionId(Uuid::from_u128(number)));
        assert_ne!(session(1).digest(), session(2).digest());
        assert_ne!(session(0).digest(), PasskeyAudience::Anybody.digest());
        assert_eq!(session(1).digest(), session(1).digest());
    }
}
