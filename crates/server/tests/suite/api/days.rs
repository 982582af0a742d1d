//! What time does to progress: days, streaks, what becomes due, clocks that are wrong.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use parlance_contract::fakes::TestClock;
use parlance_domain::time::Timestamp;
use serde_json::{Value, json};

use super::learner::{Learner, id, review};
use crate::harness::TestApp;

fn at(text: &str) -> Timestamp {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

/// A server whose clock shows this.
async fn at_time(text: &str) -> (Arc<TestClock>, TestApp) {
    let clock = Arc::new(TestClock::new(at(text)));
    let app = TestApp::builder().clock(&clock).start().await;
    (clock, app)
}

fn streaks(stats: &Value) -> (u64, u64, u64) {
    let number = |name: &str| stats[name].as_u64().unwrap();
    (
        number("currentStreakDays"),
        number("longestStreakDays"),
        number("reviewsToday"),
    )
}

#[tokio::test]
async fn a_streak_grows_by_reviews_and_by_raised_counts_and_ends_a_day_after() {
    let (clock, app) = at_time("2026-03-01T12:00:00Z").await;
    let mut ann = Learner::new(&app).await;
    let set = json!({"studyCount": 1});
    ann.put("/progress/a", &set).await.ok();
    assert_eq!(streaks(&ann.get("/progress/stats").await.ok()), (1, 1, 0));
    clock.set(at("2026-03-02T23:59:59Z"));
    ann.sign_in_again().await;
    assert_eq!(streaks(&ann.get("/progress/stats").await.ok()), (1, 1, 0));
    let today = review(&id(1), "b", "again", "2026-03-02T10:00:00Z");
    ann.post("/reviews", &json!({"reviews": [today]})).await.ok();
    assert_eq!(streaks(&ann.get("/progress/stats").await.ok()), (2, 2, 1));
    clock.set(at("2026-03-03T08:00:00Z"));
    ann.sign_in_again().await;
    // Neither what raises nothing nor what fixes another member is study.
    ann.put("/progress/a", &set).await.ok();
    ann.put("/progress/a", &json!({"studyCount": 0, "confidence": 1}))
        .await
        .ok();
    assert_eq!(streaks(&ann.get("/progress/stats").await.ok()), (2, 2, 0));
    clock.set(at("2026-03-04T00:00:00Z"));
    ann.sign_in_again().await;
    assert_eq!(streaks(&ann.get("/progress/stats").await.ok()), (0, 2, 0));
}

#[tokio::test]
async fn days_are_those_of_the_learner() {
    let (_, app) = at_time("2026-03-01T20:00:00Z").await;
    let ann = Learner::new(&app).await;
    let late = review(&id(1), "a", "good", "2026-03-01T15:59:00Z");
    let early = review(&id(2), "a", "good", "2026-03-01T16:00:00Z");
    ann.post("/reviews", &json!({"reviews": [late, early]}))
        .await
        .ok();
    assert_eq!(streaks(&ann.get("/progress/stats").await.ok()), (1, 1, 2));
    let zone = json!({"timeZone": "Asia/Shanghai"});
    ann.send("PATCH", "/users/me", &[], Some(&zone)).await.ok();
    assert_eq!(streaks(&ann.get("/progress/stats").await.ok()), (2, 2, 1));
    let days = ann.get("/progress/activity").await.ok();
    let dates: Vec<_> = days
        .as_array()
        .unwrap()
        .iter()
        .map(|day| day["date"].as_str().unwrap())
        .collect();
    assert_eq!(dates, ["2026-03-01", "2026-03-02"]);
}

#[tokio::test]
async fn a_word_becomes_due_at_its_next_review() {
    let (clock, app) = at_time("2026-03-01T12:00:00Z").await;
    let mut ann = Learner::new(&app).await;
    let set = ann.put("/progress/a", &json!({"confidence": 0})).await.ok();
    assert_eq!(set["nextReview"], "2026-03-02T12:00:00.000Z");
    clock.set(at("2026-03-02T11:59:59.999Z"));
    ann.sign_in_again().await;
    assert_eq!(ann.get("/progress/due").await.ok(), json!([]));
    assert_eq!(ann.get("/progress/stats").await.ok()["wordsToReviewToday"], 0);
    clock.advance(TimeDelta::milliseconds(1));
    assert_eq!(ann.get("/progress/due").await.ok(), json!([set]));
    assert_eq!(ann.get("/progress/stats").await.ok()["wordsToReviewToday"], 1);
    assert_eq!(
        ann.get("/study").await.ok(),
        json!([{"word": null, "progress": set}])
    );
}

#[tokio::test]
async fn threat_51_five_minutes_ahead_are_believed_and_no_more() {
    let (_, app) = at_time("2026-03-01T12:00:00Z").await;
    let ann = Learner::new(&app).await;
    for (number, sent, kept) in [
        (1, "2026-03-01T12:05:00.000Z", "2026-03-01T12:05:00.000Z"),
        (2, "2026-03-01T12:05:00.001Z", "2026-03-01T12:00:00.000Z"),
        (3, "2036-03-01T12:00:00.000Z", "2026-03-01T12:00:00.000Z"),
    ] {
        let word = format!("w{number}");
        let body = json!({"reviews": [review(&id(number), &word, "good", sent)]});
        let report = ann.post("/reviews", &body).await.ok();
        assert_eq!(report["progress"][0]["memory"]["lastReview"], kept, "{sent}");
    }
    let log = ann.get("/reviews").await.ok();
    assert_eq!(log["reviews"][2]["reviewedAt"], "2026-03-01T12:00:00.000Z");
    let early = review(&id(4), "w4", "good", "1999-12-31T23:59:59.999Z");
    let reply = ann.post("/reviews", &json!({"reviews": [early]})).await;
    assert_eq!(reply.bad_fields(), ["reviews[0].reviewedAt"]);
}

#[tokio::test]
async fn a_put_comes_after_a_review_that_is_a_little_ahead() {
    let (_, app) = at_time("2026-03-01T12:00:00Z").await;
    let ann = Learner::new(&app).await;
    let ahead = review(&id(1), "a", "good", "2026-03-01T12:04:00Z");
    ann.post("/reviews", &json!({"reviews": [ahead]})).await.ok();
    let set = ann
        .put("/progress/a", &json!({"studyCount": 9, "confidence": 0}))
        .await
        .ok();
    assert_eq!(set["studyCount"], 9);
    assert_eq!(set["nextReview"], "2026-03-02T12:04:00.001Z");
    assert_eq!(set["updatedAt"], "2026-03-01T12:00:00.000Z");
}
