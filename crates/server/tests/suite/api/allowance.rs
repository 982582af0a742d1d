//! What a user may have a provider do: so often in a minute, so much in a day.

use std::sync::Arc;

use chrono::TimeDelta;
use parlance_contract::fakes::{TestClock, TestElapsed};
use parlance_domain::spending::Caps;
use parlance_testbed::{GoogleBehaviour, GoogleService};
use serde_json::json;

use crate::harness::{Answer, TestApp, Voiced, assert_problem};

/// How many more calls the headers of an answer leave.
fn remaining(answer: &Answer) -> u64 {
    answer.header("x-ratelimit-remaining").unwrap().parse().unwrap()
}

#[tokio::test]
async fn ten_calls_a_minute_reach_a_provider_and_kept_answers_do_not_count() {
    let time = Arc::new(TestElapsed::default());
    let told = Arc::clone(&time);
    let builder = TestApp::builder().elapsed(Arc::new(move || told.elapsed()));
    let voiced = builder.voiced().await;
    for left in (0..10).rev() {
        let answer = voiced.speak(&format!("text {left}")).await.expect(200);
        assert_eq!(remaining(&answer), left);
        assert_eq!(answer.header("x-ratelimit-limit"), Some("10"));
        assert!(
            answer
                .header("ratelimit-policy")
                .unwrap()
                .contains("\"ai\";q=10;w=60")
        );
        voiced.speak(&format!("text {left}")).await.expect(200);
    }
    let over = voiced.speak("one more").await;
    assert_problem(&over, 429, "RATE_LIMIT_EXCEEDED");
    assert!(over.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    assert_problem(&voiced.converse("w", "学习").await, 429, "RATE_LIMIT_EXCEEDED");
    // What is kept is still there; so is what others may have made.
    for _ in 0..20 {
        assert_eq!(voiced.speak("text 3").await.expect(200).json()["cached"], true);
    }
    voiced.app.register().await.speak("one more").await.expect(200);
    assert_eq!(voiced.speak("one more").await.expect(200).json()["cached"], true);
    assert_eq!((voiced.spoken(), voiced.written()), (11, 0));
    time.advance(std::time::Duration::from_secs(61));
    voiced.converse("w", "学习").await.expect(200);
}

#[tokio::test]
async fn a_request_that_reaches_nobody_counts_for_nothing() {
    let voiced = TestApp::builder().voiced().await;
    for _ in 0..20 {
        voiced.speak("").await.expect(400);
        voiced.user.speak_turn("w", 0, &json!("你好")).await.expect(404);
    }
    assert_eq!(remaining(&voiced.speak("hello").await.expect(200)), 9);
}

#[tokio::test]
async fn voices_that_are_not_kept_count_like_everything_that_reaches_a_provider() {
    let voiced = TestApp::builder().voiced().await;
    let path = "/api/v1/tts/voices";
    voiced
        .google
        .always(GoogleService::Voices, GoogleBehaviour::Status(403));
    for _ in 0..10 {
        assert_problem(&voiced.user.get(path).await, 503, "SPEECH_UNAVAILABLE");
    }
    assert_problem(&voiced.user.get(path).await, 429, "RATE_LIMIT_EXCEEDED");
    assert_eq!(voiced.google.calls(GoogleService::Voices), 10);
    voiced
        .google
        .always(GoogleService::Voices, GoogleBehaviour::Right);
    let other = voiced.app.register().await;
    for _ in 0..20 {
        other.get(path).await.expect(200);
    }
    voiced.user.get(path).await.expect(200);
    assert_eq!(voiced.google.calls(GoogleService::Voices), 11);
}

/// A server on which so much may be spent in a day.
async fn with_budget(characters: Caps, tokens: Caps) -> (Voiced, Arc<TestClock>) {
    let clock = Arc::new(TestClock::default());
    let builder = TestApp::builder()
        .unlimited()
        .clock(&clock)
        .with(move |settings| {
            settings.budgets.characters = characters;
            settings.budgets.tokens = tokens;
            settings.sessions.access_seconds = 86_400;
            // What is tried again costs again.
            settings.protection.min_calls = 10_000;
        });
    (builder.voiced().await, clock)
}

const UNBOUND: Caps = Caps { user: 0, all: 0 };

#[tokio::test]
async fn what_may_be_spent_in_a_day_is_spent_once_and_kept_answers_go_on() {
    let (voiced, clock) = with_budget(Caps { user: 10, all: 25 }, UNBOUND).await;
    voiced.speak("12345").await.expect(200);
    voiced.speak("67890").await.expect(200);
    let over = voiced.speak("a").await;
    assert_problem(&over, 429, "BUDGET_EXCEEDED");
    let wait: i64 = over.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=86_400).contains(&wait), "{wait}");
    assert_eq!(voiced.speak("12345").await.expect(200).json()["cached"], true);
    // Another user has a budget of their own, up to that of all.
    let other = voiced.app.register().await;
    other.speak("abcdefghij").await.expect(200);
    let third = voiced.app.register().await;
    third.speak("vwxyz").await.expect(200);
    assert_problem(&third.speak("u").await, 429, "BUDGET_EXCEEDED");
    // Conversations have another budget.
    voiced.converse("w", "学习").await.expect(200);
    assert_eq!(voiced.spoken(), 4);
    clock.advance(TimeDelta::seconds(wait));
    voiced.speak("a").await.expect(200);
}

#[tokio::test]
async fn tokens_are_settled_by_what_was_used() {
    let (voiced, _) = with_budget(UNBOUND, Caps { user: 2_600, all: 0 }).await;
    // Each may cost more than half of the budget at first, and costs less in the end.
    let mut written = 0;
    while voiced.converse(&format!("w{written}"), "学习").await.status == 200 {
        written += 1;
        assert!(written < 100, "there is no bound");
    }
    assert!(written >= 2, "{written}");
    let over = voiced.converse("other", "学习").await;
    assert_problem(&over, 429, "BUDGET_EXCEEDED");
    voiced.speak("hello").await.expect(200);
}

#[tokio::test]
async fn drafts_that_were_refused_are_paid_for_like_the_one_that_was_not() {
    let (voiced, _) = with_budget(UNBOUND, UNBOUND).await;
    let spent = || {
        let sum = "SELECT CAST(SUM(amount) AS BIGINT) FROM spending_total WHERE meter = 'tokens'";
        voiced.app.place().number(sum)
    };
    voiced.converse("one", "学习").await.expect(200);
    let of_one = spent();
    voiced
        .google
        .next(GoogleService::Writing, 2, GoogleBehaviour::Markup);
    voiced.converse("another", "学习").await.expect(200);
    assert_eq!(voiced.written(), 4);
    assert!(spent() > 3 * of_one, "{} {of_one}", spent());
}

#[tokio::test]
async fn what_the_provider_did_not_do_is_not_paid_for() {
    let (voiced, _) = with_budget(Caps { user: 10, all: 0 }, UNBOUND).await;
    voiced
        .google
        .always(GoogleService::Synthesis, GoogleBehaviour::Status(503));
    for _ in 0..5 {
        voiced.speak("12345").await.expect(503);
    }
    voiced
        .google
        .always(GoogleService::Synthesis, GoogleBehaviour::Right);
    voiced.speak("1234567890").await.expect(200);
    assert_problem(&voiced.speak("1").await, 429, "BUDGET_EXCEEDED");
}

#[tokio::test]
async fn one_who_may_not_leaves_it_to_one_who_may() {
    let (voiced, _) = with_budget(Caps { user: 10, all: 0 }, UNBOUND).await;
    voiced.speak("1234567890").await.expect(200);
    let other = voiced.app.register().await;
    let (refused, spoken) = tokio::join!(voiced.speak("abc"), other.speak("abc"));
    spoken.expect(200);
    // Refused, or served what the other had made.
    assert!([200, 429].contains(&refused.status), "{}", refused.text());
    assert_eq!(voiced.spoken(), 2);
}

#[tokio::test]
async fn no_budget_is_exceeded_however_many_ask_at_once() {
    let (voiced, _) = with_budget(Caps { user: 0, all: 50 }, UNBOUND).await;
    let speak = |number: usize| {
        let user = voiced.user.clone();
        async move { user.speak(&format!("{number:05}")).await.status }
    };
    let answers = futures_util::future::join_all((0..40).map(speak)).await;
    let count = |status| answers.iter().filter(|answer| **answer == status).count();
    assert_eq!((count(200), count(429)), (10, 30), "{answers:?}");
    assert_eq!(voiced.spoken(), 10);
}
