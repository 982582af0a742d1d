//! What the switches of sync do to progress.

use serde_json::{Value, json};

use super::learner::{Learner, id, review};
use crate::harness::TestApp;

const DAY: &str = "2024-01-01T08:00:00.000Z";

fn writes() -> Vec<(&'static str, String, Option<Value>)> {
    vec![
        ("PUT", "/progress/a".to_owned(), Some(json!({"studyCount": 1}))),
        ("DELETE", "/progress/a".to_owned(), None),
        (
            "POST",
            "/progress/batch".to_owned(),
            Some(json!({"updates": [{"wordId": "a"}]})),
        ),
        (
            "POST",
            "/progress/import".to_owned(),
            Some(json!({"a": {"studyCount": 1}})),
        ),
        (
            "POST",
            "/reviews".to_owned(),
            Some(json!({"reviews": [review(&id(1), "a", "good", DAY)]})),
        ),
        ("POST", format!("/reviews/{}/undo", id(1)), None),
    ]
}

#[tokio::test]
async fn without_sync_progress_is_read_and_not_written() {
    let app = TestApp::builder()
        .with(|settings| settings.features.sync_enabled = false)
        .start()
        .await;
    let ann = Learner::new(&app).await;
    for (method, path, body) in writes() {
        let reply = ann.send(method, &path, &[], body.as_ref()).await;
        reply.refused(503, "SYNC_DISABLED");
    }
    assert_eq!(ann.get("/progress").await.ok(), json!([]));
    assert_eq!(ann.get("/progress/changes").await.ok()["cursor"], "0");
}

#[tokio::test]
async fn a_rollout_admits_some_learners_and_always_the_same() {
    let app = TestApp::builder()
        .with(|settings| settings.features.sync_rollout_percent = 50)
        .start()
        .await;
    let mut admitted = 0;
    for _ in 0..40 {
        let learner = Learner::new(&app).await;
        let mut statuses = Vec::new();
        for (method, path, body) in writes() {
            statuses.push(learner.send(method, &path, &[], body.as_ref()).await.status);
        }
        let inside = statuses == [200, 204, 200, 200, 200, 200];
        assert!(inside || statuses == [503; 6], "{statuses:?}");
        admitted += u32::from(inside);
    }
    assert!((5..=35).contains(&admitted), "{admitted}");
}
