//! Learners' own keys in use: who pays, who hears of it, and what becomes of keys that are wrong.

use std::time::Duration;

use parlance_server::settings::{ConversationProvider, SpeechProvider};
use parlance_testbed::elevenlabs::ElevenLabsBehaviour;
use parlance_testbed::openai::{FakeOpenAi, OpenAiBehaviour};
use parlance_testbed::{FakeGoogle, GoogleService};
use reqwest::Method;
use serde_json::{Value, json};

use super::recordings::transcribe;
use crate::harness::{Answer, Keyed, TestApp, TestUser, assert_problem};

const TTS: &str = "/api/v1/tts";
const VOICES: &str = "/api/v1/tts/voices?language=zh";

fn retry_after(answer: &Answer) -> u64 {
    answer.header("retry-after").unwrap().parse().unwrap()
}

async fn spoken(user: &TestUser, text: &str) -> Value {
    user.speak(text).await.expect(200).json()
}

async fn written(user: &TestUser) -> Value {
    user.converse("w", "学习").await.expect(200).json()
}

/// Whether something was there already, and who made it.
fn made(answer: &Value) -> (bool, &str) {
    (
        answer["cached"].as_bool().unwrap(),
        answer["provider"].as_str().unwrap(),
    )
}

#[tokio::test]
async fn threat_54_what_a_learners_own_key_speaks_is_neither_shared_nor_paid_by_the_house() {
    let keyed = Keyed::start().await;
    let ann = keyed.learner_with("elevenlabs").await;
    let mine = spoken(&ann, "你好").await;
    assert_eq!(made(&mine), (false, "elevenlabs"));
    assert_eq!(made(&spoken(&ann, "你好").await), (true, "elevenlabs"));
    assert_eq!((keyed.elevenlabs.requests().len(), keyed.voiced.spoken()), (1, 0));
    assert_eq!(keyed.spent(), 0);
    // It plays without a token, but nobody makes it again at the cost of the house.
    let sound = keyed
        .voiced
        .app
        .get(mine["audioUrl"].as_str().unwrap())
        .await
        .expect(200);
    assert_eq!(sound.header("content-type"), Some("audio/mpeg"));
    for file in keyed.voiced.audio_files() {
        std::fs::remove_file(file).unwrap();
    }
    let gone = keyed.voiced.app.get(mine["audioUrl"].as_str().unwrap()).await;
    assert_problem(&gone, 404, "AUDIO_NOT_FOUND");
    assert_eq!(made(&spoken(&ann, "你好").await), (false, "elevenlabs"));
    assert_eq!(keyed.voiced.spoken(), 0);
    // Another learner with the same text gets the house's, and so does not hear Ann's.
    let theirs = spoken(&keyed.voiced.user, "你好").await;
    assert_eq!(made(&theirs), (false, "google"));
    assert_ne!(theirs["audioUrl"], mine["audioUrl"]);
    assert_eq!((keyed.voiced.spoken(), keyed.spent()), (1, 2));
    // Nor does another learner with a key hear Ann's.
    let bob = keyed.learner_with("elevenlabs").await;
    assert_eq!(made(&spoken(&bob, "你好").await), (false, "elevenlabs"));
    assert_eq!(keyed.elevenlabs.requests().len(), 3);
}

#[tokio::test]
async fn a_key_serves_from_the_moment_on_in_which_it_was_set() {
    let keyed = Keyed::start().await;
    let ann = keyed.voiced.app.register().await;
    for _ in 0..2 {
        assert_eq!(spoken(&ann, "你好").await["provider"], "google");
    }
    ann.set_right_key("elevenlabs").await;
    assert_eq!(made(&spoken(&ann, "你好").await), (false, "elevenlabs"));
    ann.delete("/api/v1/users/me/keys/elevenlabs").await.expect(204);
    assert_eq!(made(&spoken(&ann, "你好").await), (true, "google"));
}

#[tokio::test]
async fn threat_54_what_a_learners_own_key_writes_is_neither_shared_nor_paid_by_the_house() {
    let keyed = Keyed::start().await;
    let ann = keyed.learner_with("openai").await;
    let mine = written(&ann).await;
    assert_eq!(made(&mine), (false, "openai"));
    assert_eq!(made(&written(&ann).await), (true, "openai"));
    assert_eq!((keyed.voiced.written(), keyed.spent()), (0, 0));
    let text = &mine["turns"][0]["chinese"];
    let stranger = keyed.voiced.user.speak_turn("w", 0, text).await;
    assert_problem(&stranger, 404, "CONVERSATION_NOT_FOUND");
    let turn = ann.speak_turn("w", 0, text).await.expect(200).json();
    assert_eq!(turn["conversationId"], mine["id"]);
    assert_eq!(written(&ann).await["turns"][0]["audioUrl"], turn["audioUrl"]);
    assert_eq!((keyed.voiced.spoken(), keyed.spent()), (0, 0));
    let theirs = written(&keyed.voiced.user).await;
    assert_eq!(made(&theirs), (false, "gemini"));
    assert_ne!(theirs["id"], mine["id"]);
    assert!(keyed.spent() > 0);
}

#[tokio::test]
async fn threat_54_a_turn_of_everybodys_conversation_that_ones_own_key_speaks_is_not_told_to_all() {
    let keyed = Keyed::start().await;
    let ann = keyed.learner_with("elevenlabs").await;
    let shared = written(&ann).await;
    assert_eq!(made(&shared), (false, "gemini"));
    let text = &shared["turns"][0]["chinese"];
    let turn = ann.speak_turn("w", 0, text).await.expect(200).json();
    assert!(!turn["audioUrl"].as_str().unwrap().is_empty());
    let read = written(&keyed.voiced.user).await;
    assert_eq!((made(&read).0, &read["turns"][0]["audioUrl"]), (true, &json!("")));
}

#[tokio::test]
async fn recordings_are_listened_to_with_ones_own_key() {
    let keyed = Keyed::start().await;
    for (provider, transcript) in [("openai", "你好"), ("elevenlabs", "你好"), ("google", "你好吗")] {
        let user = keyed.learner_with(provider).await;
        let heard = transcribe(&user).await.expect(200).json();
        assert_eq!(
            (&heard["provider"], &heard["transcript"]),
            (&json!(provider), &json!(transcript))
        );
        assert!(heard["words"].as_array().unwrap().len() >= 2, "{heard}");
    }
    let [request] = &keyed.voiced.google.requests(GoogleService::Recognition)[..] else {
        panic!("one request was expected");
    };
    assert_eq!(request.header("x-goog-api-key"), Some(FakeGoogle::LEARNERS_KEY));
}

#[tokio::test]
async fn of_several_keys_each_service_takes_one_by_its_order() {
    let keyed = Keyed::start().await;
    let ann = keyed.learner_with("google").await;
    assert_eq!(made(&spoken(&ann, "one").await), (false, "google"));
    assert_eq!(made(&written(&ann).await), (false, "gemini"));
    for service in [GoogleService::Synthesis, GoogleService::Writing] {
        for request in keyed.voiced.google.requests(service) {
            assert_eq!(request.header("x-goog-api-key"), Some(FakeGoogle::LEARNERS_KEY));
        }
    }
    ann.set_right_key("openai").await;
    assert_eq!(made(&spoken(&ann, "one").await), (false, "openai"));
    ann.set_right_key("elevenlabs").await;
    assert_eq!(made(&spoken(&ann, "one").await), (false, "elevenlabs"));
    assert_eq!(made(&written(&ann).await), (true, "gemini"));
    assert_eq!(transcribe(&ann).await.expect(200).json()["provider"], "google");
    assert_eq!(keyed.spent(), 0);
    assert_eq!(keyed.voiced.google.violations(), [""; 0]);
}

#[tokio::test]
async fn voices_are_those_of_whoever_would_speak() {
    let keyed = Keyed::start().await;
    let ann = keyed.learner_with("elevenlabs").await;
    let voices = ann.get(VOICES).await.expect(200).json();
    assert_eq!(voices[0]["provider"], "elevenlabs");
    assert_eq!(voices[0]["language"], "zh");
    let body = json!({ "text": "你好", "voice": voices[0]["name"] });
    let mine = ann.post(TTS, &body).await.expect(200).json();
    assert_eq!(mine["voice"], voices[0]["name"]);
    let of_house = keyed.voiced.user.get(VOICES).await.expect(200).json();
    assert_eq!(of_house[0]["provider"], "google");
    let details = assert_problem(
        &keyed.voiced.user.post(TTS, &body).await,
        400,
        "VALIDATION_FAILED",
    );
    assert_eq!(details["fields"][0]["field"], "voice");
    let unknown = json!({ "text": "你好", "voice": "nobody" });
    let details = assert_problem(&ann.post(TTS, &unknown).await, 400, "VALIDATION_FAILED");
    assert_eq!(details["fields"][0]["field"], "voice");
}

#[tokio::test]
async fn a_key_that_the_provider_refuses_is_told_and_opens_no_circuit() {
    let nervous = TestApp::builder().unlimited().with(|settings| {
        settings.protection.min_calls = 2;
        settings.protection.open = Duration::from_mins(10);
    });
    let keyed = Keyed::of(nervous).await;
    let ann = keyed.voiced.app.register().await;
    for provider in ["openai", "elevenlabs", "google"] {
        ann.set_key(provider, "sk-canary-that-is-wrong").await;
        for _ in 0..4 {
            let refused = ann.speak("你好").await;
            assert_problem(&refused, 409, "PROVIDER_KEY_REFUSED");
            assert!(refused.text().contains(provider), "{}", refused.text());
            assert!(!refused.text().contains("canary"), "{}", refused.text());
            let voices = ann.get(VOICES).await;
            // Those of OpenAI are known without asking.
            assert_eq!(voices.status, if provider == "openai" { 200 } else { 409 });
        }
        ann.delete(&format!("/api/v1/users/me/keys/{provider}"))
            .await
            .expect(204);
    }
    ann.set_key("google", "AIza-canary-that-is-wrong").await;
    assert_problem(&ann.converse("w", "学习").await, 409, "PROVIDER_KEY_REFUSED");
    assert_problem(&transcribe(&ann).await, 409, "PROVIDER_KEY_REFUSED");
    assert_eq!(keyed.spent(), 0);
    for circuit in ["speech", "recognition", "conversations"] {
        assert_eq!(keyed.voiced.circuit(circuit).await, "closed");
    }
    // Another learner's key, and the house, are as they were.
    for provider in ["openai", "elevenlabs", "google"] {
        spoken(&keyed.learner_with(provider).await, "你好").await;
    }
    spoken(&keyed.voiced.user, "你好").await;
}

#[tokio::test]
async fn a_refused_key_is_asked_for_again_once_it_is_another() {
    let keyed = Keyed::start().await;
    let ann = keyed.voiced.app.register().await;
    ann.set_key("openai", "sk-canary-that-is-wrong").await;
    let once = || {
        let request = ann.request(Method::POST, TTS).header("idempotency-key", "one");
        ann.send(request.json(&json!({ "text": "你好" })))
    };
    assert_problem(&once().await, 409, "PROVIDER_KEY_REFUSED");
    ann.set_right_key("openai").await;
    assert_eq!(made(&once().await.expect(200).json()), (false, "openai"));
    // A wrong one finds nothing of what the right one made.
    ann.set_key("openai", "sk-canary-that-is-wrong").await;
    assert_problem(&ann.speak("你好").await, 409, "PROVIDER_KEY_REFUSED");
    ann.delete("/api/v1/users/me/keys/openai").await.expect(204);
    assert_eq!(made(&spoken(&ann, "你好").await), (false, "google"));
    assert_eq!(keyed.spent(), 2);
}

#[tokio::test]
async fn a_key_that_was_used_too_often_says_when_to_come_again() {
    let keyed = Keyed::start().await;
    let ann = keyed.learner_with("openai").await;
    keyed
        .openai
        .always(OpenAiBehaviour::StatusHeader(429, "retry-after", "77".to_owned()));
    let answer = ann.speak("你好").await;
    assert_problem(&answer, 503, "SPEECH_UNAVAILABLE");
    assert_eq!(retry_after(&answer), 77);
    let answer = ann.converse("w", "学习").await;
    assert_problem(&answer, 503, "CONVERSATION_UNAVAILABLE");
    assert_eq!(retry_after(&answer), 77);
    assert_eq!((keyed.voiced.spoken(), keyed.voiced.written()), (0, 0));
    keyed.openai.always(OpenAiBehaviour::Right);
    assert_eq!(made(&spoken(&ann, "你好").await), (false, "openai"));
}

#[tokio::test]
async fn threat_63_a_provider_that_is_unwell_for_learners_is_left_alone_and_the_house_goes_on() {
    let nervous = TestApp::builder().unlimited().with(|settings| {
        settings.protection.min_calls = 4;
        settings.protection.open = Duration::from_mins(10);
    });
    let keyed = Keyed::of(nervous).await;
    let ann = keyed.learner_with("elevenlabs").await;
    keyed.elevenlabs.always(ElevenLabsBehaviour::Status(500));
    for number in 0..10 {
        let answer = ann.speak(&format!("text {number}")).await;
        assert_problem(&answer, 503, "SPEECH_UNAVAILABLE");
    }
    assert!(keyed.elevenlabs.requests().len() <= 8, "it is left alone");
    assert_eq!(keyed.voiced.circuit("speech").await, "closed");
    spoken(&keyed.voiced.user, "你好").await;
    spoken(&keyed.learner_with("openai").await, "你好").await;
}

#[tokio::test]
async fn threat_56_no_failure_of_ones_own_provider_is_kept() {
    // What is tried again is not to open a circuit here.
    let calm = TestApp::builder().unlimited();
    let keyed = Keyed::of(calm.with(|settings| settings.protection.min_calls = 10_000)).await;
    let ann = keyed.learner_with("openai").await;
    for behaviour in [
        OpenAiBehaviour::Status(500),
        OpenAiBehaviour::Content(200, "<html>".to_owned()),
        OpenAiBehaviour::Cut,
    ] {
        keyed.openai.always(behaviour.clone());
        assert_problem(&ann.speak("你好").await, 503, "SPEECH_UNAVAILABLE");
        assert_problem(&ann.converse("w", "学习").await, 503, "CONVERSATION_UNAVAILABLE");
        assert_problem(&transcribe(&ann).await, 503, "SPEECH_UNAVAILABLE");
    }
    keyed.openai.always(OpenAiBehaviour::Right);
    assert_eq!(made(&spoken(&ann, "你好").await), (false, "openai"));
    assert_eq!((keyed.voiced.spoken(), keyed.spent()), (0, 0));
    // What fails once is tried again behind the caller's back.
    keyed.openai.next(OpenAiBehaviour::Status(500));
    spoken(&ann, "再见").await;
}

#[tokio::test]
async fn ones_own_key_keeps_to_ten_calls_a_minute() {
    let keyed = Keyed::of(TestApp::builder()).await;
    let ann = keyed.learner_with("openai").await;
    for number in 0..10 {
        let answer = ann.speak(&format!("text {number}")).await.expect(200);
        let left = answer.header("x-ratelimit-remaining").unwrap().to_owned();
        assert_eq!(left, (9 - number).to_string());
    }
    assert_problem(&ann.speak("one more").await, 429, "RATE_LIMIT_EXCEEDED");
    assert_problem(&ann.converse("w", "学习").await, 429, "RATE_LIMIT_EXCEEDED");
    assert_eq!(made(&spoken(&ann, "text 3").await), (true, "openai"));
    assert_eq!(keyed.openai.requests().len(), 10);
}

#[tokio::test]
async fn ones_own_key_speaks_where_the_house_has_nobody() {
    let openai = FakeOpenAi::start().unwrap();
    let bare = TestApp::builder().unlimited().with(|settings| {
        settings.providers.speech = SpeechProvider::Nobody;
        settings.providers.conversations = ConversationProvider::Nobody;
        let own = &mut settings.providers.own_keys;
        own.openai.url = openai.url();
        own.openai.model = FakeOpenAi::MODEL.to_owned();
    });
    let app = bare.start().await;
    let bob = app.register().await;
    assert_problem(&bob.speak("你好").await, 503, "SPEECH_UNAVAILABLE");
    bob.set_right_key("openai").await;
    let mine = spoken(&bob, "你好").await;
    app.get(mine["audioUrl"].as_str().unwrap()).await.expect(200);
    assert_eq!(made(&written(&bob).await), (false, "openai"));
}

#[tokio::test]
async fn figures_tell_own_keys_from_the_house_and_nobody_from_anybody() {
    let builder = TestApp::builder().unlimited().with(|settings| {
        settings.metrics = Some(([127, 0, 0, 1], 0).into());
    });
    let keyed = Keyed::of(builder).await;
    let ann = keyed.learner_with("openai").await;
    spoken(&ann, "你好").await;
    spoken(&keyed.voiced.user, "你好").await;
    let bob = keyed.voiced.app.register().await;
    bob.set_key("elevenlabs", "xi-canary-that-is-wrong").await;
    bob.speak("你好").await.expect(409);
    let url = format!("http://{}/metrics", keyed.voiced.app.metrics_address());
    let text = reqwest::get(&url).await.unwrap().text().await.unwrap();
    for line in [
        "parlance_provider_successes{service=\"speech\",provider=\"openai\",key=\"own\"} 1.0",
        "parlance_provider_successes{service=\"speech\",provider=\"google\",key=\"house\"} 1.0",
        "parlance_provider_unauthorized{service=\"speech\",provider=\"elevenlabs\",key=\"own\"} 1.0",
        "parlance_provider_circuit_open{service=\"conversations\",provider=\"google\",key=\"own\"} 0.0",
        "parlance_speech_provider_attempts 1.0",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    for secret in [ann.id.as_str(), bob.id.as_str(), "canary", "sk-key"] {
        assert!(!text.contains(secret), "{secret}");
    }
}
