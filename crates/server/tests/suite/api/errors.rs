//! The shape of every error, and what is done with requests that nobody should send.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parlance_http::state::Timeouts;
use reqwest::Method;
use serde_json::json;

use crate::harness::{TestApp, assert_problem};

const LOGIN: &str = "/api/v1/auth/login";

#[tokio::test]
async fn unknown_paths_and_wrong_methods_have_the_shape() {
    let app = TestApp::start().await;
    for path in [
        "/",
        "/nope",
        "/api",
        "/api/v1",
        "/api/v1/nope",
        "/api/v1/auth/login/",
        "/api/v2/auth/me",
        "/api-docs/nope",
    ] {
        assert_problem(&app.get(path).await, 404, "NOT_FOUND");
    }
    for (method, path, allow) in [
        (Method::GET, LOGIN, "POST"),
        (Method::PUT, "/api/v1/users/me", "GET, PATCH, DELETE"),
        (Method::POST, "/livez", "GET"),
        (Method::PATCH, "/api/v1/progress", "GET"),
        (Method::from_bytes(b"BREW").unwrap(), "/health", "GET"),
    ] {
        let answer = app.send(app.request(method, path)).await;
        assert_problem(&answer, 405, "METHOD_NOT_ALLOWED");
        assert_eq!(answer.header("allow"), Some(allow), "{path}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_arrive_in_time_is_not_waited_for() {
    let timeouts = Timeouts {
        arrival: Duration::from_millis(50),
        ..Timeouts::default()
    };
    let app = TestApp::builder().timeouts(timeouts).start().await;
    let mut connection = app.connect().await;
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                content-length: 10\r\n\r\n{";
    connection.send(head).await;
    let response = connection.response().await.unwrap();
    assert_eq!(response.status, 408);
    let body: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(body["code"], "REQUEST_TIMEOUT");
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_given_up() {
    let timeouts = Timeouts {
        handler: Duration::from_millis(1),
        ..Timeouts::default()
    };
    // Hashing at this cost takes a hundred times as long on any machine.
    let builder = TestApp::builder().with(|settings| settings.bcrypt_cost = 12);
    let app = builder.timeouts(timeouts).start().await;
    let body = json!({ "email": "ann@example.com", "password": "Wrong-Password-1" });
    let answer = app.post(LOGIN, &body).await;
    assert_problem(&answer, 503, "UNAVAILABLE");
    assert!(answer.header("retry-after").is_some());
}

#[tokio::test]
async fn threat_38_odd_multipart_bodies_are_refused_and_the_server_goes_on() {
    let app = TestApp::start().await;
    let part = "--x\r\ncontent-disposition: form-data; name=\"email\"\r\n\r\na@example.com\r\n";
    let long_name = format!(
        "--x\r\ncontent-disposition: form-data; name=\"f\"; filename=\"{}\"\r\n\r\n\r\n--x--",
        "a".repeat(64 * 1024)
    );
    for (media_type, body) in [
        ("multipart/form-data; boundary=x", part.repeat(10_000)),
        ("multipart/form-data; boundary=x", part.to_owned()),
        ("multipart/form-data; boundary=x", long_name),
        ("multipart/form-data", format!("{part}--x--")),
        ("multipart/form-data; boundary=\"\"", format!("{part}--x--")),
        ("multipart/mixed; boundary=--x--", "--".repeat(1_000)),
    ] {
        let request = app
            .request(Method::POST, LOGIN)
            .header("content-type", media_type)
            .body(body);
        assert_problem(&app.send(request).await, 415, "UNSUPPORTED_MEDIA_TYPE");
    }
    app.get("/livez").await.expect(200);
}

#[tokio::test]
async fn a_body_that_is_not_json_by_its_type_is_refused() {
    let app = TestApp::start().await;
    for media_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "nonsense",
    ] {
        let request = app
            .request(Method::POST, LOGIN)
            .header("content-type", media_type)
            .body("{}");
        assert_problem(&app.send(request).await, 415, "UNSUPPORTED_MEDIA_TYPE");
    }
    let untyped = app.request(Method::POST, LOGIN).body("{}");
    assert_problem(&app.send(untyped).await, 415, "UNSUPPORTED_MEDIA_TYPE");
}

#[tokio::test]
async fn threat_34_deep_and_large_bodies_are_refused() {
    let app = TestApp::start().await;
    for body in [
        "[".repeat(100_000),
        "{\"a\":".repeat(50_000),
        format!("{{\"a\":{}{}}}", "[".repeat(32), "]".repeat(32)),
    ] {
        assert_problem(&app.post_bytes(LOGIN, body).await, 400, "MALFORMED_JSON");
    }
    let fitting = format!("{{\"a\":{}{}}}", "[".repeat(31), "]".repeat(31));
    assert_problem(&app.post_bytes(LOGIN, fitting).await, 400, "VALIDATION_FAILED");
    for size in [1024 * 1024 + 1, 2 * 1024 * 1024, 10_000_000] {
        let answer = app.post_bytes(LOGIN, vec![b' '; size]).await;
        assert_problem(&answer, 413, "PAYLOAD_TOO_LARGE");
    }
    let mut exact = b"{}".to_vec();
    exact.resize(1024 * 1024, b' ');
    assert_problem(&app.post_bytes(LOGIN, exact).await, 400, "VALIDATION_FAILED");
    assert_problem(
        &app.post_bytes("/nope", vec![b' '; 2_000_000]).await,
        413,
        "PAYLOAD_TOO_LARGE",
    );
}

#[tokio::test]
async fn threat_34_a_large_body_in_chunks_is_refused() {
    let app = TestApp::start().await;
    let mut connection = app.connect().await;
    connection
        .send(format!("POST {LOGIN} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"))
        .await;
    for _ in 0..20 {
        connection
            .send(format!("{:x}\r\n{}\r\n", 65_536, " ".repeat(65_536)))
            .await;
    }
    connection.send("0\r\n\r\n").await;
    assert_eq!(connection.response().await.unwrap().status, 413);
}

#[tokio::test]
async fn threat_35_odd_json_is_refused_and_the_server_goes_on() {
    let app = TestApp::start().await;
    let good = r#"{"email":"a@example.com","password":"x"}"#;
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let odd: [Vec<u8>; 12] = [
        b"".to_vec(),
        b"{".to_vec(),
        format!("{good}x").into(),
        format!("{good}{good}").into(),
        format!("\u{feff}{good}").into(),
        utf16,
        br#"{"email":"a@example.com","email":"b@example.com","password":"x"}"#.to_vec(),
        br#"{"email":"\ud800@example.com","password":"x"}"#.to_vec(),
        br#"{"email":1e400,"password":"x"}"#.to_vec(),
        b"{\"email\":\"\xff\",\"password\":\"x\"}".to_vec(),
        b"NaN".to_vec(),
        b"{'email':'x'}".to_vec(),
    ];
    for body in odd {
        let text = String::from_utf8_lossy(&body).into_owned();
        let answer = app.post_bytes(LOGIN, body).await;
        assert_eq!(answer.status, 400, "{text}");
        assert_problem(&answer, 400, "MALFORMED_JSON");
    }
    for whole in ["[]", "null", "1", "\"x\"", "true"] {
        assert_problem(&app.post_bytes(LOGIN, whole).await, 400, "VALIDATION_FAILED");
    }
    assert_problem(&app.post_bytes(LOGIN, good).await, 401, "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn threat_36_a_compressed_body_is_never_unpacked() {
    let app = TestApp::start().await;
    for encoding in ["gzip", "br", "deflate", "zstd", "gzip, gzip"] {
        let request = app
            .request(Method::POST, LOGIN)
            .header("content-type", "application/json")
            .header("content-encoding", encoding)
            .body(vec![0x1f; 500_000]);
        assert_problem(&app.send(request).await, 415, "UNSUPPORTED_MEDIA_TYPE");
    }
}

#[tokio::test]
async fn threat_39_odd_paths_are_client_errors() {
    let app = TestApp::start().await;
    let user = app.register().await;
    for part in [
        "%00",
        "%FF",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e",
        "a%5cb",
        "%zz",
        "%F0%9F%92%A9",
        &"x".repeat(300),
    ] {
        for path in [
            "/api/v1/progress/",
            "/api/v1/vocabulary/words/",
            "/api/v1/vocabulary/lists/",
            "/api-docs/assets/5/",
        ] {
            let answer = user.get(&format!("{path}{part}")).await;
            assert!(
                (400..500).contains(&answer.status),
                "{path}{part}: {}",
                answer.status
            );
        }
    }
}

#[tokio::test]
async fn threat_42_a_request_that_two_readers_could_read_differently_is_refused() {
    let app = TestApp::start().await;
    let head = format!("POST {LOGIN} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n");
    for framing in [
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Content-Length: 2\r\nContent-Length: 3\r\n",
        "Content-Length: +2\r\n",
        "Content-Length: 2\r\n X: folded\r\n",
    ] {
        let mut connection = app.connect().await;
        connection
            .send(format!(
                "{head}{framing}\r\n0\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
            ))
            .await;
        let text = String::from_utf8_lossy(&connection.until_closed_or_first().await).into_owned();
        assert!(text.starts_with("HTTP/1.1 400"), "{framing:?}: {text}");
        assert!(
            !text.contains("{\"status\":\"ok\"}"),
            "{framing:?} let a second request through: {text}"
        );
    }
}

#[tokio::test]
async fn threat_43_enormous_heads_are_refused_and_the_server_goes_on() {
    let app = TestApp::start().await;
    let many = (0..1000)
        .map(|n| format!("X-{n}: y"))
        .collect::<Vec<_>>()
        .join("\r\n");
    for head in [
        format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(1_000_000)),
        format!("GET /livez HTTP/1.1\r\nHost: x\r\n{many}\r\n\r\n"),
        format!(
            "GET /livez HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n",
            "a".repeat(1_000_000)
        ),
    ] {
        let mut connection = app.connect().await;
        connection.send(&head).await;
        let status = connection
            .response()
            .await
            .map_or(400, |response| response.status);
        assert!((400..500).contains(&status), "{status}");
    }
    app.get("/livez").await.expect(200);
}

#[tokio::test]
async fn threat_46_a_header_cannot_be_forged_through_a_request_id() {
    let app = TestApp::start().await;
    let long = "x".repeat(64);
    for kept in ["abc", "01936f2a-6c1e-7d3a-9b5e-0c8f5a3e7b42", &long] {
        let answer = app
            .send(app.request(Method::GET, "/livez").header("x-request-id", kept))
            .await;
        assert_eq!(answer.header("x-request-id"), Some(kept));
    }
    let too_long = "x".repeat(65);
    for replaced in ["a b", "\u{e9}", "a\tb", "", &too_long] {
        let answer = app
            .send(
                app.request(Method::GET, "/livez")
                    .header("x-request-id", replaced),
            )
            .await;
        let id = answer.header("x-request-id").unwrap();
        assert_ne!(id, replaced);
        assert!(uuid::Uuid::parse_str(id).is_ok(), "{id}");
    }
}

#[tokio::test]
async fn threat_70_a_panic_answers_500_and_the_process_lives() {
    let panics = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&panics);
    let app = TestApp::builder()
        .with(|settings| settings.limits.per_minute = 100)
        .elapsed(Arc::new(move || {
            assert!(!switch.load(Ordering::Relaxed), "the test asked for a panic");
            Duration::from_mins(1)
        }))
        .start()
        .await;
    let user = app.register().await;
    panics.store(true, Ordering::Relaxed);
    for _ in 0..20 {
        let answer = user.get("/api/v1/auth/me").await;
        assert_problem(&answer, 500, "INTERNAL_ERROR");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(!answer.text().contains("panic"));
    }
    panics.store(false, Ordering::Relaxed);
    assert_eq!(
        user.get("/api/v1/auth/me").await.expect(200).json()["success"],
        json!(true)
    );
}
