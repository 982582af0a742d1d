//! `/users/me/keys`: learners' own keys of providers.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use parlance_contract::fakes::TestClock;
use parlance_http::state::Environment;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{PASSWORD, TestApp, TestUser, assert_problem};

const PATH: &str = "/api/v1/users/me/keys";
const KEY: &str = "sk-canary-0123456789abcdWXYZ";
const PROVIDERS: [&str; 3] = ["elevenlabs", "google", "openai"];

fn path(provider: &str) -> String {
    format!("{PATH}/{provider}")
}

async fn list(user: &TestUser) -> Value {
    user.get(PATH).await.expect(200).json()
}

async fn set(user: &TestUser, provider: &str, key: &str) -> Value {
    let answer = user.put(&path(provider), &json!({ "key": key })).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.expect(200).json()
}

#[tokio::test]
async fn a_key_is_told_by_its_end_replaced_and_taken_away() {
    let app = TestApp::start().await;
    let user = app.register().await;
    assert_eq!(list(&user).await, json!([]));
    let mut expected = Vec::new();
    for provider in PROVIDERS {
        let answer = set(&user, provider, KEY).await;
        assert!(answer["setAt"].is_string());
        let told = json!({ "provider": provider, "lastFour": "WXYZ", "setAt": answer["setAt"] });
        assert_eq!(answer, told);
        expected.push(told);
    }
    assert_eq!(list(&user).await, json!(expected));
    let other = set(&user, "google", "AIza-another-key-of-theirs-1234").await;
    assert_eq!(other["lastFour"], "1234");
    user.delete(&path("google")).await.expect(204);
    assert_problem(&user.delete(&path("google")).await, 404, "PROVIDER_KEY_NOT_FOUND");
    expected.remove(1);
    assert_eq!(list(&user).await, json!(expected));
}

#[tokio::test]
async fn threat_73_the_store_holds_a_key_sealed_and_the_audit_log_holds_none() {
    let app = TestApp::start().await;
    let user = app.register().await;
    set(&user, "openai", KEY).await;
    let sealed = app.place().texts("SELECT sealed FROM provider_keys");
    assert!(sealed[0].starts_with("v1.development."), "{sealed:?}");
    assert_eq!(
        app.place().texts("SELECT key_id FROM provider_keys"),
        ["development"]
    );
    assert_eq!(app.place().texts("SELECT last_four FROM provider_keys"), ["WXYZ"]);
    let told = app
        .place()
        .texts("SELECT details FROM audit_entries WHERE action = 'provider_key.set'");
    assert_eq!(told, [r#"{"provider":"openai"}"#]);
}

#[tokio::test]
async fn what_is_no_key_is_refused_without_being_repeated() {
    let app = TestApp::start().await;
    let user = app.register().await;
    for key in [
        json!("canary-too-shor"),
        json!("canary with blanks in it"),
        json!("canary-with-ümlauts-in-it"),
        json!("canary-\u{0}-0123456789"),
        json!(format!("canary-{}", "x".repeat(256))),
        json!(["canary-0123456789"]),
        Value::Null,
    ] {
        let answer = user.put(&path("openai"), &json!({ "key": key })).await;
        let details = assert_problem(&answer, 400, "VALIDATION_FAILED");
        assert_eq!(details["fields"][0]["field"], "key", "{key}");
        assert_eq!(details["fields"].as_array().unwrap().len(), 1, "{key}");
        assert!(!answer.text().contains("canary"), "{}", answer.text());
    }
    for provider in ["OpenAI", "azure", "..%2Fopenai"] {
        let answer = user.put(&path(provider), &json!({ "key": KEY })).await;
        assert_problem(&answer, 404, "NOT_FOUND");
        assert_problem(&user.delete(&path(provider)).await, 404, "NOT_FOUND");
    }
    assert_eq!(list(&user).await, json!([]));
}

#[tokio::test]
async fn a_key_is_set_by_whoever_showed_lately_who_they_are() {
    let clock = Arc::new(TestClock::new(
        DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
    ));
    let app = TestApp::builder().clock(&clock).start().await;
    let user = app.register().await;
    set(&user, "openai", KEY).await;
    clock.advance(TimeDelta::minutes(10));
    let late = user.put(&path("openai"), &json!({ "key": KEY })).await;
    assert_problem(&late, 403, "STEP_UP_REQUIRED");
    user.delete(&path("openai")).await.expect(204);
    let password = json!({ "password": PASSWORD });
    user.post("/api/v1/auth/step-up", &password).await.expect(200);
    set(&user, "openai", KEY).await;
}

#[tokio::test]
async fn threat_30_keys_are_their_owners_alone() {
    let app = TestApp::start().await;
    let (ann, bob) = (
        app.register_as("ann@example.com").await,
        app.register_as("bob@example.com").await,
    );
    set(&ann, "openai", KEY).await;
    assert_eq!(list(&bob).await, json!([]));
    assert_problem(&bob.delete(&path("openai")).await, 404, "PROVIDER_KEY_NOT_FOUND");
    set(&bob, "openai", "sk-another-key-of-bobs-1234").await;
    assert_eq!(list(&ann).await[0]["lastFour"], "WXYZ");
    for (method, path) in [
        (Method::GET, PATH.to_owned()),
        (Method::PUT, path("openai")),
        (Method::DELETE, path("openai")),
    ] {
        let answer = app
            .send(app.request(method, &path).json(&json!({ "key": KEY })))
            .await;
        assert_problem(&answer, 401, "UNAUTHORIZED");
    }
}

#[tokio::test]
async fn an_installation_without_a_key_of_its_own_keeps_none() {
    let app = TestApp::builder()
        .with(|settings| {
            settings.environment = Environment::Production;
            settings.sessions.secret = Some("0123456789abcdef0123456789abcdef".into());
        })
        .start()
        .await;
    let user = app.register().await;
    let answer = user.put(&path("openai"), &json!({ "key": KEY })).await;
    assert_problem(&answer, 503, "ENCRYPTION_UNAVAILABLE");
    assert_eq!(list(&user).await, json!([]));
}
