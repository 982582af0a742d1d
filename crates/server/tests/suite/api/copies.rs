//! Two servers on one PostgreSQL and one Redis: what one has made the other need not make.

use std::time::Duration;

use parlance_testbed::{GoogleBehaviour, GoogleService, Redis, redis_url};
use serde_json::json;

use crate::harness::{Builder, TestApp, assert_problem, eventually};

/// Servers that share through this Redis.
fn sharing(redis: &str) -> Builder {
    TestApp::builder().shared().redis(redis).unlimited()
}

#[tokio::test]
async fn what_one_copy_made_the_other_has() {
    let voiced = sharing(&redis_url()).voiced().await;
    let other = voiced.app.copy().await;
    let there = voiced.user.at(&other);
    let spoken = voiced.speak("你好").await.expect(200).json();
    let again = there.speak("你好").await.expect(200).json();
    assert_eq!(
        (&again["cached"], &again["audioUrl"]),
        (&json!(true), &spoken["audioUrl"])
    );
    other.get(again["audioUrl"].as_str().unwrap()).await.expect(200);
    let conversation = voiced.converse("w", "学习").await.expect(200).json();
    let turn = there
        .speak_turn("w", 0, &conversation["turns"][0]["chinese"])
        .await
        .expect(200)
        .json();
    assert_eq!(turn["conversationId"], conversation["id"]);
    assert_eq!((voiced.spoken(), voiced.written()), (2, 1));
}

#[tokio::test]
async fn what_is_forgotten_is_forgotten_on_both_copies() {
    let voiced = sharing(&redis_url()).voiced().await;
    let other = voiced.app.copy().await;
    let there = voiced.user.at(&other);
    let admin = voiced.app.register_admin().await;
    // Both have it nearby.
    voiced.converse("w", "学习").await.expect(200);
    for _ in 0..2 {
        assert_eq!(
            there.converse("w", "学习").await.expect(200).json()["cached"],
            true
        );
    }
    admin.delete("/api/v1/conversations/w").await.expect(204);
    eventually("the other copy still has it", async || {
        there.speak_turn("w", 0, &json!("任何")).await.json()["code"] == "CONVERSATION_NOT_FOUND"
    })
    .await;
    assert_eq!(
        there.converse("w", "学习").await.expect(200).json()["cached"],
        false
    );
    assert_eq!(voiced.written(), 2);
}

#[tokio::test]
async fn limits_of_providers_are_exact_over_both_copies() {
    let builder = sharing(&redis_url()).with(|settings| settings.limits.ai_per_minute = 10);
    let voiced = builder.voiced().await;
    let other = voiced.app.copy().await;
    let users = [voiced.user.clone(), voiced.user.at(&other)];
    let mut answered = 0;
    for number in 0..20 {
        let answer = users[number % 2].speak(&format!("text {number}")).await;
        if answer.status == 200 {
            answered += 1;
        } else {
            assert_problem(&answer, 429, "RATE_LIMIT_EXCEEDED");
        }
    }
    assert_eq!((answered, voiced.spoken()), (10, 10));
}

#[tokio::test]
async fn threat_62_a_redis_that_is_gone_or_hangs_fails_no_request() {
    let redis = Redis::start().unwrap();
    let voiced = sharing(&redis.url()).voiced().await;
    voiced.speak("before").await.expect(200);
    let ask = async |round: &str| {
        for number in 0..20 {
            let text = format!("{round} {number}");
            assert_eq!(
                voiced.speak(&text).await.expect(200).json()["cached"],
                false,
                "{text}"
            );
            assert_eq!(
                voiced.speak(&text).await.expect(200).json()["cached"],
                true,
                "{text}"
            );
        }
        voiced.converse(&format!("w-{round}"), "学习").await.expect(200);
    };
    redis.kill().unwrap();
    ask("killed").await;
    // What was nearby is still there.
    assert_eq!(voiced.speak("before").await.expect(200).json()["cached"], true);
    redis.start_again().unwrap();
    eventually("it does not come back", async || {
        voiced.user.get("/api/v1/progress").await.expect(200);
        voiced.speak("wakes it up").await.expect(200);
        voiced.app.get("/health").await.json()["cache"]["redis"]["connected"] == true
    })
    .await;
    redis.freeze().unwrap();
    ask("frozen").await;
    redis.thaw().unwrap();
    redis.command(&["CONFIG", "SET", "maxmemory", "1"]).unwrap();
    ask("full").await;
    redis.command(&["CONFIG", "SET", "maxmemory", "0"]).unwrap();
    redis.command(&["CLIENT", "PAUSE", "1000", "ALL"]).unwrap();
    ask("paused").await;
    assert_eq!(voiced.google.calls(GoogleService::Writing), 4);
}

#[tokio::test]
async fn threat_62_after_a_redis_came_back_copies_share_again() {
    let redis = Redis::start().unwrap();
    let voiced = sharing(&redis.url()).voiced().await;
    let other = voiced.app.copy().await;
    let there = voiced.user.at(&other);
    redis.kill().unwrap();
    voiced.speak("alone").await.expect(200);
    there.speak("alone").await.expect(200);
    assert_eq!(voiced.spoken(), 2, "without Redis each copy makes its own");
    redis.start_again().unwrap();
    let mut number = 0;
    let shared = loop {
        number += 1;
        let text = format!("together {number}");
        voiced.speak(&text).await.expect(200);
        if there.speak(&text).await.expect(200).json()["cached"] == true {
            break number;
        }
        assert!(number < 10_000, "they never share again");
    };
    assert!(shared > 0);
}

#[tokio::test]
async fn threat_55_a_copy_that_fails_leaves_it_to_the_other() {
    let voiced = sharing(&redis_url()).voiced().await;
    let other = voiced.app.copy().await;
    let there = voiced.user.at(&other);
    voiced.google.latency(Duration::from_millis(300));
    // The first making fails for good, with all its retries.
    voiced
        .google
        .next(GoogleService::Synthesis, 1, GoogleBehaviour::Status(403));
    let (one, two) = tokio::join!(voiced.speak("hello"), there.speak("hello"));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 503]);
    assert_eq!(voiced.speak("hello").await.expect(200).json()["cached"], true);
    assert_eq!(voiced.spoken(), 2);
}

#[tokio::test]
async fn threat_53_answers_that_are_broken_off_cross_nobody() {
    let voiced = sharing(&redis_url()).voiced().await;
    let users: Vec<_> = futures_util::future::join_all((0..4).map(|_| voiced.app.register())).await;
    // Each asks for their own id and hangs up at a different moment; then all ask again.
    let rounds = (0..200_u64).map(|round| {
        let user = users[usize::try_from(round).unwrap() % users.len()].clone();
        async move {
            let ask = async {
                user.speak(&format!("user {}", user.id)).await;
                user.get("/api/v1/users/me").await
            };
            let _ = tokio::time::timeout(Duration::from_millis(round % 25), ask).await;
        }
    });
    futures_util::future::join_all(rounds).await;
    for user in &users {
        for _ in 0..5 {
            let me = user.get("/api/v1/users/me").await.expect(200).json();
            assert_eq!(me["id"], user.id.as_str());
        }
        user.speak(&format!("user {}", user.id)).await.expect(200);
    }
    let sent = voiced.google.requests(GoogleService::Synthesis);
    let texts: Vec<&str> = sent
        .iter()
        .filter_map(|request| request.body["input"]["text"].as_str())
        .collect();
    assert_eq!(texts.len(), users.len(), "{texts:?}");
}
