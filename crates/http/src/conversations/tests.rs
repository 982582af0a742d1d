//! The routes of conversations, over stand-ins.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use parlance_domain::providers::ProviderErrorKind;
use serde_json::{Value, json};

use crate::testing::Stage;

const EITHER: &str = "/api/v1/conversations";
const TEXT: &str = "/api/v1/conversations/text/generate";
const AUDIO: &str = "/api/v1/conversations/audio/generate";

fn study() -> Value {
    json!({ "wordId": "zh-1", "word": "学习" })
}

fn turn(index: u32, text: &str) -> Value {
    json!({ "wordId": "zh-1", "turnIndex": index, "text": text })
}

fn typed(kind: &str, mut body: Value) -> Value {
    body["type"] = kind.into();
    body
}

#[actix_web::test]
async fn a_conversation_is_written_once() {
    let stage = Stage::new().await;
    let first = stage.post(TEXT, &study()).await;
    assert_eq!(first.status, StatusCode::OK, "{first:?}");
    let view = first.json();
    assert!(view["id"].as_str().unwrap().starts_with("zh-1-"));
    assert_eq!(view["generatedAt"], "2026-03-01T12:00:00.000Z");
    assert_eq!(
        (&view["generatorVersion"], &view["cached"], &view["provider"]),
        (&json!("v1"), &json!(false), &json!("test"))
    );
    assert_eq!(view["turns"].as_array().unwrap().len(), 3);
    let expected = json!({
        "speaker": "A", "chinese": "学习，你好。", "pinyin": "nǐ hǎo", "english": "Hello.", "audioUrl": "",
    });
    assert_eq!(view["turns"][0], expected);
    assert_eq!(first.header("ratelimit"), Some("\"ai\";r=2;t=18"));
    let again = stage.post(EITHER, &typed("text", study())).await;
    assert_eq!(again.json()["cached"], true);
    assert_eq!(again.json()["id"], view["id"]);
    assert_eq!(again.header("ratelimit"), None);
    assert_eq!(stage.provider.calls(), 1);
}

#[actix_web::test]
async fn a_turn_is_spoken_and_noted_in_its_conversation() {
    let stage = Stage::new().await;
    for cached in [false, true, true] {
        let conversation = stage.post(TEXT, &study()).await.json();
        assert_eq!(conversation["cached"], cached);
        assert_eq!(conversation["turns"][1]["audioUrl"], "");
    }
    let spoken = stage.post(AUDIO, &turn(1, "学习，再见。")).await;
    assert_eq!(spoken.status, StatusCode::OK, "{spoken:?}");
    let view = spoken.json();
    assert_eq!(
        (&view["turnIndex"], &view["voice"], &view["cached"]),
        (&json!(1), &json!("bao"), &json!(false))
    );
    let again = stage.post(EITHER, &typed("audio", turn(1, "学习，再见。"))).await;
    assert_eq!(again.json()["cached"], true);
    let conversation = stage.post(TEXT, &study()).await.json();
    assert_eq!(conversation["turns"][1]["audioUrl"], view["audioUrl"]);
    assert_eq!(conversation["turns"][0]["audioUrl"], "");
    assert_eq!(conversation["id"], view["conversationId"]);
}

#[actix_web::test]
async fn audio_comes_after_text_and_of_turns_that_there_are() {
    let stage = Stage::new().await;
    let early = stage.post(AUDIO, &turn(0, "学习，你好。")).await;
    assert_eq!(
        (early.status.as_u16(), early.code().as_str()),
        (404, "CONVERSATION_NOT_FOUND")
    );
    stage.post(TEXT, &study()).await;
    for other in [
        turn(0, "别的"),
        turn(9, "学习，你好。"),
        turn(u32::MAX, "学习，你好。"),
    ] {
        let answer = stage.post(AUDIO, &other).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (404, "TURN_NOT_FOUND")
        );
    }
}

#[actix_web::test]
async fn every_bad_field_is_named() {
    let stage = Stage::new().await;
    let cases = [
        (TEXT, json!({}), &["word", "wordId"][..]),
        (
            TEXT,
            json!({ "wordId": "a b", "word": "\u{1b}", "generatorVersion": "v9" }),
            &["generatorVersion", "word", "wordId"],
        ),
        (TEXT, json!({ "wordId": 7, "word": "!" }), &["word", "wordId"]),
        (
            AUDIO,
            json!({ "turnIndex": -1 }),
            &["text", "turnIndex", "wordId"],
        ),
        (EITHER, json!({ "type": "video" }), &["type", "wordId"]),
        (
            EITHER,
            json!({ "type": "audio", "wordId": "a" }),
            &["text", "turnIndex"],
        ),
        (EITHER, json!({ "type": 1, "wordId": "a" }), &["type"]),
    ];
    for (path, body, fields) in cases {
        stage.refuses(path, &body, fields).await;
    }
    assert_eq!(stage.provider.calls(), 0);
}

#[actix_web::test]
async fn failures_of_the_provider_have_their_codes() {
    let stage = Stage::with(|config| config.limits.ai.quota = 0).await;
    let cases = [
        (ProviderErrorKind::Missing, 503, "CONVERSATION_UNAVAILABLE"),
        (ProviderErrorKind::Invalid, 503, "CONVERSATION_UNAVAILABLE"),
        (ProviderErrorKind::Timeout, 504, "UPSTREAM_TIMEOUT"),
        (ProviderErrorKind::Refused, 400, "VALIDATION_FAILED"),
    ];
    for (kind, status, code) in cases {
        stage.provider.fail_with(kind);
        let answer = stage.post(TEXT, &study()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code),
            "{kind:?}"
        );
    }
}

#[actix_web::test]
async fn administrators_alone_have_conversations_forgotten() {
    let stage = Stage::new().await;
    stage.post(TEXT, &study()).await;
    let delete = || TestRequest::delete().uri("/api/v1/conversations/zh-1");
    assert_eq!(stage.send_plain(delete()).await.status, StatusCode::UNAUTHORIZED);
    let learner = stage.send(delete()).await;
    assert_eq!(
        (learner.status.as_u16(), learner.code().as_str()),
        (403, "FORBIDDEN")
    );
    assert_eq!(stage.post(TEXT, &study()).await.json()["cached"], true);
    let admin = stage.send_as("admin-9", delete()).await;
    assert_eq!(admin.status, StatusCode::NO_CONTENT);
    assert_eq!(
        stage.post(AUDIO, &turn(0, "学习，你好。")).await.code(),
        "CONVERSATION_NOT_FOUND"
    );
    assert_eq!(stage.post(TEXT, &study()).await.json()["cached"], false);
    let bad = TestRequest::delete().uri("/api/v1/conversations/a%20b");
    assert_eq!(stage.send_as("admin-9", bad).await.fields(), ["wordId"]);
}
