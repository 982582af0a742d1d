//! How the server is, and what every answer of it has in common.

use parlance_server::settings::SpeechProvider;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, TestApp};

#[tokio::test]
async fn health_tells_of_every_part() {
    let app = TestApp::start().await;
    for path in ["/health", "/api/v1/health"] {
        let answer = app.get(path).await.expect(200);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let body = answer.json();
        assert_eq!(
            (&body["status"], &body["environment"]),
            (&json!("ok"), &json!("development"))
        );
        for member in ["version", "commit", "timestamp"] {
            assert!(body[member].is_string(), "{member}");
        }
        assert!(body["uptimeSeconds"].is_u64());
        for service in ["database", "cache", "speech", "conversations", "objectStore"] {
            assert!(body["services"][service].is_string(), "{service}");
        }
        assert_eq!(body["services"]["database"], "ok");
        assert!(body["circuits"].is_object());
        assert_eq!(body["cache"]["redis"]["connected"], false);
        let metrics = &body["cache"]["metrics"];
        for count in [
            &metrics["services"]["TTS"],
            &metrics["services"]["Conversation"],
            &metrics["overall"],
        ] {
            assert_eq!(
                *count,
                json!({ "hits": 0, "misses": 0, "total": 0, "hitRate": "0.00" })
            );
        }
    }
}

#[tokio::test]
async fn the_process_is_live_and_ready() {
    let app = TestApp::start().await;
    for path in ["/livez", "/readyz"] {
        assert_eq!(app.get(path).await.expect(200).json(), json!({ "status": "ok" }));
    }
}

#[tokio::test]
async fn the_public_flags_follow_the_settings() {
    let builder = TestApp::builder().with(|settings| settings.providers.speech = SpeechProvider::Nobody);
    let app = builder.start().await;
    let flags = app.get("/api/v1/config").await.expect(200).json();
    for (name, value) in [
        ("authEnabled", true),
        ("syncEnabled", true),
        ("readOnly", false),
        ("speech", false),
        ("conversations", true),
    ] {
        assert_eq!(flags[name], value, "{name}");
    }
    let app = TestApp::builder()
        .with(|settings| settings.features.auth_enabled = false)
        .start()
        .await;
    let flags = app.get("/api/v1/config").await.expect(200).json();
    assert_eq!(
        (&flags["authEnabled"], &flags["readOnly"]),
        (&json!(false), &json!(true))
    );
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let app = TestApp::start().await;
    for (path, status) in [
        ("/livez", 200),
        ("/nope", 404),
        ("/api/v1/users/me", 401),
        ("/api/v1/vocabulary/lists", 200),
    ] {
        let answer = app.get(path).await.expect(status);
        for (name, value) in [
            ("x-content-type-options", Some("nosniff")),
            ("referrer-policy", Some("no-referrer")),
            (
                "content-security-policy",
                Some("default-src 'none'; frame-ancestors 'none'"),
            ),
            ("strict-transport-security", None),
            ("server", None),
            ("x-powered-by", None),
        ] {
            assert_eq!(answer.header(name), value, "{path}");
        }
        assert!(answer.header("x-request-id").is_some(), "{path}");
    }
}

#[tokio::test]
async fn head_answers_like_get_without_a_body_and_options_tells_the_methods() {
    let app = TestApp::start().await;
    for path in ["/livez", "/api/v1/vocabulary/lists", "/nope"] {
        let (get, head) = (
            app.get(path).await,
            app.send(app.request(Method::HEAD, path)).await,
        );
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
    }
    let options = app
        .send(app.request(Method::OPTIONS, "/api/v1/users/me"))
        .await
        .expect(204);
    assert_eq!(options.header("allow"), Some("GET, PATCH, DELETE"));
}

#[tokio::test]
async fn large_answers_are_compressed_and_small_ones_are_not() {
    let app = TestApp::start().await;
    let encoding = async |path: &str, accepted: &str| {
        let request = app.request(Method::GET, path).header("accept-encoding", accepted);
        let answer: Answer = app.send(request).await.expect(200);
        answer.header("content-encoding").map(str::to_owned)
    };
    assert_eq!(
        encoding("/api-docs/openapi.json", "gzip").await.as_deref(),
        Some("gzip")
    );
    assert_eq!(
        encoding("/api-docs/openapi.json", "br").await.as_deref(),
        Some("br")
    );
    assert_eq!(encoding("/api-docs/openapi.json", "identity").await, None);
    assert_eq!(encoding("/livez", "gzip").await, None);
}

async fn metrics(app: &TestApp) -> String {
    let url = format!("http://{}/metrics", app.metrics_address());
    reqwest::get(url).await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn threat_72_made_up_paths_and_methods_make_no_series() {
    let app = TestApp::builder()
        .with(|settings| settings.metrics = Some("127.0.0.1:0".parse().unwrap()))
        .start()
        .await;
    let user = app.register().await;
    let round = async |n: u32| {
        user.get(&format!("/api/v1/progress/word-{n}")).await;
        app.get(&format!("/nope/{n}")).await;
        app.get(&format!("/api/v1/vocabulary/words/nope-{n}")).await;
        let odd = Method::from_bytes(format!("M{n}").as_bytes()).unwrap();
        app.send(
            app.request(odd, "/livez")
                .header("user-agent", format!("agent {n}")),
        )
        .await;
    };
    round(0).await;
    let before = metrics(&app).await;
    for route in [
        "/api/v1/progress/{wordId}",
        "unmatched",
        "/api/v1/vocabulary/words/{wordId}",
    ] {
        assert!(
            before.contains(&format!("route=\"{route}\"")),
            "{route} is not in {before}"
        );
    }
    for n in 1..100 {
        round(n).await;
    }
    assert_eq!(metrics(&app).await.lines().count(), before.lines().count());
}

#[tokio::test]
async fn metrics_tell_of_requests_and_of_what_waits() {
    let app = TestApp::builder()
        .with(|settings| settings.metrics = Some("127.0.0.1:0".parse().unwrap()))
        .start()
        .await;
    app.register().await;
    let text = metrics(&app).await;
    for line in [
        "parlance_http_requests_total{method=\"POST\",route=\"/api/v1/auth/register\",status=\"201\"} 1",
        "parlance_http_request_duration_seconds_count{method=\"POST\",route=\"/api/v1/auth/register\"} 1",
        "parlance_http_requests_in_flight 0",
        "parlance_hashing_queue 0",
        "parlance_database_writes_committed",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert_eq!(app.get("/metrics").await.status, 404);
}

#[tokio::test]
async fn threat_73_secrets_are_in_no_error_and_no_metric() {
    let app = TestApp::builder()
        .with(|settings| settings.metrics = Some("127.0.0.1:0".parse().unwrap()))
        .start()
        .await;
    let canary = "Canary-Secret-1";
    let mut seen = String::new();
    for body in [
        json!({ "email": format!("{canary}@example.com"), "password": canary }),
        json!({ "email": canary, "password": [canary] }),
        json!({ "email": { "a": canary }, "password": canary.repeat(20), "username": canary.repeat(9), "displayName": canary.repeat(20) }),
        Value::String(canary.to_owned()),
    ] {
        seen += &app.post("/api/v1/auth/login", &body).await.text();
        seen += &app
            .post(
                "/api/v1/auth/register",
                &json!({ "email": body, "password": canary, "displayName": [canary] }),
            )
            .await
            .text();
    }
    seen += &app
        .send(app.request(Method::GET, "/api/v1/auth/me").bearer_auth(canary))
        .await
        .text();
    seen += &app.post_cookie("/api/v1/auth/refresh", canary).await.text();
    seen += &metrics(&app).await;
    assert!(!seen.to_lowercase().contains("canary"), "{seen}");
}
