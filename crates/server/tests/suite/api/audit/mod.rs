//! The audit log: who did what to whom, from where and when.

mod routes;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;
use parlance_contract::fakes::TestClock;
use parlance_domain::audit::AuditFilter;
use parlance_testbed::FakeOpenId;
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::{Value, json};

use self::routes::{NOT_TOLD, TOLD, Told};
use crate::harness::{PASSWORD, TestApp, TestUser, assert_problem, eventually};

const AUDIT: &str = "/api/v1/admin/audit";
const LOGIN: &str = "/api/v1/auth/login";
const REFRESH: &str = "/api/v1/auth/refresh";
const LOGOUT: &str = "/api/v1/auth/logout";
const NAMELESS: &str = "00000000-0000-7000-8000-000000000000";

#[tokio::test]
async fn every_route_that_changes_state_is_told_of_or_has_a_reason_not_to_be() {
    let app = TestApp::start().await;
    let document = app.get("/api-docs/openapi.json").await.expect(200).json();
    let mut there = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let methods = item.as_object().unwrap().keys();
        let changing = methods.filter(|method| ["post", "put", "patch", "delete"].contains(&method.as_str()));
        there.extend(changing.map(|method| format!("{} {path}", method.to_uppercase())));
    }
    let told = TOLD.iter().map(|told| told.route);
    let listed: Vec<&str> = told.chain(NOT_TOLD.iter().map(|(route, _)| *route)).collect();
    let known: BTreeSet<String> = listed.iter().map(|route| (*route).to_owned()).collect();
    assert_eq!(known.len(), listed.len(), "a route is listed twice");
    assert_eq!(there, known, "say of each route what the audit log tells of it");
}

#[tokio::test]
async fn every_change_is_told_with_the_id_of_its_request() {
    let openid = FakeOpenId::start().unwrap();
    let app = TestApp::builder()
        .providers(&[("company", &openid)])
        .start()
        .await;
    let admin = app.register_admin().await;
    for Told { route, action, send } in TOLD {
        let answer = send(&app).await;
        let id = answer.header("x-request-id").unwrap();
        let told = entries(&admin, &format!("action={action}")).await;
        let found = told.iter().find(|entry| entry["requestId"] == id);
        let found = found.unwrap_or_else(|| panic!("{route} leaves no {action}: {told:#?}"));
        assert_eq!(found["address"], "127.0.0.1", "{route}");
    }
}

async fn entries(admin: &TestUser, query: &str) -> Vec<Value> {
    let answer = admin.get(&format!("{AUDIT}?{query}")).await.expect(200);
    answer.json().as_array().unwrap().clone()
}

#[tokio::test]
async fn signing_in_and_failing_to_is_told_with_who_from_where_and_when() {
    let clock = Arc::new(TestClock::default());
    let app = TestApp::builder().clock(&clock).start().await;
    let admin = app.register_admin().await;
    let ann = app.register_as("ann@example.com").await;
    clock.advance(TimeDelta::minutes(1));
    let login = async |identity: &str, password: &str| {
        let body = json!({ "email": identity, "password": password });
        let request = app.request(Method::POST, LOGIN).json(&body);
        app.send(request.header("user-agent", "Parlance/7 (Ann's phone)"))
            .await
    };
    let refused = login("ann@example.com", "Wrong-Password-1").await.expect(401);
    login("nobody@example.com", "Wrong-Password-1").await.expect(401);
    login("ann@example.com", PASSWORD).await.expect(200);

    let of_ann = entries(&admin, &format!("subject={}", ann.id)).await;
    let told: Vec<&str> = of_ann
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert_eq!(told, ["session.started", "sign_in.refused", "account.registered"]);
    let [started, failed, registered] = [&of_ann[0], &of_ann[1], &of_ann[2]];
    assert_eq!(
        started["actor"],
        json!({ "kind": "account", "userId": ann.id }),
        "{started}"
    );
    assert_eq!(started["details"]["proof"], "password", "{started}");
    assert!(started["details"]["session"].is_string(), "{started}");
    assert_eq!(failed["actor"], json!({ "kind": "anonymous" }), "{failed}");
    for (member, value) in [
        ("address", "127.0.0.1"),
        ("userAgent", "Parlance/7 (Ann's phone)"),
        ("at", "2026-03-01T12:01:00.000Z"),
        ("requestId", refused.header("x-request-id").unwrap()),
        ("subject", &ann.id),
    ] {
        assert_eq!(failed[member], value, "{failed}");
    }
    assert_eq!(registered["at"], "2026-03-01T12:00:00.000Z");

    let refusals = entries(&admin, "action=sign_in.refused").await;
    assert_eq!(refusals.len(), 2);
    assert!(
        refusals.iter().any(|entry| entry["subject"].is_null()),
        "{refusals:#?}"
    );
}

#[tokio::test]
async fn threat_02_reuse_of_a_refresh_token_is_told() {
    let clock = Arc::new(TestClock::default());
    let app = TestApp::builder().clock(&clock).start().await;
    let (admin, ann) = (app.register_admin().await, app.register().await);
    let next = app.post_cookie(REFRESH, &ann.cookie).await.expect(200);
    let next = next.cookie("refreshToken").unwrap();
    app.post_cookie(REFRESH, &next).await.expect(200);
    clock.advance(TimeDelta::minutes(1));
    let reused = app.post_cookie(REFRESH, &ann.cookie).await;
    assert_problem(&reused, 401, "REFRESH_TOKEN_REUSED");
    let told = entries(&admin, "action=refresh_token.reused").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["subject"], ann.id.as_str());
    assert_eq!(told[0]["actor"]["kind"], "anonymous");
    assert_eq!(
        told[0]["requestId"].as_str(),
        reused.header("x-request-id"),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_request_that_changes_nothing_leaves_no_entry() {
    let app = TestApp::start().await;
    let (admin, ann) = (app.register_admin().await, app.register().await);
    let of_ann = format!("subject={}", ann.id);
    let before = entries(&admin, &of_ann).await;
    ann.patch("/api/v1/users/me", &json!({})).await.expect(200);
    let taken = json!({ "email": ann.email, "password": PASSWORD });
    app.post("/api/v1/auth/register", &taken).await.expect(409);
    app.post_cookie(LOGOUT, "no-token").await.expect(200);
    app.post_cookie(LOGOUT, &ann.cookie).await.expect(200);
    app.post_cookie(LOGOUT, &ann.cookie).await.expect(200);
    let mut after = entries(&admin, &of_ann).await;
    after.retain(|entry| !before.contains(entry) && entry["action"] != "audit.read");
    assert_eq!(after.len(), 1, "{after:#?}");
    assert_eq!(after[0]["action"], "session.ended");
}

#[tokio::test]
async fn threat_46_what_a_client_calls_itself_forges_no_entry() {
    let app = TestApp::start().await;
    let (admin, ann) = (app.register_admin().await, app.register().await);
    let mut agent = "x\u{85}\t\"},{\"action\":\"account.deleted\"} 学习 "
        .as_bytes()
        .to_vec();
    agent.extend([0xFF, b'\'']);
    agent.extend([b'a'; 400]);
    let body = json!({ "email": ann.email, "password": "Wrong-Password-1" });
    let request = app.request(Method::POST, LOGIN).json(&body);
    let request = request.header("user-agent", HeaderValue::from_bytes(&agent).unwrap());
    app.send(request).await.expect(401);
    let told = entries(&admin, "action=sign_in.refused").await;
    assert_eq!(told.len(), 1);
    let agent = told[0]["userAgent"].as_str().unwrap();
    assert!(
        agent.starts_with("x  \"},{\"action\":\"account.deleted\"} 学习 \u{FFFD}'aa"),
        "{agent}"
    );
    assert_eq!(agent.chars().count(), 256);
    assert!(!agent.chars().any(char::is_control), "{agent:?}");
    assert!(entries(&admin, "action=account.deleted").await.is_empty());
}

#[tokio::test]
async fn threat_73_no_entry_holds_a_secret_an_address_or_a_name() {
    let app = TestApp::start().await;
    let (email, password) = ("canary.person@example.com", "Canary-Password-1");
    let body = json!({ "email": email, "username": "canary-user", "password": password,
                       "displayName": "Canary Name" });
    let registered = app.post("/api/v1/auth/register", &body).await.expect(201);
    let user = app.user_of(email, &registered);
    for (password, status) in [(password, 200), ("Canary-Password-2", 401)] {
        let body = json!({ "email": email, "password": password });
        app.post(LOGIN, &body).await.expect(status);
    }
    let unknown = json!({ "username": "canary-other", "password": password });
    app.post(LOGIN, &unknown).await.expect(401);
    let patch = json!({ "displayName": "Canary Other" });
    user.patch("/api/v1/users/me", &patch).await.expect(200);
    let refreshed = app.post_cookie(REFRESH, &user.cookie).await.expect(200);
    let next = refreshed.cookie("refreshToken").unwrap();
    app.post_cookie(LOGOUT, &next).await.expect(200);
    let store = app.server().database().stores().0.audit;
    let all = store.page(&AuditFilter::default(), None, 1_000).await.unwrap();
    assert!(all.len() >= 6, "{all:#?}");
    let text = format!("{all:?}");
    for canary in ["Canary", "canary", &user.token, &user.cookie, &next] {
        assert!(!text.contains(canary), "{canary} is in {all:#?}");
    }
}

#[tokio::test]
async fn pages_follow_each_other_from_the_newest_on() {
    let app = TestApp::start().await;
    let admin = app.register_admin().await;
    for _ in 0..7 {
        app.register().await;
    }
    let whole = entries(&admin, "action=account.registered").await;
    assert_eq!(whole.len(), 8);
    let mut found = Vec::new();
    let mut next = Some(format!("{AUDIT}?action=account.registered&limit=3"));
    while let Some(path) = next {
        let page = admin.get(&path).await.expect(200);
        assert_eq!(page.header("cache-control"), Some("no-store"));
        found.extend(page.json().as_array().unwrap().clone());
        next = page.header("link").map(|link| {
            let (path, relation) = link.split_once(">; ").unwrap();
            assert_eq!(relation, "rel=\"next\"");
            path.trim_start_matches('<').to_owned()
        });
    }
    assert_eq!(found, whole);
}

#[tokio::test]
async fn reading_the_log_is_told_before_it_is_answered() {
    let app = TestApp::start().await;
    let (admin, ann) = (app.register_admin().await, app.register().await);
    let query = format!(
        "subject={}&action=session.started&from=2026-01-01T00:00:00Z",
        ann.id
    );
    assert!(entries(&admin, &query).await.is_empty());
    let told = entries(&admin, "action=audit.read").await;
    assert_eq!(told.len(), 1, "that of this very reading comes after");
    assert_eq!(told[0]["actor"]["userId"], admin.id.as_str());
    assert_eq!(told[0]["subject"], ann.id.as_str());
    let details = json!({ "action": "session.started", "from": "2026-01-01T00:00:00.000Z" });
    assert_eq!(told[0]["details"], details);
}

#[tokio::test]
async fn administrators_alone_read_the_log() {
    let app = TestApp::start().await;
    let ann = app.register().await;
    assert_problem(&app.get(AUDIT).await, 401, "UNAUTHORIZED");
    let own = format!("{AUDIT}?subject={}", ann.id);
    assert_problem(&ann.get(&own).await, 403, "FORBIDDEN");
}

#[tokio::test]
async fn every_bad_parameter_is_named_at_once() {
    let app = TestApp::start().await;
    let admin = app.register_admin().await;
    let query = "actor=me&subject=1&action=nothing&from=today&to=1999-01-01T00:00:00Z&limit=0&cursor=x";
    let details = assert_problem(
        &admin.get(&format!("{AUDIT}?{query}")).await,
        400,
        "VALIDATION_FAILED",
    );
    let fields = details["fields"].as_array().unwrap();
    let named: Vec<&str> = fields
        .iter()
        .map(|field| field["field"].as_str().unwrap())
        .collect();
    assert_eq!(
        named,
        ["actor", "subject", "action", "from", "to", "limit", "cursor"]
    );
    assert!(entries(&admin, &format!("actor={NAMELESS}")).await.is_empty());
    let read = entries(&admin, "action=audit.read").await;
    assert_eq!(read.len(), 1, "what was refused was not read");
}

#[tokio::test]
async fn entries_are_sealed_soon_and_forgotten_when_they_are_old() {
    let clock = Arc::new(TestClock::default());
    let app = TestApp::builder().clock(&clock).start().await;
    app.register().await;
    let unsealed = "SELECT count(*) FROM audit_entries WHERE position IS NULL";
    eventually("an entry waits for its seal", async || {
        app.place().number(unsealed) == 0
    })
    .await;
    clock.advance(TimeDelta::days(364));
    let app = app.restart().await;
    app.register().await;
    let all = "SELECT count(*) FROM audit_entries";
    eventually("an entry waits for its seal", async || {
        app.place().number(unsealed) == 0
    })
    .await;
    assert_eq!(app.place().number(all), 2);
    clock.advance(TimeDelta::days(2));
    let app = app.restart().await;
    eventually("an old entry is still there", async || {
        app.place().number(all) == 1
    })
    .await;
    assert_eq!(app.place().number("SELECT purged FROM audit_head"), 1);
}

#[tokio::test]
async fn it_is_measured_how_far_behind_the_seals_are_and_whether_there_are_any() {
    let app = TestApp::builder()
        .with(|settings| settings.metrics = Some("127.0.0.1:0".parse().unwrap()))
        .start()
        .await;
    app.register().await;
    let gauge = async |line: &str| {
        let url = format!("http://{}/metrics", app.metrics_address());
        let text = reqwest::get(url).await.unwrap().text().await.unwrap();
        text.lines().any(|found| found == line)
    };
    let unsealed = "SELECT count(*) FROM audit_entries WHERE position IS NULL";
    eventually("an entry waits for its seal", async || {
        app.place().number(unsealed) == 0
    })
    .await;
    assert!(gauge("parlance_audit_stopped 0.0").await);
    // Somebody without the key writes how far the chain goes.
    app.place()
        .execute("UPDATE audit_head SET purged = 0, code = seal");
    app.register().await;
    eventually("nobody noticed", async || {
        gauge("parlance_audit_stopped 1.0").await
    })
    .await;
    assert!(gauge("parlance_audit_unsealed 1.0").await);
    assert_eq!(app.place().number(unsealed), 1);
}
