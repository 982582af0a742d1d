//! Circuits as `/health` shows them: what fails is left alone, and tried again in time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use parlance_contract::fakes::TestClock;
use parlance_testbed::{GoogleBehaviour, GoogleService};
use serde_json::json;

use crate::harness::{Builder, TestApp, Voiced, assert_problem, eventually};

/// Opens after four calls of which half failed, for three seconds.
fn nervous() -> Builder {
    TestApp::builder().unlimited().with(|settings| {
        settings.protection.min_calls = 4;
        settings.protection.open = Duration::from_secs(3);
    })
}

/// Lets calls fail until the circuit is open.
async fn open(voiced: &Voiced) {
    for number in 0..10 {
        if voiced.circuit("speech").await == "open" {
            return;
        }
        voiced.speak(&format!("fails {number}")).await.expect(503);
    }
    panic!("the circuit does not open");
}

#[tokio::test]
async fn threat_63_a_circuit_opens_is_tried_and_closes() {
    let voiced = nervous().voiced().await;
    for name in ["speech", "recognition", "conversations"] {
        assert_eq!(voiced.circuit(name).await, "closed");
    }
    voiced
        .google
        .always(GoogleService::Synthesis, GoogleBehaviour::Status(500));
    open(&voiced).await;
    let health = voiced.app.get("/health").await.expect(200).json();
    assert_eq!(
        (&health["status"], &health["services"]["speech"]),
        (&json!("degraded"), &json!("down"))
    );
    assert_eq!(voiced.circuit("conversations").await, "closed");
    voiced.converse("w", "学习").await.expect(200);
    let asked = voiced.spoken();
    let began = Instant::now();
    let answer = voiced.speak("another").await;
    let took = began.elapsed();
    assert_problem(&answer, 503, "SPEECH_UNAVAILABLE");
    assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    assert!(took < Duration::from_millis(500), "{took:?}");
    assert_eq!(voiced.spoken(), asked, "it was asked while it is left alone");
    voiced
        .google
        .always(GoogleService::Synthesis, GoogleBehaviour::Right);
    eventually("it is never tried", async || {
        voiced.circuit("speech").await == "halfOpen"
    })
    .await;
    voiced.speak("another").await.expect(200);
    assert_eq!(voiced.circuit("speech").await, "closed");
    assert_eq!(voiced.app.get("/health").await.json()["status"], "ok");
}

#[tokio::test]
async fn threat_63_a_trial_that_fails_leaves_it_open() {
    let voiced = nervous().voiced().await;
    voiced
        .google
        .always(GoogleService::Synthesis, GoogleBehaviour::Status(500));
    open(&voiced).await;
    eventually("it is never tried", async || {
        voiced.circuit("speech").await == "halfOpen"
    })
    .await;
    voiced.google.forget_calls();
    voiced.speak("trial").await.expect(503);
    assert_eq!(voiced.spoken(), 1, "one trial, and no retry of it");
    assert_eq!(voiced.circuit("speech").await, "open");
}

#[tokio::test]
async fn threat_63_what_the_caller_did_wrong_opens_nothing() {
    let voiced = nervous().voiced().await;
    voiced
        .google
        .always(GoogleService::Synthesis, GoogleBehaviour::Status(400));
    for number in 0..10 {
        voiced.speak(&format!("text {number}")).await.expect(400);
    }
    assert_eq!(voiced.circuit("speech").await, "closed");
}

#[tokio::test]
async fn what_is_kept_is_served_while_the_provider_is_left_alone() {
    let clock = Arc::new(TestClock::default());
    let builder = nervous().clock(&clock).with(|settings| {
        // The access token of these tests lives on while the clock is moved.
        settings.sessions.access_seconds = 86_400;
        settings.protection.open = Duration::from_mins(10);
    });
    let voiced = builder.voiced().await;
    let kept = voiced.converse("w", "学习").await.expect(200).json();
    voiced
        .google
        .always(GoogleService::Writing, GoogleBehaviour::Status(500));
    for number in 0..10 {
        voiced.converse(&format!("w{number}"), "学习").await.expect(503);
    }
    assert_eq!(voiced.circuit("conversations").await, "open");
    let asked = voiced.written();
    // Fresh, stale, and long past its time.
    for hours in [0, 1, 10] {
        clock.advance(TimeDelta::hours(hours));
        let began = Instant::now();
        let answer = voiced.converse("w", "学习").await.expect(200).json();
        assert!(
            began.elapsed() < Duration::from_millis(500),
            "{:?}",
            began.elapsed()
        );
        assert_eq!(
            (&answer["id"], &answer["cached"]),
            (&kept["id"], &json!(true)),
            "{hours}"
        );
    }
    assert_eq!(voiced.written(), asked);
}

#[tokio::test]
async fn a_stale_answer_is_served_and_made_anew() {
    let clock = Arc::new(TestClock::default());
    let builder = TestApp::builder().unlimited().clock(&clock);
    let voiced = builder
        .with(|settings| settings.sessions.access_seconds = 86_400)
        .voiced()
        .await;
    let first = voiced.converse("w", "学习").await.expect(200).json();
    clock.advance(TimeDelta::minutes(61));
    let stale = voiced.converse("w", "学习").await.expect(200).json();
    assert_eq!(
        (&stale["generatedAt"], &stale["cached"]),
        (&first["generatedAt"], &json!(true))
    );
    eventually("it is not made anew", async || {
        voiced.converse("w", "学习").await.json()["generatedAt"] != first["generatedAt"]
    })
    .await;
    assert_eq!(voiced.written(), 2);
}

#[tokio::test]
async fn figures_say_how_often_answers_were_there() {
    let builder = TestApp::builder().unlimited().with(|settings| {
        settings.metrics = Some(([127, 0, 0, 1], 0).into());
    });
    let voiced = builder.voiced().await;
    voiced.speak("one").await.expect(200);
    for _ in 0..3 {
        voiced.speak("one").await.expect(200);
    }
    voiced.converse("w", "学习").await.expect(200);
    let health = voiced.app.get("/health").await.expect(200).json();
    let metrics = &health["cache"]["metrics"];
    assert_eq!(
        metrics["services"]["TTS"],
        json!({ "hits": 3, "misses": 1, "total": 4, "hitRate": "75.00" })
    );
    assert_eq!(metrics["services"]["Conversation"]["misses"], 1);
    assert_eq!(metrics["overall"]["total"], 5);
    let url = format!("http://{}/metrics", voiced.app.metrics_address());
    let read = async || reqwest::get(&url).await.unwrap().text().await.unwrap();
    let text = read().await;
    for line in [
        "parlance_speech_cache_hits 3.0",
        "parlance_speech_cache_misses 1.0",
        "parlance_conversations_cache_misses 1.0",
        "parlance_speech_provider_attempts 1.0",
        "parlance_speech_provider_successes 1.0",
        "parlance_speech_open 0.0",
        "parlance_speech_characters_budget 500000.0",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("AIza"), "{text}");
}
