//! What the server does without being asked.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use chrono::TimeDelta;
use parlance_contract::fakes::TestClock;
use parlance_domain::accounts::{RotationTerms, SESSION_REVOKED};
use parlance_domain::ids::SessionId;
use parlance_domain::time::Clock;
use parlance_server::settings::SpeechProvider;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{TestApp, TestUser, eventually};

fn session_of(user: &TestUser) -> SessionId {
    let payload = user.token.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    claims["sid"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_session_that_another_copy_says_has_ended_is_refused() {
    let app = TestApp::start().await;
    let (ended, other) = (app.register().await, app.register().await);
    let message = Bytes::copy_from_slice(session_of(&ended).0.as_bytes());
    let pubsub = app.server().pubsub();
    pubsub
        .publish(SESSION_REVOKED, Bytes::from_static(b"unreadable"))
        .await
        .unwrap();
    pubsub.publish(SESSION_REVOKED, message).await.unwrap();
    eventually("the session is still good", async || {
        ended.get("/api/v1/auth/me").await.status == 401
    })
    .await;
    other.get("/api/v1/auth/me").await.expect(200);
}

#[tokio::test]
async fn expired_sessions_are_deleted_at_the_start() {
    let clock = Arc::new(TestClock::default());
    let app = TestApp::builder().clock(&clock).start().await;
    let old = app.register().await;
    clock.advance(TimeDelta::days(8));
    let young = app.login(&old.email).await;
    let app = app.restart().await;
    let terms = RotationTerms {
        now: clock.now(),
        grace: TimeDelta::zero(),
        lifetime: TimeDelta::days(7),
        longest: TimeDelta::days(365),
    };
    let store = app.server().database().stores().0.sessions;
    let exists = async |user: &TestUser| store.rotate(session_of(user), 99, terms).await.unwrap().is_some();
    eventually("the expired session is still there", async || !exists(&old).await).await;
    assert!(exists(&young).await);
}

#[tokio::test]
async fn what_was_spent_and_answered_long_ago_is_deleted_at_the_start() {
    let clock = Arc::new(TestClock::default());
    let builder = TestApp::builder().clock(&clock).with(|settings| {
        settings.sessions.access_seconds = 86_400;
        settings.providers.speech = SpeechProvider::Nobody;
    });
    let app = builder.start().await;
    let user = app.register().await;
    let converse = async |app: &TestApp, key: &str| {
        let request = user
            .at(app)
            .request(Method::POST, "/api/v1/conversations/text/generate");
        let request = request.header("idempotency-key", key);
        user.send(request.json(&json!({ "wordId": key, "word": "学习" })))
            .await
            .expect(200);
    };
    converse(&app, "old").await;
    let count = |app: &TestApp, table: &str| app.place().number(&format!("SELECT COUNT(*) FROM {table}"));
    assert_eq!(
        [count(&app, "idempotency_keys"), count(&app, "spending_total")],
        [1, 1]
    );
    clock.advance(TimeDelta::days(32));
    let app = app.restart().await;
    eventually("old keys and sums are still there", async || {
        [
            count(&app, "idempotency_keys"),
            count(&app, "spending_total"),
            count(&app, "spending"),
        ] == [0, 0, 0]
    })
    .await;
}
