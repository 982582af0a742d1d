//! The tokens of a service account.

use chrono::TimeDelta;
use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use parlance_domain::providers::ProviderErrorKind as Kind;
use parlance_domain::speech::SpeechSynthesizer;
use parlance_domain::time::Clock;
use parlance_google::GoogleConfig;
use parlance_testbed::{FakeGoogle, GoogleBehaviour as Behaviour, GoogleService};
use serde_json::Value;

use crate::fixture::{by_account, hasty, speech};

#[tokio::test]
async fn a_token_is_asked_for_by_a_signed_assertion() {
    let speech = speech(by_account);
    speech.voices().await.unwrap();
    let form = speech.fake.requests(GoogleService::Tokens).pop().unwrap().body;
    let form: Vec<_> = url::form_urlencoded::parse(form.as_str().unwrap().as_bytes())
        .into_owned()
        .collect();
    let assertion = &form.iter().find(|(name, _)| name == "assertion").unwrap().1;
    let key =
        DecodingKey::from_rsa_pem(FakeGoogle::start().unwrap().public_key().unwrap().as_bytes()).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[format!("{}/token", speech.fake.url())]);
    // The clock of tests stands elsewhere.
    validation.validate_exp = false;
    let claims = decode::<Value>(assertion, &key, &validation).unwrap().claims;
    let now = speech.clock.now().timestamp();
    assert_eq!(
        (claims["iat"].as_i64(), claims["exp"].as_i64()),
        (Some(now), Some(now + 3_600))
    );
    assert!(decode_header(assertion).unwrap().kid.is_some());
    let request = speech.fake.requests(GoogleService::Voices).pop().unwrap();
    assert_eq!(request.header("authorization"), Some("Bearer ya29.fake-token-1"));
    assert_eq!(request.header("x-goog-api-key"), None);
}

#[tokio::test]
async fn all_use_one_token_until_five_minutes_before_it_expires() {
    let speech = speech(by_account);
    for result in join_all((0..20).map(|_| speech.voices())).await {
        result.unwrap();
    }
    assert_eq!(speech.fake.calls(GoogleService::Tokens), 1);
    speech.clock.advance(TimeDelta::seconds(3_599 - 301));
    speech.voices().await.unwrap();
    assert_eq!(speech.fake.calls(GoogleService::Tokens), 1);
    speech.clock.advance(TimeDelta::seconds(2));
    for result in join_all((0..20).map(|_| speech.voices())).await {
        result.unwrap();
    }
    assert_eq!(speech.fake.calls(GoogleService::Tokens), 2);
}

#[tokio::test]
async fn a_token_that_is_not_accepted_is_renewed_once_for_all() {
    let speech = speech(by_account);
    speech.voices().await.unwrap();
    speech.fake.revoke_tokens();
    for result in join_all((0..10).map(|_| speech.voices())).await {
        result.unwrap();
    }
    assert_eq!(speech.fake.calls(GoogleService::Tokens), 2);
}

#[tokio::test]
async fn an_account_that_is_never_accepted_is_asked_for_once_more_and_no_more() {
    let speech = speech(by_account);
    speech.fake.always(GoogleService::Voices, Behaviour::Status(401));
    assert_eq!(speech.voices().await.unwrap_err().kind, Kind::Unauthorized);
    assert_eq!(speech.fake.calls(GoogleService::Voices), 2);
    assert_eq!(speech.fake.calls(GoogleService::Tokens), 2);
}

#[tokio::test]
async fn tokens_that_are_not_to_be_had_are_failures_of_their_kind() {
    for (behaviour, expected) in [
        (Behaviour::Status(400), Kind::Unauthorized),
        (Behaviour::Status(401), Kind::Unauthorized),
        (Behaviour::StatusRetryAfter(429, "9".to_owned()), Kind::Exhausted),
        (Behaviour::Status(503), Kind::Unavailable),
        (Behaviour::Hang, Kind::Timeout),
        (Behaviour::Cut, Kind::Invalid),
        (Behaviour::NotJson, Kind::Invalid),
        (Behaviour::Empty, Kind::Invalid),
    ] {
        let is_in_vain = behaviour == Behaviour::Hang;
        let speech = speech(if is_in_vain { hasty_account } else { by_account });
        speech.fake.next(GoogleService::Tokens, 1, behaviour.clone());
        let error = speech.voices().await.unwrap_err();
        assert_eq!(error.kind, expected, "{behaviour:?}");
        assert_eq!(speech.fake.calls(GoogleService::Voices), 0);
        assert!(!format!("{error:?}").contains("eyJ"), "{error:?}");
    }
}

fn hasty_account(config: &mut GoogleConfig, fake: &FakeGoogle) {
    by_account(config, fake);
    hasty(config, fake);
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_is_used_until_it_expires() {
    let speech = speech(by_account);
    speech.voices().await.unwrap();
    speech.fake.always(GoogleService::Tokens, Behaviour::Status(503));
    speech.clock.advance(TimeDelta::seconds(3_599 - 60));
    speech.voices().await.unwrap();
    speech.clock.advance(TimeDelta::seconds(60));
    assert_eq!(speech.voices().await.unwrap_err().kind, Kind::Unavailable);
}
