//! A provider that misbehaves in every way: what clients are told, and that nothing wrong is kept.

use std::time::Duration;

use parlance_testbed::{GoogleBehaviour, GoogleService};
use serde_json::json;

use crate::harness::{Answer, TestApp, Voiced, assert_problem};

/// How long the provider has in these tests.
const BUDGET: Duration = Duration::from_secs(4);

/// A server with little patience, whose circuits stay closed.
async fn start() -> Voiced {
    let builder = TestApp::builder().unlimited().with(|settings| {
        let protection = &mut settings.protection;
        protection.speech_timeout = BUDGET;
        protection.recognition_timeout = BUDGET;
        protection.conversation_timeout = BUDGET;
        protection.min_calls = 10_000;
    });
    builder.voiced().await
}

/// The number of seconds after which to come again.
fn retry_after(answer: &Answer) -> u64 {
    answer.header("retry-after").unwrap().parse().unwrap()
}

/// What each behaviour of a provider becomes.
fn failures() -> Vec<(GoogleBehaviour, u16)> {
    use GoogleBehaviour as Fake;
    vec![
        (Fake::Status(401), 503),
        (Fake::Status(403), 503),
        (Fake::Status(429), 503),
        (Fake::Status(500), 503),
        (Fake::Status(503), 503),
        (
            Fake::Redirect("http://169.254.169.254/latest/meta-data".to_owned()),
            503,
        ),
        (Fake::Hang, 504),
        (Fake::HangInside, 504),
        (Fake::Slow(Duration::from_mins(1)), 504),
        (Fake::Cut, 503),
        (Fake::NotJson, 503),
        (Fake::Empty, 503),
        (Fake::Garbage, 503),
        (Fake::Huge(64 << 20), 503),
    ]
}

#[tokio::test]
async fn threat_56_no_failure_of_speech_is_kept_and_each_has_its_answer() {
    let voiced = start().await;
    for (number, (behaviour, status)) in failures().into_iter().enumerate() {
        let text = format!("text {number}");
        voiced.google.always(GoogleService::Synthesis, behaviour.clone());
        let answer = voiced.speak(&text).await;
        assert_eq!(answer.status, status, "{behaviour:?}");
        match status {
            503 => {
                assert_problem(&answer, 503, "SPEECH_UNAVAILABLE");
                assert!(retry_after(&answer) >= 1, "{behaviour:?}");
            }
            _ => drop(assert_problem(&answer, 504, "UPSTREAM_TIMEOUT")),
        }
        voiced
            .google
            .always(GoogleService::Synthesis, GoogleBehaviour::Right);
        let spoken = voiced.speak(&text).await.expect(200).json();
        assert_eq!(spoken["cached"], false, "{behaviour:?}");
        let sound = voiced
            .app
            .get(spoken["audioUrl"].as_str().unwrap())
            .await
            .expect(200);
        assert!(sound.body.len() > 100, "{behaviour:?}");
    }
}

#[tokio::test]
async fn threat_56_no_failure_of_a_conversation_is_kept_and_each_has_its_answer() {
    let voiced = start().await;
    let more = [
        (GoogleBehaviour::TwoTurns, 503),
        (GoogleBehaviour::Markup, 503),
        (GoogleBehaviour::WrongLanguage, 503),
        (GoogleBehaviour::TooLong, 503),
    ];
    for (number, (behaviour, status)) in failures().into_iter().chain(more).enumerate() {
        let word_id = format!("word-{number}");
        voiced.google.always(GoogleService::Writing, behaviour.clone());
        let answer = voiced.converse(&word_id, "学习").await;
        assert_eq!(answer.status, status, "{behaviour:?}");
        match status {
            503 => {
                assert_problem(&answer, 503, "CONVERSATION_UNAVAILABLE");
                assert!(retry_after(&answer) >= 1, "{behaviour:?}");
            }
            _ => drop(assert_problem(&answer, 504, "UPSTREAM_TIMEOUT")),
        }
        voiced
            .google
            .always(GoogleService::Writing, GoogleBehaviour::Right);
        let written = voiced.converse(&word_id, "学习").await.expect(200).json();
        assert_eq!(written["cached"], false, "{behaviour:?}");
        assert!(written["turns"].as_array().unwrap().len() >= 3, "{behaviour:?}");
    }
}

#[tokio::test]
async fn a_refusal_of_the_provider_is_the_callers_matter_and_asked_once() {
    let voiced = start().await;
    voiced
        .google
        .always(GoogleService::Synthesis, GoogleBehaviour::Status(400));
    for _ in 0..3 {
        let details = assert_problem(&voiced.speak("hello").await, 400, "VALIDATION_FAILED");
        assert_eq!(details["fields"][0]["field"], "text");
    }
    assert_eq!(
        voiced.spoken(),
        1,
        "a refusal is neither tried again nor forgotten at once"
    );
    for behaviour in [GoogleBehaviour::Blocked, GoogleBehaviour::Withheld] {
        voiced.google.forget_calls();
        voiced.google.always(GoogleService::Writing, behaviour.clone());
        let word_id = format!("{behaviour:?}");
        for _ in 0..3 {
            let details = assert_problem(&voiced.converse(&word_id, "学习").await, 400, "VALIDATION_FAILED");
            assert_eq!(details["fields"][0]["field"], "word");
        }
        assert_eq!(voiced.written(), 1, "{behaviour:?}");
    }
}

#[tokio::test]
async fn what_fails_once_is_tried_again_behind_the_callers_back() {
    let voiced = start().await;
    for behaviour in [
        GoogleBehaviour::Status(500),
        GoogleBehaviour::Status(503),
        GoogleBehaviour::Cut,
    ] {
        voiced.google.forget_calls();
        voiced.google.next(GoogleService::Synthesis, 1, behaviour.clone());
        voiced.speak(&format!("{behaviour:?}")).await.expect(200);
        assert_eq!(voiced.spoken(), 2, "{behaviour:?}");
    }
    voiced
        .google
        .next(GoogleService::Writing, 1, GoogleBehaviour::TwoTurns);
    voiced.converse("w", "学习").await.expect(200);
    assert_eq!(voiced.written(), 2);
}

#[tokio::test]
async fn a_provider_that_asks_for_more_time_than_there_is_is_not_asked_again() {
    let voiced = start().await;
    let busy = GoogleBehaviour::StatusRetryAfter(429, "77".to_owned());
    voiced.google.always(GoogleService::Synthesis, busy);
    let answer = voiced.speak("hello").await;
    assert_problem(&answer, 503, "SPEECH_UNAVAILABLE");
    assert_eq!((retry_after(&answer), voiced.spoken()), (77, 1));
}

#[tokio::test]
async fn threat_64_an_outage_is_not_made_worse() {
    let voiced = start().await;
    voiced
        .google
        .always(GoogleService::Synthesis, GoogleBehaviour::Status(503));
    assert_problem(&voiced.speak("hello").await, 503, "SPEECH_UNAVAILABLE");
    assert!(voiced.spoken() <= 3, "{}", voiced.spoken());
    // What hangs has perhaps done its work, and is paid for: that is not tried again.
    voiced.google.forget_calls();
    voiced
        .google
        .always(GoogleService::Synthesis, GoogleBehaviour::Hang);
    assert_problem(&voiced.speak("again").await, 504, "UPSTREAM_TIMEOUT");
    assert_eq!(voiced.spoken(), 1);
}

#[tokio::test]
async fn fault_19_a_slow_provider_holds_nobody_else_up() {
    let voiced = start().await;
    voiced
        .google
        .always(GoogleService::Synthesis, GoogleBehaviour::Hang);
    let waiting: Vec<_> = (0..20)
        .map(|number| {
            let user = voiced.user.clone();
            tokio::spawn(async move { user.speak(&format!("text {number}")).await })
        })
        .collect();
    crate::harness::eventually("nobody asks", async || voiced.spoken() == 20).await;
    let began = std::time::Instant::now();
    voiced.user.get("/api/v1/progress").await.expect(200);
    assert!(began.elapsed() < BUDGET, "{:?}", began.elapsed());
    for answer in waiting {
        assert_problem(&answer.await.unwrap(), 504, "UPSTREAM_TIMEOUT");
    }
}

#[tokio::test]
async fn more_calls_than_there_are_places_are_turned_away() {
    let builder = TestApp::builder().unlimited().with(|settings| {
        settings.protection.concurrency = 2;
        settings.protection.speech_timeout = Duration::from_secs(10);
    });
    let voiced = builder.voiced().await;
    voiced.google.next(
        GoogleService::Synthesis,
        2,
        GoogleBehaviour::Slow(Duration::from_secs(5)),
    );
    let texts = ["one", "two"].map(|text| {
        let user = voiced.user.clone();
        tokio::spawn(async move { user.speak(text).await })
    });
    crate::harness::eventually("nobody asks", async || voiced.spoken() == 2).await;
    let answer = voiced.speak("three").await;
    assert_problem(&answer, 503, "SPEECH_UNAVAILABLE");
    assert!(retry_after(&answer) >= 1);
    for text in texts {
        text.await.unwrap().expect(200);
    }
    assert_eq!(voiced.spoken(), 2);
}

#[tokio::test]
async fn threat_48_a_cause_is_told_to_no_client() {
    let voiced = start().await;
    let telling = format!(
        "API key {} is not valid at /srv/google",
        parlance_testbed::FakeGoogle::API_KEY
    );
    for status in [400, 401, 403, 500] {
        let behaviour = GoogleBehaviour::Message(status, telling.clone());
        voiced.google.always(GoogleService::Synthesis, behaviour.clone());
        voiced.google.always(GoogleService::Writing, behaviour.clone());
        voiced.google.always(GoogleService::Voices, behaviour);
        let answers = [
            voiced.speak(&format!("text {status}")).await,
            voiced.converse(&format!("w{status}"), "学习").await,
            voiced.user.get("/api/v1/tts/voices").await,
        ];
        for answer in answers {
            let text = answer.text();
            assert!(answer.status >= 400, "{text}");
            for secret in ["AIza", "/srv", "API key", "127.0.0.1"] {
                assert!(!text.contains(secret), "{text}");
            }
        }
    }
}

#[tokio::test]
async fn threat_48_whoever_hangs_up_is_paid_for_once() {
    let voiced = start().await;
    voiced.google.next(
        GoogleService::Synthesis,
        1,
        GoogleBehaviour::Slow(Duration::from_millis(500)),
    );
    let request = voiced
        .user
        .request(reqwest::Method::POST, "/api/v1/tts")
        .json(&json!({ "text": "hello" }));
    let gone = tokio::spawn(request.send());
    crate::harness::eventually("nobody asks", async || voiced.spoken() == 1).await;
    gone.abort();
    // Whoever comes next gets what was being made.
    voiced.speak("hello").await.expect(200);
    assert_eq!(voiced.spoken(), 1);
    let spent = voiced
        .app
        .place()
        .number("SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM spending_total");
    assert_eq!(spent, 5);
}
