//! `GET /.well-known/jwks.json`

use actix_web::HttpRequest;
use apistos::{ApiComponent, api_operation};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parlance_domain::accounts::{PublicKey, PublicPoint};
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::ApiError;
use crate::reply::Reply;
use crate::state::State;

/// The public keys that access tokens can be checked with (RFC 7517).
#[derive(Serialize, JsonSchema, ApiComponent)]
#[schemars(rename = "PublicKeys")]
pub(crate) struct Body {
    /// The one made last first; none where access tokens are signed with a secret.
    keys: Vec<Key>,
}

/// A public key (RFC 7517, RFC 7518, RFC 8037).
#[derive(Serialize, JsonSchema, ApiComponent)]
#[schemars(rename = "PublicJsonWebKey")]
struct Key {
    /// The kind: `OKP` or `EC`.
    kty: &'static str,
    /// The curve: `Ed25519` or `P-256`.
    crv: &'static str,
    /// The only algorithm that the key is for: `EdDSA` or `ES256`.
    alg: &'static str,
    /// Always `sig`.
    #[serde(rename = "use")]
    usage: &'static str,
    /// What tokens name the key by.
    kid: String,
    /// The first coordinate, in base64url.
    x: String,
    /// The second coordinate of `EC`.
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
}

impl From<PublicKey> for Key {
    fn from(PublicKey { id, point }: PublicKey) -> Self {
        let (kty, crv, alg, x, y) = match point {
            PublicPoint::Ed25519 { x } => ("OKP", "Ed25519", "EdDSA", x, None),
            PublicPoint::P256 { x, y } => ("EC", "P-256", "ES256", x, Some(y)),
        };
        Self {
            kty,
            crv,
            alg,
            usage: "sig",
            kid: id,
            x: URL_SAFE_NO_PAD.encode(x),
            y: y.map(|y| URL_SAFE_NO_PAD.encode(y)),
        }
    }
}

/// The public keys that access tokens are checked with.
///
/// A key is listed before the first token is signed with it and for as long as one may be good: whoever keeps the
/// list for five minutes, as the answer allows, and asks again for a `kid` that is not on it, knows every key.
#[api_operation(tag = "system", operation_id = "getPublicKeys", no_security)]
pub(crate) async fn handler(req: HttpRequest, state: State) -> Result<Reply<Body>, ApiError> {
    let keys = state.services.sessions.public_keys();
    let keys = keys.into_iter().map(Key::from).collect();
    Reply::public(&req, &Body { keys })
}
