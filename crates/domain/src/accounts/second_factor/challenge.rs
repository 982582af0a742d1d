//! Challenges: what a client holds between the right password and the code.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use hmac::Mac;
use secrecy::{SecretBox, SecretString};
use uuid::Uuid;

use crate::accounts::PasswordHash;
use crate::accounts::keyed::{self, HmacSha256};
use crate::ids::UserId;
use crate::time::Timestamp;

/// How long a challenge is good.
pub const CHALLENGE_LIFETIME: TimeDelta = TimeDelta::minutes(5);

/// That the password of an account was shown, and which one it was then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Challenge {
    /// Whose account it is.
    pub user_id: UserId,
    password: [u8; PASSWORD_BYTES],
}

/// Writes and reads challenges with a key of its own.
///
/// A challenge is `base64url(user id ‖ expiry ‖ password ‖ tag)`: 16, 8, 8 and 32 bytes. The expiry is in milliseconds
/// since 1970, big-endian; `password` begins `HMAC-SHA-256(key, 0x01 ‖ stored hash)`, so that another password ends the
/// challenge; the tag is `HMAC-SHA-256(key, 0x00 ‖ user id ‖ expiry ‖ password)`. The key is
/// `HKDF-SHA-256(secret, info = "parlance sign-in challenge v1")`. A challenge lets nobody in: it names the account whose
/// code is asked for, and nothing is kept of it.
#[derive(Debug)]
pub struct Challenges {
    key: SecretBox<[u8; 32]>,
}

const PASSWORD_BYTES: usize = 8;
const NAME_BYTES: usize = 16 + 8 + PASSWORD_BYTES;
const BYTES: usize = NAME_BYTES + 32;

impl Challenges {
    /// Derives the key from a secret.
    pub fn new(secret: &SecretString) -> Self {
        Self {
            key: keyed::derive(secret, b"parlance sign-in challenge v1"),
        }
    }

    /// Writes the challenge for somebody who showed this password just now.
    pub fn write(&self, user: UserId, password: &PasswordHash, now: Timestamp) -> SecretString {
        let expires_at = (now + CHALLENGE_LIFETIME).timestamp_millis();
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend_from_slice(user.0.as_bytes());
        bytes.extend_from_slice(&expires_at.to_be_bytes());
        bytes.extend_from_slice(&self.fingerprint(password));
        let tag = self.tag(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(bytes).into()
    }

    /// Reads a challenge; `None` for whatever this key did not write, and for what has expired.
    pub fn read(&self, text: &str, now: Timestamp) -> Option<Challenge> {
        // Longer than any challenge: not worth decoding.
        if text.len() > 2 * BYTES {
            return None;
        }
        let bytes: [u8; BYTES] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (name, tag) = bytes.split_at(NAME_BYTES);
        self.tag(name).verify_slice(tag).ok()?;
        let (user, rest) = name.split_first_chunk::<16>()?;
        let (expires_at, password) = rest.split_first_chunk::<8>()?;
        (i64::from_be_bytes(*expires_at) > now.timestamp_millis()).then_some(())?;
        Some(Challenge {
            user_id: UserId(Uuid::from_bytes(*user)),
            password: password.try_into().ok()?,
        })
    }

    /// Whether a challenge was written when this was the password.
    pub fn is_of(&self, challenge: &Challenge, password: &PasswordHash) -> bool {
        challenge.password == self.fingerprint(password)
    }

    fn fingerprint(&self, password: &PasswordHash) -> [u8; PASSWORD_BYTES] {
        let mut mac = keyed::mac(&self.key);
        mac.update(&[1]);
        mac.update(password.as_str().as_bytes());
        let code: [u8; 32] = mac.finalize().into_bytes().into();
        code.first_chunk().copied().unwrap_or_default()
    }

    fn tag(&self, name: &[u8]) -> HmacSha256 {
        let mut mac = keyed::mac(&self.key);
        mac.update(&[0]);
        mac.update(name);
        mac
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use secrecy::ExposeSecret;

    use super::*;

    fn challenges() -> Challenges {
        Challenges::new(&"secret".into())
    }

    fn at(seconds: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn hash(text: &str) -> PasswordHash {
        PasswordHash::from_stored(text.to_owned())
    }

    fn user() -> UserId {
        UserId(Uuid::from_u128(7))
    }

    fn written() -> String {
        let challenge = challenges().write(user(), &hash("v1$one"), at(0));
        challenge.expose_secret().to_owned()
    }

    #[test]
    fn a_challenge_is_good_for_five_minutes() {
        let text = written();
        let read = |seconds| challenges().read(&text, at(seconds));
        assert_eq!(read(0).unwrap().user_id, user());
        assert!(read(299).is_some());
        assert_eq!(read(300), None);
        assert_eq!(Challenges::new(&"other".into()).read(&text, at(0)), None);
    }

    #[test]
    fn another_password_ends_a_challenge() {
        let challenge = challenges().read(&written(), at(0)).unwrap();
        assert!(challenges().is_of(&challenge, &hash("v1$one")));
        assert!(!challenges().is_of(&challenge, &hash("v1$two")));
    }

    #[test]
    fn threat_12_any_changed_character_or_length_is_refused() {
        let text = written();
        for at_byte in 0..text.len() {
            for replacement in ["A", "B", "=", "\n", "."] {
                let mut changed = text.clone();
                changed.replace_range(at_byte..=at_byte, replacement);
                let read = challenges().read(&changed, at(0));
                assert!(changed == text || read.is_none(), "{at_byte} {replacement:?}");
            }
        }
        for changed in [&text[1..], &format!("{text}="), &format!("{text}A"), ""] {
            assert_eq!(challenges().read(changed, at(0)), None);
        }
    }
}
