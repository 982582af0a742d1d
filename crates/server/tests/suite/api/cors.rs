//! What browsers are told of origins.

use std::future::ready;

use actix_web::dev::Decompress;
use actix_web::error::PayloadError;
use actix_web::http::header::ContentEncoding;
use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::stream::once;
use parlance_http::cors::CorsPolicy;
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::harness::{Answer, TestApp};

async fn allowing(list: &str) -> TestApp {
    let policy = CorsPolicy::parse(list).unwrap();
    TestApp::builder()
        .with(|settings| settings.cors_origins = policy)
        .start()
        .await
}

async fn asked(app: &TestApp, method: Method, path: &str, origin: &str) -> Answer {
    let request = app.request(method, path).header("origin", origin);
    app.send(request.header("access-control-request-method", "PUT"))
        .await
}

fn varies_by_origin(answer: &Answer) -> bool {
    varies_by(answer, "Origin")
}

fn varies_by(answer: &Answer, wanted: &str) -> bool {
    let mut values = answer.headers.get_all("vary").iter();
    values.any(|value| {
        value
            .to_str()
            .unwrap()
            .split(',')
            .any(|name| name.trim().eq_ignore_ascii_case(wanted))
    })
}

/// The body as it was before it was compressed, if it was.
async fn decoded(answer: &Answer) -> Vec<u8> {
    let encoding = answer.header("content-encoding");
    let encoding = encoding.map_or(ContentEncoding::Identity, |name| name.parse().unwrap());
    let sent = Ok::<_, PayloadError>(Bytes::from(answer.body.clone()));
    let parts: Vec<Bytes> = Decompress::new(once(ready(sent)), encoding)
        .try_collect()
        .await
        .unwrap();
    parts.concat()
}

#[tokio::test]
async fn an_allowed_origin_may_call_with_credentials() {
    let app = allowing("https://app.example.com, https://*.example.org, capacitor://localhost").await;
    for origin in [
        "https://app.example.com",
        "https://a.example.org",
        "https://a.b.example.org",
        "capacitor://localhost",
    ] {
        let answer = asked(&app, Method::GET, "/api/v1/config", origin)
            .await
            .expect(200);
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        assert!(
            answer
                .header("access-control-expose-headers")
                .unwrap()
                .contains("X-Request-Id")
        );
        let preflight = asked(&app, Method::OPTIONS, "/api/v1/progress/a", origin)
            .await
            .expect(204);
        assert_eq!(preflight.header("access-control-allow-origin"), Some(origin));
        assert!(
            preflight
                .header("access-control-allow-methods")
                .unwrap()
                .contains("PUT")
        );
        let headers = preflight.header("access-control-allow-headers").unwrap();
        for name in ["Authorization", "Content-Type", "If-Match"] {
            assert!(headers.contains(name), "{headers}");
        }
    }
}

#[tokio::test]
async fn threat_33_any_other_origin_gets_no_allow_header_and_no_error() {
    let app = allowing("https://app.example.com").await;
    for origin in [
        "null",
        "https://app.example.com.evil",
        "https://evilapp.example.com",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://APP.example.com",
        "*",
    ] {
        for (method, status) in [(Method::GET, 200), (Method::OPTIONS, 204)] {
            let answer = asked(&app, method, "/api/v1/config", origin).await.expect(status);
            let told = answer
                .headers
                .keys()
                .filter(|name| name.as_str().starts_with("access-control-"));
            assert_eq!(told.count(), 0, "{origin}: {:?}", answer.headers);
            assert!(varies_by_origin(&answer), "{origin}");
        }
    }
}

#[tokio::test]
async fn threat_33_every_answer_varies_by_origin() {
    let app = allowing("https://app.example.com").await;
    for path in [
        "/livez",
        "/nope",
        "/api/v1/users/me",
        "/api-docs",
        "/api/v1/vocabulary/lists",
    ] {
        assert!(varies_by_origin(&app.get(path).await), "{path}");
    }
}

#[tokio::test]
async fn errors_can_be_read_by_an_allowed_page() {
    let app = allowing("https://app.example.com").await;
    for (path, status) in [("/nope", 404), ("/api/v1/users/me", 401)] {
        let answer = asked(&app, Method::GET, path, "https://app.example.com")
            .await
            .expect(status);
        assert_eq!(
            answer.header("access-control-allow-origin"),
            Some("https://app.example.com")
        );
    }
}

#[tokio::test]
async fn in_development_pages_of_this_machine_may_call() {
    let app = TestApp::start().await;
    for origin in [
        "http://localhost:5173",
        "http://127.0.0.1:3000",
        "http://localhost",
    ] {
        let answer = asked(&app, Method::GET, "/livez", origin).await;
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
    }
    let answer = asked(&app, Method::GET, "/livez", "http://localhost.evil:5173").await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn threat_54_a_kept_answer_is_given_to_each_origin_in_each_encoding_as_its_own() {
    let policy = CorsPolicy::parse("https://app.example.com, https://*.example.org").unwrap();
    let builder = TestApp::builder().with(|settings| settings.cors_origins = policy);
    let voiced = builder.unlimited().voiced().await;
    // Long enough to be worth compressing.
    let (word_id, word) = ("w".repeat(64), "学习".repeat(20));
    let audio = voiced.speak("你好").await.expect(200).json()["audioUrl"].clone();
    voiced.converse(&word_id, &word).await.expect(200);
    let ask = |path: &str| -> RequestBuilder {
        let post = |body| voiced.user.request(Method::POST, path).json(&body);
        match path {
            "/api/v1/tts" => post(json!({ "text": "你好" })),
            "/api/v1/conversations/text/generate" => post(json!({ "wordId": word_id, "word": word })),
            _ => voiced.app.request(Method::GET, path),
        }
    };
    for (path, compresses) in [
        ("/api/v1/tts", false),
        ("/api/v1/conversations/text/generate", true),
        (audio.as_str().unwrap(), false),
    ] {
        let mut bodies = Vec::new();
        for origin in ["https://app.example.com", "https://b.example.org"] {
            for encoding in ["gzip", "br"] {
                let request = ask(path).header("origin", origin);
                let answer = voiced.app.send(request.header("accept-encoding", encoding)).await;
                let answer = answer.expect(200);
                let allowed = answer.header("access-control-allow-origin");
                assert_eq!(allowed, Some(origin), "{path} {encoding}");
                assert!(varies_by_origin(&answer), "{path} {encoding}");
                let sent = answer.header("content-encoding");
                assert_eq!(sent, compresses.then_some(encoding), "{path}");
                assert_eq!(varies_by(&answer, "Accept-Encoding"), compresses, "{path}");
                bodies.push(decoded(&answer).await);
            }
        }
        assert!(!bodies[0].is_empty(), "{path}");
        assert!(bodies.iter().all(|body| *body == bodies[0]), "{path}");
    }
    assert_eq!((voiced.spoken(), voiced.written()), (1, 1));
}
