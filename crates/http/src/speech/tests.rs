//! The routes of speech, over stand-ins.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::test::TestRequest;
use parlance_domain::providers::ProviderErrorKind;
use serde_json::{Value, json};

use crate::testing::{Answered, Stage};

const TTS: &str = "/api/v1/tts";
const STT: &str = "/api/v1/stt";
const BOUNDARY: &str = "x-boundary";
const WAV: &[u8] = b"RIFF\x24\0\0\0WAVEfmt sound";

fn hello() -> Value {
    json!({ "text": "你好" })
}

async fn url_of(stage: &Stage, text: &str) -> String {
    let spoken = stage.post(TTS, &json!({ "text": text })).await;
    spoken.json()["audioUrl"].as_str().unwrap().to_owned()
}

async fn get(stage: &Stage, url: &str, headers: &[(header::HeaderName, &str)]) -> Answered {
    let request = TestRequest::get().uri(url);
    let request = headers
        .iter()
        .fold(request, |request, header| request.insert_header(header.clone()));
    stage.send_plain(request).await
}

#[actix_web::test]
async fn what_was_spoken_before_costs_nothing() {
    let stage = Stage::new().await;
    let first = stage.post(TTS, &hello()).await;
    assert_eq!(first.status, StatusCode::OK, "{first:?}");
    let view = first.json();
    assert_eq!(
        (
            &view["cached"],
            &view["voice"],
            &view["provider"],
            &view["contentType"]
        ),
        (&json!(false), &json!("bao"), &json!("test"), &json!("audio/mpeg"))
    );
    assert!(view["audioUrl"].as_str().unwrap().starts_with("/api/v1/audio/"));
    assert_eq!(first.header("ratelimit"), Some("\"ai\";r=2;t=18"));
    assert_eq!(first.header("cache-control"), Some("no-store"));
    for _ in 0..20 {
        let again = stage.post(TTS, &hello()).await;
        assert_eq!(again.json()["cached"], true);
        assert_eq!(again.header("ratelimit"), None);
        assert_eq!(again.json()["audioUrl"], view["audioUrl"]);
    }
    assert_eq!(stage.provider.calls(), 1);
}

#[actix_web::test]
async fn every_bad_field_is_named() {
    let stage = Stage::new().await;
    let cases = [
        (json!({}), &["text"][..]),
        (
            json!({ "text": " ", "voice": "-v x", "language": "english", "rate": 9 }),
            &["language", "rate", "text", "voice"],
        ),
        (json!({ "text": 5, "rate": "fast" }), &["rate", "text"]),
        (json!({ "text": "a ".repeat(16), "rate": 0.1 }), &["rate", "text"]),
        (json!({ "text": "你好\u{0}" }), &["text"]),
    ];
    for (body, fields) in cases {
        stage.refuses(TTS, &body, fields).await;
    }
    assert_eq!(stage.provider.calls(), 0);
}

#[actix_web::test]
async fn what_the_provider_does_not_know_is_a_bad_field() {
    let stage = Stage::new().await;
    let cases = [
        (json!({ "text": "hi", "voice": "carl" }), "voice"),
        (json!({ "text": "salut", "language": "fr" }), "language"),
    ];
    for (body, field) in cases {
        let answer = stage.post(TTS, &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.fields(), [field], "{body}");
    }
    stage.provider.fail_with(ProviderErrorKind::Refused);
    let answer = stage.post(TTS, &hello()).await;
    assert_eq!(answer.fields(), ["text"]);
}

#[actix_web::test]
async fn failures_of_the_provider_have_their_codes_and_no_details() {
    let stage = Stage::with(|config| {
        config.limits.ai.quota = 0;
        config.remedies.speech = "Set GOOGLE_API_KEY.".to_owned();
    })
    .await;
    let cases = [
        (ProviderErrorKind::Missing, 503, "SPEECH_UNAVAILABLE"),
        (ProviderErrorKind::Unavailable, 503, "SPEECH_UNAVAILABLE"),
        (ProviderErrorKind::LeftAlone, 503, "SPEECH_UNAVAILABLE"),
        (ProviderErrorKind::Timeout, 504, "UPSTREAM_TIMEOUT"),
    ];
    for (kind, status, code) in cases {
        stage.provider.fail_with(kind);
        let answer = stage.post(TTS, &hello()).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code));
        assert_eq!(answer.header("retry-after").is_some(), status == 503, "{kind:?}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("secret"));
        let names_settings = answer.json()["message"] == "Set GOOGLE_API_KEY.";
        assert_eq!(names_settings, kind == ProviderErrorKind::Missing);
    }
    stage.provider.fail(None);
    assert_eq!(stage.post(TTS, &hello()).await.status, StatusCode::OK);
}

#[actix_web::test]
async fn a_provider_that_never_answers_is_to_blame() {
    let stage = Stage::with(|config| config.timeouts.handler = Duration::from_millis(500)).await;
    let held = stage.provider.gate.acquire().await.unwrap();
    let answer = stage.post(TTS, &hello()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (504, "UPSTREAM_TIMEOUT")
    );
    assert_eq!(stage.provider.calls(), 1);
    drop(held);
}

#[actix_web::test]
async fn over_the_limit_only_what_is_there_is_served() {
    let stage = Stage::new().await;
    for text in ["one", "two", "three"] {
        let answer = stage.post(TTS, &json!({ "text": text })).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    let fourth = stage.post(TTS, &json!({ "text": "four" })).await;
    assert_eq!(fourth.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(fourth.code(), "RATE_LIMIT_EXCEEDED");
    assert_eq!(fourth.header("retry-after"), Some("18"));
    assert_eq!(fourth.header("ratelimit-policy"), Some("\"ai\";q=3;w=60"));
    assert_eq!(fourth.header("x-ratelimit-remaining"), Some("0"));
    let kept = stage.post(TTS, &json!({ "text": "one" })).await;
    assert_eq!(kept.status, StatusCode::OK);
    let body = TestRequest::post().uri(TTS).set_json(json!({ "text": "four" }));
    assert_eq!(stage.send_as("user-2", body).await.status, StatusCode::OK);
}

#[actix_web::test]
async fn over_the_budget_only_what_is_there_is_served() {
    let stage = Stage::with(|config| config.limits.ai.quota = 0).await;
    let text = |n: usize| json!({ "text": format!("{n}{}", "x".repeat(299)) });
    for n in 0..9 {
        assert_eq!(stage.post(TTS, &text(n)).await.status, StatusCode::OK);
    }
    let long = |n: u32| json!({ "text": format!("{n}{}", "y".repeat(299)) });
    let last = stage.post(TTS, &long(1)).await;
    assert_eq!(last.status, StatusCode::OK);
    let over = stage.post(TTS, &long(2)).await;
    assert_eq!(over.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(over.code(), "BUDGET_EXCEEDED");
    // The clock of a stage stands at noon.
    assert_eq!(over.header("retry-after"), Some("43200"));
    assert_eq!(stage.post(TTS, &long(1)).await.json()["cached"], true);
}

#[actix_web::test]
async fn nobody_speaks_or_listens_without_a_token() {
    let stage = Stage::new().await;
    let requests = [
        TestRequest::post().uri(TTS).set_json(hello()),
        TestRequest::get().uri("/api/v1/tts/voices"),
        form(&[("audio", WAV)]),
    ];
    for request in requests {
        assert_eq!(stage.send_plain(request).await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(stage.provider.calls(), 0);
}

#[actix_web::test]
async fn voices_are_found_by_language() {
    let stage = Stage::new().await;
    let voices = |query: &'static str| {
        let uri = format!("/api/v1/tts/voices{query}");
        stage.send(TestRequest::get().uri(&uri))
    };
    assert_eq!(voices("").await.json().as_array().unwrap().len(), 2);
    let chinese = json!([{ "name": "bao", "language": "cmn-CN", "gender": "male", "provider": "test" }]);
    assert_eq!(voices("?language=zh").await.json(), chinese);
    assert_eq!(voices("?language=english").await.fields(), ["language"]);
}

#[actix_web::test]
async fn audio_plays_without_a_token_and_in_parts() {
    let stage = Stage::new().await;
    let url = url_of(&stage, "hello").await;
    let whole = get(&stage, &url, &[(header::ORIGIN, "http://localhost:5173")]).await;
    assert_eq!(whole.status, StatusCode::OK);
    assert_eq!(whole.body, "ID3\x04 hello");
    for (name, value) in [
        ("content-type", "audio/mpeg"),
        ("cache-control", "public, max-age=31536000, immutable"),
        ("accept-ranges", "bytes"),
        ("x-content-type-options", "nosniff"),
        ("access-control-allow-origin", "http://localhost:5173"),
        ("cross-origin-resource-policy", "cross-origin"),
    ] {
        assert_eq!(whole.header(name), Some(value), "{name}");
    }
    assert!(
        whole
            .header("content-security-policy")
            .unwrap()
            .contains("sandbox")
    );
    assert_eq!(whole.header("content-encoding"), None);
    let tag = whole.header("etag").unwrap();
    let part = get(
        &stage,
        &url,
        &[(header::RANGE, "bytes=5-"), (header::IF_RANGE, tag)],
    )
    .await;
    assert_eq!(
        (part.status, &part.body[..]),
        (StatusCode::PARTIAL_CONTENT, &b"hello"[..])
    );
    assert_eq!(part.header("content-range"), Some("bytes 5-9/10"));
    let known = get(&stage, &url, &[(header::IF_NONE_MATCH, tag)]).await;
    assert_eq!((known.status, known.body.len()), (StatusCode::NOT_MODIFIED, 0));
    let beyond = get(&stage, &url, &[(header::RANGE, "bytes=10-")]).await;
    assert_eq!(beyond.code(), "RANGE_NOT_SATISFIABLE");
    assert_eq!(beyond.header("content-range"), Some("bytes */10"));
}

#[actix_web::test]
async fn the_head_of_audio_is_that_of_the_whole() {
    let stage = Stage::new().await;
    let url = url_of(&stage, "hello").await;
    let request = TestRequest::default().method(actix_web::http::Method::HEAD);
    let head = stage
        .send_plain(request.uri(&url).insert_header((header::RANGE, "bytes=0-1")))
        .await;
    assert_eq!(head.status, StatusCode::OK);
    assert_eq!(head.header("content-range"), None);
}

#[actix_web::test]
async fn long_audio_is_never_compressed() {
    let stage = Stage::new().await;
    let url = url_of(&stage, &"x".repeat(300)).await;
    for _ in 0..2 {
        let headers = [
            (header::ACCEPT_ENCODING, "gzip, br"),
            (header::RANGE, "bytes=0-250"),
        ];
        let part = get(&stage, &url, &headers).await;
        assert_eq!((part.status, part.body.len()), (StatusCode::PARTIAL_CONTENT, 251));
        assert_eq!(part.header("content-encoding"), None);
    }
}

#[actix_web::test]
async fn lost_audio_is_made_again() {
    let stage = Stage::new().await;
    let url = url_of(&stage, "hello").await;
    stage.audio.lose_all();
    let again = get(&stage, &url, &[]).await;
    assert_eq!(
        (again.status, &again.body[..]),
        (StatusCode::OK, &b"ID3\x04 hello"[..])
    );
    assert_eq!(
        again.header("cache-control"),
        Some("public, max-age=31536000, immutable")
    );
    assert_eq!(stage.provider.calls(), 2);
}

#[actix_web::test]
async fn audio_that_was_made_again_otherwise_is_not_for_ever() {
    let stage = Stage::new().await;
    let url = url_of(&stage, "hello").await;
    stage.audio.lose_all();
    stage.provider.change_accent("!");
    let other = get(&stage, &url, &[]).await;
    assert_eq!(
        (other.status, &other.body[..]),
        (StatusCode::OK, &b"ID3\x04 hello!"[..])
    );
    assert_eq!(other.header("cache-control"), Some("public, no-cache"));
    let tag = other.header("etag").unwrap();
    assert!(!url.contains(tag.trim_matches('"')), "{url} {tag}");
}

#[actix_web::test]
async fn threat_39_what_names_no_audio_is_not_found() {
    let stage = Stage::new().await;
    let unknown = format!("{}.mp3", "a".repeat(43));
    for id in [
        unknown.as_str(),
        "x",
        "..%2f..%2fetc%2fpasswd",
        "%00",
        "..",
        &"a".repeat(300),
    ] {
        let answer = get(&stage, &format!("/api/v1/audio/{id}"), &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{id}");
    }
    let answer = get(&stage, &format!("/api/v1/audio/{unknown}"), &[]).await;
    assert_eq!(answer.code(), "AUDIO_NOT_FOUND");
}

#[actix_web::test]
async fn a_store_of_audio_that_fails_is_a_clear_503_until_it_recovers() {
    let stage = Stage::new().await;
    let url = url_of(&stage, "hello").await;
    stage.audio.set_broken(true);
    let answers = [
        get(&stage, &url, &[]).await,
        stage.post(TTS, &json!({ "text": "other" })).await,
    ];
    for answer in answers {
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (503, "UNAVAILABLE")
        );
        assert!(answer.header("retry-after").is_some());
        assert!(!String::from_utf8_lossy(&answer.body).contains("bucket"));
    }
    let health = get(&stage, "/health", &[]).await.json();
    assert_eq!(health["services"]["objectStore"], "down");
    assert_eq!(health["status"], "degraded");
    stage.audio.set_broken(false);
    assert_eq!(get(&stage, &url, &[]).await.status, StatusCode::OK);
}

#[actix_web::test]
async fn health_counts_what_was_there() {
    let stage = Stage::new().await;
    for _ in 0..3 {
        stage.post(TTS, &hello()).await;
    }
    let metrics = get(&stage, "/health", &[]).await.json()["cache"]["metrics"].clone();
    let expected = json!({ "hits": 2, "misses": 1, "total": 3, "hitRate": "66.67" });
    assert_eq!(metrics["services"]["TTS"], expected);
    assert_eq!(metrics["services"]["Conversation"]["hitRate"], "0.00");
    assert_eq!(metrics["overall"], expected);
}

/// A form with these parts.
fn form(parts: &[(&str, &[u8])]) -> TestRequest {
    let mut body = Vec::new();
    for (name, content) in parts {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.exe\"\r\n\
             Content-Type: text/html\r\n\r\n"
        );
        body.extend(head.bytes());
        body.extend(*content);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").bytes());
    raw(body)
}

fn raw(body: impl Into<actix_web::web::Bytes>) -> TestRequest {
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let body = body.into();
    TestRequest::post()
        .uri(STT)
        .insert_header((header::CONTENT_TYPE, content_type))
        .insert_header((header::CONTENT_LENGTH, body.len()))
        .set_payload(body)
}

#[actix_web::test]
async fn what_was_said_is_written_down() {
    let stage = Stage::new().await;
    let answer = stage
        .send(form(&[("language", b"en-us"), ("more", b"?"), ("audio", WAV)]))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let expected = json!({
        "transcript": format!("{} en-US", WAV.len()),
        "confidence": 0.5,
        "words": [{ "word": WAV.len().to_string(), "startMs": 0, "endMs": 250 }],
        "provider": "test",
    });
    assert_eq!(answer.json(), expected);
    assert_eq!(answer.header("ratelimit"), Some("\"ai\";r=2;t=18"));
}

#[actix_web::test]
async fn a_recording_may_be_larger_than_other_bodies_to_a_bound() {
    let stage = Stage::new().await;
    let mut recording = WAV.to_vec();
    recording.resize(10 * 1024 * 1024, 0);
    let answer = stage.send(form(&[("audio", &recording)])).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    recording.push(0);
    for chunked in [false, true] {
        let mut request = form(&[("audio", &recording)]);
        if chunked {
            request = request.insert_header((header::CONTENT_LENGTH, "1000"));
        }
        let answer = stage.send(request).await;
        assert_eq!(answer.code(), "PAYLOAD_TOO_LARGE");
        assert_eq!(answer.header("connection"), Some("close"));
    }
    recording.resize(12 * 1024 * 1024, 0);
    let answer = stage.send(form(&[("audio", &recording)])).await;
    assert_eq!(answer.code(), "PAYLOAD_TOO_LARGE");
    assert_eq!(stage.provider.calls(), 1);
}

#[actix_web::test]
async fn threat_40_uploads_are_known_by_their_content_alone() {
    let stage = Stage::new().await;
    let lies: [&[u8]; 5] = [
        b"",
        b"<svg onload=alert(1)>",
        b"\x89PNG\r\n\x1A\n<script>",
        b"RIFF",
        b"PK\x03\x04",
    ];
    for content in lies {
        let answer = stage.send(form(&[("audio", content), ("language", b"??")])).await;
        assert_eq!(answer.code(), "VALIDATION_FAILED", "{content:?}");
        assert_eq!(answer.fields(), ["audio", "language"]);
    }
    assert_eq!(stage.send(form(&[])).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(stage.send(form(&[("sound", WAV)])).await.fields(), ["audio"]);
    let twice = stage.send(form(&[("audio", WAV), ("audio", WAV)])).await;
    assert_eq!(twice.fields(), ["audio"]);
    assert_eq!(stage.provider.calls(), 0);
}

#[actix_web::test]
async fn threat_38_forms_that_are_no_forms_are_refused() {
    let stage = Stage::new().await;
    let head = "Content-Disposition: form-data; name=\"audio\"\r\n";
    let many: Vec<(&str, &[u8])> = vec![("x", b"y"); 10_000];
    let long = "x".repeat(1024 * 1024);
    let name = "n".repeat(64 * 1024);
    let bodies = [
        String::new(),
        "no form".to_owned(),
        format!("--{BOUNDARY}\r\n{head}\r\nRIFF"),
        format!("--{BOUNDARY}\r\n{head}\r\nRIFF\r\n--other--\r\n"),
        format!("--{BOUNDARY}\r\n{head}X-Long: {long}\r\n\r\nRIFF\r\n--{BOUNDARY}--\r\n"),
        format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\nx\r\n--{BOUNDARY}--\r\n"
        ),
        format!("--{BOUNDARY}\r\n\r\nx\r\n--{BOUNDARY}--\r\n"),
        format!("--{BOUNDARY}\r\nnonsense\r\n\r\nx\r\n--{BOUNDARY}--\r\n"),
        format!(
            "--{BOUNDARY}\r\n{head}{}\r\nx\r\n--{BOUNDARY}--\r\n",
            "A: b\r\n".repeat(100)
        ),
    ];
    for body in bodies {
        let shown: String = body.chars().take(60).collect();
        let answer = stage.send(raw(body)).await;
        assert!(answer.status.is_client_error(), "{shown:?}: {answer:?}");
    }
    assert!(stage.send(form(&many)).await.status.is_client_error());
    let beside = vec![b'x'; 17 * 1024];
    let answer = stage.send(form(&[("other", &beside), ("audio", WAV)])).await;
    assert_eq!(answer.code(), "PAYLOAD_TOO_LARGE");
    assert_eq!(stage.provider.calls(), 0);
}

#[actix_web::test]
async fn threat_38_strange_types_and_boundaries_are_refused() {
    let stage = Stage::new().await;
    for (content_type, status) in [
        ("application/json", 415),
        ("multipart/mixed; boundary=x-boundary", 415),
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=", 400),
        ("multipart/form-data; boundary=other", 400),
        ("multipart/form-data; boundary=\"x\\\"y\"", 400),
        ("nonsense", 415),
    ] {
        let request = form(&[("audio", WAV)]).insert_header((header::CONTENT_TYPE, content_type));
        let answer = stage.send(request).await;
        assert!(
            [status, 415].contains(&answer.status.as_u16()),
            "{content_type}: {answer:?}"
        );
    }
    let packed = form(&[("audio", WAV)]).insert_header((header::CONTENT_ENCODING, "gzip"));
    assert_eq!(stage.send(packed).await.code(), "UNSUPPORTED_MEDIA_TYPE");
}

#[actix_web::test]
async fn uploads_beyond_what_may_be_held_wait_for_another_time() {
    let stage = Stage::with(|config| config.uploads_limit = 128 * 1024).await;
    let mut recording = WAV.to_vec();
    recording.resize(200 * 1024, 0);
    let answer = stage.send(form(&[("audio", &recording)])).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (503, "UNAVAILABLE")
    );
    recording.truncate(128 * 1024);
    for _ in 0..3 {
        let answer = stage.send(form(&[("audio", &recording)])).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
}

#[actix_web::test]
async fn listening_that_fails_is_told_as_speech_is() {
    let stage = Stage::with(|config| {
        config.limits.ai.quota = 0;
        config.remedies.recognition = "Set GOOGLE_API_KEY.".to_owned();
    })
    .await;
    stage.provider.fail_with(ProviderErrorKind::Missing);
    let missing = stage.send(form(&[("audio", WAV)])).await;
    assert_eq!(missing.code(), "SPEECH_UNAVAILABLE");
    assert_eq!(missing.json()["error"], "Set GOOGLE_API_KEY.");
    stage.provider.fail_with(ProviderErrorKind::Refused);
    assert_eq!(stage.send(form(&[("audio", WAV)])).await.fields(), ["audio"]);
    stage.provider.fail_with(ProviderErrorKind::Timeout);
    assert_eq!(
        stage.send(form(&[("audio", WAV)])).await.code(),
        "UPSTREAM_TIMEOUT"
    );
}
