//! Clients that hang up in the middle of a request.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use parlance_server::database::Database;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{TestApp, TestUser};

const REQUESTS: u128 = 10_000;
const AT_ONCE: usize = 32;
const WORDS: u128 = 40;

fn review(number: u128) -> Value {
    json!({
        "id": Uuid::from_u128(number + 1),
        "wordId": format!("word-{}", number % WORDS),
        "rating": "good",
        "reviewedAt": "2026-01-01T00:00:00.000Z",
    })
}

fn request(user: &TestUser, number: u128) -> Vec<u8> {
    let body = json!({ "reviews": [review(number)] }).to_string();
    format!(
        "POST /api/v1/reviews HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        user.token,
        body.len()
    )
    .into_bytes()
}

/// Sends a request, or a part of it, and hangs up at once, soon, or after the answer.
async fn hang_up(app: &TestApp, bytes: Vec<u8>, number: u128) {
    // The same in every run, and spread over all the places where a request can be cut.
    let dice = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7;
    let mut connection = app.connect().await;
    match dice % 4 {
        0 => {
            let length = u128::try_from(bytes.len()).unwrap();
            let cut = usize::try_from(dice % length).unwrap();
            connection.send(&bytes[..cut]).await;
        }
        1 => connection.send(&bytes).await,
        2 => {
            connection.send(&bytes).await;
            let moment = u64::try_from(dice % 8_000).unwrap();
            tokio::time::sleep(Duration::from_micros(moment)).await;
        }
        _ => {
            connection.send(&bytes).await;
            assert_eq!(connection.response().await.unwrap().status, 200);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_52_ten_thousand_requests_cut_at_any_moment_leave_nothing_half_done() {
    let app = Arc::new(TestApp::start().await);
    let user = app.register().await;
    futures_util::stream::iter(0..REQUESTS)
        .for_each_concurrent(AT_ONCE, |number| {
            let (app, bytes) = (Arc::clone(&app), request(&user, number));
            async move {
                tokio::spawn(async move { hang_up(&app, bytes, number).await })
                    .await
                    .unwrap();
            }
        })
        .await;

    // Every review was taken as a whole or not at all: what is there is counted, what is sent again is not.
    let numbers: Vec<u128> = (0..REQUESTS).collect();
    let (mut accepted, mut duplicates) = (0, 0);
    for chunk in numbers.chunks(1_000) {
        let reviews: Vec<Value> = chunk.iter().map(|number| review(*number)).collect();
        let report = user
            .post("/api/v1/reviews", &json!({ "reviews": reviews }))
            .await
            .expect(200)
            .json();
        accepted += report["accepted"].as_u64().unwrap();
        duplicates += report["duplicates"].as_u64().unwrap();
    }
    assert_eq!(u128::from(accepted + duplicates), REQUESTS);
    assert!(
        duplicates >= 2_500,
        "those that waited for the answer: {duplicates}"
    );
    assert!(accepted > 0, "none was cut before it arrived");
    let rows = user.get("/api/v1/progress").await.expect(200).json();
    let counts = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["studyCount"].as_u64().unwrap());
    assert_eq!(u128::from(counts.sum::<u64>()), REQUESTS);

    // No connection was left with a transaction open, and no place in a queue is taken by nobody.
    match app.server().database() {
        Database::Sqlite(database) => {
            let stats = database.stats();
            assert_eq!(
                (stats.writes_waiting, stats.reads_waiting, stats.readers_busy),
                (0, 0, 0)
            );
            database.backup(&app.data_dir().join("copy.db")).await.unwrap();
        }
        Database::Postgres(database) => {
            let stats = database.stats();
            assert_eq!((stats.busy, stats.waiting), (0, 0));
            let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                        AND state LIKE 'idle in transaction%'";
            assert_eq!(app.place().number(open), 0);
        }
    }
    user.put("/api/v1/progress/last", &json!({ "studyCount": 1 }))
        .await
        .expect(200);
}
