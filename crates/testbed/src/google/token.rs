//! Service accounts and their tokens, by RFC 7523 as Google speaks it.

use std::collections::HashSet;
use std::sync::OnceLock;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PKCS_RSA_SHA256, PublicKeyData, RsaKeySize};
use serde_json::{Value, json};

/// Whose account it is.
const EMAIL: &str = "speaker@parlance-tests.iam.gserviceaccount.com";
const KEY_ID: &str = "0123456789abcdef0123456789abcdef01234567";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

fn key() -> Result<&'static KeyPair> {
    static KEY: OnceLock<Option<KeyPair>> = OnceLock::new();
    let key = KEY.get_or_init(|| KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).ok());
    key.as_ref().context("cannot make an rsa key")
}

/// The file of a service account whose tokens come from this place.
pub(super) fn service_account(token_uri: &str) -> Result<String> {
    let account = json!({
        "type": "service_account",
        "project_id": "parlance-tests",
        "private_key_id": KEY_ID,
        "private_key": key()?.serialize_pem(),
        "client_email": EMAIL,
        "client_id": "100000000000000000000",
        "token_uri": token_uri,
        "universe_domain": "googleapis.com",
    });
    Ok(account.to_string())
}

/// The public half of the account's key, as PEM.
pub(super) fn public_key() -> Result<String> {
    let der = key()?.subject_public_key_info();
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len())
        .step_by(64)
        .map(|start| &text[start..text.len().min(start + 64)])
        .collect();
    Ok(format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        lines.join("\n")
    ))
}

/// The tokens that were given out.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    given: u32,
    valid: HashSet<String>,
}

impl Tokens {
    /// A new token, if the request for it is of the right shape.
    pub(super) fn give(&mut self, form: &[u8], audience: &str) -> Result<Value, String> {
        let form: Vec<_> = url::form_urlencoded::parse(form).collect();
        let member = |name: &str| {
            form.iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_ref())
        };
        if member("grant_type") != Some(GRANT) {
            return Err(format!("the grant type is not {GRANT}"));
        }
        check_assertion(member("assertion").unwrap_or_default(), audience)?;
        self.given += 1;
        let token = format!("ya29.fake-token-{}", self.given);
        self.valid.insert(token.clone());
        Ok(json!({ "access_token": token, "expires_in": 3_599, "token_type": "Bearer" }))
    }

    pub(super) fn is_valid(&self, token: &str) -> bool {
        self.valid.contains(token)
    }

    pub(super) fn revoke(&mut self) {
        self.valid.clear();
    }
}

fn check_assertion(assertion: &str, audience: &str) -> Result<(), String> {
    let parts: Vec<Vec<u8>> = assertion
        .split('.')
        .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap_or_default())
        .collect();
    let [header, claims, signature] = parts.as_slice() else {
        return Err("the assertion has not three parts".to_owned());
    };
    let read = |part: &[u8]| serde_json::from_slice::<Value>(part).unwrap_or_default();
    let (header, claims) = (read(header), read(claims));
    let (issued, expires) = (claims["iat"].as_i64(), claims["exp"].as_i64());
    let lifetime = expires.zip(issued).map(|(expires, issued)| expires - issued);
    let facts = [
        ("alg", header["alg"] == "RS256"),
        ("typ", header["typ"] == "JWT"),
        ("kid", header["kid"] == KEY_ID),
        ("iss", claims["iss"] == EMAIL),
        ("aud", claims["aud"] == audience),
        (
            "scope",
            claims["scope"] == "https://www.googleapis.com/auth/cloud-platform",
        ),
        (
            "exp",
            lifetime.is_some_and(|seconds| (1..=3_600).contains(&seconds)),
        ),
        ("signature", signature.len() == 256),
    ];
    match facts.iter().find(|(_, is_right)| !is_right) {
        Some((name, _)) => Err(format!("the assertion has a wrong {name}")),
        None => Ok(()),
    }
}
