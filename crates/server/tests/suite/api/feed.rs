//! `/progress/changes`: following what changed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::learner::Learner;
use crate::harness::TestApp;

/// Follows the feed from a place to its end; the entries, and where it ended.
async fn follow(learner: &Learner<'_>, after: &str, limit: usize) -> (Vec<Value>, String) {
    let mut all = Vec::new();
    let mut cursor = after.to_owned();
    loop {
        let page = learner
            .get(&format!("/progress/changes?after={cursor}&limit={limit}"))
            .await
            .ok();
        let changes = page["changes"].as_array().unwrap();
        assert!(
            changes.len() == limit || page["hasMore"] == false,
            "only the last page is short"
        );
        all.extend(changes.iter().cloned());
        page["cursor"].as_str().unwrap().clone_into(&mut cursor);
        if page["hasMore"] == false {
            return (all, cursor);
        }
    }
}

/// What a device knows after it applied changes in order.
fn apply(known: &mut BTreeMap<String, Value>, changes: &[Value]) {
    for change in changes {
        let word = change["wordId"].as_str().unwrap().to_owned();
        if change["deleted"] == true {
            assert!(change.get("progress").is_none());
            known.remove(&word);
        } else {
            known.insert(word, change["progress"].clone());
        }
    }
}

async fn whole(learner: &Learner<'_>) -> BTreeMap<String, Value> {
    let rows = learner.get("/progress").await.ok();
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| (row["wordId"].as_str().unwrap().to_owned(), row.clone()))
        .collect()
}

#[tokio::test]
async fn a_batch_of_a_thousand_is_read_back_seven_at_a_time() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    let updates: Vec<_> = (0..1000)
        .map(|n| json!({"wordId": format!("w{n}"), "studyCount": n}))
        .collect();
    let rows = ann
        .post("/progress/batch", &json!({"updates": updates}))
        .await
        .ok();
    let (changes, cursor) = follow(&ann, "0", 7).await;
    assert_eq!(cursor, "1000");
    let read: Vec<_> = changes.iter().map(|change| change["progress"].clone()).collect();
    assert_eq!(Value::Array(read), rows);
}

#[tokio::test]
async fn from_the_beginning_the_feed_gives_the_whole_progress() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    let mut known = BTreeMap::new();
    let mut cursor = "0".to_owned();
    for round in 0..4 {
        for n in 0..6 {
            ann.put(&format!("/progress/w{n}"), &json!({"studyCount": round * 10 + n}))
                .await
                .ok();
        }
        ann.delete(&format!("/progress/w{round}")).await.no_content();
        let (changes, end) = follow(&ann, &cursor, 4).await;
        assert!(!changes.is_empty());
        apply(&mut known, &changes);
        cursor = end;
        assert_eq!(
            known,
            whole(&ann).await,
            "a device that follows along, round {round}"
        );
        let mut anew = BTreeMap::new();
        apply(&mut anew, &follow(&ann, "0", 5).await.0);
        assert_eq!(anew, known, "a device that starts over, round {round}");
    }
}

#[tokio::test]
async fn a_word_comes_once_as_it_is_now_and_a_reset_as_such() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    let empty = ann.get("/progress/changes").await.ok();
    assert_eq!(empty, json!({"changes": [], "cursor": "0", "hasMore": false}));
    ann.put("/progress/a", &json!({"studyCount": 1})).await.ok();
    ann.put("/progress/b", &json!({"studyCount": 1})).await.ok();
    let a = ann.put("/progress/a", &json!({"studyCount": 2})).await.ok();
    ann.delete("/progress/b").await.no_content();
    let feed = ann.get("/progress/changes?after=0").await.ok();
    let expected = json!({
        "changes": [
            {"wordId": "a", "deleted": false, "progress": a},
            {"wordId": "b", "deleted": true},
        ],
        "cursor": "4", "hasMore": false,
    });
    assert_eq!(feed, expected);
    let after = ann.get("/progress/changes?after=3").await.ok();
    assert_eq!(after["changes"], json!([{"wordId": "b", "deleted": true}]));
    let end = ann.get("/progress/changes?after=4").await.ok();
    assert_eq!(end, json!({"changes": [], "cursor": "4", "hasMore": false}));
}

#[tokio::test]
async fn the_feed_shows_each_learner_their_own_changes() {
    let app = TestApp::start().await;
    let (ann, ben) = (Learner::new(&app).await, Learner::new(&app).await);
    ann.put("/progress/a", &json!({"studyCount": 1})).await.ok();
    assert_eq!(ben.get("/progress/changes").await.ok()["changes"], json!([]));
    Learner::guest(&app)
        .get("/progress/changes")
        .await
        .refused(401, "UNAUTHORIZED");
}
