//! Requests with keys, over stand-ins.

use std::time::Duration;

use actix_web::test::{TestRequest, call_service, init_service};
use parlance_domain::providers::ProviderErrorKind;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::*;
use crate::testing::{Answered, Stage};

const TTS: &str = "/api/v1/tts";

#[test]
fn fields_of_a_fingerprint_do_not_run_into_each_other() {
    let of = |route: &str, fields: &[Option<&str>]| {
        let start = Fingerprinter::new(route);
        fields
            .iter()
            .fold(start, |fingerprint, field| fingerprint.field(*field))
            .finish()
    };
    let all = [
        of("tts", &[Some("ab"), Some("c")]),
        of("tts", &[Some("a"), Some("bc")]),
        of("tts", &[Some("abc"), None]),
        of("tts", &[None, Some("abc")]),
        of("tts", &[Some("abc"), Some("")]),
        of("tts", &[Some("abc")]),
        of("stt", &[Some("abc")]),
    ];
    let different: std::collections::HashSet<_> = all.iter().collect();
    assert_eq!(different.len(), all.len());
    assert_eq!(of("tts", &[Some("a")]), of("tts", &[Some("a")]));
}

#[test]
fn a_malformed_key_is_a_bad_field() {
    let key = |value: &[u8]| {
        let value = HeaderValue::from_bytes(value).unwrap();
        let request = TestRequest::default().insert_header((IDEMPOTENCY_KEY, value));
        key_of(&request.to_http_request())
    };
    let good = key(b"8e03978e-40d5-43dd-bc93-6894a57f9324").unwrap();
    assert_eq!(good.unwrap().as_str(), "8e03978e-40d5-43dd-bc93-6894a57f9324");
    assert_eq!(key_of(&TestRequest::default().to_http_request()).unwrap(), None);
    for bad in [&b""[..], b"a b", "\u{e4}".as_bytes(), &[b'x'; 256]] {
        let error = key(bad).unwrap_err();
        assert_eq!(error.code(), ErrorCode::ValidationFailed);
        assert_eq!(error.fields()[0].field, "Idempotency-Key");
    }
}

fn request(key: &str, body: &Value) -> TestRequest {
    let request = TestRequest::post().uri(TTS).set_json(body);
    request.insert_header((IDEMPOTENCY_KEY, key))
}

async fn speak(stage: &Stage, key: &str, body: &Value) -> Answered {
    stage.send(request(key, body)).await
}

#[actix_web::test]
async fn the_same_request_is_answered_alike() {
    let stage = Stage::new().await;
    let body = json!({ "text": "hello", "more": 1 });
    let first = speak(&stage, "k", &body).await;
    assert_eq!(first.status, StatusCode::OK);
    assert_eq!(first.header("idempotent-replayed"), None);
    assert_eq!(first.header("ratelimit"), Some("\"ai\";r=2;t=18"));
    let again = speak(&stage, "k", &json!({ "text": "hello" })).await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.header("content-type"), first.header("content-type"));
    // Also that it was not cached then is told again.
    assert_eq!(again.body, first.body);
    assert_eq!(stage.provider.calls(), 1);
}

#[actix_web::test]
async fn a_key_is_of_one_request_and_one_user() {
    let stage = Stage::new().await;
    let hello = json!({ "text": "hello" });
    speak(&stage, "k", &hello).await;
    let other = speak(&stage, "k", &json!({ "text": "bye" })).await;
    assert_eq!(
        (other.status.as_u16(), other.code().as_str()),
        (422, "IDEMPOTENCY_KEY_REUSED")
    );
    let text = TestRequest::post()
        .uri("/api/v1/conversations")
        .set_json(json!({ "type": "text", "wordId": "w", "word": "好" }))
        .insert_header((IDEMPOTENCY_KEY, "k"));
    assert_eq!(stage.send(text).await.code(), "IDEMPOTENCY_KEY_REUSED");
    let stranger = stage.send_as("user-2", request("k", &hello)).await;
    assert_eq!(stranger.header("idempotent-replayed"), None);
    assert_eq!(stranger.json()["cached"], true);
    let malformed = speak(&stage, "a b", &hello).await;
    assert_eq!(malformed.fields(), ["Idempotency-Key"]);
}

#[actix_web::test]
async fn refusals_that_stay_are_kept_and_failures_are_not() {
    let stage = Stage::with(|config| config.limits.ai.quota = 2).await;
    let unknown = json!({ "text": "hello", "voice": "carl" });
    let first = speak(&stage, "refused", &unknown).await;
    let again = speak(&stage, "refused", &unknown).await;
    assert_eq!((first.status.as_u16(), &first.body), (400, &again.body));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.header("content-type"), Some("application/problem+json"));
    let hello = json!({ "text": "hello" });
    stage.provider.fail_with(ProviderErrorKind::Unavailable);
    assert_eq!(speak(&stage, "failed", &hello).await.status.as_u16(), 503);
    assert_eq!(speak(&stage, "failed", &hello).await.status.as_u16(), 429);
    stage.provider.fail(None);
    assert_eq!(stage.keys.count(), (1, 0));
    let later = stage.send_as("user-2", request("failed", &hello)).await;
    assert_eq!(
        (later.status, later.header("idempotent-replayed")),
        (StatusCode::OK, None)
    );
}

#[actix_web::test]
async fn who_hangs_up_leaves_nothing_half_done() {
    let stage = Stage::new().await;
    let hello = json!({ "text": "hello" });
    let held = stage.provider.gate.acquire().await.unwrap();
    let app = init_service(crate::app(stage.state.clone())).await;
    let first = request("k", &hello).insert_header((header::AUTHORIZATION, "Bearer user-1"));
    let mut first = Box::pin(call_service(&app, first.to_request()));
    // It gets as far as the provider.
    while stage.provider.calls() == 0 {
        let step = timeout(Duration::from_millis(1), &mut first).await;
        assert!(step.is_err());
    }
    let second = speak(&stage, "k", &hello).await;
    assert_eq!(
        (second.status.as_u16(), second.code().as_str()),
        (409, "IDEMPOTENCY_IN_PROGRESS")
    );
    assert!(second.header("retry-after").is_some());
    drop(first);
    drop(held);
    while stage.keys.count() != (1, 0) {
        tokio::task::yield_now().await;
    }
    let third = speak(&stage, "k", &hello).await;
    assert_eq!(third.header("idempotent-replayed"), Some("true"));
    assert_eq!(stage.provider.calls(), 1);
}

#[actix_web::test]
async fn a_recording_is_told_from_others_by_its_content() {
    let stage = Stage::new().await;
    let send = |sound: &str| {
        let body =
            format!("--b\r\nContent-Disposition: form-data; name=\"audio\"\r\n\r\nfLaC{sound}\r\n--b--\r\n");
        let request = TestRequest::post()
            .uri("/api/v1/stt")
            .insert_header((header::CONTENT_TYPE, "multipart/form-data; boundary=b"))
            .insert_header((header::CONTENT_LENGTH, body.len()))
            .insert_header((IDEMPOTENCY_KEY, "k"));
        stage.send(request.set_payload(body))
    };
    let first = send("one").await;
    assert_eq!(first.status, StatusCode::OK, "{first:?}");
    assert_eq!(send("one").await.body, first.body);
    assert_eq!(send("two").await.code(), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(stage.provider.calls(), 1);
}
