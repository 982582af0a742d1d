//! Keys with which programs act for a learner.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, TimeDelta};
use futures_util::future::join_all;
use parlance_contract::fakes::TestClock;
use parlance_domain::mail::Message;
use parlance_domain::time::Clock;
use reqwest::Method;
use serde_json::{Value, json};

use super::learner::with_words;
use crate::harness::{Answer, TestApp, TestUser, assert_problem};

const KEYS: &str = "/api/v1/users/me/api-keys";
const PROGRESS: &str = "/api/v1/progress";
const SCOPES: [&str; 5] = [
    "progress:read",
    "progress:write",
    "profile:read",
    "speech",
    "conversations",
];

/// What a key of each scope may call.
const OPEN: [(&str, &str); 22] = [
    ("GET /api/v1/progress", "progress:read"),
    ("GET /api/v1/progress/activity", "progress:read"),
    ("GET /api/v1/progress/changes", "progress:read"),
    ("GET /api/v1/progress/due", "progress:read"),
    ("GET /api/v1/progress/stats", "progress:read"),
    ("GET /api/v1/progress/{wordId}", "progress:read"),
    ("GET /api/v1/reviews", "progress:read"),
    ("GET /api/v1/study", "progress:read"),
    ("GET /api/v1/vocabulary/lists/{listId}/progress", "progress:read"),
    ("DELETE /api/v1/progress/{wordId}", "progress:write"),
    ("POST /api/v1/progress/batch", "progress:write"),
    ("POST /api/v1/progress/import", "progress:write"),
    ("POST /api/v1/reviews", "progress:write"),
    ("POST /api/v1/reviews/{id}/undo", "progress:write"),
    ("PUT /api/v1/progress/{wordId}", "progress:write"),
    ("GET /api/v1/users/me", "profile:read"),
    ("GET /api/v1/tts/voices", "speech"),
    ("POST /api/v1/tts", "speech"),
    ("POST /api/v1/stt", "speech"),
    ("POST /api/v1/conversations/text/generate", "conversations"),
    ("POST /api/v1/conversations/audio/generate", "conversations"),
    ("POST /api/v1/conversations", "conversations"),
];

/// What no key may call: accounts, sessions, credentials, keys, administration.
const CLOSED: [&str; 43] = [
    "DELETE /api/v1/conversations/{wordId}",
    "DELETE /api/v1/admin/users/{id}",
    "DELETE /api/v1/users/me",
    "DELETE /api/v1/users/me/api-keys/{id}",
    "DELETE /api/v1/users/me/identities/{id}",
    "DELETE /api/v1/users/me/keys/{provider}",
    "DELETE /api/v1/users/me/passkeys/{id}",
    "DELETE /api/v1/users/me/second-factor/totp",
    "DELETE /api/v1/users/me/sessions",
    "DELETE /api/v1/users/me/sessions/{id}",
    "GET /api/v1/admin/audit",
    "GET /api/v1/admin/users",
    "GET /api/v1/auth/me",
    "GET /api/v1/users/me/api-keys",
    "GET /api/v1/users/me/export",
    "GET /api/v1/users/me/identities",
    "GET /api/v1/users/me/keys",
    "GET /api/v1/users/me/passkeys",
    "GET /api/v1/users/me/second-factor",
    "GET /api/v1/users/me/sessions",
    "GET /api/v1/users/me/settings",
    "GET /api/v1/users/{id}",
    "PATCH /api/v1/admin/users/{id}",
    "PATCH /api/v1/users/me",
    "PATCH /api/v1/users/me/passkeys/{id}",
    "PATCH /api/v1/users/me/settings",
    "POST /api/v1/admin/users/{id}/restore",
    "POST /api/v1/admin/users/{id}/sessions/revoke",
    "POST /api/v1/auth/email-verification",
    "POST /api/v1/auth/step-up",
    "POST /api/v1/users/me/api-keys",
    "POST /api/v1/users/me/email",
    "POST /api/v1/users/me/export",
    "POST /api/v1/users/me/export/download",
    "POST /api/v1/users/me/passkeys",
    "POST /api/v1/users/me/passkeys/options",
    "POST /api/v1/users/me/identities/{id}",
    "POST /api/v1/users/me/password",
    "POST /api/v1/users/me/second-factor/recovery-codes",
    "POST /api/v1/users/me/second-factor/totp",
    "POST /api/v1/users/me/second-factor/totp/confirm",
    "PUT /api/v1/users/me/keys/{provider}",
    "PUT /api/v1/users/me/settings",
];

fn wanted(scopes: &[&str]) -> Value {
    json!({ "name": "Anki import", "scopes": scopes })
}

/// Makes a key; what it is, and its text.
async fn make(user: &TestUser, scopes: &[&str]) -> (Value, String) {
    let made = user.post(KEYS, &wanted(scopes)).await.expect(201).json();
    let secret = made["secret"].as_str().unwrap().to_owned();
    (made, secret)
}

async fn call(app: &TestApp, key: &str, method: Method, path: &str) -> Answer {
    app.send(app.request(method, path).bearer_auth(key)).await
}

async fn reads(app: &TestApp, key: &str) -> u16 {
    call(app, key, Method::GET, PROGRESS).await.status
}

fn assert_closed(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 403, "{what}: {}", answer.text());
    assert_problem(answer, 403, "INSUFFICIENT_SCOPE");
    let challenge = answer.header("www-authenticate");
    assert_eq!(challenge, Some("Bearer error=\"insufficient_scope\""), "{what}");
}

async fn timed() -> (TestApp, Arc<TestClock>) {
    let clock = Arc::new(TestClock::default());
    (TestApp::builder().clock(&clock).start().await, clock)
}

/// Every operation that wants a token, with a path that could be called.
async fn operations(app: &TestApp) -> Vec<(Method, String, String)> {
    let document = app.get("/api-docs/openapi.json").await.expect(200).json();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation["security"].to_string().contains("bearer") {
                let name = format!("{} {path}", method.to_uppercase());
                let path = path.replace("{wordId}", "a").replace("{listId}", "a");
                let path = path.replace("{provider}", "openai");
                let path = path.replace("{id}", "01936f2a-6c1e-7d3a-9b5e-0c8f5a3e7b42");
                found.push((method.to_uppercase().parse().unwrap(), path, name));
            }
        }
    }
    found
}

#[tokio::test]
async fn every_route_says_which_scope_opens_it_or_that_none_does() {
    let app = TestApp::start().await;
    let there: BTreeSet<String> = operations(&app)
        .await
        .into_iter()
        .map(|(_, _, name)| name)
        .collect();
    let open = OPEN.iter().map(|(route, _)| *route);
    let known: BTreeSet<String> = open.chain(CLOSED).map(str::to_owned).collect();
    assert_eq!(there, known, "decide which scope opens a route, and say so here");
}

#[tokio::test]
async fn a_key_opens_what_its_scopes_say_and_nothing_else() {
    let app = TestApp::start().await;
    let user = app.register().await;
    let (_, all) = make(&user, &SCOPES).await;
    let mut keys = Vec::new();
    for without in SCOPES {
        let others: Vec<&str> = SCOPES.into_iter().filter(|scope| *scope != without).collect();
        let ((_, one), (_, others)) = (make(&user, &[without]).await, make(&user, &others).await);
        keys.push((without, one, others));
    }
    for (method, path, name) in operations(&app).await {
        let send = async |key: &str| {
            let request = app.request(method.clone(), &path).bearer_auth(key);
            app.send(request.json(&json!({}))).await
        };
        let Some((_, scope)) = OPEN.iter().find(|(route, _)| *route == name) else {
            assert_closed(&send(&all).await, &name);
            continue;
        };
        for (of, one, others) in &keys {
            if of == scope {
                let answer = send(one).await;
                assert!(![401, 403].contains(&answer.status), "{name}: {}", answer.text());
                assert_closed(&send(others).await, &name);
            } else {
                assert_closed(&send(one).await, &name);
            }
        }
    }
}

#[tokio::test]
async fn a_key_is_shown_once_told_of_by_mail_and_kept_as_a_digest() {
    let app = TestApp::start().await;
    let user = app.register().await;
    let answer = user
        .post(KEYS, &wanted(&["speech", "progress:read"]))
        .await
        .expect(201);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let made = answer.json();
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with("pk_") && secret.len() == 71, "{secret}");
    assert!(secret.starts_with(made["beginning"].as_str().unwrap()));
    assert_eq!(made["scopes"], json!(["progress:read", "speech"]));
    assert_eq!(
        (&made["expiresAt"], &made["lastUsedAt"]),
        (&Value::Null, &Value::Null)
    );
    let location = answer.header("location").unwrap();
    assert_eq!(location, format!("{KEYS}/{}", made["id"].as_str().unwrap()));

    assert_eq!(reads(&app, secret).await, 200);
    let listed = user.get(KEYS).await.expect(200);
    assert!(!listed.text().contains(&secret[25..]), "{}", listed.text());
    let listed = listed.json();
    let members: Vec<&String> = listed[0].as_object().unwrap().keys().collect();
    let expected = [
        "beginning",
        "createdAt",
        "expiresAt",
        "id",
        "lastUsedAt",
        "name",
        "scopes",
    ];
    assert_eq!(members, expected);
    assert!(listed[0]["lastUsedAt"].is_string());
    let mails = app.mails_to(&user.email).into_iter();
    let about = |message: &Message| matches!(message, Message::SecurityChanged { action } if action == "api_key.made");
    assert_eq!(mails.filter(|mail| about(&mail.message)).count(), 1);
    let query = "SELECT details FROM audit_entries WHERE action = 'api_key.made'";
    let told: Value = serde_json::from_str(&app.place().texts(query)[0]).unwrap();
    assert_eq!(
        told,
        json!({ "key": made["id"], "scopes": "progress:read speech" })
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_wish_for_a_key_is_said() {
    let (app, clock) = timed().await;
    let user = app.register().await;
    let now = clock.now().to_rfc3339_opts(SecondsFormat::Secs, true);
    for (body, field) in [
        (json!({ "scopes": ["speech"] }), "name"),
        (json!({ "name": " ", "scopes": ["speech"] }), "name"),
        (json!({ "name": "a\nb", "scopes": ["speech"] }), "name"),
        (json!({ "name": "x".repeat(65), "scopes": ["speech"] }), "name"),
        (json!({ "name": "x" }), "scopes"),
        (json!({ "name": "x", "scopes": [] }), "scopes"),
        (json!({ "name": "x", "scopes": ["admin"] }), "scopes"),
        (json!({ "name": "x", "scopes": ["*"] }), "scopes"),
        (json!({ "name": "x", "scopes": "speech" }), "scopes"),
        (
            json!({ "name": "x", "scopes": ["speech"], "expiresAt": "tomorrow" }),
            "expiresAt",
        ),
        (
            json!({ "name": "x", "scopes": ["speech"], "expiresAt": now }),
            "expiresAt",
        ),
    ] {
        let answer = user.post(KEYS, &body).await;
        assert_problem(&answer, 400, "VALIDATION_FAILED");
        let problem = answer.json();
        assert_eq!(
            problem["details"]["fields"][0]["field"], field,
            "{body}: {problem}"
        );
    }
    let nobody = app.post(KEYS, &wanted(&["speech"])).await;
    assert_problem(&nobody, 401, "UNAUTHORIZED");
    clock.advance(TimeDelta::minutes(11));
    let late = user.post(KEYS, &wanted(&["speech"])).await;
    assert_problem(&late, 403, "STEP_UP_REQUIRED");
    assert_eq!(user.get(KEYS).await.expect(200).json(), json!([]));
}

#[tokio::test]
async fn threat_07_of_30_keys_made_at_once_there_are_20_and_of_16_revocations_one() {
    let app = TestApp::start().await;
    let user = app.register().await;
    let wish = wanted(&["speech"]);
    let made = join_all((0..30).map(|_| user.post(KEYS, &wish))).await;
    let mut statuses: Vec<u16> = made.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [[201; 20].as_slice(), &[409; 10]].concat());
    let refused = made.iter().find(|answer| answer.status == 409).unwrap();
    assert_problem(refused, 409, "API_KEY_LIMIT");
    let made = made.iter().find(|answer| answer.status == 201).unwrap().json();
    let path = format!("{KEYS}/{}", made["id"].as_str().unwrap());
    let revoked = join_all((0..16).map(|_| user.delete(&path))).await;
    assert_eq!(revoked.iter().filter(|answer| answer.status == 204).count(), 1);
    for answer in revoked.iter().filter(|answer| answer.status != 204) {
        assert_problem(answer, 404, "API_KEY_NOT_FOUND");
    }
    let query = "SELECT count(*) FROM audit_entries WHERE action = 'api_key.revoked'";
    assert_eq!(app.place().number(query), 1);
}

#[tokio::test]
async fn threat_30_nobody_sees_or_revokes_the_keys_of_others() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.register().await, app.register().await);
    let (made, key) = make(&ann, &["progress:read", "profile:read"]).await;
    let path = format!("{KEYS}/{}", made["id"].as_str().unwrap());
    assert_eq!(bob.get(KEYS).await.expect(200).json(), json!([]));
    assert_problem(&bob.delete(&path).await, 404, "API_KEY_NOT_FOUND");
    assert_problem(&bob.delete(&format!("{KEYS}/x")).await, 400, "VALIDATION_FAILED");
    // It shows its owner's profile and no other.
    let profile = call(&app, &key, Method::GET, "/api/v1/users/me")
        .await
        .expect(200)
        .json();
    assert_eq!(profile["id"], ann.id.as_str());
    ann.delete(&path).await.expect(204);
    let refused = call(&app, &key, Method::GET, PROGRESS).await;
    assert_problem(&refused, 401, "UNAUTHORIZED");
    let challenge = refused.header("www-authenticate");
    assert_eq!(challenge, Some("Bearer error=\"invalid_token\""));
}

#[tokio::test]
async fn what_a_key_writes_is_its_owners() {
    let app = with_words().await;
    let user = app.register().await;
    let (_, key) = make(&user, &["progress:write"]).await;
    let request = app.request(Method::PUT, "/api/v1/progress/a").bearer_auth(&key);
    app.send(request.json(&json!({ "confidence": 0.5 })))
        .await
        .expect(200);
    let row = user.get("/api/v1/progress/a").await.expect(200).json();
    assert_eq!(row["userId"], user.id.as_str());
}

#[tokio::test]
async fn threat_12_what_is_not_exactly_a_key_is_refused() {
    let app = TestApp::start().await;
    let user = app.register().await;
    let (_, key) = make(&user, &["progress:read"]).await;
    let (_, other) = make(&user, &["progress:read"]).await;
    let cut = &key[..key.len() - 1];
    // The id of one with the secret of another.
    let mixed = format!("{}{}", &key[..24], &other[24..]);
    for wrong in [
        cut.to_owned(),
        format!("{key}A"),
        format!("{key}="),
        key.to_uppercase(),
        key[3..].to_owned(),
        format!("pk_{key}"),
        "pk_".to_owned(),
        format!("pk_{}", "A".repeat(68)),
        format!("pk_{}", "A".repeat(100_000)),
        mixed,
    ] {
        let answer = call(&app, &wrong, Method::GET, PROGRESS).await;
        assert_eq!(answer.status, 401, "{wrong}");
        let closed = call(&app, &wrong, Method::GET, KEYS).await;
        assert_eq!(closed.status, 401, "{wrong}");
    }
    assert_eq!(reads(&app, &key).await, 200);
}

#[tokio::test]
async fn a_key_expires_at_its_instant() {
    let (app, clock) = timed().await;
    let user = app.register().await;
    let expires_at = clock.now() + TimeDelta::minutes(5);
    let mut wish = wanted(&["progress:read"]);
    wish["expiresAt"] = json!(expires_at.to_rfc3339_opts(SecondsFormat::Millis, true));
    let made = user.post(KEYS, &wish).await.expect(201).json();
    assert_eq!(made["expiresAt"], wish["expiresAt"]);
    let key = made["secret"].as_str().unwrap();
    clock.advance(TimeDelta::minutes(5) - TimeDelta::milliseconds(1));
    assert_eq!(reads(&app, key).await, 200);
    // Although the store was asked a moment ago.
    clock.advance(TimeDelta::milliseconds(1));
    assert_eq!(reads(&app, key).await, 401);
}

#[tokio::test]
async fn threat_31_the_keys_of_an_account_that_is_put_out_of_use_stop_within_a_second() {
    let (app, clock) = timed().await;
    let (admin, ann) = (app.register_admin().await, app.register().await);
    let (_, key) = make(&ann, &["progress:read"]).await;
    let path = format!("/api/v1/admin/users/{}", ann.id);
    for (active, expected) in [(false, 401), (true, 200)] {
        reads(&app, &key).await;
        admin.patch(&path, &json!({ "active": active })).await.expect(200);
        clock.advance(TimeDelta::seconds(1));
        assert_eq!(reads(&app, &key).await, expected, "{active}");
    }
    let request = admin.request(Method::DELETE, &path);
    admin
        .send(request.json(&json!({ "reason": "Sends spam" })))
        .await
        .expect(200);
    clock.advance(TimeDelta::seconds(1));
    assert_eq!(reads(&app, &key).await, 401);
}

#[tokio::test]
async fn threat_05_a_reset_of_the_password_takes_the_keys() {
    let (app, clock) = timed().await;
    let ann = app.register_as("ann@example.com").await;
    let (_, key) = make(&ann, &["progress:read"]).await;
    let change = json!({ "currentPassword": crate::harness::PASSWORD, "newPassword": "Another-Horse-2" });
    ann.post("/api/v1/users/me/password", &change).await.expect(200);
    clock.advance(TimeDelta::seconds(1));
    assert_eq!(reads(&app, &key).await, 200);
    let email = json!({ "email": "ann@example.com" });
    app.post("/api/v1/auth/password-reset", &email).await.expect(202);
    let token = app.token_to("ann@example.com");
    let reset = json!({ "token": token, "password": "Another-Horse-3" });
    app.post("/api/v1/auth/password-reset/confirm", &reset)
        .await
        .expect(200);
    clock.advance(TimeDelta::seconds(1));
    assert_eq!(reads(&app, &key).await, 401);
}

#[tokio::test]
async fn a_key_that_one_copy_revokes_is_refused_by_the_others_within_a_second() {
    let clock = Arc::new(TestClock::default());
    let app = TestApp::builder().shared().clock(&clock).start().await;
    let copy = app.copy().await;
    let user = app.register().await;
    let (made, key) = make(&user, &["progress:read"]).await;
    assert_eq!(reads(&copy, &key).await, 200);
    let path = format!("{KEYS}/{}", made["id"].as_str().unwrap());
    user.delete(&path).await.expect(204);
    assert_eq!(reads(&app, &key).await, 401);
    clock.advance(TimeDelta::seconds(1));
    assert_eq!(reads(&copy, &key).await, 401);
}

#[tokio::test]
async fn the_last_use_is_noted_once_a_minute() {
    let (app, clock) = timed().await;
    let user = app.register().await;
    let (_, key) = make(&user, &["progress:read"]).await;
    let began = clock.now();
    let last_used = async || {
        let listed = user.get(KEYS).await.expect(200).json();
        let text = listed[0]["lastUsedAt"].as_str().unwrap().to_owned();
        let last: DateTime<chrono::Utc> = text.parse().unwrap();
        (last - began).num_seconds()
    };
    for (seconds, expected) in [(0, 0), (30, 0), (29, 0), (1, 60), (59, 60), (61, 180)] {
        clock.advance(TimeDelta::seconds(seconds));
        assert_eq!(reads(&app, &key).await, 200);
        assert_eq!(last_used().await, expected, "{seconds}");
    }
}

#[tokio::test]
async fn nothing_can_be_made_where_nothing_can_be_changed() {
    let app = TestApp::start().await;
    let user = app.register().await;
    let (made, key) = make(&user, &["progress:read", "progress:write"]).await;
    let app = app
        .restart_with(|settings| settings.features.auth_enabled = false)
        .await;
    let user = user.at(&app);
    assert_problem(&user.post(KEYS, &wanted(&["speech"])).await, 503, "READ_ONLY");
    assert_eq!(reads(&app, &key).await, 200);
    let request = app.request(Method::POST, "/api/v1/reviews").bearer_auth(&key);
    assert_problem(&app.send(request.json(&json!({}))).await, 503, "READ_ONLY");
    // A key that is out can be revoked all the same.
    let path = format!("{KEYS}/{}", made["id"].as_str().unwrap());
    user.delete(&path).await.expect(204);
    assert_eq!(reads(&app, &key).await, 401);
}
