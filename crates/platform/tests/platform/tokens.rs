//! What an access token says, and in which types.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parlance_contract::fakes::SequentialIds;
use parlance_domain::accounts::{AccessClaims, AccessTokens, Role, TokenError};
use parlance_domain::ids::{SessionId, UserId};
use parlance_platform::{JwtAccessTokens, JwtConfig};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{SECRET, access_tokens};
use crate::token_forgery::{ISSUED_AT, after, claims, forged, header, signed, verify, with};

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn ours() -> AccessClaims {
    AccessClaims {
        user_id: UserId(Uuid::from_u128(1)),
        session_id: SessionId(Uuid::from_u128(2)),
        roles: [Role::User].into(),
        issued_at: after(0),
        expires_at: after(900),
    }
}

#[test]
fn a_token_has_the_members_that_clients_read() {
    let tokens = access_tokens();
    let token = tokens.sign(&ours()).unwrap().0;
    let parts: Vec<_> = token.expose_secret().split('.').collect();
    assert_eq!(decoded(parts[0]), json!({"typ": "at+jwt", "alg": "HS256"}));
    let user = Uuid::from_u128(1).to_string();
    let claims = decoded(parts[1]);
    let named = with(claims.clone(), &json!({"jti": null}));
    assert_eq!(
        named,
        json!({
            "iss": "parlance", "aud": "parlance-api", "sub": user, "userId": user,
            "sid": Uuid::from_u128(2).to_string(), "iat": ISSUED_AT, "exp": ISSUED_AT + 900,
            "roles": ["user"],
        })
    );
    assert!(claims["jti"].as_str().unwrap().parse::<Uuid>().is_ok());
}

#[test]
fn every_token_has_an_id_of_its_own() {
    let tokens = access_tokens();
    let sign = || tokens.sign(&ours()).unwrap().0.expose_secret().to_owned();
    assert_ne!(sign(), sign());
}

#[test]
fn threat_11_a_time_is_a_whole_number_of_seconds_or_the_token_is_refused() {
    let odd = [
        json!("9999999999"),
        json!(""),
        json!(1e30),
        json!(1e300),
        json!(-1),
        json!(-9_999_999_999_i64),
        json!(1_772_367_300.5),
        json!(1_772_367_300.0),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(true),
        json!([ISSUED_AT + 900]),
        json!({}),
    ];
    for name in ["exp", "iat", "nbf"] {
        for value in &odd {
            let token = forged(&json!({}), &json!({name: value}));
            assert_eq!(verify(&token), Err(TokenError::Invalid), "{name}: {value}");
        }
        let null = claims()
            .to_string()
            .replacen('{', &format!("{{\"{name}\":null,"), 1);
        let token = signed(&header().to_string(), &null, SECRET);
        assert_eq!(verify(&token), Err(TokenError::Invalid), "{name}: null");
    }
}

#[test]
fn threat_11_a_claim_that_is_missing_or_of_another_type_is_refused() {
    for name in ["iss", "aud", "sub", "sid", "jti", "iat", "exp", "roles", "userId"] {
        for value in [json!(null), json!(1), json!("x"), json!([2]), json!({})] {
            if value.is_number() && ["iat", "exp"].contains(&name) {
                continue;
            }
            let token = forged(&json!({}), &json!({name: value}));
            assert_eq!(verify(&token), Err(TokenError::Invalid), "{name}: {value}");
        }
    }
    for payload in ["", "null", "[]", "1", "{}", "{", "\"\""] {
        let token = signed(&header().to_string(), payload, SECRET);
        assert_eq!(verify(&token), Err(TokenError::Invalid), "{payload:?}");
    }
}

#[test]
fn threat_11_a_claim_said_twice_is_refused() {
    let twice = claims().to_string().replacen('{', "{\"exp\":9999999999,", 1);
    let token = signed(&header().to_string(), &twice, SECRET);
    assert_eq!(verify(&token), Err(TokenError::Invalid));
}

#[test]
fn a_token_that_is_not_good_yet_is_refused_but_for_a_minute_of_skew() {
    for name in ["nbf", "iat"] {
        let at = |seconds: i64| verify(&forged(&json!({}), &json!({name: ISSUED_AT + 60 + seconds})));
        assert!(at(60).is_ok(), "{name}");
        assert_eq!(at(61), Err(TokenError::Invalid), "{name}");
    }
}

#[test]
fn a_token_that_was_good_expires_all_the_same_and_is_read_to_the_last_byte() {
    let tokens = access_tokens();
    let token = tokens.sign(&ours()).unwrap().0;
    let token = token.expose_secret();
    assert!(tokens.verify(token, after(60)).is_ok());
    assert_eq!(tokens.verify(token, ours().expires_at), Err(TokenError::Expired));
    assert_eq!(tokens.verify(token, after(-61)), Err(TokenError::Invalid));
    for place in 0..token.len() {
        let mut other = token.as_bytes().to_vec();
        other[place] ^= 1;
        let other = String::from_utf8(other).unwrap();
        assert_eq!(
            tokens.verify(&other, after(60)),
            Err(TokenError::Invalid),
            "{place}"
        );
    }
}

#[test]
fn another_issuer_or_audience_is_refused() {
    for changes in [
        json!({"iss": "parlance2"}),
        json!({"iss": ""}),
        json!({"iss": ["parlance"]}),
        json!({"aud": "Parlance-api"}),
        json!({"aud": ["parlance-api", "other"]}),
        json!({"aud": "parlance"}),
    ] {
        assert_eq!(
            verify(&forged(&json!({}), &changes)),
            Err(TokenError::Invalid),
            "{changes}"
        );
    }
    let config = JwtConfig {
        secret: SECRET.into(),
        issuer: "parlance".to_owned(),
        audience: "another".to_owned(),
    };
    let elsewhere = JwtAccessTokens::new(&config, Arc::new(SequentialIds::default()));
    let token = elsewhere.sign(&ours()).unwrap().0;
    assert_eq!(verify(token.expose_secret()), Err(TokenError::Invalid));
}

#[test]
fn only_what_is_right_in_all_else_has_expired() {
    let expired =
        |header: Value, claims: Value| access_tokens().verify(&forged(&header, &claims), after(900));
    assert_eq!(expired(json!({}), json!({})), Err(TokenError::Expired));
    for (header, claims) in [
        (json!({"typ": "JWT"}), json!({})),
        (json!({}), json!({"aud": "other"})),
        (json!({}), json!({"sub": "x"})),
        (json!({}), json!({"userId": Uuid::from_u128(9).to_string()})),
        (json!({}), json!({"nbf": "x"})),
    ] {
        assert_eq!(expired(header, claims), Err(TokenError::Invalid));
    }
}

#[test]
fn the_two_names_of_the_user_agree() {
    let other = Uuid::from_u128(9).to_string();
    let token = forged(&json!({}), &json!({"userId": other}));
    assert_eq!(verify(&token), Err(TokenError::Invalid));
}

#[test]
fn a_role_of_a_newer_version_gives_nothing_and_takes_nothing() {
    let token = forged(&json!({}), &json!({"roles": ["owner", "user", "", "ADMIN"]}));
    assert_eq!(verify(&token).unwrap().roles, [Role::User].into());
}

#[test]
fn a_token_of_more_than_4_kib_is_refused_although_it_is_ours() {
    let long = |characters: usize| forged(&json!({}), &json!({"more": "x".repeat(characters)}));
    assert!(verify(&long(2_000)).is_ok());
    assert_eq!(verify(&long(4_000)), Err(TokenError::Invalid));
}

#[test]
fn threat_73_a_configuration_does_not_show_its_secret() {
    let config = JwtConfig {
        secret: SECRET.into(),
        issuer: "parlance".to_owned(),
        audience: "parlance-api".to_owned(),
    };
    assert!(!format!("{config:?}").contains(SECRET));
}
