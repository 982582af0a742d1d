//! Devices: the list of sessions, their end from another one, and those that are new.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use parlance_contract::fakes::TestClock;
use parlance_domain::mail::Message;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, PASSWORD, TestApp, TestUser, assert_problem, eventually};

const SESSIONS: &str = "/api/v1/users/me/sessions";
const LOGIN: &str = "/api/v1/auth/login";
const REFRESH: &str = "/api/v1/auth/refresh";
const ME: &str = "/api/v1/auth/me";
const ANN: &str = "ann@example.com";

async fn list(user: &TestUser) -> Vec<Value> {
    let sessions = user.get(SESSIONS).await.expect(200).json();
    sessions.as_array().unwrap().clone()
}

async fn current(user: &TestUser) -> String {
    let sessions = list(user).await;
    let current = sessions.iter().find(|session| session["current"] == true);
    current.unwrap()["id"].as_str().unwrap().to_owned()
}

async fn sign_in(app: &TestApp, device: Option<&str>, agent: &str) -> Answer {
    let body = json!({ "email": ANN, "password": PASSWORD });
    let request = app.request(Method::POST, LOGIN).json(&body);
    let cookie = device.map(|token| format!("deviceToken={token}"));
    let request = request.header("cookie", cookie.unwrap_or_default());
    app.send(request.header("user-agent", agent)).await.expect(200)
}

fn device(answer: &Answer) -> String {
    answer.cookie("deviceToken").unwrap()
}

/// What mails about new devices tell of them.
fn new_devices(app: &TestApp) -> Vec<Option<String>> {
    let mails = app.mails_to(ANN).into_iter();
    let agents = mails.filter_map(|mail| match mail.message {
        Message::NewDevice { user_agent, .. } => Some(user_agent),
        _ => None,
    });
    agents.collect()
}

#[tokio::test]
async fn sessions_are_listed_the_one_used_last_first() {
    let clock = Arc::new(TestClock::new(
        DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
    ));
    let app = TestApp::builder()
        .with(|settings| settings.sessions.access_seconds = 86_400)
        .clock(&clock)
        .start()
        .await;
    let first = app.register_as(ANN).await;
    clock.advance(TimeDelta::hours(1));
    let second = app.user_of(ANN, &sign_in(&app, None, "Phone/1.0").await);
    app.register_as("bob@example.com").await;
    let sessions = list(&first).await;
    assert_eq!(sessions.len(), 2);
    let members: BTreeSet<_> = sessions[0]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let expected = "address createdAt current expiresAt id lastUsedAt proof userAgent";
    assert_eq!(members, expected.split(' ').collect());
    let told = |session: &Value| {
        [
            "createdAt",
            "lastUsedAt",
            "expiresAt",
            "proof",
            "address",
            "current",
        ]
        .map(|name| session[name].clone())
    };
    assert_eq!(
        told(&sessions[0]),
        [
            json!("2027-01-15T09:00:00.000Z"),
            json!("2027-01-15T09:00:00.000Z"),
            json!("2027-01-22T09:00:00.000Z"),
            json!("password"),
            json!("127.0.0.1"),
            json!(false)
        ]
    );
    assert_eq!(sessions[1]["current"], true);
    assert!(
        sessions[0]["userAgent"]
            .as_str()
            .unwrap()
            .starts_with("Phone/1.0")
    );
    clock.advance(TimeDelta::hours(1));
    app.post_cookie(REFRESH, &first.cookie).await.expect(200);
    let used: Vec<_> = list(&second)
        .await
        .iter()
        .map(|session| session["lastUsedAt"].clone())
        .collect();
    assert_eq!(used, ["2027-01-15T10:00:00.000Z", "2027-01-15T09:00:00.000Z"]);
}

#[tokio::test]
async fn threat_06_a_session_that_is_ended_from_another_is_over_at_once() {
    let app = TestApp::start().await;
    let (here, there) = (app.register_as(ANN).await, app.login(ANN).await);
    let id = current(&there).await;
    here.delete(&format!("{SESSIONS}/{id}")).await.expect(204);
    assert_problem(&there.get(ME).await, 401, "UNAUTHORIZED");
    let refreshed = app.post_cookie(REFRESH, &there.cookie).await;
    assert_problem(&refreshed, 401, "INVALID_REFRESH_TOKEN");
    here.get(ME).await.expect(200);
    assert_eq!(list(&here).await.len(), 1);
    let again = here.delete(&format!("{SESSIONS}/{id}")).await;
    assert_problem(&again, 404, "SESSION_NOT_FOUND");
}

#[tokio::test]
async fn threat_05_after_all_others_were_ended_none_of_their_tokens_is_good() {
    let app = TestApp::start().await;
    let here = app.register_as(ANN).await;
    let others = [app.login(ANN).await, app.login(ANN).await];
    let bob = app.register_as("bob@example.com").await;
    here.delete(SESSIONS).await.expect(204);
    for other in &others {
        assert_problem(&other.get(ME).await, 401, "UNAUTHORIZED");
        let refreshed = app.post_cookie(REFRESH, &other.cookie).await;
        assert_problem(&refreshed, 401, "INVALID_REFRESH_TOKEN");
    }
    let sessions = list(&here).await;
    assert_eq!((sessions.len(), &sessions[0]["current"]), (1, &json!(true)));
    app.post_cookie(REFRESH, &here.cookie).await.expect(200);
    bob.get(ME).await.expect(200);
    here.delete(SESSIONS).await.expect(204);
    let told = "SELECT count(*) FROM audit_entries WHERE action = 'sessions.revoked'";
    assert_eq!(
        app.place().number(told),
        1,
        "where nothing ends there is nothing to tell"
    );
}

#[tokio::test]
async fn threat_05_what_one_copy_ends_is_over_on_the_other() {
    let app = TestApp::builder().shared().start().await;
    let here = app.register_as(ANN).await;
    let other = app.copy().await;
    let there = app.login(ANN).await.at(&other);
    there.get(ME).await.expect(200);
    here.delete(SESSIONS).await.expect(204);
    eventually("the other copy lets it in", async || {
        there.get(ME).await.status == 401
    })
    .await;
}

#[tokio::test]
async fn threat_30_nobody_sees_or_ends_the_sessions_of_others() {
    let app = TestApp::start().await;
    let (ann, bob) = (
        app.register_as(ANN).await,
        app.register_as("bob@example.com").await,
    );
    let anns = current(&ann).await;
    assert_ne!(current(&bob).await, anns);
    assert_eq!(list(&bob).await.len(), 1);
    let path = format!("{SESSIONS}/{anns}");
    assert_problem(&bob.delete(&path).await, 404, "SESSION_NOT_FOUND");
    let nowhere = format!("{SESSIONS}/01936f2a-6c1e-7d3a-9b5e-0c8f5a3e7b42");
    assert_problem(&bob.delete(&nowhere).await, 404, "SESSION_NOT_FOUND");
    let nonsense = bob.delete(&format!("{SESSIONS}/nonsense")).await;
    assert_problem(&nonsense, 400, "VALIDATION_FAILED");
    bob.delete(SESSIONS).await.expect(204);
    for (method, path) in [
        (Method::GET, SESSIONS),
        (Method::DELETE, SESSIONS),
        (Method::DELETE, &path),
    ] {
        let answer = app.send(app.request(method, path)).await;
        assert_problem(&answer, 401, "UNAUTHORIZED");
    }
    ann.get(ME).await.expect(200);
    app.post_cookie(REFRESH, &ann.cookie).await.expect(200);
}

#[tokio::test]
async fn the_owner_is_told_of_a_device_that_was_not_seen_before() {
    let app = TestApp::start().await;
    let body = json!({ "email": ANN, "password": PASSWORD });
    let registered = app.post("/api/v1/auth/register", &body).await.expect(201);
    let cookie = registered.set_cookie("deviceToken").unwrap();
    assert!(
        cookie.ends_with("; HttpOnly; SameSite=Lax; Path=/api/v1/auth; Max-Age=31536000"),
        "{cookie}"
    );
    let laptop = device(&registered);
    let again = sign_in(&app, Some(&laptop), "Laptop/1.0").await;
    assert_eq!((device(&again), new_devices(&app)), (laptop.clone(), vec![]));
    let phone = device(&sign_in(&app, None, "Phone/1.0").await);
    assert_ne!(phone, laptop);
    sign_in(&app, Some(&phone), "Phone/1.0").await;
    sign_in(&app, Some(&laptop), "Laptop/1.0").await;
    assert_eq!(new_devices(&app), [Some("Phone/1.0".to_owned())]);
}

#[tokio::test]
async fn a_device_that_was_signed_out_from_elsewhere_is_new_again() {
    let app = TestApp::start().await;
    let here = app.register_as(ANN).await;
    let signed_in = sign_in(&app, None, "Phone/1.0").await;
    let (phone, there) = (device(&signed_in), app.user_of(ANN, &signed_in));
    let id = current(&there).await;
    here.delete(&format!("{SESSIONS}/{id}")).await.expect(204);
    let again = device(&sign_in(&app, Some(&phone), "Phone/1.0").await);
    assert_ne!(again, phone);
    here.delete(SESSIONS).await.expect(204);
    sign_in(&app, Some(&again), "Phone/1.0").await;
    assert_eq!(new_devices(&app).len(), 3);
}

#[tokio::test]
async fn a_sign_out_leaves_the_device_known() {
    let app = TestApp::start().await;
    app.register_as(ANN).await;
    let signed_in = sign_in(&app, None, "Phone/1.0").await;
    let user = app.user_of(ANN, &signed_in);
    app.post_cookie("/api/v1/auth/logout", &user.cookie)
        .await
        .expect(200);
    let again = sign_in(&app, Some(&device(&signed_in)), "Phone/1.0").await;
    assert_eq!(device(&again), device(&signed_in));
    assert_eq!(new_devices(&app).len(), 1);
}

#[tokio::test]
async fn threat_05_another_password_makes_all_devices_unknown_but_the_one_it_was_set_on() {
    let app = TestApp::start().await;
    app.register_as(ANN).await;
    let (phone, laptop) = (
        sign_in(&app, None, "Phone/1.0").await,
        sign_in(&app, None, "Laptop/1.0").await,
    );
    let change = json!({ "currentPassword": PASSWORD, "newPassword": PASSWORD });
    let user = app.user_of(ANN, &laptop);
    user.post("/api/v1/users/me/password", &change).await.expect(200);
    let told = new_devices(&app).len();
    sign_in(&app, Some(&device(&laptop)), "Laptop/1.0").await;
    assert_eq!(new_devices(&app).len(), told);
    sign_in(&app, Some(&device(&phone)), "Phone/1.0").await;
    assert_eq!(new_devices(&app).len(), told + 1);
}

#[tokio::test]
async fn on_a_shared_device_the_token_of_one_account_says_nothing_to_another() {
    let app = TestApp::start().await;
    app.register_as(ANN).await;
    let body = json!({ "email": "bob@example.com", "password": PASSWORD });
    let bobs = device(&app.post("/api/v1/auth/register", &body).await.expect(201));
    let anns = device(&sign_in(&app, Some(&bobs), "Laptop/1.0").await);
    assert_ne!(anns, bobs);
    assert_eq!(new_devices(&app).len(), 1);
}
