//! A sign-in at a provider that is under way: what comes back of it, and to which browser.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use hmac::Mac;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::ProviderId;
use crate::accounts::keyed::{self, HmacSha256};
use crate::ids::{AuthorizationId, SessionId, UserId};
use crate::time::Timestamp;

/// How long somebody may take at a provider.
pub const AUTHORIZATION_LIFETIME: TimeDelta = TimeDelta::minutes(10);

/// What somebody goes to a provider for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    /// To sign in.
    SignIn,
    /// To link the identity to an account that is signed in to.
    Link {
        /// The account.
        user_id: UserId,
        /// The session that asked; once it has ended, nothing is linked.
        session_id: SessionId,
    },
}

/// A sign-in at a provider that is under way; never its state, nonce or verifier, which come of its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// Its id, which the state holds.
    pub id: AuthorizationId,
    /// At which provider.
    pub provider: ProviderId,
    /// What for.
    pub errand: Errand,
    /// Where the browser goes in the end.
    pub return_to: String,
    /// SHA-256 of what the browser holds that began it.
    pub browser: [u8; 32],
    /// When it stops being good.
    pub expires_at: Timestamp,
}

/// What a browser holds to be known again when it comes back: 32 bytes that nobody can guess.
#[derive(Clone)]
pub struct BrowserBinding(SecretString);

impl BrowserBinding {
    /// How many bytes it has.
    pub const BYTES: usize = 32;

    /// One of these bytes.
    pub fn new(bytes: &[u8; Self::BYTES]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(bytes).into())
    }

    /// One that a browser brought along; `None` for what cannot be one.
    pub fn read(text: &str) -> Option<Self> {
        let fits = text.len() == 43 && URL_SAFE_NO_PAD.decode(text).is_ok();
        fits.then(|| Self(text.into()))
    }

    /// The text that the browser holds.
    pub fn text(&self) -> &SecretString {
        &self.0
    }

    /// Its digest, as it is kept.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.expose_secret()).into()
    }
}

impl fmt::Debug for BrowserBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BrowserBinding([redacted])")
    }
}

/// Makes states, nonces and verifiers of ids, with a key of its own.
///
/// A state is `base64url(id ‖ HMAC-SHA-256(key, 0x00 ‖ id))`: 16 and 32 bytes; a nonce is
/// `base64url(HMAC-SHA-256(key, 0x01 ‖ id))`, a verifier `base64url(HMAC-SHA-256(key, 0x02 ‖ id))`. The key is
/// `HKDF-SHA-256(secret, info = "parlance provider authorization v1")`. The same id gives the same three, so that none of
/// them is kept.
#[derive(Debug)]
pub struct AuthorizationTokens {
    key: SecretBox<[u8; 32]>,
}

const STATE: u8 = 0;
const NONCE: u8 = 1;
const VERIFIER: u8 = 2;
const STATE_BYTES: usize = 16 + 32;

impl AuthorizationTokens {
    /// Derives the key from a secret.
    pub fn new(secret: &SecretString) -> Self {
        Self {
            key: keyed::derive(secret, b"parlance provider authorization v1"),
        }
    }

    /// The state of an authorization.
    pub fn state(&self, id: AuthorizationId) -> SecretString {
        let mut bytes = Vec::with_capacity(STATE_BYTES);
        bytes.extend_from_slice(id.0.as_bytes());
        bytes.extend_from_slice(&self.mac(STATE, id).finalize().into_bytes());
        URL_SAFE_NO_PAD.encode(bytes).into()
    }

    /// The nonce of an authorization.
    pub fn nonce(&self, id: AuthorizationId) -> SecretString {
        self.text(NONCE, id)
    }

    /// The verifier of an authorization (RFC 7636, 4.1).
    pub fn verifier(&self, id: AuthorizationId) -> SecretString {
        self.text(VERIFIER, id)
    }

    /// The authorization of a state; `None` for whatever this key did not write.
    pub fn read(&self, state: &str) -> Option<AuthorizationId> {
        // Longer than any state: not worth decoding.
        if state.len() > 2 * STATE_BYTES {
            return None;
        }
        let bytes: [u8; STATE_BYTES] = URL_SAFE_NO_PAD.decode(state).ok()?.try_into().ok()?;
        let (id, tag) = bytes.split_at(16);
        let id = AuthorizationId(Uuid::from_slice(id).ok()?);
        self.mac(STATE, id).verify_slice(tag).ok()?;
        Some(id)
    }

    fn text(&self, what: u8, id: AuthorizationId) -> SecretString {
        URL_SAFE_NO_PAD
            .encode(self.mac(what, id).finalize().into_bytes())
            .into()
    }

    fn mac(&self, what: u8, id: AuthorizationId) -> HmacSha256 {
        let mut mac = keyed::mac(&self.key);
        mac.update(&[what]);
        mac.update(id.0.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> AuthorizationId {
        AuthorizationId(Uuid::from_u128(number))
    }

    #[test]
    fn a_state_reads_back_and_what_another_key_wrote_does_not() {
        let (tokens, others) = (
            AuthorizationTokens::new(&"secret".into()),
            AuthorizationTokens::new(&"other".into()),
        );
        let state = tokens.state(id(7));
        assert_eq!(tokens.read(state.expose_secret()), Some(id(7)));
        assert_eq!(others.read(state.expose_secret()), None);
    }

    #[test]
    fn state_nonce_and_verifier_differ_for_each_authorization() {
        let tokens = AuthorizationTokens::new(&"secret".into());
        let mut texts = Vec::new();
        for number in [1, 2] {
            for text in [tokens.nonce(id(number)), tokens.verifier(id(number))] {
                assert_eq!(text.expose_secret().len(), 43);
                assert_eq!(tokens.read(text.expose_secret()), None);
                texts.push(text.expose_secret().to_owned());
            }
            texts.push(tokens.state(id(number)).expose_secret().to_owned());
        }
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), 6);
    }

    #[test]
    fn threat_12_any_changed_character_or_length_is_refused() {
        let tokens = AuthorizationTokens::new(&"secret".into());
        let text = tokens.state(id(7)).expose_secret().to_owned();
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
        for changed in [&text[1..], &format!("{text}="), &format!("{text}A"), ""] {
            assert_eq!(tokens.read(changed), None);
        }
    }

    #[test]
    fn a_browser_brings_what_it_was_given_or_nothing() {
        let given = BrowserBinding::new(&[7; 32]);
        let text = given.text().expose_secret();
        assert_eq!(BrowserBinding::read(text).unwrap().digest(), given.digest());
        assert!(!format!("{given:?}").contains(text));
        for bad in ["", "short", &"=".repeat(43), &text[1..], &format!("{text}A")] {
            assert!(BrowserBinding::read(bad).is_none(), "{bad}");
        }
    }
}
