//! The keys that access tokens are signed with, as a file holds them.

use chrono::{DateTime, SubsecRound, TimeDelta};
use parlance_domain::accounts::PublicKey;
use parlance_domain::time::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::key::{JsonKey, KeyAlgorithm, SigningKey};

/// More would only make every look slower; nobody rotates so often.
const MOST_KEYS: usize = 16;

/// What is wrong with the keys of a file; nothing of the keys is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeysError {
    /// It is not read.
    #[error("it is no JSON object with a list of keys")]
    Malformed,
    /// There is none, or there are too many.
    #[error("it must hold 1 to {MOST_KEYS} keys")]
    Count,
    /// One cannot be used; the first is number 1.
    #[error("key number {0} is no private key of Ed25519 or P-256 with an id of its own")]
    Key(usize),
}

/// Why a key is not retired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RetireError {
    /// There is none of this id.
    #[error("there is no such key")]
    Unknown,
    /// Without it nobody could sign.
    #[error("it signs: rotate first")]
    Signs,
    /// Tokens that it signed may still be good.
    #[error("tokens that it signed may be good until {0}")]
    InUse(Timestamp),
}

/// What a key is for at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyDuty {
    /// It is known, and is to sign from then on.
    Waits {
        /// From when on it signs.
        until: Timestamp,
    },
    /// It signs what is issued.
    Signs,
    /// It checks what it signed before.
    Checks {
        /// When another took its place.
        since: Timestamp,
    },
}

/// The keys that access tokens are signed with: of those whose time has come, the first signs; all of them check.
pub struct SigningKeys {
    keys: Vec<SigningKey>,
    secret_until: Option<Timestamp>,
}

/// A file of keys: a JWK Set (RFC 7517) of private keys.
#[derive(Serialize, Deserialize)]
struct JsonKeys {
    /// Tokens that the secret signed before this time (in seconds) are still good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hs256_until: Option<i64>,
    keys: Vec<JsonKey>,
}

impl SigningKeys {
    /// One new key that signs from a time on; until then the secret goes on signing.
    pub fn first(algorithm: KeyAlgorithm, signs_from: Timestamp) -> Option<Self> {
        let signs_from = signs_from.trunc_subsecs(0);
        Some(Self {
            keys: vec![SigningKey::make(algorithm, signs_from)?],
            secret_until: Some(signs_from),
        })
    }

    /// The keys of a file.
    pub fn read(text: &str) -> Result<Self, SigningKeysError> {
        let file: JsonKeys = serde_json::from_str(text).map_err(|_| SigningKeysError::Malformed)?;
        if !(1..=MOST_KEYS).contains(&file.keys.len()) {
            return Err(SigningKeysError::Count);
        }
        let mut keys: Vec<SigningKey> = Vec::new();
        for (index, key) in file.keys.iter().enumerate() {
            let key = SigningKey::read(key).filter(|key| keys.iter().all(|known| known.id() != key.id()));
            keys.push(key.ok_or(SigningKeysError::Key(index + 1))?);
        }
        let secret_until = file
            .hs256_until
            .map(|seconds| DateTime::from_timestamp(seconds, 0).ok_or(SigningKeysError::Malformed));
        Ok(Self {
            keys,
            secret_until: secret_until.transpose()?,
        })
    }

    /// What a file holds of them.
    pub fn write(&self) -> Option<SecretString> {
        let file = JsonKeys {
            hs256_until: self.secret_until.map(|until| until.timestamp()),
            keys: self.keys.iter().map(SigningKey::written).collect(),
        };
        let text = serde_json::to_string_pretty(&file).ok()?;
        Some((text + "\n").into())
    }

    /// Puts a new key before all others; `None` where there are too many.
    pub fn add(&mut self, algorithm: KeyAlgorithm, signs_from: Timestamp) -> Option<&SigningKey> {
        if self.keys.len() >= MOST_KEYS {
            return None;
        }
        let key = SigningKey::make(algorithm, signs_from.trunc_subsecs(0))?;
        self.keys.insert(0, key);
        self.keys.first()
    }

    /// Takes a key away whose tokens have expired; at once, even if they have not.
    pub fn retire(
        &mut self,
        id: &str,
        now: Timestamp,
        lifetime: TimeDelta,
        at_once: bool,
    ) -> Result<(), RetireError> {
        let place = self.keys.iter().position(|key| key.id() == id);
        let place = place.ok_or(RetireError::Unknown)?;
        match self.duty(place, now) {
            KeyDuty::Signs => return Err(RetireError::Signs),
            KeyDuty::Checks { since } if since + lifetime > now && !at_once => {
                return Err(RetireError::InUse(since + lifetime));
            }
            KeyDuty::Waits { .. } if self.keys.len() == 1 => return Err(RetireError::Signs),
            KeyDuty::Checks { .. } | KeyDuty::Waits { .. } => {}
        }
        self.keys.remove(place);
        Ok(())
    }

    /// Every key with what it is for, the one made last first.
    pub fn list(&self, now: Timestamp) -> impl Iterator<Item = (&SigningKey, KeyDuty)> {
        let duties = (0..self.keys.len()).map(move |place| self.duty(place, now));
        self.keys.iter().zip(duties)
    }

    /// The algorithm of the key made last.
    pub fn latest_algorithm(&self) -> Option<KeyAlgorithm> {
        self.keys.first().map(SigningKey::algorithm)
    }

    /// Whether something signs at a time: a key, or the secret until the first of them does.
    pub fn can_sign(&self, now: Timestamp) -> bool {
        self.signer(now).is_some() || self.secret_until.is_some_and(|until| now < until)
    }

    /// The public halves.
    pub(super) fn public(&self) -> Vec<PublicKey> {
        self.keys.iter().map(SigningKey::public).collect()
    }

    /// The key that signs at a time.
    pub(super) fn signer(&self, now: Timestamp) -> Option<&SigningKey> {
        self.keys.iter().find(|key| key.signs_from() <= now)
    }

    /// The key of an id, compared byte by byte.
    pub(super) fn by_id(&self, id: &str) -> Option<&SigningKey> {
        self.keys.iter().find(|key| key.id() == id)
    }

    /// Until when the secret signed.
    pub(super) const fn secret_until(&self) -> Option<Timestamp> {
        self.secret_until
    }

    fn duty(&self, place: usize, now: Timestamp) -> KeyDuty {
        let (before, rest) = self.keys.split_at(place);
        let signs_from = rest.first().map_or(now, SigningKey::signs_from);
        let replaced = before.iter().map(SigningKey::signs_from).min();
        match replaced {
            Some(since) if since <= now => KeyDuty::Checks { since },
            _ if signs_from > now => KeyDuty::Waits { until: signs_from },
            _ => KeyDuty::Signs,
        }
    }
}
