//! `/progress/import`: what browsers held before progress was kept here.

use serde_json::{Map, Value, json};

use super::learner::Learner;
use crate::harness::TestApp;

fn counts(report: &Value) -> [u64; 3] {
    ["imported", "merged", "unchanged"].map(|name| report[name].as_u64().unwrap())
}

fn by_word() -> Value {
    json!({"progress": {
        "zh-1": {"studyCount": 3, "correctCount": 2, "confidence": 0.5},
        "zh-2": {"studyCount": 1, "correctCount": 1, "confidence": 0.9},
    }})
}

#[tokio::test]
async fn each_of_the_four_shapes_is_read() {
    let app = TestApp::start().await;
    let marks = json!({"lists": [{"id": "l", "listName": "L", "progress": {"zh-1": true, "zh-2": false}, "words": []}]});
    let sections = json!({"lists": [{"listName": "L", "dailyWordCount": 5, "sections": [
        {"sectionId": "s", "wordIds": ["zh-1"], "progress": {"zh-1": {"count": 4, "correct": 3}}},
    ]}]});
    let vocabulary = json!({"userId": "someone-else", "listProgress": {}, "vocabularyProgress": {
        "zh-1": {"status": "learning", "firstSeen": 1_700_000_000_000_i64, "lastReviewed": "2025-01-01T00:00:00Z",
                 "reviewCount": 6, "correctCount": 5},
    }});
    for (body, study, correct, confidence) in [
        (by_word(), 3, 2, 0.5),
        (by_word()["progress"].clone(), 3, 2, 0.5),
        (marks, 1, 1, 1.0),
        (sections, 4, 3, 0.0),
        (vocabulary, 6, 5, 0.0),
    ] {
        let ann = Learner::new(&app).await;
        ann.post("/progress/import", &body).await.ok();
        let row = ann.get("/progress/zh-1").await.ok();
        assert_eq!(
            (&row["studyCount"], &row["correctCount"]),
            (&json!(study), &json!(correct)),
            "{body}"
        );
        assert_eq!(
            (&row["confidence"], &row["userId"]),
            (&json!(confidence), &json!(ann.id())),
            "{body}"
        );
    }
}

#[tokio::test]
async fn an_import_repeated_changes_nothing_and_never_lowers() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    ann.put("/progress/zh-1", &json!({"studyCount": 9})).await.ok();
    let first = ann.post("/progress/import", &by_word()).await.ok();
    assert_eq!((counts(&first), &first["skipped"]), ([1, 1, 0], &json!([])));
    let rows = ann.get("/progress").await.ok();
    let merged = ann.get("/progress/zh-1").await.ok();
    assert_eq!(
        (&merged["studyCount"], &merged["correctCount"]),
        (&json!(9), &json!(2))
    );
    let again = ann.post("/progress/import", &by_word()).await.ok();
    assert_eq!(counts(&again), [0, 0, 2]);
    assert_eq!(ann.get("/progress").await.ok(), rows);
}

#[tokio::test]
async fn a_dry_run_only_reports() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    for query in ["dryRun=true", "dryRun"] {
        let report = ann
            .post(&format!("/progress/import?{query}"), &by_word())
            .await
            .ok();
        assert_eq!(counts(&report), [2, 0, 0], "{query}");
        assert_eq!(ann.get("/progress").await.ok(), json!([]), "{query}");
    }
    assert_eq!(ann.get("/progress/changes").await.ok()["cursor"], "0");
    let odd = ann.post("/progress/import?dryRun=maybe", &by_word()).await;
    assert_eq!(odd.bad_fields(), ["dryRun"]);
    let real = ann.post("/progress/import?dryRun=false", &by_word()).await.ok();
    assert_eq!(counts(&real), [2, 0, 0]);
    assert_eq!(ann.get("/progress").await.ok().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_cannot_be_read_is_reported() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    let body = json!({"ok": {"studyCount": 1}, "a b": {"studyCount": 1}, "bad": {"studyCount": -1}, "stats": {"studyCount": 1}});
    let report = ann.post("/progress/import", &body).await.ok();
    assert_eq!(counts(&report), [1, 0, 0]);
    let skipped = report["skipped"].as_array().unwrap();
    let mut words: Vec<_> = skipped
        .iter()
        .map(|item| item["wordId"].as_str().unwrap())
        .collect();
    words.sort_unstable();
    assert_eq!(words, ["a b", "bad", "stats"]);
    assert!(
        skipped
            .iter()
            .all(|item| !item["reason"].as_str().unwrap().is_empty())
    );
}

#[tokio::test]
async fn an_unknown_shape_or_too_many_items_are_refused() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    for body in [json!({"lists": 3}), json!({"version": 1}), json!([]), json!("x")] {
        ann.post("/progress/import", &body)
            .await
            .refused(400, "VALIDATION_FAILED");
    }
    let words: Map<String, Value> = (0..=10_000)
        .map(|n| (format!("w{n}"), json!({"studyCount": 1})))
        .collect();
    ann.post("/progress/import", &Value::Object(words))
        .await
        .refused(400, "VALIDATION_FAILED");
    assert_eq!(ann.get("/progress").await.ok(), json!([]));
}

#[tokio::test]
async fn ten_thousand_items_are_imported_at_once() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    let words: Map<String, Value> = (0..10_000)
        .map(|n| (format!("w{n}"), json!({"studyCount": 1})))
        .collect();
    let report = ann.post("/progress/import", &Value::Object(words)).await.ok();
    assert_eq!(counts(&report), [10_000, 0, 0]);
    assert_eq!(ann.get("/progress/stats").await.ok()["totalStudyCount"], 10_000);
}
