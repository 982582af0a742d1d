//! `/users/me/settings`: what a learner wants.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use futures_util::future::join_all;
use parlance_contract::fakes::TestClock;
use reqwest::Method;
use reqwest::header::IF_MATCH;
use serde_json::{Value, json};

use crate::harness::{Answer, TestApp, TestUser, assert_problem};

const PATH: &str = "/api/v1/users/me/settings";

fn defaults() -> Value {
    json!({
        "preferredLanguage": null,
        "summaryQuality": "medium",
        "desiredRetention": 0.9,
        "reminders": {
            "enabled": false,
            "time": "19:00",
            "days": ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
        },
        "data": {},
        "updatedAt": null,
    })
}

fn everything() -> Value {
    json!({
        "preferredLanguage": "zh-Hant-TW",
        "summaryQuality": "high",
        "desiredRetention": 0.85,
        "reminders": { "enabled": true, "time": "07:30", "days": ["sunday", "monday", "monday"] },
        "data": { "theme": "dark", "gone": null, "nul": "a\u{0}b" },
    })
}

async fn read(user: &TestUser) -> Value {
    user.get(PATH).await.expect(200).json()
}

async fn send_if_match(user: &TestUser, method: Method, tag: &str, body: &Value) -> Answer {
    let request = user.request(method, PATH).header(IF_MATCH, tag).json(body);
    user.send(request).await
}

fn fields(answer: &Answer) -> Vec<String> {
    let details = assert_problem(answer, 400, "VALIDATION_FAILED");
    let fields = details["fields"].as_array().unwrap();
    let mut fields: Vec<_> = fields
        .iter()
        .map(|field| field["field"].as_str().unwrap().to_owned())
        .collect();
    fields.sort();
    fields
}

#[tokio::test]
async fn whoever_never_said_has_the_defaults() {
    let app = TestApp::start().await;
    let user = app.register().await;
    let answer = user.get(PATH).await.expect(200);
    assert_eq!(answer.json(), defaults());
    assert_eq!(answer.header("etag"), Some("\"0\""));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn a_put_replaces_everything_and_a_patch_changes_what_it_names() {
    let app = TestApp::start().await;
    let user = app.register().await;
    let put = user.put(PATH, &everything()).await.expect(200);
    assert_eq!(put.header("etag"), Some("\"1\""));
    let mut expected = everything();
    expected["reminders"]["days"] = json!(["monday", "sunday"]);
    expected["updatedAt"] = put.json()["updatedAt"].clone();
    assert!(expected["updatedAt"].is_string());
    assert_eq!(put.json(), expected);
    assert_eq!(read(&user).await, expected);

    let patch = json!({
        "summaryQuality": null,
        "reminders": { "enabled": false },
        "data": { "theme": null, "deep": { "a": 1 } },
    });
    let patched = user.patch(PATH, &patch).await.expect(200);
    assert_eq!(patched.header("etag"), Some("\"2\""));
    expected["summaryQuality"] = json!("medium");
    expected["reminders"]["enabled"] = json!(false);
    expected["data"] = json!({ "gone": null, "nul": "a\u{0}b", "deep": { "a": 1 } });
    expected["updatedAt"] = patched.json()["updatedAt"].clone();
    assert_eq!(patched.json(), expected);

    let replaced = user.put(PATH, &json!({})).await.expect(200).json();
    let mut expected = defaults();
    expected["updatedAt"] = replaced["updatedAt"].clone();
    assert_eq!(replaced, expected);
}

#[tokio::test]
async fn what_changes_nothing_keeps_the_tag() {
    let app = TestApp::start().await;
    let user = app.register().await;
    let first = user.put(PATH, &everything()).await.expect(200);
    for again in [
        user.put(PATH, &everything()).await,
        user.patch(PATH, &json!({})).await,
        user.patch(PATH, &json!({ "data": { "theme": "dark", "absent": null } }))
            .await,
    ] {
        assert_eq!(again.header("etag"), Some("\"1\""));
        assert_eq!(again.json(), first.json());
    }
}

#[tokio::test]
async fn a_change_of_what_somebody_else_has_changed_is_refused() {
    let app = TestApp::start().await;
    let user = app.register().await;
    for (method, tag, good) in [
        (Method::PUT, "\"1\"", false),
        (Method::PUT, "W/\"0\"", false),
        (Method::PUT, "\"0\"", true),
        (Method::PATCH, "\"0\"", false),
        (Method::PATCH, "\"7\", \"1\"", true),
        (Method::PATCH, "*", true),
    ] {
        let body = json!({ "data": { "tag": tag, "method": method.as_str() } });
        let answer = send_if_match(&user, method, tag, &body).await;
        if good {
            assert_eq!(answer.expect(200).json()["data"], body["data"]);
        } else {
            assert_problem(&answer, 412, "PRECONDITION_FAILED");
        }
    }
    let odd = send_if_match(&user, Method::PUT, "1", &json!({})).await;
    assert_eq!(fields(&odd), ["If-Match"]);
}

#[tokio::test]
async fn threat_49_sixteen_that_change_one_state_at_once_are_one_change() {
    let app = TestApp::start().await;
    let user = app.register().await;
    let changes = (0..16).map(|number| {
        let user = &user;
        async move {
            let body = json!({ "data": { "winner": number } });
            send_if_match(user, Method::PATCH, "\"0\"", &body).await.status
        }
    });
    let mut statuses = join_all(changes).await;
    statuses.sort_unstable();
    let mut expected = vec![200];
    expected.resize(16, 412);
    assert_eq!(statuses, expected);
    assert_eq!(user.get(PATH).await.header("etag"), Some("\"1\""));
}

#[tokio::test]
async fn every_bad_field_is_named() {
    let app = TestApp::start().await;
    let user = app.register().await;
    let bad = json!({
        "preferredLanguage": "de_CH",
        "summaryQuality": "best",
        "desiredRetention": 0.98,
        "reminders": { "enabled": "yes", "time": "24:00", "days": ["monday", "someday"] },
        "data": { "a": "x".repeat(16 * 1024) },
    });
    let named = [
        "data",
        "desiredRetention",
        "preferredLanguage",
        "reminders.days",
        "reminders.enabled",
        "reminders.time",
        "summaryQuality",
    ];
    assert_eq!(fields(&user.put(PATH, &bad).await), named);
    assert_eq!(fields(&user.patch(PATH, &bad).await), named);
    let wrong_types = json!({
        "preferredLanguage": 1, "summaryQuality": true, "desiredRetention": "0.9", "reminders": [], "data": [],
    });
    assert_eq!(
        fields(&user.put(PATH, &wrong_types).await),
        [
            "data",
            "desiredRetention",
            "preferredLanguage",
            "reminders",
            "summaryQuality"
        ]
    );
    assert_eq!(read(&user).await, defaults());
}

#[tokio::test]
async fn threat_34_what_apps_keep_is_small_and_shallow() {
    let app = TestApp::start().await;
    let user = app.register().await;
    let nested = (0..16).fold(json!(1), |inner, _| json!({ "a": inner }));
    user.put(PATH, &json!({ "data": nested })).await.expect(200);
    let deeper = json!({ "data": { "a": nested } });
    assert_eq!(fields(&user.put(PATH, &deeper).await), ["data"]);
    let half = |name: &str| json!({ "data": { name: "x".repeat(9_000) } });
    user.put(PATH, &half("one")).await.expect(200);
    assert_eq!(fields(&user.patch(PATH, &half("two")).await), ["data"]);
}

#[tokio::test]
async fn threat_29_what_the_server_owns_is_ignored() {
    let app = TestApp::start().await;
    let user = app.register().await;
    let body = json!({ "userId": user.id, "revision": 9, "updatedAt": "2020-01-01T00:00:00.000Z", "isPremium": true });
    let answer = user.put(PATH, &body).await.expect(200);
    assert_eq!(answer.header("etag"), Some("\"0\""));
    assert_eq!(answer.json(), defaults());
}

#[tokio::test]
async fn threat_30_settings_are_their_owners_alone() {
    let app = TestApp::start().await;
    let (ann, bob) = (
        app.register_as("ann@example.com").await,
        app.register_as("bob@example.com").await,
    );
    ann.put(PATH, &everything()).await.expect(200);
    assert_eq!(read(&bob).await, defaults());
    bob.put(PATH, &json!({ "data": { "of": "bob" } }))
        .await
        .expect(200);
    assert_eq!(read(&ann).await["data"]["theme"], "dark");
    for method in [Method::GET, Method::PUT, Method::PATCH] {
        let answer = app.send(app.request(method, PATH).json(&json!({}))).await;
        assert_problem(&answer, 401, "UNAUTHORIZED");
    }
}

/// The first review of a word: the interval follows from the retention that was wanted when it arrived.
#[tokio::test]
async fn reviews_are_scheduled_by_the_retention_wanted_when_they_arrive() {
    let clock = Arc::new(TestClock::new(
        DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
    ));
    let app = TestApp::builder().clock(&clock).start().await;
    let user = app.register().await;
    let reviewed_at = "2027-01-15T08:00:00.000Z";
    let days_of = async |number: u32, word: &str| {
        let id = format!("00000000-0000-7000-8000-{number:012}");
        let review = json!({ "id": id, "wordId": word, "rating": "easy", "reviewedAt": reviewed_at });
        let report = user
            .post("/api/v1/reviews", &json!({ "reviews": [review] }))
            .await
            .expect(200)
            .json();
        let next: DateTime<chrono::Utc> = report["progress"][0]["nextReview"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        (next - reviewed_at.parse::<DateTime<chrono::Utc>>().unwrap()).num_days()
    };
    assert_eq!(days_of(1, "by-default").await, 8);
    user.patch(PATH, &json!({ "desiredRetention": 0.8 }))
        .await
        .expect(200);
    let longer = days_of(2, "lower").await;
    assert!(longer > 8, "{longer}");
    user.patch(PATH, &json!({ "desiredRetention": 0.97 }))
        .await
        .expect(200);
    let shorter = days_of(3, "higher").await;
    assert!(shorter < 8, "{shorter}");
    // What was reviewed before is as it was, also when it is folded anew.
    clock.advance(TimeDelta::minutes(1));
    let earlier = json!({
        "id": "00000000-0000-7000-8000-000000000009", "wordId": "lower", "rating": "good",
        "reviewedAt": "2027-01-15T07:59:00.000Z",
    });
    user.post("/api/v1/reviews", &json!({ "reviews": [earlier] }))
        .await
        .expect(200);
    let kept = app
        .place()
        .texts("SELECT CAST(retention AS TEXT) FROM progress_events ORDER BY position");
    assert_eq!(kept, ["0.9", "0.8", "0.97", "0.97"]);
}
