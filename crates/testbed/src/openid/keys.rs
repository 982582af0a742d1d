//! The keys that sign tokens: RSA and elliptic curves in turn.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};

/// A key that signs.
#[derive(Clone)]
pub(super) struct Key {
    id: String,
    algorithm: Algorithm,
    signs: EncodingKey,
}

/// Those that are on the list; the last one signs.
pub(super) struct Keys {
    listed: Vec<Key>,
    made: u32,
}

/// One key of RSA for all tests of a process: it takes long to make.
fn rsa() -> Result<&'static str> {
    static KEY: OnceLock<Option<String>> = OnceLock::new();
    let key = KEY.get_or_init(|| {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).ok()?;
        Some(key.serialize_pem())
    });
    key.as_deref().context("cannot make an rsa key")
}

impl Key {
    fn rsa(id: String) -> Result<Self> {
        Ok(Self {
            id,
            algorithm: Algorithm::RS256,
            signs: EncodingKey::from_rsa_pem(rsa()?.as_bytes())?,
        })
    }

    fn curve(id: String) -> Result<Self> {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        Ok(Self {
            id,
            algorithm: Algorithm::ES256,
            signs: EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes())?,
        })
    }

    /// A token of these claims.
    pub(super) fn sign(&self, claims: &Value) -> Result<String> {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.id.clone());
        Ok(encode(&header, claims, &self.signs)?)
    }

    fn public(&self) -> Result<Value> {
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&self.signs, self.algorithm)?)?;
        jwk["kid"] = self.id.clone().into();
        jwk["use"] = "sig".into();
        Ok(jwk)
    }
}

impl Keys {
    /// One key, of RSA.
    pub(super) fn new() -> Result<Self> {
        let listed = vec![Key::rsa("key-0".to_owned())?];
        Ok(Self { listed, made: 0 })
    }

    /// The key that signs.
    pub(super) fn current(&self) -> Result<&Key> {
        self.listed.last().context("there is no key")
    }

    /// Puts a new key of the other kind in the place of the one that signs.
    pub(super) fn rotate(&mut self) -> Result<()> {
        self.made += 1;
        let id = format!("key-{}", self.made);
        let key = match self.current()?.algorithm {
            Algorithm::RS256 => Key::curve(id),
            _ => Key::rsa(id),
        };
        self.listed = vec![key?];
        Ok(())
    }

    /// A key under the name of the one that signs, which is on no list.
    pub(super) fn stranger(&self) -> Result<Key> {
        let name = self.current()?.id.clone();
        Ok(Key {
            algorithm: Algorithm::ES256,
            ..Key::curve(name)?
        })
    }

    /// A key that is on no list.
    pub(super) fn unlisted() -> Result<Key> {
        Key::curve("key-on-no-list".to_owned())
    }

    /// The list, as it is published.
    pub(super) fn published(&self) -> Result<Value> {
        let keys: Result<Vec<Value>> = self.listed.iter().map(Key::public).collect();
        Ok(json!({ "keys": keys? }))
    }
}

/// A token that nobody signed.
pub(super) fn unsigned(claims: &Value) -> String {
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!(
        "{}.{}.",
        encoded(&json!({ "alg": "none", "typ": "JWT" })),
        encoded(claims)
    )
}

/// A token that is signed with a secret.
pub(super) fn signed_with(secret: &str, claims: &Value) -> Result<String> {
    let key = EncodingKey::from_secret(secret.as_bytes());
    Ok(encode(&Header::new(Algorithm::HS256), claims, &key)?)
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or(Duration::ZERO).as_secs()
}
