//! Refresh tokens: opaque to clients, verifiable without a look-up, never stored.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;
use secrecy::{SecretBox, SecretString};
use uuid::Uuid;

use super::keyed::{self, HmacSha256};
use crate::ids::SessionId;

/// What a refresh token names: a session and the number of the token in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshToken {
    /// The session.
    pub session_id: SessionId,
    /// The token's number within it.
    pub counter: u64,
}

/// Writes and reads refresh tokens with a key of its own.
///
/// A token is `base64url(session id ‖ counter ‖ HMAC-SHA-256(key, session id ‖ counter))`: 16, 8 and 32
/// bytes, integers big-endian. The key is `HKDF-SHA-256(secret, info = "parlance refresh token v1")`.
/// The same session and number give the same token, so that a successor can be handed out again.
#[derive(Debug)]
pub struct RefreshTokens {
    key: SecretBox<[u8; 32]>,
}

const NAME_BYTES: usize = 24;
const TOKEN_BYTES: usize = NAME_BYTES + 32;

impl RefreshTokens {
    /// Derives the key from a secret.
    pub fn new(secret: &SecretString) -> Self {
        Self {
            key: keyed::derive(secret, b"parlance refresh token v1"),
        }
    }

    /// Writes a token.
    pub fn write(&self, token: RefreshToken) -> SecretString {
        let mut bytes = Vec::with_capacity(TOKEN_BYTES);
        bytes.extend_from_slice(token.session_id.0.as_bytes());
        bytes.extend_from_slice(&token.counter.to_be_bytes());
        let tag = self.mac(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(bytes).into()
    }

    /// Reads a token; `None` for whatever this key did not write, in whatever way it differs.
    pub fn read(&self, text: &str) -> Option<RefreshToken> {
        // Longer than any token: not worth decoding.
        if text.len() > 2 * TOKEN_BYTES {
            return None;
        }
        let bytes: [u8; TOKEN_BYTES] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (name, tag) = bytes.split_at(NAME_BYTES);
        self.mac(name).verify_slice(tag).ok()?;
        let (session, counter) = name.split_at(16);
        Some(RefreshToken {
            session_id: SessionId(Uuid::from_slice(session).ok()?),
            counter: u64::from_be_bytes(counter.try_into().ok()?),
        })
    }

    fn mac(&self, name: &[u8]) -> HmacSha256 {
        let mut mac = keyed::mac(&self.key);
        mac.update(name);
        mac
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn tokens(secret: &str) -> RefreshTokens {
        RefreshTokens::new(&secret.into())
    }

    fn token(counter: u64) -> RefreshToken {
        RefreshToken {
            session_id: SessionId(Uuid::from_u128(7)),
            counter,
        }
    }

    #[test]
    fn a_token_reads_back_and_is_written_the_same_twice() {
        let (one, two) = (tokens("secret"), tokens("secret"));
        let text = one.write(token(3));
        assert_eq!(text.expose_secret(), two.write(token(3)).expose_secret());
        assert_eq!(two.read(text.expose_secret()), Some(token(3)));
    }

    #[test]
    fn another_key_reads_nothing() {
        let text = tokens("secret").write(token(3));
        assert_eq!(tokens("other").read(text.expose_secret()), None);
    }

    #[test]
    fn threat_12_any_changed_character_or_length_is_refused() {
        let tokens = tokens("secret");
        let text = tokens.write(token(3)).expose_secret().to_owned();
        for at in 0..text.len() {
            for replacement in ["A", "B", "=", "\n", "."] {
                let mut changed = text.clone();
                changed.replace_range(at..=at, replacement);
                assert!(
                    changed == text || tokens.read(&changed).is_none(),
                    "{at} {replacement:?}"
                );
            }
        }
        for changed in [
            &text[1..],
            &text[..text.len() - 1],
            &format!("{text}="),
            &format!("{text}A"),
            "",
        ] {
            assert_eq!(tokens.read(changed), None);
        }
    }
}
