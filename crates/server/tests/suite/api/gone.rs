//! Accounts that are gone from the store while their access tokens still live.

use diesel::connection::SimpleConnection;
use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection};
use serde_json::{Value, json};

use super::learner::{Learner, id, review};
use crate::harness::TestApp;

const DAY: &str = "2024-01-01T08:00:00.000Z";

#[derive(QueryableByName, Debug, PartialEq)]
struct Counts {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    events: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    rows: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    heads: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    sessions: i64,
}

/// A way into the database behind the server.
fn behind(app: &TestApp) -> SqliteConnection {
    let path = app.data_dir().join("parlance.db");
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    connection.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
    connection
}

fn counts(app: &TestApp) -> Counts {
    let counts = "SELECT (SELECT count(*) FROM progress_events) AS events, (SELECT count(*) FROM progress) AS rows, \
                  (SELECT count(*) FROM progress_heads) AS heads, (SELECT count(*) FROM sessions) AS sessions";
    diesel::sql_query(counts).get_result(&mut behind(app)).unwrap()
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

/// Whoever deletes the account also deletes what it owns, or forgets to.
async fn nothing_is_written_after(deletion: &str) {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    let bob = Learner::new(&app).await;
    for learner in [&ann, &bob] {
        let reviews = json!({"reviews": [review(&id(1), "a", "good", DAY)]});
        learner.post("/reviews", &reviews).await.ok();
    }
    let deletion = deletion.replace("{id}", &ann.id().replace('-', ""));
    behind(&app).batch_execute(&deletion).unwrap();
    let before = counts(&app);
    for (method, path, body) in writes() {
        ann.send(method, &path, &[], body.as_ref())
            .await
            .refused(401, "UNAUTHORIZED");
    }
    assert_eq!(counts(&app), before);
    bob.put("/progress/a", &json!({"confidence": 1})).await.ok();
}

#[tokio::test]
async fn the_token_of_a_deleted_account_writes_nothing() {
    nothing_is_written_after("PRAGMA foreign_keys = ON; DELETE FROM accounts WHERE id = x'{id}'").await;
}

#[tokio::test]
async fn the_token_of_an_account_whose_rows_were_left_behind_writes_nothing() {
    nothing_is_written_after("PRAGMA foreign_keys = OFF; DELETE FROM accounts WHERE id = x'{id}'").await;
}
