//! Accounts that are gone from the store while their access tokens still live.

use serde_json::{Value, json};

use super::learner::{Learner, id, review};
use crate::harness::TestApp;

const DAY: &str = "2024-01-01T08:00:00.000Z";

/// How many rows there are of what learners own.
fn counts(app: &TestApp) -> [i64; 4] {
    ["progress_events", "progress", "progress_heads", "sessions"]
        .map(|table| app.place().number(&format!("SELECT count(*) FROM {table}")))
}

/// Every request that would write something to the log.
fn writes() -> Vec<(&'static str, String, Option<Value>)> {
    let batch = json!({"updates": [{"wordId": "a", "studyCount": 7}]});
    let reviews = json!({"reviews": [review(&id(9), "a", "good", DAY)]});
    vec![
        ("PUT", "/progress/a".to_owned(), Some(json!({"confidence": 1}))),
        ("POST", "/progress/batch".to_owned(), Some(batch)),
        (
            "POST",
            "/progress/import".to_owned(),
            Some(json!({"a": {"studyCount": 5}})),
        ),
        ("POST", "/reviews".to_owned(), Some(reviews)),
        ("POST", format!("/reviews/{}/undo", id(1)), None),
        ("DELETE", "/progress/a".to_owned(), None),
    ]
}

async fn nothing_is_written_after(app: &TestApp, prelude: &str) {
    let ann = Learner::new(app).await;
    let bob = Learner::new(app).await;
    for learner in [&ann, &bob] {
        let reviews = json!({"reviews": [review(&id(1), "a", "good", DAY)]});
        learner.post("/reviews", &reviews).await.ok();
    }
    let id = app.place().id(ann.id());
    app.place()
        .execute(&format!("{prelude}; DELETE FROM accounts WHERE id = {id}"));
    let before = counts(app);
    for (method, path, body) in writes() {
        ann.send(method, &path, &[], body.as_ref())
            .await
            .refused(401, "UNAUTHORIZED");
    }
    assert_eq!(counts(app), before);
    bob.put("/progress/a", &json!({"confidence": 1})).await.ok();
}

#[tokio::test]
async fn the_token_of_a_deleted_account_writes_nothing() {
    nothing_is_written_after(&TestApp::start().await, "SELECT 1").await;
}

/// In a file, foreign keys are a promise of the connection alone: whoever deletes the account may leave its rows.
#[tokio::test]
async fn the_token_of_an_account_whose_rows_were_left_behind_writes_nothing() {
    let app = TestApp::start().await;
    if !app.place().is_postgres() {
        nothing_is_written_after(&app, "PRAGMA foreign_keys = OFF").await;
    }
}
