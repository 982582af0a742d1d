//! Tokens as an attacker or a mistake would make them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta};
use hmac::{Hmac, Mac};
use parlance_domain::accounts::{AccessClaims, AccessTokens, TokenError};
use parlance_domain::time::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{SECRET, access_tokens};

/// When all tokens here are issued; they are good for 15 minutes.
pub(crate) const ISSUED_AT: i64 = 1_772_366_400;

/// The instant so many seconds after the issue.
pub(crate) fn after(seconds: i64) -> Timestamp {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(ISSUED_AT + seconds)
}

/// The header of a token of ours.
pub(crate) fn header() -> Value {
    json!({"typ": "at+jwt", "alg": "HS256"})
}

/// The claims of a token of ours.
pub(crate) fn claims() -> Value {
    json!({
        "iss": "parlance",
        "aud": "parlance-api",
        "sub": "019527d3-2f00-7000-8000-000000000001",
        "userId": "019527d3-2f00-7000-8000-000000000001",
        "sid": "019527d3-2f00-7000-8000-000000000002",
        "jti": "019527d3-2f00-7000-8000-000000000003",
        "iat": ISSUED_AT,
        "exp": ISSUED_AT + 900,
        "roles": ["user"],
    })
}

/// An object with other values for some members; null takes a member away.
pub(crate) fn with(mut object: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        let members = object.as_object_mut().unwrap();
        members.insert(name.clone(), value.clone());
        if value.is_null() {
            members.remove(name);
        }
    }
    object
}

/// A token signed with HMAC-SHA-256, whatever its header says.
pub(crate) fn signed(header: &str, claims: &str, secret: &str) -> String {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let message = format!("{}.{}", encode(header), encode(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(message.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    format!("{message}.{signature}")
}

/// A token with our signature and these changes.
pub(crate) fn forged(header_changes: &Value, claims_changes: &Value) -> String {
    let (header, claims) = (with(header(), header_changes), with(claims(), claims_changes));
    signed(&header.to_string(), &claims.to_string(), SECRET)
}

/// What we say of a token in the middle of its life.
pub(crate) fn verify(token: &str) -> Result<AccessClaims, TokenError> {
    access_tokens().verify(token, after(60))
}

#[test]
fn what_is_made_here_like_ours_is_good() {
    // Without this, no refusal below would say anything.
    assert!(verify(&forged(&json!({}), &json!({}))).is_ok());
}

#[test]
fn threat_08_a_refresh_token_is_no_access_token() {
    use parlance_domain::accounts::{RefreshToken, RefreshTokens};
    use parlance_domain::ids::SessionId;
    use secrecy::ExposeSecret;

    let refresh = RefreshTokens::new(&SECRET.into()).write(RefreshToken {
        session_id: SessionId(claims()["sid"].as_str().unwrap().parse().unwrap()),
        counter: 0,
    });
    assert_eq!(verify(refresh.expose_secret()), Err(TokenError::Invalid));
}

#[test]
fn threat_08_a_token_of_another_type_is_no_access_token() {
    for typ in [
        "JWT",
        "refresh+jwt",
        "id+jwt",
        "at",
        "jwt",
        "",
        "at+jwt ",
        "text/at+jwt",
        "application/",
    ] {
        assert_eq!(
            verify(&forged(&json!({"typ": typ}), &json!({}))),
            Err(TokenError::Invalid),
            "{typ}"
        );
    }
    for typ in [json!(null), json!(["at+jwt"]), json!(1)] {
        assert_eq!(
            verify(&forged(&json!({"typ": typ}), &json!({}))),
            Err(TokenError::Invalid),
            "{typ}"
        );
    }
    for typ in ["AT+JWT", "application/at+jwt", "Application/AT+JWT"] {
        assert!(verify(&forged(&json!({"typ": typ}), &json!({}))).is_ok(), "{typ}");
    }
}

#[test]
fn threat_09_no_other_algorithm_is_taken() {
    for alg in [
        "none", "None", "nOnE", "NONE", "", "hs256", "HS384", "HS512", "RS256", "PS256", "ES256", "EdDSA",
    ] {
        let token = forged(&json!({"alg": alg}), &json!({}));
        let (message, _) = token.rsplit_once('.').unwrap();
        for token in [&token, &format!("{message}."), message] {
            assert_eq!(verify(token), Err(TokenError::Invalid), "{alg}");
        }
    }
    for alg in [json!(null), json!(["HS256"]), json!(0)] {
        assert_eq!(
            verify(&forged(&json!({"alg": alg}), &json!({}))),
            Err(TokenError::Invalid),
            "{alg}"
        );
    }
}

#[test]
fn threat_09_a_true_signature_by_another_algorithm_is_refused() {
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};

    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let sign = |algorithm| {
        let header = Header {
            typ: Some("at+jwt".to_owned()),
            ..Header::new(algorithm)
        };
        encode(&header, &claims(), &key).unwrap()
    };
    assert!(verify(&sign(Algorithm::HS256)).is_ok());
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        assert_eq!(verify(&sign(algorithm)), Err(TokenError::Invalid));
    }
}

#[test]
fn threat_09_an_empty_or_foreign_signature_is_refused() {
    let token = forged(&json!({}), &json!({}));
    let (message, _) = token.rsplit_once('.').unwrap();
    let foreign = signed(
        &header().to_string(),
        &claims().to_string(),
        "another secret of 32 bytes and more",
    );
    let no_key = signed(&header().to_string(), &claims().to_string(), "");
    for token in [message, &format!("{message}."), &foreign, &no_key] {
        assert_eq!(verify(token), Err(TokenError::Invalid));
    }
}

#[test]
fn threat_10_a_key_id_chooses_no_key() {
    for kid in ["../../dev/null", "' OR 1=1; --", "http://localhost/key", ""] {
        assert!(verify(&forged(&json!({"kid": kid}), &json!({}))).is_ok());
        let header = with(header(), &json!({"kid": kid}));
        // The key that a file without content would be.
        let token = signed(&header.to_string(), &claims().to_string(), "");
        assert_eq!(verify(&token), Err(TokenError::Invalid));
    }
}

#[test]
fn threat_10_a_token_brings_no_key_along() {
    let secret = "the attacker's own secret, 32 bytes and more";
    let jwk = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(secret), "alg": "HS256"});
    for changes in [
        json!({"jwk": jwk}),
        json!({"jku": "http://127.0.0.1:1/keys"}),
        json!({"x5u": "http://127.0.0.1:1/cert"}),
        json!({"x5c": ["MIIB"]}),
        json!({"crit": ["exp"]}),
        json!({"crit": []}),
    ] {
        let theirs = with(header(), &changes).to_string();
        let token = signed(&theirs, &claims().to_string(), secret);
        assert_eq!(verify(&token), Err(TokenError::Invalid), "{changes}");
        // Nor does one of ours say such a thing.
        assert_eq!(
            verify(&forged(&changes, &json!({}))),
            Err(TokenError::Invalid),
            "{changes}"
        );
    }
}

#[test]
fn threat_12_nothing_about_the_text_can_be_changed() {
    let token = forged(&json!({}), &json!({}));
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let cut = |by: usize| token[..token.len() - by].to_owned();
    let mut changed: Vec<String> = (1..signature.len()).map(cut).collect();
    for extra in ["=", "==", "\n", "\r\n", " ", ".", "A", "\0", "%3D"] {
        changed.push(format!("{token}{extra}"));
        changed.push(format!("{extra}{token}"));
        changed.push(format!("{header}{extra}.{payload}.{signature}"));
        changed.push(format!("{header}.{payload}{extra}.{signature}"));
    }
    changed.push(format!("{header}.{payload}..{signature}"));
    changed.push(format!("{header}..{payload}.{signature}"));
    changed.push(format!("{header}.{payload}.{signature}.{signature}"));
    changed.push(token.to_lowercase());
    changed.push(token.replace('-', "+").replace('_', "/"));
    for changed in changed.iter().filter(|changed| **changed != token) {
        assert_eq!(verify(changed), Err(TokenError::Invalid), "{changed:?}");
    }
}

#[test]
fn threat_12_the_unused_bits_of_the_signature_are_zero() {
    // 32 bytes leave two bits of the last of 43 characters without a meaning.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let token = forged(&json!({}), &json!({}));
    let (begin, last) = token.split_at(token.len() - 1);
    let twins = alphabet.chars().filter(|c| !last.starts_with(*c));
    for twin in twins {
        assert_eq!(
            verify(&format!("{begin}{twin}")),
            Err(TokenError::Invalid),
            "{twin}"
        );
    }
}
