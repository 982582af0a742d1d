//! Requests with an `Idempotency-Key`: done once, answered alike.

use std::time::Duration;

use parlance_testbed::{GoogleBehaviour, GoogleService};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, TestUser, Voiced, assert_problem, eventually};

const TTS: &str = "/api/v1/tts";

async fn post(user: &TestUser, key: &str, path: &str, body: &Value) -> Answer {
    let request = user.request(Method::POST, path).header("idempotency-key", key);
    user.send(request.json(body)).await
}

async fn speak(user: &TestUser, key: &str, text: &str) -> Answer {
    post(user, key, TTS, &json!({ "text": text })).await
}

#[tokio::test]
async fn a_request_that_is_repeated_gets_the_same_answer() {
    let voiced = Voiced::start().await;
    let first = speak(&voiced.user, "one", "hello").await.expect(200);
    assert_eq!(first.header("idempotent-replayed"), None);
    let again = speak(&voiced.user, "one", "hello").await.expect(200);
    // Not cached but replayed: the answer is that of the first time, to the byte.
    assert_eq!(
        (again.body, again.headers["idempotent-replayed"].as_bytes()),
        (first.body, &b"true"[..])
    );
    assert_eq!(voiced.spoken(), 1);
    let conversation = json!({ "wordId": "w", "word": "学习" });
    let path = "/api/v1/conversations/text/generate";
    let first = post(&voiced.user, "two", path, &conversation).await.expect(200);
    let again = post(&voiced.user, "two", path, &conversation).await.expect(200);
    assert_eq!(first.body, again.body);
}

#[tokio::test]
async fn threat_50_a_key_is_good_for_one_request_of_one_user() {
    let voiced = Voiced::start().await;
    speak(&voiced.user, "one", "hello").await.expect(200);
    let other_text = speak(&voiced.user, "one", "goodbye").await;
    assert_problem(&other_text, 422, "IDEMPOTENCY_KEY_REUSED");
    let body = json!({ "wordId": "w", "word": "学习" });
    let other_route = post(&voiced.user, "one", "/api/v1/conversations/text/generate", &body).await;
    assert_problem(&other_route, 422, "IDEMPOTENCY_KEY_REUSED");
    // What another user does under the same key is theirs.
    let other = voiced.app.register().await;
    let theirs = speak(&other, "one", "goodbye").await.expect(200);
    assert_eq!(theirs.header("idempotent-replayed"), None);
    assert_eq!((voiced.spoken(), voiced.written()), (2, 0));
}

#[tokio::test]
async fn keys_that_are_none_are_refused() {
    let voiced = Voiced::start().await;
    for key in ["", "a b", "ä", &"x".repeat(256)] {
        let request = voiced
            .user
            .request(Method::POST, TTS)
            .header("idempotency-key", key);
        let answer = voiced.user.send(request.json(&json!({ "text": "hello" }))).await;
        assert_problem(&answer, 400, "VALIDATION_FAILED");
    }
    assert_eq!(voiced.spoken(), 0);
}

#[tokio::test]
async fn threat_50_of_sixteen_at_once_one_is_done() {
    let voiced = Voiced::start().await;
    voiced.google.latency(Duration::from_millis(300));
    let tries = (0..16).map(|_| {
        let user = voiced.user.clone();
        async move { speak(&user, "one", "hello").await }
    });
    let answers = futures_util::future::join_all(tries).await;
    let done: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert!(!done.is_empty());
    assert!(done.iter().all(|answer| answer.body == done[0].body));
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_problem(answer, 409, "IDEMPOTENCY_IN_PROGRESS");
        assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    }
    let after = speak(&voiced.user, "one", "hello").await.expect(200);
    assert_eq!((&after.body, voiced.spoken()), (&done[0].body, 1));
}

#[tokio::test]
async fn what_may_end_otherwise_the_next_time_is_not_repeated() {
    let voiced = Voiced::start().await;
    voiced
        .google
        .next(GoogleService::Synthesis, 3, GoogleBehaviour::Status(503));
    speak(&voiced.user, "one", "hello").await.expect(503);
    let answer = speak(&voiced.user, "one", "hello").await.expect(200);
    assert_eq!(answer.header("idempotent-replayed"), None);
}

#[tokio::test]
async fn a_refusal_that_stays_one_is_repeated() {
    let voiced = Voiced::start().await;
    voiced
        .google
        .next(GoogleService::Synthesis, 1, GoogleBehaviour::Status(400));
    let first = speak(&voiced.user, "one", "hello").await;
    assert_problem(&first, 400, "VALIDATION_FAILED");
    let again = speak(&voiced.user, "one", "hello").await;
    assert_eq!((again.status, &again.body), (400, &first.body));
    assert_eq!(voiced.spoken(), 1);
}

#[tokio::test]
async fn threat_48_a_request_whose_client_has_gone_is_brought_to_its_end() {
    let voiced = Voiced::start().await;
    voiced.google.next(
        GoogleService::Synthesis,
        1,
        GoogleBehaviour::Slow(Duration::from_millis(300)),
    );
    let request = voiced
        .user
        .request(Method::POST, TTS)
        .header("idempotency-key", "one");
    let gone = tokio::spawn(request.json(&json!({ "text": "hello" })).send());
    eventually("nobody asks", async || voiced.spoken() == 1).await;
    gone.abort();
    eventually("it is never answered", async || {
        let answer = speak(&voiced.user, "one", "hello").await;
        answer.status == 200 && answer.header("idempotent-replayed") == Some("true")
    })
    .await;
    assert_eq!(voiced.spoken(), 1);
}
