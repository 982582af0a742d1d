//! `/study`, `/progress/due`, `/progress/stats`, `/progress/activity`: what to do next, and what was done.

use std::sync::Arc;

use chrono::DateTime;
use parlance_contract::fakes::TestClock;
use serde_json::{Value, json};

use super::learner::{Learner, id, review, with_words};
use crate::harness::TestApp;

fn words(items: &Value) -> Vec<&str> {
    items
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["wordId"].as_str().unwrap())
        .collect()
}

/// Three words of the first list and one of their own, reviewed long ago; the last is the most overdue.
async fn with_due_words(app: &TestApp) -> Learner<'_> {
    let ann = Learner::new(app).await;
    let reviews = [
        review(&id(1), "zh-00003", "good", "2024-01-04T08:00:00Z"),
        review(&id(2), "zh-00002", "good", "2024-01-03T08:00:00Z"),
        review(&id(3), "my-own", "good", "2024-01-02T08:00:00Z"),
        review(&id(4), "zh-00695", "again", "2024-01-01T08:00:00Z"),
    ];
    ann.post("/reviews", &json!({"reviews": reviews})).await.ok();
    ann.put("/progress/zh-00001", &json!({"confidence": 1}))
        .await
        .ok();
    ann
}

#[tokio::test]
async fn due_words_come_most_overdue_first() {
    let app = with_words().await;
    let ann = with_due_words(&app).await;
    let due = ann.get("/progress/due").await.ok();
    assert_eq!(words(&due), ["zh-00695", "my-own", "zh-00002", "zh-00003"]);
    let two = ann.get("/progress/due?limit=2").await.ok();
    assert_eq!(words(&two), ["zh-00695", "my-own"]);
    let of_list = ann.get("/progress/due?listId=hsk3-band-1").await.ok();
    assert_eq!(words(&of_list), ["zh-00002", "zh-00003"]);
    ann.get("/progress/due?listId=none")
        .await
        .refused(404, "LIST_NOT_FOUND");
}

#[tokio::test]
async fn study_is_what_is_due_and_then_new_words_of_the_list() {
    let app = with_words().await;
    let ann = with_due_words(&app).await;
    let items = ann.get("/study").await.ok();
    let items = items.as_array().unwrap();
    assert_eq!(items.len(), 4);
    assert_eq!(
        (&items[1]["word"], &items[1]["progress"]["wordId"]),
        (&json!(null), &json!("my-own"))
    );
    assert_eq!(items[2]["word"], ann.get("/vocabulary/words/zh-00002").await.ok());
    let items = ann.get("/study?listId=hsk3-band-1&limit=5&newLimit=2").await.ok();
    let items = items.as_array().unwrap();
    let shown: Vec<_> = items
        .iter()
        .map(|item| item["word"]["wordId"].as_str().unwrap())
        .collect();
    assert_eq!(shown, ["zh-00002", "zh-00003", "zh-00004", "zh-00005"]);
    assert_eq!(items[0]["progress"], ann.get("/progress/zh-00002").await.ok());
    assert_eq!(items[2]["progress"], json!(null));
    let tight = ann.get("/study?listId=hsk3-band-1&limit=3").await.ok();
    assert_eq!(tight.as_array().unwrap().len(), 3);
    let none_new = ann.get("/study?listId=hsk3-band-1&newLimit=0").await.ok();
    assert_eq!(none_new.as_array().unwrap().len(), 2);
    let default = ann.get("/study?listId=hsk3-band-1").await.ok();
    assert_eq!(default.as_array().unwrap().len(), 12);
    ann.get("/study?listId=none").await.refused(404, "LIST_NOT_FOUND");
}

#[tokio::test]
async fn statistics_count_rows_and_days() {
    let now = DateTime::parse_from_rfc3339("2024-03-01T12:00:00Z").unwrap();
    let clock = Arc::new(TestClock::new(now.to_utc()));
    let app = TestApp::builder().clock(&clock).start().await;
    let ann = Learner::new(&app).await;
    let nothing = json!({
        "totalWords": 0, "studiedWords": 0, "masteredWords": 0, "totalStudyCount": 0, "averageConfidence": 0.0,
        "wordsToReviewToday": 0, "currentStreakDays": 0, "longestStreakDays": 0, "reviewsToday": 0,
    });
    assert_eq!(ann.get("/progress/stats").await.ok(), nothing);
    let reviews: Vec<_> = (1..=3)
        .map(|n| review(&id(n), "a", "good", &format!("2024-01-0{n}T08:00:00Z")))
        .collect();
    ann.post("/reviews", &json!({"reviews": reviews})).await.ok();
    let ahead = review(&id(4), "b", "again", "2046-01-01T08:00:00Z");
    ann.post("/reviews", &json!({"reviews": [ahead]})).await.ok();
    ann.put("/progress/c", &json!({"correctCount": 3, "confidence": 0}))
        .await
        .ok();
    let stats = ann.get("/progress/stats").await.ok();
    assert_eq!(
        (
            &stats["totalWords"],
            &stats["studiedWords"],
            &stats["masteredWords"]
        ),
        (&json!(3), &json!(2), &json!(2))
    );
    assert_eq!(
        (&stats["totalStudyCount"], &stats["wordsToReviewToday"]),
        (&json!(4), &json!(1))
    );
    assert_eq!(
        (&stats["currentStreakDays"], &stats["longestStreakDays"]),
        (&json!(1), &json!(3))
    );
    assert_eq!(stats["reviewsToday"], 1);
    let rows = ann.get("/progress").await.ok();
    let sum: f64 = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["confidence"].as_f64().unwrap())
        .sum();
    assert!((stats["averageConfidence"].as_f64().unwrap() - sum / 3.0).abs() < 1e-9);
}

#[tokio::test]
async fn activity_is_told_by_day_without_empty_days() {
    let app = with_words().await;
    let ann = Learner::new(&app).await;
    let reviews = [
        review(&id(1), "a", "good", "2024-01-01T08:00:00Z"),
        review(&id(2), "a", "again", "2024-01-01T09:00:00Z"),
        review(&id(3), "b", "easy", "2024-01-03T23:30:00Z"),
    ];
    ann.post("/reviews", &json!({"reviews": reviews})).await.ok();
    let path = "/progress/activity?from=2024-01-01&to=2024-01-03";
    let expected = json!([
        {"date": "2024-01-01", "reviews": 2, "correct": 1, "newWords": 1},
        {"date": "2024-01-03", "reviews": 1, "correct": 1, "newWords": 1},
    ]);
    assert_eq!(ann.get(path).await.ok(), expected);
    let one_day = ann
        .get("/progress/activity?from=2024-01-01&to=2024-01-01")
        .await
        .ok();
    assert_eq!(one_day, json!([expected[0]]));
    ann.send(
        "PATCH",
        "/users/me",
        &[],
        Some(&json!({"timeZone": "Asia/Shanghai"})),
    )
    .await
    .ok();
    assert_eq!(ann.get(path).await.ok(), json!([expected[0]]));
    let next_day = ann
        .get("/progress/activity?from=2024-01-04&to=2024-01-04")
        .await
        .ok();
    assert_eq!(next_day[0]["date"], "2024-01-04");
}

#[tokio::test]
async fn a_span_of_days_that_is_reversed_or_too_long_is_refused() {
    let app = with_words().await;
    let ann = Learner::new(&app).await;
    for (query, field) in [
        ("from=2024-01-02&to=2024-01-01", "from"),
        ("from=2023-01-01&to=2024-01-02", "from"),
        ("from=x&to=2024-01-01", "from"),
        ("to=2026-13-01", "to"),
    ] {
        assert_eq!(
            ann.get(&format!("/progress/activity?{query}")).await.bad_fields(),
            [field],
            "{query}"
        );
    }
    assert_eq!(
        ann.get("/progress/activity?from=2023-01-01&to=2024-01-01")
            .await
            .ok(),
        json!([])
    );
    assert_eq!(ann.get("/progress/activity").await.ok(), json!([]));
}
