//! Texts that are spoken, voices, and the audio that comes of it.

use parlance_testbed::{FakeGoogle, GoogleService};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, TestApp, Voiced, assert_problem};

const TTS: &str = "/api/v1/tts";

/// The audio of an answer.
async fn audio(app: &TestApp, answer: &Value) -> Answer {
    app.get(answer["audioUrl"].as_str().unwrap()).await
}

#[tokio::test]
async fn a_text_is_spoken_and_plays_without_a_token() {
    let voiced = Voiced::start().await;
    let body = json!({ "text": "你好", "voice": "cmn-CN-Standard-A", "language": "cmn-CN", "rate": 0.8 });
    let answer = voiced.user.post(TTS, &body).await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let spoken = answer.json();
    assert_eq!(spoken["voice"], "cmn-CN-Standard-A");
    assert_eq!(
        (&spoken["cached"], &spoken["provider"]),
        (&json!(false), &json!("google"))
    );
    assert!(spoken["audioUrl"].as_str().unwrap().starts_with('/'), "{spoken}");
    let sound = audio(&voiced.app, &spoken).await.expect(200);
    assert_eq!(sound.header("content-type"), spoken["contentType"].as_str());
    assert!(!sound.body.is_empty());
    assert_eq!(voiced.google.violations(), [""; 0]);
}

#[tokio::test]
async fn the_same_text_is_paid_for_once_whoever_asks() {
    let voiced = Voiced::start().await;
    let first = voiced.speak("你好").await.expect(200).json();
    let other = voiced.app.register().await;
    // Texts that sound alike are one text.
    let second = other.speak(" 你好\u{200F} ").await.expect(200).json();
    assert_eq!(
        (&second["cached"], &second["audioUrl"]),
        (&json!(true), &first["audioUrl"])
    );
    assert_eq!(voiced.spoken(), 1);
}

#[tokio::test]
async fn threat_54_what_sounds_different_is_kept_apart() {
    let voiced = Voiced::start().await;
    let bodies = [
        json!({ "text": "hello" }),
        json!({ "text": "Hello" }),
        json!({ "text": "hello", "voice": "en-US-Standard-A" }),
        json!({ "text": "hello", "voice": "en-US-Standard-C" }),
        json!({ "text": "hello", "language": "en-GB" }),
        json!({ "text": "hello", "rate": 0.5 }),
        json!({ "text": "hello en-GB" }),
    ];
    let mut urls = Vec::new();
    for body in &bodies {
        let spoken = voiced.user.post(TTS, body).await.expect(200).json();
        assert_eq!(spoken["cached"], false, "{body}");
        urls.push(spoken["audioUrl"].clone());
    }
    assert_eq!(voiced.spoken(), bodies.len() as u64);
    for (body, url) in bodies.iter().zip(&urls) {
        let spoken = voiced.user.post(TTS, body).await.expect(200).json();
        assert_eq!(
            (&spoken["cached"], &spoken["audioUrl"]),
            (&json!(true), url),
            "{body}"
        );
    }
    assert_eq!(voiced.spoken(), bodies.len() as u64);
}

#[tokio::test]
async fn threat_54_nothing_of_who_asks_is_in_what_is_shared() {
    let voiced = Voiced::start().await;
    let other = voiced.app.register().await;
    let mut one = voiced.speak("你好").await.expect(200).json();
    let two = other.speak("你好").await.expect(200).json();
    one["cached"] = json!(true);
    assert_eq!(one, two);
    for request in voiced.google.requests(GoogleService::Synthesis) {
        let sent = format!("{request:?}");
        assert!(
            !sent.contains(&voiced.user.id) && !sent.contains(&voiced.user.email),
            "{sent}"
        );
    }
}

#[tokio::test]
async fn every_bad_field_is_named_and_nobody_is_asked() {
    let voiced = Voiced::start().await;
    let long = "字".repeat(301);
    let many = "a ".repeat(16);
    for (body, fields) in [
        (json!({}), vec!["text"]),
        (json!({ "text": "" }), vec!["text"]),
        (json!({ "text": " \u{200F} " }), vec!["text"]),
        (json!({ "text": "a\u{0}b" }), vec!["text"]),
        (json!({ "text": "\u{1b}[31mred" }), vec!["text"]),
        (json!({ "text": long }), vec!["text"]),
        (json!({ "text": many }), vec!["text"]),
        (json!({ "text": 5 }), vec!["text"]),
        (json!({ "text": "a", "rate": 0.24 }), vec!["rate"]),
        (json!({ "text": "a", "rate": 4.01 }), vec!["rate"]),
        (json!({ "text": "a", "rate": "fast" }), vec!["rate"]),
        (json!({ "text": "a", "language": "english" }), vec!["language"]),
        (json!({ "text": "a", "voice": "-v x; rm" }), vec!["voice"]),
        (
            json!({ "text": "", "voice": "", "language": "e", "rate": 9 }),
            vec!["language", "rate", "text", "voice"],
        ),
    ] {
        let details = assert_problem(&voiced.user.post(TTS, &body).await, 400, "VALIDATION_FAILED");
        let mut named: Vec<&str> = details["fields"]
            .as_array()
            .unwrap()
            .iter()
            .map(|field| field["field"].as_str().unwrap())
            .collect();
        named.sort_unstable();
        assert_eq!(named, fields, "{body}");
    }
    let megabyte = json!({ "text": "a".repeat(1 << 20) });
    assert_problem(&voiced.user.post(TTS, &megabyte).await, 413, "PAYLOAD_TOO_LARGE");
    assert_eq!(voiced.spoken(), 0);
}

#[tokio::test]
async fn a_voice_and_a_language_that_there_are_not_are_bad_fields() {
    let voiced = Voiced::start().await;
    for (body, field) in [
        (json!({ "text": "hello", "voice": "en-US-Nobody-A" }), "voice"),
        (json!({ "text": "hello", "language": "tlh" }), "language"),
    ] {
        let answer = voiced.user.post(TTS, &body).await;
        let details = assert_problem(&answer, 400, "VALIDATION_FAILED");
        assert_eq!(details["fields"][0]["field"], field, "{details}");
    }
}

#[tokio::test]
async fn markup_emoji_and_marks_of_direction_are_only_ever_text() {
    let voiced = Voiced::start().await;
    let emoji = "😀".repeat(300);
    for (text, heard) in [
        (
            "<speak><break time=\"10s\"/>hi</speak>",
            "<speak><break time=\"10s\"/>hi</speak>",
        ),
        ("\u{202E}abc\u{202C}", "abc"),
        ("a & b < c", "a & b < c"),
        (&emoji, &emoji),
    ] {
        voiced.speak(text).await.expect(200);
        let sent = voiced
            .google
            .requests(GoogleService::Synthesis)
            .pop()
            .unwrap()
            .body;
        assert_eq!(sent["input"], json!({ "text": heard }));
    }
    assert_eq!(voiced.google.violations(), [""; 0]);
}

#[tokio::test]
async fn voices_are_listed_by_language_and_asked_for_once() {
    let voiced = Voiced::start().await;
    let list = async |query: &str| {
        let path = format!("/api/v1/tts/voices{query}");
        voiced.user.get(&path).await.expect(200).json()
    };
    let all = list("").await;
    assert!(all.as_array().unwrap().len() > 5, "{all}");
    for voice in all.as_array().unwrap() {
        assert_eq!(voice["provider"], "google");
        assert!(
            ["female", "male", "neutral"].contains(&voice["gender"].as_str().unwrap()),
            "{voice}"
        );
    }
    let languages = |list: &Value| {
        let list = list.as_array().unwrap().iter();
        let mut tags: Vec<String> = list
            .map(|voice| voice["language"].as_str().unwrap().to_owned())
            .collect();
        tags.sort();
        tags.dedup();
        tags
    };
    assert_eq!(languages(&list("?language=zh").await), ["cmn-CN", "cmn-TW"]);
    assert_eq!(languages(&list("?language=en-GB").await), ["en-GB"]);
    assert_eq!(list("?language=tlh").await, json!([]));
    let bad = voiced.user.get("/api/v1/tts/voices?language=english").await;
    assert_problem(&bad, 400, "VALIDATION_FAILED");
    assert_eq!(voiced.google.calls(GoogleService::Voices), 1);
}

#[tokio::test]
async fn audio_is_kept_for_ever_and_comes_in_parts() {
    let voiced = Voiced::start().await;
    let spoken = voiced.speak("你好").await.expect(200).json();
    let path = spoken["audioUrl"].as_str().unwrap();
    let get = async |name: &'static str, value: &str| {
        let request = voiced.app.request(Method::GET, path).header(name, value);
        voiced.app.send(request).await
    };
    let whole = voiced.app.get(path).await.expect(200);
    assert_eq!(
        whole.header("cache-control"),
        Some("public, max-age=31536000, immutable")
    );
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    assert_eq!(whole.header("x-content-type-options"), Some("nosniff"));
    let length = whole.body.len();
    let part = get("range", "bytes=10-19").await.expect(206);
    assert_eq!(part.body, whole.body[10..20]);
    assert_eq!(
        part.header("content-range"),
        Some(format!("bytes 10-19/{length}").as_str())
    );
    assert_eq!(
        get("range", "bytes=-5").await.expect(206).body,
        whole.body[length - 5..]
    );
    let beyond = get("range", &format!("bytes={length}-")).await;
    assert_problem(&beyond, 416, "RANGE_NOT_SATISFIABLE");
    assert_eq!(
        beyond.header("content-range"),
        Some(format!("bytes */{length}").as_str())
    );
    let tag = whole.header("etag").unwrap().to_owned();
    let known = get("if-none-match", &tag).await.expect(304);
    assert!(known.body.is_empty());
    assert_eq!(
        get("if-none-match", "\"other\"").await.expect(200).body,
        whole.body
    );
    assert_eq!(voiced.spoken(), 1);
}

#[tokio::test]
async fn threat_39_a_path_that_names_no_audio_finds_none() {
    let voiced = Voiced::start().await;
    let digest = "a".repeat(43);
    for path in [
        format!("{digest}.mp3"),
        format!("{digest}.exe"),
        format!("{digest}."),
        "..%2f..%2fparlance.db".to_owned(),
        "..%5c..%5cparlance.db".to_owned(),
        "%2e%2e%2fparlance.db".to_owned(),
        format!("{digest}%00.mp3"),
        "%2fetc%2fpasswd".to_owned(),
        "x".repeat(300),
    ] {
        let answer = voiced.app.get(&format!("/api/v1/audio/{path}")).await;
        assert_problem(&answer, 404, "AUDIO_NOT_FOUND");
    }
    assert_eq!(voiced.spoken(), 0);
}

#[tokio::test]
async fn audio_that_is_gone_or_damaged_is_made_again() {
    let voiced = Voiced::start().await;
    let spoken = voiced.speak("你好").await.expect(200).json();
    let before = audio(&voiced.app, &spoken).await.expect(200).body;
    let files = voiced.audio_files();
    assert_eq!(files.len(), 1, "{files:?}");
    std::fs::remove_file(&files[0]).unwrap();
    assert_eq!(audio(&voiced.app, &spoken).await.expect(200).body, before);
    assert_eq!(voiced.spoken(), 2);
    std::fs::write(&files[0], b"<html>not what it was</html>").unwrap();
    assert_eq!(audio(&voiced.app, &spoken).await.expect(200).body, before);
    assert_eq!(audio(&voiced.app, &spoken).await.expect(200).body, before);
    assert!(voiced.spoken() <= 3);
}

#[tokio::test]
async fn a_store_of_audio_that_fails_is_a_503_and_recovers() {
    let voiced = Voiced::start().await;
    let spoken = voiced.speak("你好").await.expect(200).json();
    let folder = voiced.app.place().objects();
    let aside = folder.with_extension("aside");
    std::fs::rename(&folder, &aside).unwrap();
    std::fs::write(&folder, b"in the way").unwrap();
    assert_problem(&voiced.speak("再见").await, 503, "UNAVAILABLE");
    assert_eq!(voiced.spoken(), 1, "nobody pays for what cannot be kept");
    assert_problem(&audio(&voiced.app, &spoken).await, 503, "UNAVAILABLE");
    std::fs::remove_file(&folder).unwrap();
    std::fs::rename(&aside, &folder).unwrap();
    audio(&voiced.app, &spoken).await.expect(200);
    let again = voiced.speak("再见").await.expect(200).json();
    assert_eq!(again["cached"], false);
}

#[tokio::test]
async fn nobody_is_served_without_a_token() {
    let voiced = Voiced::start().await;
    for path in [
        "/api/v1/tts",
        "/api/v1/stt",
        "/api/v1/conversations",
        "/api/v1/conversations/text/generate",
        "/api/v1/conversations/audio/generate",
    ] {
        assert_problem(
            &voiced.app.post(path, &json!({ "text": "a" })).await,
            401,
            "UNAUTHORIZED",
        );
    }
    assert_problem(&voiced.app.get("/api/v1/tts/voices").await, 401, "UNAUTHORIZED");
    let delete = voiced.app.request(Method::DELETE, "/api/v1/conversations/w");
    assert_problem(&voiced.app.send(delete).await, 401, "UNAUTHORIZED");
    let asked = [
        GoogleService::Synthesis,
        GoogleService::Voices,
        GoogleService::Writing,
    ];
    assert_eq!(asked.map(|service| voiced.google.calls(service)), [0, 0, 0]);
}

#[tokio::test]
async fn a_service_account_works_as_well_as_a_key() {
    let google = FakeGoogle::start().unwrap();
    let account = google.service_account().unwrap();
    let builder = TestApp::builder().google(&google).with(|settings| {
        use parlance_server::settings::GoogleAccount;
        settings.providers.google.key = None;
        settings.providers.gemini.key = None;
        settings.providers.google.account = Some(GoogleAccount::Json(account.into()));
    });
    let app = builder.start().await;
    let user = app.register().await;
    user.speak("你好").await.expect(200);
    user.converse("w", "你好").await.expect(200);
    assert!(google.calls(GoogleService::Tokens) >= 1);
    assert_eq!(google.violations(), [""; 0]);
}
