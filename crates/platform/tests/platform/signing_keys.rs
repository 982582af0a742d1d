//! Access tokens that are signed with keys instead of a secret, and the file that holds the keys.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use parlance_domain::accounts::{AccessClaims, AccessTokens, PublicPoint, TokenError};
use parlance_domain::ids::{SessionId, UserId};
use parlance_platform::{JwtAccessTokens, KeyAlgorithm, KeyDuty, RetireError, SigningKeys, SigningKeysError};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{SECRET, access_tokens};
use crate::token_forgery::{ISSUED_AT, after, claims, forged, header, signed, with};

const BOTH: [KeyAlgorithm; 2] = [KeyAlgorithm::EdDsa, KeyAlgorithm::Es256];
const LIFETIME: TimeDelta = TimeDelta::minutes(15);

/// Tokens of one key that has signed for an hour.
fn tokens_of(algorithm: KeyAlgorithm) -> JwtAccessTokens {
    let tokens = access_tokens();
    tokens.take_keys(SigningKeys::first(algorithm, after(-3_600)).unwrap());
    tokens
}

mod ed_dsa {
    use super::*;
    parlance_contract::access_tokens_contract!(tokens_of(KeyAlgorithm::EdDsa));
}

mod es256 {
    use super::*;
    parlance_contract::access_tokens_contract!(tokens_of(KeyAlgorithm::Es256));
}

fn issued(seconds: i64) -> AccessClaims {
    AccessClaims {
        user_id: UserId(Uuid::from_u128(1)),
        session_id: SessionId(Uuid::from_u128(2)),
        roles: [].into(),
        issued_at: after(seconds),
        expires_at: after(seconds) + LIFETIME,
    }
}

fn sign(tokens: &JwtAccessTokens, seconds: i64) -> String {
    tokens
        .sign(&issued(seconds))
        .unwrap()
        .0
        .expose_secret()
        .to_owned()
}

fn verify(tokens: &JwtAccessTokens, token: &str) -> Result<AccessClaims, TokenError> {
    tokens.verify(token, after(60))
}

fn header_of(token: &str) -> Value {
    let text = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn copy(keys: &SigningKeys) -> SigningKeys {
    SigningKeys::read(keys.write().unwrap().expose_secret()).unwrap()
}

fn ids(keys: &SigningKeys) -> Vec<String> {
    keys.list(after(0)).map(|(key, _)| key.id().to_owned()).collect()
}

fn file(keys: &SigningKeys) -> Value {
    serde_json::from_str(keys.write().unwrap().expose_secret()).unwrap()
}

#[test]
fn a_token_names_its_key_and_anybody_can_check_it_by_the_public_half() {
    for algorithm in BOTH {
        let tokens = tokens_of(algorithm);
        let token = sign(&tokens, 0);
        let key = &tokens.public_keys()[0];
        assert_eq!(
            header_of(&token),
            json!({"typ": "at+jwt", "alg": algorithm.as_str(), "kid": key.id})
        );
        let (checking, algorithm) = match key.point {
            PublicPoint::Ed25519 { x } => {
                let x = URL_SAFE_NO_PAD.encode(x);
                (DecodingKey::from_ed_components(&x).unwrap(), Algorithm::EdDSA)
            }
            PublicPoint::P256 { x, y } => {
                let [x, y] = [x, y].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
                (DecodingKey::from_ec_components(&x, &y).unwrap(), Algorithm::ES256)
            }
        };
        let mut validation = Validation::new(algorithm);
        validation.set_audience(&["parlance-api"]);
        validation.validate_exp = false;
        assert!(decode::<Value>(&token, &checking, &validation).is_ok());
    }
    assert!(access_tokens().public_keys().is_empty());
}

#[test]
fn threat_75_after_a_rotation_the_tokens_of_the_former_key_stay_good() {
    for (former, latter) in [(BOTH[0], BOTH[0]), (BOTH[0], BOTH[1]), (BOTH[1], BOTH[0])] {
        let mut keys = SigningKeys::first(former, after(-3_600)).unwrap();
        let one = access_tokens();
        one.take_keys(copy(&keys));
        let old = sign(&one, 0);
        keys.add(latter, after(300)).unwrap();
        // Another copy of the program that knows the new key already, and this one, which does not.
        let other = access_tokens();
        other.take_keys(copy(&keys));
        assert!(verify(&other, &old).is_ok());
        assert!(verify(&one, &sign(&other, 299)).is_err(), "not good yet");
        assert!(one.verify(&sign(&other, 299), after(299)).is_ok());
        one.take_keys(copy(&keys));
        for (seconds, key) in [(299, 1), (300, 0), (301, 0)] {
            let token = sign(&one, seconds);
            assert_eq!(header_of(&token)["kid"], ids(&keys)[key], "{seconds}");
            assert!(other.verify(&token, after(seconds)).is_ok());
            assert!(one.verify(&old, after(seconds)).is_ok());
        }
    }
}

#[test]
fn threat_75_moving_from_the_secret_to_a_key_ends_no_session() {
    let tokens = access_tokens();
    let old = sign(&tokens, 0);
    let before = access_tokens();
    tokens.take_keys(SigningKeys::first(KeyAlgorithm::EdDsa, after(300)).unwrap());
    // Until its time has come, copies that do not have the file yet understand everything.
    let meanwhile = sign(&tokens, 299);
    assert!(header_of(&meanwhile).get("kid").is_none());
    assert!(before.verify(&meanwhile, after(299)).is_ok());
    let new = sign(&tokens, 300);
    assert_eq!(header_of(&new)["alg"], "EdDSA");
    for token in [&old, &meanwhile, &new] {
        assert!(tokens.verify(token, after(301)).is_ok());
    }
}

#[test]
fn threat_09_the_secret_signs_nothing_any_more_once_a_key_does() {
    for algorithm in BOTH {
        let tokens = tokens_of(algorithm);
        // Signed with the true secret, after the key took over an hour ago.
        assert_eq!(
            verify(&tokens, &forged(&json!({}), &json!({}))),
            Err(TokenError::Invalid)
        );
        // A file that was not made by the command has never known a secret.
        let mut made = file(&SigningKeys::first(algorithm, after(-3_600)).unwrap());
        made.as_object_mut().unwrap().remove("hs256_until");
        tokens.take_keys(SigningKeys::read(&made.to_string()).unwrap());
        let early = forged(&json!({}), &json!({"iat": 0}));
        assert_eq!(verify(&tokens, &early), Err(TokenError::Invalid));
        assert!(verify(&tokens, &sign(&tokens, 0)).is_ok());
    }
}

#[test]
fn threat_09_a_public_key_is_no_secret_to_sign_with() {
    for algorithm in BOTH {
        let tokens = tokens_of(algorithm);
        let key = &tokens.public_keys()[0];
        let point = match key.point {
            PublicPoint::Ed25519 { x } => x.to_vec(),
            PublicPoint::P256 { x, y } => [[4].as_slice(), &x, &y].concat(),
        };
        let text = URL_SAFE_NO_PAD.encode(&point);
        // As whoever reads it as text would have it.
        let latin: String = point.iter().map(|byte| char::from(*byte)).collect();
        for secret in [text.as_str(), &latin, "", SECRET] {
            for alg in ["HS256", "HS512", "EdDSA", "ES256", "none", "nOnE", "RS256", ""] {
                for kid in [json!(key.id), json!(null)] {
                    let header = with(header(), &json!({"alg": alg, "kid": kid}));
                    let token = signed(&header.to_string(), &claims().to_string(), secret);
                    assert_eq!(verify(&tokens, &token), Err(TokenError::Invalid), "{header}");
                    let (message, _) = token.rsplit_once('.').unwrap();
                    for unsigned in [message.to_owned(), format!("{message}.")] {
                        assert_eq!(verify(&tokens, &unsigned), Err(TokenError::Invalid), "{header}");
                    }
                }
            }
        }
    }
}

#[test]
fn threat_09_a_key_checks_by_its_own_algorithm_only() {
    use jsonwebtoken::{EncodingKey, Header, encode};

    for [ours, other] in [BOTH, [BOTH[1], BOTH[0]]] {
        let tokens = tokens_of(ours);
        // Signed by a stranger's key, and by a key of another kind that took the name of ours.
        for algorithm in [ours, other] {
            let theirs = SigningKeys::first(algorithm, after(-3_600)).unwrap();
            let mut renamed = file(&theirs);
            renamed["keys"][0]["kid"] = json!(tokens.public_keys()[0].id);
            for keys in [file(&theirs), renamed] {
                let forger = access_tokens();
                forger.take_keys(SigningKeys::read(&keys.to_string()).unwrap());
                assert_eq!(verify(&tokens, &sign(&forger, 0)), Err(TokenError::Invalid));
            }
        }
        // The secret's key under another name in the header.
        let header = Header {
            typ: Some("at+jwt".to_owned()),
            kid: Some(tokens.public_keys()[0].id.clone()),
            ..Header::new(Algorithm::HS384)
        };
        let token = encode(&header, &claims(), &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
        assert_eq!(verify(&tokens, &token), Err(TokenError::Invalid));
    }
}

/// A token of ours whose header says something else, signed with the same key.
fn resigned(keys: &SigningKeys, changes: &Value) -> String {
    use jsonwebtoken::EncodingKey;
    use jsonwebtoken::crypto::sign;

    let made = file(keys);
    let seed = URL_SAFE_NO_PAD
        .decode(made["keys"][0]["d"].as_str().unwrap())
        .unwrap();
    // The DER of a seed of Ed25519 (RFC 8410).
    let der = [
        b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".as_slice(),
        &seed,
    ]
    .concat();
    let ours = json!({"typ": "at+jwt", "alg": "EdDSA", "kid": made["keys"][0]["kid"]});
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(&with(ours, changes)), encode(&claims()));
    let signature = sign(
        message.as_bytes(),
        &EncodingKey::from_ed_der(&der),
        Algorithm::EdDSA,
    )
    .unwrap();
    format!("{message}.{signature}")
}

#[test]
fn threat_10_a_key_that_is_unknown_or_strangely_named_checks_nothing() {
    let keys = SigningKeys::first(KeyAlgorithm::EdDsa, after(-3_600)).unwrap();
    let tokens = access_tokens();
    tokens.take_keys(copy(&keys));
    // Without this, no refusal below would say anything.
    assert!(verify(&tokens, &resigned(&keys, &json!({}))).is_ok());
    let id = ids(&keys).remove(0);
    let long = "k".repeat(2_000);
    for kid in [
        "",
        " ",
        "../../dev/null",
        "/dev/null",
        "' OR 1=1; --",
        "http://127.0.0.1:1/key",
        "*",
        "%",
        "\0",
        &long,
        &id[1..],
        &format!("{id} "),
        &id.to_lowercase(),
        &format!("./{id}"),
    ] {
        let token = resigned(&keys, &json!({"kid": kid}));
        assert_eq!(verify(&tokens, &token), Err(TokenError::Invalid), "{kid}");
    }
    for kid in [json!(null), json!(1), json!([id]), json!({"id": id})] {
        let token = resigned(&keys, &json!({"kid": kid}));
        assert_eq!(verify(&tokens, &token), Err(TokenError::Invalid), "{kid}");
    }
}

#[test]
fn threat_10_a_token_of_a_key_brings_no_other_along() {
    let keys = SigningKeys::first(KeyAlgorithm::EdDsa, after(-3_600)).unwrap();
    let tokens = access_tokens();
    tokens.take_keys(copy(&keys));
    let stranger = SigningKeys::first(KeyAlgorithm::EdDsa, after(-3_600)).unwrap();
    let theirs = file(&stranger)["keys"][0].clone();
    for changes in [
        json!({"jwk": {"kty": "OKP", "crv": "Ed25519", "x": theirs["x"]}}),
        json!({"jku": "http://127.0.0.1:1/keys"}),
        json!({"x5u": "http://127.0.0.1:1/cert"}),
        json!({"x5c": ["MIIB"]}),
        json!({"crit": ["exp"]}),
    ] {
        // By the stranger whose key it brings, under our name for it; and one of ours that says so.
        let named = with(changes.clone(), &json!({"kid": ids(&keys)[0]}));
        for token in [resigned(&stranger, &named), resigned(&keys, &changes)] {
            assert_eq!(verify(&tokens, &token), Err(TokenError::Invalid), "{changes}");
        }
    }
}

#[test]
fn threat_08_a_token_of_another_type_is_refused_whoever_signed_it() {
    let keys = SigningKeys::first(KeyAlgorithm::EdDsa, after(-3_600)).unwrap();
    let tokens = access_tokens();
    tokens.take_keys(copy(&keys));
    for typ in [json!("JWT"), json!("id+jwt"), json!(""), json!(null), json!(1)] {
        let token = resigned(&keys, &json!({"typ": typ}));
        assert_eq!(verify(&tokens, &token), Err(TokenError::Invalid), "{typ}");
    }
}

#[test]
fn a_key_is_retired_only_once_its_tokens_have_expired() {
    let mut keys = SigningKeys::first(KeyAlgorithm::EdDsa, after(0)).unwrap();
    let first = ids(&keys).remove(0);
    let retire = |keys: &mut SigningKeys, id: &str, seconds, at_once| {
        keys.retire(id, after(seconds), LIFETIME, at_once)
    };
    assert_eq!(retire(&mut keys, &first, 10, true), Err(RetireError::Signs));
    assert_eq!(
        retire(&mut keys, &first, -10, true),
        Err(RetireError::Signs),
        "the only one"
    );
    let second = keys.add(KeyAlgorithm::EdDsa, after(300)).unwrap().id().to_owned();
    let duties = |keys: &SigningKeys, seconds| {
        keys.list(after(seconds))
            .map(|(_, duty)| duty)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        duties(&keys, 299),
        [KeyDuty::Waits { until: after(300) }, KeyDuty::Signs]
    );
    assert_eq!(
        duties(&keys, 300),
        [KeyDuty::Signs, KeyDuty::Checks { since: after(300) }]
    );
    assert_eq!(retire(&mut keys, &first, 299, true), Err(RetireError::Signs));
    assert_eq!(
        retire(&mut keys, &first, 1_199, false),
        Err(RetireError::InUse(after(1_200)))
    );
    assert_eq!(retire(&mut keys, "other", 1_200, true), Err(RetireError::Unknown));
    let mut stolen = copy(&keys);
    assert_eq!(retire(&mut stolen, &first, 300, true), Ok(()));
    let mut unused = copy(&keys);
    assert_eq!(
        retire(&mut unused, &second, 10, false),
        Ok(()),
        "it has signed nothing"
    );
    assert_eq!(retire(&mut keys, &first, 1_200, false), Ok(()));
    assert_eq!(ids(&keys), [second]);
    // What the secret signed before the first key stays refused when that key is gone.
    let tokens = access_tokens();
    tokens.take_keys(keys);
    assert!(
        tokens
            .verify(&forged(&json!({}), &json!({"iat": ISSUED_AT + 100})), after(400))
            .is_err()
    );
}

#[test]
fn threat_10_a_token_that_was_good_is_refused_once_its_key_is_gone() {
    for algorithm in BOTH {
        let mut keys = SigningKeys::first(algorithm, after(-3_600)).unwrap();
        let stolen = ids(&keys).remove(0);
        let tokens = access_tokens();
        tokens.take_keys(copy(&keys));
        let token = sign(&tokens, 0);
        assert!(verify(&tokens, &token).is_ok());
        keys.add(algorithm, after(10)).unwrap();
        keys.retire(&stolen, after(20), LIFETIME, true).unwrap();
        tokens.take_keys(keys);
        assert_eq!(verify(&tokens, &token), Err(TokenError::Invalid));
    }
}

#[test]
fn what_is_written_is_read_again_and_holds_what_others_read_too() {
    for algorithm in BOTH {
        let mut keys = SigningKeys::first(algorithm, after(0)).unwrap();
        keys.add(algorithm, after(10)).unwrap();
        assert_eq!(file(&copy(&keys)), file(&keys));
        let key = &file(&keys)["keys"][0];
        assert_eq!(
            (&key["use"], &key["alg"]),
            (&json!("sig"), &json!(algorithm.as_str()))
        );
        while keys.add(algorithm, after(20)).is_some() {}
        assert_eq!(ids(&keys).len(), 16);
    }
    let waiting = SigningKeys::first(KeyAlgorithm::EdDsa, after(10)).unwrap();
    assert!(waiting.can_sign(after(0)), "the secret does");
    let mut alone = file(&waiting);
    alone.as_object_mut().unwrap().remove("hs256_until");
    let alone = SigningKeys::read(&alone.to_string()).unwrap();
    assert!(!alone.can_sign(after(9)) && alone.can_sign(after(10)));
}

#[test]
fn a_file_that_is_not_right_in_all_is_refused() {
    let ed = file(&SigningKeys::first(KeyAlgorithm::EdDsa, after(0)).unwrap());
    let ec = file(&SigningKeys::first(KeyAlgorithm::Es256, after(0)).unwrap());
    for text in [
        "",
        "null",
        "[]",
        "{}",
        "{\"keys\": 1}",
        "-----BEGIN PRIVATE KEY-----",
    ] {
        assert_eq!(
            SigningKeys::read(text).err(),
            Some(SigningKeysError::Malformed),
            "{text}"
        );
    }
    assert_eq!(
        SigningKeys::read("{\"keys\": []}").err(),
        Some(SigningKeysError::Count)
    );
    for (made, changes) in [
        (&ed, json!({"alg": "ES256"})),
        (&ed, json!({"alg": "HS256"})),
        (&ed, json!({"use": "enc"})),
        (&ed, json!({"kid": ""})),
        (&ed, json!({"kid": "../key"})),
        (&ed, json!({"kty": "EC"})),
        (&ed, json!({"crv": "Ed448"})),
        (&ed, json!({"x": "AAAA"})),
        (&ed, json!({"d": "AAAA"})),
        // Two halves of two keys.
        (&ed, json!({"d": ec["keys"][0]["d"]})),
        (&ec, json!({"d": ed["keys"][0]["d"]})),
        (&ec, json!({"y": null})),
        (&ec, json!({"y": ec["keys"][0]["x"]})),
        (&ec, json!({"crv": "P-384"})),
    ] {
        let mut changed = made.clone();
        changed["keys"][0] = with(changed["keys"][0].clone(), &changes);
        let refused = SigningKeys::read(&changed.to_string()).err();
        assert_eq!(refused, Some(SigningKeysError::Key(1)), "{changes}");
    }
    let mut twice = ed.clone();
    twice["keys"] = json!([ed["keys"][0], ed["keys"][0]]);
    assert_eq!(
        SigningKeys::read(&twice.to_string()).err(),
        Some(SigningKeysError::Key(2))
    );
}
