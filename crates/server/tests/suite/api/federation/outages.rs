//! Providers that are down, hang, or change their keys.

use std::sync::Arc;

use chrono::TimeDelta;
use parlance_contract::fakes::TestClock;
use parlance_domain::time::Clock;
use parlance_platform::SystemClock;
use parlance_testbed::{FakeOpenId, OpenIdBehaviour, OpenIdPerson};
use serde_json::json;

use super::{ANN, IDENTITIES, PROVIDERS, count, federated, newcomer};
use crate::harness::{FRONT_END, TestApp, assert_problem, assert_refused, sent_to};

const DISCOVERY: &str = "/.well-known/openid-configuration";

async fn timed() -> (TestApp, FakeOpenId, Arc<TestClock>) {
    let openid = FakeOpenId::start().unwrap();
    let clock = Arc::new(TestClock::new(SystemClock.now()));
    let app = TestApp::builder()
        .clock(&clock)
        .providers(&[("company", &openid)])
        .start()
        .await;
    (app, openid, clock)
}

#[tokio::test]
async fn what_a_provider_says_of_itself_is_asked_for_once() {
    let (app, openid) = federated().await;
    for _ in 0..3 {
        app.browser().sign_in("company").await;
    }
    assert_eq!((openid.calls(DISCOVERY), openid.calls("/jwks")), (1, 1));
}

#[tokio::test]
async fn threat_75_a_new_key_is_asked_for_and_tokens_of_strangers_cause_no_storm() {
    let (app, openid, clock) = timed().await;
    newcomer(&app, &openid, OpenIdPerson::new("person-1", ANN)).await;
    clock.advance(TimeDelta::seconds(11));
    // From RSA to an elliptic curve, and back.
    for asked in [2, 3] {
        openid.rotate_keys().unwrap();
        let answer = app.browser().sign_in("company").await;
        assert_eq!(sent_to(&answer).as_str(), FRONT_END);
        assert_eq!(openid.calls("/jwks"), asked);
        clock.advance(TimeDelta::seconds(11));
    }
    for _ in 0..5 {
        openid.next(OpenIdBehaviour::UnknownKey);
        app.browser().is_refused("company", "PROVIDER_REFUSED").await;
    }
    assert_eq!(openid.calls("/jwks"), 4);
}

#[tokio::test]
async fn a_provider_that_is_down_at_the_token_is_told_of() {
    let (app, openid) = federated().await;
    for behaviour in [
        OpenIdBehaviour::Status(500),
        OpenIdBehaviour::Status(503),
        OpenIdBehaviour::Status(429),
        OpenIdBehaviour::Status(302),
        OpenIdBehaviour::Status(200),
        OpenIdBehaviour::Endless,
    ] {
        openid.next(behaviour);
        app.browser().is_refused("company", "PROVIDER_UNAVAILABLE").await;
    }
    assert_eq!(count(&app, "accounts"), 0);
    assert_eq!(
        sent_to(&app.browser().sign_in("company").await).as_str(),
        FRONT_END
    );
}

#[tokio::test]
async fn a_provider_that_does_not_say_where_it_is_is_told_of_and_left_alone_for_a_moment() {
    let (app, openid, clock) = timed().await;
    openid.next_discovery(OpenIdBehaviour::Status(500));
    let path = format!("{PROVIDERS}/company/authorize?returnTo={FRONT_END}");
    for _ in 0..3 {
        assert_refused(&app.get(&path).await.expect(302), "PROVIDER_UNAVAILABLE");
    }
    let user = app.register().await;
    let answer = user.post(&format!("{IDENTITIES}/company"), &json!({})).await;
    assert_problem(&answer, 503, "PROVIDER_UNAVAILABLE");
    assert!(answer.header("retry-after").is_some());
    assert_eq!(openid.calls(DISCOVERY), 1);
    assert_eq!(count(&app, "provider_authorizations"), 0);
    clock.advance(TimeDelta::seconds(11));
    newcomer(&app, &openid, OpenIdPerson::new("person-1", ANN)).await;
}

#[tokio::test]
async fn what_is_known_of_a_provider_outlives_its_outage() {
    let (app, openid, clock) = timed().await;
    newcomer(&app, &openid, OpenIdPerson::new("person-1", ANN)).await;
    clock.advance(TimeDelta::seconds(3_601));
    openid.next_discovery(OpenIdBehaviour::Status(500));
    let mut browser = app.browser();
    browser.begin("company").await;
    assert_eq!(openid.calls(DISCOVERY), 2);
}

#[tokio::test]
async fn threat_44_a_discovery_document_leads_to_no_other_machine_in_the_clear() {
    for (member, place) in [
        ("jwks_uri", "http://169.254.169.254/latest/meta-data"),
        ("jwks_uri", "http://192.0.2.1/jwks"),
        ("issuer", "https://accounts.google.com"),
    ] {
        let (app, openid) = federated().await;
        openid.says(member, json!(place));
        let path = format!("{PROVIDERS}/company/authorize?returnTo={FRONT_END}");
        assert_refused(&app.get(&path).await.expect(302), "PROVIDER_UNAVAILABLE");
    }
    let (app, openid) = federated().await;
    openid.says("token_endpoint", json!("http://192.0.2.1/token"));
    app.browser().is_refused("company", "PROVIDER_UNAVAILABLE").await;
}
