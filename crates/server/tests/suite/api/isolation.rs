//! What belongs to one learner is out of reach of everybody else.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::learner::{Learner, id, review, with_words};
use crate::harness::TestApp;

const DAY: &str = "2024-01-01T08:00:00.000Z";

/// Every route that shows or changes something of a learner, with a request that would be good.
fn user_routes() -> Vec<(&'static str, String, Option<Value>)> {
    let update = json!({"studyCount": 99, "confidence": 1});
    vec![
        ("GET", "/progress".to_owned(), None),
        ("GET", "/progress?limit=5".to_owned(), None),
        ("GET", "/progress/a".to_owned(), None),
        ("GET", "/progress/stats".to_owned(), None),
        ("GET", "/progress/due".to_owned(), None),
        (
            "GET",
            "/progress/activity?from=2024-01-01&to=2024-01-31".to_owned(),
            None,
        ),
        ("GET", "/progress/changes".to_owned(), None),
        ("GET", "/reviews".to_owned(), None),
        ("GET", "/reviews?wordId=a".to_owned(), None),
        ("GET", "/study".to_owned(), None),
        ("GET", "/study?listId=hsk3-band-1".to_owned(), None),
        ("GET", "/vocabulary/lists/hsk3-band-1/progress".to_owned(), None),
        ("DELETE", "/progress/a".to_owned(), None),
        ("POST", format!("/reviews/{}/undo", id(1)), None),
        ("PUT", "/progress/a".to_owned(), Some(update)),
        (
            "POST",
            "/progress/batch".to_owned(),
            Some(json!({"updates": [{"wordId": "a", "studyCount": 77}]})),
        ),
        (
            "POST",
            "/progress/import".to_owned(),
            Some(json!({"a": {"studyCount": 55}})),
        ),
        (
            "POST",
            "/reviews".to_owned(),
            Some(json!({"reviews": [review(&id(1), "a", "again", DAY)]})),
        ),
    ]
}

/// All that a learner can see of themselves.
async fn everything(learner: &Learner<'_>) -> Vec<Value> {
    let mut seen = Vec::new();
    for (method, path, _) in user_routes() {
        if method == "GET" {
            seen.push(learner.get(&path).await.ok());
        }
    }
    seen
}

async fn with_history(app: &TestApp) -> Learner<'_> {
    let ann = Learner::new(app).await;
    let reviews = [
        review(&id(1), "a", "good", DAY),
        review(&id(2), "zh-00001", "hard", DAY),
        review(&id(3), "b", "easy", DAY),
    ];
    ann.post("/reviews", &json!({"reviews": reviews})).await.ok();
    ann.put("/progress/c", &json!({"confidence": 0.9})).await.ok();
    ann.delete("/progress/b").await.no_content();
    ann
}

#[tokio::test]
async fn threat_30_a_second_learner_sees_nothing_of_the_first_and_changes_nothing() {
    let app = with_words().await;
    let ann = with_history(&app).await;
    let before = everything(&ann).await;
    let ben = Learner::new(&app).await;
    for (method, path, body) in user_routes() {
        let reply = ben.send(method, &path, &[], body.as_ref()).await;
        let text = &reply.body;
        assert!(!text.contains(ann.id()), "{method} {path}: {text}");
        match (method, path.as_str()) {
            ("GET" | "DELETE", "/progress/a") => reply.refused(404, "PROGRESS_NOT_FOUND"),
            ("POST", undo) if undo.ends_with("/undo") => reply.refused(404, "REVIEW_NOT_FOUND"),
            _ => {
                let seen = reply.ok();
                if method == "GET" {
                    let mine = before_of(&path, &before);
                    assert!(
                        seen != *mine || is_the_same_for_everybody(&path),
                        "{path}: {seen}"
                    );
                }
                seen
            }
        };
        assert_eq!(everything(&ann).await, before, "{method} {path}");
    }
    // What the second learner did with the same names is theirs alone.
    let row = ben.get("/progress/a").await.ok();
    assert_eq!(
        (&row["userId"], &row["studyCount"]),
        (&json!(ben.id()), &json!(77))
    );
    assert_eq!(
        ben.get("/reviews").await.ok()["reviews"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

fn before_of<'a>(path: &str, before: &'a [Value]) -> &'a Value {
    let routes = user_routes();
    let mut reads = routes.iter().filter(|(method, _, _)| *method == "GET");
    &before[reads.position(|(_, at, _)| at == path).unwrap()]
}

/// New words of a list come to every learner, so that these may agree by chance.
fn is_the_same_for_everybody(path: &str) -> bool {
    path.starts_with("/study?listId")
}

#[tokio::test]
async fn threat_30_owners_and_ids_in_bodies_are_not_heeded() {
    let app = with_words().await;
    let ann = with_history(&app).await;
    let before = everything(&ann).await;
    let row = ann.get("/progress/a").await.ok();
    let ben = Learner::new(&app).await;
    let owned = json!({"userId": ann.id(), "id": row["id"], "user": {"id": ann.id()}, "studyCount": 5});
    let set = ben.put("/progress/a", &owned).await.ok();
    assert_eq!(set["userId"], ben.id());
    assert_ne!(set["id"], row["id"]);
    let mut update = owned.clone();
    update["wordId"] = json!("a");
    ben.post(
        "/progress/batch",
        &json!({"userId": ann.id(), "updates": [update]}),
    )
    .await
    .ok();
    let mut taken = review(&id(1), "a", "again", DAY);
    taken["userId"] = json!(ann.id());
    let report = ben
        .post("/reviews", &json!({"userId": ann.id(), "reviews": [taken]}))
        .await
        .ok();
    assert_eq!(report["accepted"], 1, "ids are unique per learner only");
    ben.post(
        &format!("/progress/import?userId={}", ann.id()),
        &json!({"userId": ann.id(), "vocabularyProgress": {
            "a": {"status": "mastered", "reviewCount": 50, "correctCount": 50},
        }}),
    )
    .await
    .ok();
    ben.post(&format!("/reviews/{}/undo", id(1)), &json!({"userId": ann.id()}))
        .await
        .ok();
    assert_eq!(everything(&ann).await, before);
}

#[tokio::test]
async fn without_a_token_nothing_is_shown_or_changed() {
    let app = with_words().await;
    let guest = Learner::guest(&app);
    for (method, path, body) in user_routes() {
        let reply = guest.send(method, &path, &[], body.as_ref()).await;
        assert_eq!(
            reply.header("www-authenticate"),
            Some("Bearer"),
            "{method} {path}"
        );
        reply.refused(401, "UNAUTHORIZED");
        let forged = guest
            .send(method, &path, &[("authorization", "Bearer a.b.c")], body.as_ref())
            .await;
        assert!(
            forged
                .header("www-authenticate")
                .unwrap()
                .contains("invalid_token"),
            "{method} {path}"
        );
        forged.refused(401, "UNAUTHORIZED");
    }
}

/// Routes whose answers follow from the request alone, so that all learners share them; their own tests walk them.
const SHARED: [&str; 7] = [
    "DELETE /api/v1/conversations/{wordId}",
    "GET /api/v1/tts/voices",
    "POST /api/v1/conversations",
    "POST /api/v1/conversations/audio/generate",
    "POST /api/v1/conversations/text/generate",
    "POST /api/v1/stt",
    "POST /api/v1/tts",
];

/// Routes of the account itself; the tests of accounts, sessions, devices, credentials, settings, keys, second factors and
/// personal data walk them.
const OF_ACCOUNT: [&str; 25] = [
    "/api/v1/auth/email-verification",
    "/api/v1/auth/me",
    "/api/v1/auth/step-up",
    "/api/v1/users/me",
    "/api/v1/users/me/api-keys",
    "/api/v1/users/me/api-keys/{id}",
    "/api/v1/users/me/email",
    "/api/v1/users/me/export",
    "/api/v1/users/me/export/download",
    "/api/v1/users/me/identities",
    "/api/v1/users/me/identities/{id}",
    "/api/v1/users/me/keys",
    "/api/v1/users/me/keys/{provider}",
    "/api/v1/users/me/passkeys",
    "/api/v1/users/me/passkeys/options",
    "/api/v1/users/me/passkeys/{id}",
    "/api/v1/users/me/password",
    "/api/v1/users/me/second-factor",
    "/api/v1/users/me/second-factor/recovery-codes",
    "/api/v1/users/me/second-factor/totp",
    "/api/v1/users/me/second-factor/totp/confirm",
    "/api/v1/users/me/sessions",
    "/api/v1/users/me/sessions/{id}",
    "/api/v1/users/me/settings",
    "/api/v1/users/{id}",
];

/// The template of a path as the description of the API writes it.
fn template(path: &str) -> String {
    let path = path.split('?').next().unwrap();
    let id = id(1);
    let parts = path.split('/').map(|part| match part {
        "a" => "{wordId}",
        "hsk3-band-1" => "{listId}",
        part if part == id => "{id}",
        part => part,
    });
    format!("/api/v1{}", parts.collect::<Vec<_>>().join("/"))
}

#[tokio::test]
async fn threat_30_no_route_of_a_learner_is_left_out_of_these_tests() {
    let app = TestApp::start().await;
    let document = app.get("/api-docs/openapi.json").await.expect(200).json();
    let tested: BTreeSet<_> = user_routes()
        .iter()
        .map(|(method, path, _)| format!("{method} {}", template(path)))
        .chain(SHARED.map(str::to_owned))
        .collect();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            // The account itself is walked with the routes of accounts, and those of others by the tests of administration.
            let is_elsewhere = OF_ACCOUNT.contains(&path.as_str()) || path.starts_with("/api/v1/admin/");
            if operation["security"][0].get("bearer").is_some() && !is_elsewhere {
                described.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    assert_eq!(tested, described);
}

#[tokio::test]
async fn threat_15_nul_and_lone_surrogates_are_refused_wherever_a_text_is_taken() {
    let app = with_words().await;
    let ann = Learner::new(&app).await;
    let mut with_nul = review(&id(1), "a", "good", DAY);
    with_nul["deviceId"] = json!("a\u{0}b");
    let reply = ann.post("/reviews", &json!({"reviews": [with_nul]})).await;
    assert_eq!(reply.bad_fields(), ["reviews[0].deviceId"]);
    let word = ann
        .post(
            "/reviews",
            &json!({"reviews": [review(&id(1), "a\u{0}", "good\u{0}", DAY)]}),
        )
        .await;
    assert_eq!(word.bad_fields(), ["reviews[0].wordId", "reviews[0].rating"]);
    assert_eq!(ann.get("/progress/a%00b").await.bad_fields(), ["wordId"]);
    assert_eq!(
        ann.put("/progress/%00", &json!({})).await.bad_fields(),
        ["wordId"]
    );
    let surrogate = br#"{"reviews":[{"id":"\ud800"}]}"#;
    ann.send_bytes("POST", "/reviews", surrogate)
        .await
        .refused(400, "MALFORMED_JSON");
    let report = ann
        .post("/progress/import", &json!({"a\u{0}b": {"studyCount": 1}}))
        .await
        .ok();
    assert_eq!(report["skipped"].as_array().unwrap().len(), 1);
    let search = ann.get("/vocabulary/words?q=%00&limit=1").await;
    assert!([200, 400].contains(&search.status));
    assert_eq!(ann.get("/progress").await.ok(), json!([]));
}
