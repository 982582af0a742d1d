//! `parlance copy`: an installation moves from SQLite to PostgreSQL.

use parlance_testbed::TestDatabase;
use serde_json::{Value, json};

use super::{Parlance, Running};
use crate::harness::TestUser;

const SECRET: &str = "gmOPuVt0AmHpQuzAr/5LwOM9iNXo6xTcCWiMyJrSRGvLBgCB";
const READS: [&str; 4] = [
    "/api/v1/auth/me",
    "/api/v1/progress",
    "/api/v1/progress/changes?after=0&limit=100",
    "/api/v1/reviews?limit=100",
];

fn from(parlance: &Parlance) -> String {
    format!("sqlite://{}", parlance.dir().join("data/parlance.db").display())
}

/// An account with each kind of event, a tombstone and a review that was taken back.
async fn learner(server: &Running, email: &str) -> TestUser {
    let user = server.register(email).await;
    let review = |id: u128, word: &str, rating: &str| {
        json!({ "id": uuid::Uuid::from_u128(id).to_string(), "wordId": word, "rating": rating,
                "reviewedAt": "2026-01-01T08:00:00.000Z", "deviceId": "phone" })
    };
    let reviews = json!({ "reviews": [review(1, "zh-00001", "good"), review(2, "zh-00002", "again"),
                                      review(3, "zh-00001", "easy")] });
    user.post("/api/v1/reviews", &reviews).await.expect(200);
    user.put(
        "/api/v1/progress/own-word",
        &json!({ "studyCount": 4, "confidence": 0.3 }),
    )
    .await
    .expect(200);
    let undo = format!("/api/v1/reviews/{}/undo", uuid::Uuid::from_u128(3));
    user.post(&undo, &json!({})).await.expect(200);
    user.delete("/api/v1/progress/zh-00002").await.expect(204);
    user
}

async fn answers(user: &TestUser) -> Vec<Value> {
    let mut answers = Vec::new();
    for path in READS {
        answers.push(user.get(path).await.expect(200).json());
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_installation_moves_and_goes_on_where_it_was() {
    let target = TestDatabase::empty().await;
    let old = Parlance::new().set("JWT_SECRET", SECRET);
    let server = old.serve().await;
    let (ann, bob) = (
        learner(&server, "ann@example.com").await,
        learner(&server, "bob@example.com").await,
    );
    let before = (answers(&ann).await, answers(&bob).await);
    let lists = server.get("/api/v1/vocabulary/lists").await.json();
    let copy = ["copy", "--from", &from(&old), "--to", &target.url()];

    let refused = old.run(&copy).await;
    assert!(!refused.status.success(), "a server is running on it");
    server.stop().await;
    for expected in ["0 were there before", "2 were there before"] {
        let copied = old.run(&copy).await;
        let said = String::from_utf8_lossy(&copied.stdout).into_owned();
        assert!(
            copied.status.success(),
            "{}",
            String::from_utf8_lossy(&copied.stderr)
        );
        assert!(said.contains("copied and compared 2 learners"), "{said}");
        assert!(said.contains(expected), "{said}");
    }

    let new = Parlance::new()
        .set("JWT_SECRET", SECRET)
        .set("DATABASE_URL", &target.url());
    let server = new.serve().await;
    assert!(
        !server.log.text().contains("vocabulary was"),
        "{}",
        server.log.text()
    );
    assert_eq!(server.get("/api/v1/vocabulary/lists").await.json(), lists);
    // Signed in before the move, and with the password after it.
    let mut again = server.login("ann@example.com").await;
    again.token.clone_from(&ann.token);
    let ann = again;
    let bob = server.login("bob@example.com").await;
    let mut after = (answers(&ann).await, answers(&bob).await);
    // The sign-ins above are all that has changed.
    after.0[0] = before.0[0].clone();
    after.1[0] = before.1[0].clone();
    assert_eq!(after, before);
    let revision = before.0[2]["cursor"].clone();
    ann.put("/api/v1/progress/zh-00009", &json!({ "studyCount": 1 }))
        .await
        .expect(200);
    let feed = format!(
        "/api/v1/progress/changes?after={}",
        revision.as_str().unwrap_or("0")
    );
    let changes = ann.get(&feed).await.expect(200).json();
    assert_eq!(changes["changes"].as_array().map(Vec::len), Some(1), "{changes}");
    server.stop().await;

    // Once the copy has been used, the two are no longer the same, and that is said.
    let differs = old.run(&copy).await;
    assert!(!differs.status.success());
    let said = String::from_utf8_lossy(&differs.stderr).into_owned();
    assert!(said.contains("instead of"), "{said}");
}

#[tokio::test]
async fn what_cannot_be_copied_is_said_without_a_password() {
    let parlance = Parlance::new();
    for (from, to) in [
        ("sqlite://data/none.db", "sqlite://data/other.db"),
        ("nothing", "sqlite://data/other.db"),
        ("sqlite://data/none.db", "mysql://ann:hunter2@host/db"),
        ("sqlite://data/same.db", "sqlite://data/same.db"),
        ("postgres://ann:hunter2@127.0.0.1:1/db", "sqlite://data/other.db"),
    ] {
        let output = parlance.run(&["copy", "--from", from, "--to", to]).await;
        assert!(!output.status.success(), "{from} {to}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            said.starts_with("parlance: ") && !said.contains("hunter2"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn health_says_whether_the_server_is_ready() {
    let parlance = Parlance::new();
    let server = parlance.serve().await;
    let port = server.address.port().to_string();
    let asking = Parlance::new().set("PORT", &port);
    assert!(asking.run(&["health"]).await.status.success());
    server.stop().await;
    assert!(!asking.run(&["health"]).await.status.success());
}
