//! A Google of one's own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::TcpStream;

use parlance_testbed::{FakeGoogle, GoogleBehaviour, GoogleService};

/// Sends a request and reads all that is answered.
fn ask(google: &FakeGoogle, path: &str, header: &str, body: &str) -> String {
    let address = google.url();
    let mut stream = TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n{header}\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    // An answer that is cut off is told as far as it came.
    let _ = stream.read_to_string(&mut answer);
    answer
}

fn with_key() -> String {
    format!("X-Goog-Api-Key: {}\r\n", FakeGoogle::API_KEY)
}

const SYNTHESIZE: &str = "/v1/text:synthesize";
const HELLO: &str = r#"{"input":{"text":"hello"},"voice":{"languageCode":"en-US"},"audioConfig":{"audioEncoding":"LINEAR16"}}"#;

#[test]
fn a_request_as_published_is_answered_and_counted() {
    let google = FakeGoogle::start().unwrap();
    for _ in 0..2 {
        let answer = ask(&google, SYNTHESIZE, &with_key(), HELLO);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("{\"audioContent\":\"UklGR"), "{answer}");
    }
    assert_eq!(google.violations(), Vec::<String>::new());
    assert_eq!(google.calls(GoogleService::Synthesis), 2);
    assert_eq!(google.distinct(GoogleService::Synthesis), 1);
    google.forget_calls();
    assert_eq!(google.calls(GoogleService::Synthesis), 0);
}

#[test]
fn a_request_that_is_not_as_published_is_a_violation() {
    let google = FakeGoogle::start().unwrap();
    let cases = [
        (
            SYNTHESIZE,
            HELLO.replace("audioConfig", "audio_config"),
            "audio_config is unknown",
        ),
        (
            SYNTHESIZE,
            HELLO.replace("\"en-US\"", "1"),
            "languageCode is no string",
        ),
        (
            "/v1/text:synthesize?key=x",
            HELLO.to_owned(),
            "has key in its query",
        ),
        ("/v1/speech:recognise", HELLO.to_owned(), "is no call"),
        (
            "/v1beta/models/x:generateContent",
            "{\"contents\":[{\"part\":[]}]}".to_owned(),
            "part is unknown",
        ),
    ];
    for (number, (path, body, expected)) in cases.into_iter().enumerate() {
        let answer = ask(&google, path, &with_key(), &body);
        assert!(answer.starts_with("HTTP/1.1 40"), "{answer}");
        let violations = google.violations();
        assert!(violations.len() > number, "{violations:?}");
        assert!(
            violations.iter().any(|violation| violation.contains(expected)),
            "{violations:?}"
        );
    }
}

#[test]
fn who_has_no_key_or_a_wrong_one_is_refused() {
    let google = FakeGoogle::start().unwrap();
    assert!(ask(&google, SYNTHESIZE, "", HELLO).starts_with("HTTP/1.1 403"));
    let wrong = ask(&google, SYNTHESIZE, "X-Goog-Api-Key: wrong\r\n", HELLO);
    assert!(
        wrong.starts_with("HTTP/1.1 400") && wrong.contains("API_KEY_INVALID"),
        "{wrong}"
    );
    let wrong = ask(&google, SYNTHESIZE, "Authorization: Bearer wrong\r\n", HELLO);
    assert!(wrong.starts_with("HTTP/1.1 401"), "{wrong}");
    assert_eq!(google.violations(), Vec::<String>::new());
}

#[test]
fn it_misbehaves_as_often_as_it_is_told() {
    let google = FakeGoogle::start().unwrap();
    let after = GoogleBehaviour::StatusRetryAfter(429, "7".to_owned());
    google.next(GoogleService::Synthesis, 2, after);
    google.next(GoogleService::Synthesis, 1, GoogleBehaviour::Cut);
    for _ in 0..2 {
        let answer = ask(&google, SYNTHESIZE, &with_key(), HELLO).to_lowercase();
        assert!(
            answer.starts_with("http/1.1 429") && answer.contains("retry-after: 7"),
            "{answer}"
        );
    }
    let cut = ask(&google, SYNTHESIZE, &with_key(), HELLO);
    assert!(cut.contains("audioContent") && !cut.ends_with('}'), "{cut}");
    assert!(ask(&google, SYNTHESIZE, &with_key(), HELLO).ends_with('}'));
}

#[test]
fn it_tells_what_it_would_have_answered_and_since_when_it_was_asked() {
    let google = FakeGoogle::start().unwrap();
    google.in_turn(
        GoogleService::Synthesis,
        &[GoogleBehaviour::Right, GoogleBehaviour::Status(500)],
    );
    let then = std::time::Instant::now();
    let answers = [(); 3].map(|()| ask(&google, SYNTHESIZE, &with_key(), HELLO));
    let statuses = answers.each_ref().map(|answer| &answer[9..12]);
    assert_eq!(statuses, ["200", "500", "200"]);
    let sound = google.sound_of(&serde_json::from_str(HELLO).unwrap()).unwrap();
    assert!(sound.starts_with(b"RIFF"));
    assert!(answers[0].contains(&base64::Engine::encode(&base64::prelude::BASE64_STANDARD, sound)));
    assert_eq!(google.calls_since(GoogleService::Synthesis, then), 3);
    let now = std::time::Instant::now();
    assert_eq!(google.calls_since(GoogleService::Synthesis, now), 0);
}

#[test]
fn nobody_is_there_when_it_is_dropped() {
    let google = FakeGoogle::start().unwrap();
    let address = google.url();
    google.always(GoogleService::Synthesis, GoogleBehaviour::HangInside);
    let mut waiting = TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    waiting.write_all(b"POST /token HTTP/1.1\r\n").unwrap();
    drop(google);
    assert!(TcpStream::connect(address.trim_start_matches("http://")).is_err());
}
