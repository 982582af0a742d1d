//! Recordings that are written down, and uploads that lie, are broken off, or are too much.

use parlance_testbed::{GoogleBehaviour, GoogleService};
use reqwest::Method;

use crate::harness::{Answer, TestApp, TestUser, Voiced, assert_problem};

const STT: &str = "/api/v1/stt";
const BOUNDARY: &str = "a-boundary-of-tests";

/// A second of a tone, as WAV.
fn wav(seconds: usize) -> Vec<u8> {
    let data: Vec<u8> = (0..seconds * 16_000)
        .map(|at| u8::from(at / 2 % 16 < 8) * 32)
        .collect();
    let length = u32::try_from(data.len()).unwrap();
    let mut file = b"RIFF".to_vec();
    file.extend((36 + length).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(8_000_u32.to_le_bytes());
    file.extend(16_000_u32.to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend(length.to_le_bytes());
    file.extend(data);
    file
}

/// A part of a form.
fn part(disposition: &str, content_type: &str, content: &[u8]) -> Vec<u8> {
    let mut part = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\nContent-Type: {content_type}\r\n\r\n"
    )
    .into_bytes();
    part.extend(content);
    part.extend(b"\r\n");
    part
}

fn audio(content: &[u8]) -> Vec<u8> {
    part("name=\"audio\"; filename=\"a.wav\"", "audio/wav", content)
}

fn language(tag: &str) -> Vec<u8> {
    part("name=\"language\"", "text/plain", tag.as_bytes())
}

/// Parts, ended as a form is.
fn form(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut form = parts.concat();
    form.extend(format!("--{BOUNDARY}--\r\n").bytes());
    form
}

async fn send(user: &TestUser, body: Vec<u8>) -> Answer {
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let request = user
        .request(Method::POST, STT)
        .header("content-type", content_type);
    user.send(request.body(body)).await
}

/// Has a second of sound written down.
pub(super) async fn transcribe(user: &TestUser) -> Answer {
    send(user, form(&[language("zh-CN"), audio(&wav(1))])).await
}

#[tokio::test]
async fn what_was_said_is_written_down() {
    let voiced = Voiced::start().await;
    let body = form(&[language("zh-CN"), audio(&wav(1))]);
    let answer = send(&voiced.user, body).await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let heard = answer.json();
    assert_eq!(
        (&heard["transcript"], &heard["provider"]),
        (&"你好吗".into(), &"google".into())
    );
    assert!((0.0..=1.0).contains(&heard["confidence"].as_f64().unwrap()));
    let words = heard["words"].as_array().unwrap();
    assert!(!words.is_empty(), "{heard}");
    for word in words {
        assert!(word["startMs"].as_u64() <= word["endMs"].as_u64(), "{word}");
    }
    assert_eq!(voiced.google.violations(), [""; 0]);
}

#[tokio::test]
async fn threat_54_a_recording_is_never_kept_for_anybody() {
    let voiced = Voiced::start().await;
    let body = form(&[audio(&wav(1))]);
    for _ in 0..2 {
        send(&voiced.user, body.clone()).await.expect(200);
    }
    send(&voiced.app.register().await, body).await.expect(200);
    assert_eq!(voiced.google.calls(GoogleService::Recognition), 3);
    assert!(voiced.audio_files().is_empty());
}

#[tokio::test]
async fn each_recording_counts_towards_the_limit() {
    let voiced = TestApp::builder()
        .with(|settings| settings.limits.ai_per_minute = 2)
        .voiced()
        .await;
    let body = form(&[audio(&wav(1))]);
    for _ in 0..2 {
        send(&voiced.user, body.clone()).await.expect(200);
    }
    assert_problem(&send(&voiced.user, body).await, 429, "RATE_LIMIT_EXCEEDED");
    assert_eq!(voiced.google.calls(GoogleService::Recognition), 2);
}

#[tokio::test]
async fn failures_of_the_provider_have_their_answers() {
    let voiced = Voiced::start().await;
    let body = form(&[audio(&wav(1))]);
    for behaviour in [
        GoogleBehaviour::Status(503),
        GoogleBehaviour::Status(403),
        GoogleBehaviour::NotJson,
    ] {
        voiced
            .google
            .always(GoogleService::Recognition, behaviour.clone());
        assert_problem(&send(&voiced.user, body.clone()).await, 503, "SPEECH_UNAVAILABLE");
    }
    voiced
        .google
        .always(GoogleService::Recognition, GoogleBehaviour::Status(400));
    assert_problem(&send(&voiced.user, body.clone()).await, 400, "VALIDATION_FAILED");
    voiced
        .google
        .always(GoogleService::Recognition, GoogleBehaviour::Empty);
    let silence = send(&voiced.user, body).await.expect(200).json();
    assert_eq!(
        (&silence["transcript"], &silence["confidence"]),
        (&"".into(), &0.0.into())
    );
}

#[tokio::test]
async fn threat_40_uploads_that_lie_about_what_they_are_are_refused() {
    let voiced = Voiced::start().await;
    for content in [
        &b""[..],
        b"RIFF",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<html><script>alert(1)</script></html>",
        b"PK\x03\x04 a zip",
        b"%PDF-1.7",
        b"MZ\x90\0",
        b"\x1f\x8b\x08 gzip",
    ] {
        let answer = send(&voiced.user, form(&[audio(content)])).await;
        let details = assert_problem(&answer, 400, "VALIDATION_FAILED");
        assert_eq!(details["fields"][0]["field"], "audio", "{content:?}");
    }
    // The name and the declared type say nothing either way.
    let named = part("name=\"audio\"; filename=\"../../x.exe\"", "text/html", &wav(1));
    send(&voiced.user, form(&[named])).await.expect(200);
    assert_eq!(voiced.google.calls(GoogleService::Recognition), 1);
}

#[tokio::test]
async fn threat_38_forms_that_are_broken_or_hostile_are_refused() {
    let voiced = Voiced::start().await;
    let whole = form(&[audio(&wav(1))]);
    let many: Vec<Vec<u8>> = (0..10_000)
        .map(|n| part(&format!("name=\"p{n}\""), "text/plain", b"x"))
        .collect();
    let long_name = part(
        &format!("name=\"audio\"; filename=\"{}\"", "x".repeat(64 << 10)),
        "audio/wav",
        b"x",
    );
    let huge_head = part(&format!("name=\"{}\"", "x".repeat(1 << 20)), "text/plain", b"x");
    for (what, body) in [
        ("nothing", Vec::new()),
        ("no end", whole[..whole.len() - 10].to_vec()),
        ("cut in the middle", whole[..whole.len() / 2].to_vec()),
        ("no part", form(&[])),
        (
            "another boundary",
            String::from_utf8_lossy(b"--other\r\n\r\nx\r\n--other--\r\n")
                .into_owned()
                .into_bytes(),
        ),
        ("no name", form(&[b"--a-boundary-of-tests\r\n\r\nx\r\n".to_vec()])),
        ("many parts", form(&many)),
        ("a long name", form(&[long_name])),
        ("a huge head", form(&[huge_head])),
        ("no recording", form(&[language("zh")])),
        ("two recordings", form(&[audio(&wav(1)), audio(&wav(1))])),
        ("a bad language", form(&[language("english"), audio(&wav(1))])),
        (
            "a large language",
            form(&[language(&"x".repeat(20 << 10)), audio(&wav(1))]),
        ),
    ] {
        let answer = send(&voiced.user, body).await;
        assert!((400..500).contains(&answer.status), "{what}: {}", answer.status);
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json"),
            "{what}"
        );
    }
    for content_type in [
        "audio/wav",
        "multipart/mixed; boundary=x",
        "multipart/form-data",
        "application/json",
    ] {
        let request = voiced
            .user
            .request(Method::POST, STT)
            .header("content-type", content_type);
        let answer = voiced.user.send(request.body(whole.clone())).await;
        assert!(
            [400, 415].contains(&answer.status),
            "{content_type}: {}",
            answer.status
        );
    }
    assert_eq!(voiced.google.calls(GoogleService::Recognition), 0);
    voiced.app.get("/livez").await.expect(200);
}

#[tokio::test]
async fn threat_37_a_recording_that_is_too_large_is_refused_before_it_has_come() {
    let voiced = Voiced::start().await;
    let large = wav(11 * 1024 * 1024 / 16_000 + 1);
    let answer = send(&voiced.user, form(&[audio(&large)])).await;
    assert_problem(&answer, 413, "PAYLOAD_TOO_LARGE");
    assert_eq!(voiced.google.calls(GoogleService::Recognition), 0);
    // Somebody who says how much will come is refused at the first byte.
    let mut connection = voiced.app.connect().await;
    let head = format!(
        "POST {STT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 1000000000\r\n\
         content-type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n",
        voiced.user.token
    );
    connection.send(&head).await;
    let response = connection.response().await.unwrap();
    assert_eq!(response.status, 413);
}

#[tokio::test]
async fn threat_36_compressed_forms_are_not_unpacked() {
    let voiced = Voiced::start().await;
    let request = voiced
        .user
        .request(Method::POST, STT)
        .header(
            "content-type",
            format!("multipart/form-data; boundary={BOUNDARY}"),
        )
        .header("content-encoding", "gzip")
        .body(form(&[audio(&wav(1))]));
    let answer = voiced.user.send(request).await;
    assert_problem(&answer, 415, "UNSUPPORTED_MEDIA_TYPE");
}
