//! Sessions: signing in, the refresh cookie, signing out.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use futures_util::future::join_all;
use parlance_contract::fakes::TestClock;
use parlance_http::cors::CorsPolicy;
use parlance_http::state::{CookieSameSite, Environment};
use parlance_server::settings::Settings;
use reqwest::Method;
use serde_json::json;

use crate::harness::{Answer, PASSWORD, TestApp, assert_problem};

const LOGIN: &str = "/api/v1/auth/login";
const REFRESH: &str = "/api/v1/auth/refresh";
const LOGOUT: &str = "/api/v1/auth/logout";
const ME: &str = "/api/v1/auth/me";

async fn refresh(app: &TestApp, cookie: &str) -> Answer {
    app.post_cookie(REFRESH, cookie).await
}

async fn refreshed(app: &TestApp, cookie: &str) -> String {
    refresh(app, cookie)
        .await
        .expect(200)
        .cookie("refreshToken")
        .unwrap()
}

fn clock() -> Arc<TestClock> {
    Arc::new(TestClock::new(
        DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
    ))
}

#[tokio::test]
async fn an_account_signs_in_by_email_in_any_case_or_by_username() {
    let app = TestApp::start().await;
    let body = json!({ "email": "ann@example.com", "username": "Ann.B", "password": PASSWORD });
    app.post("/api/v1/auth/register", &body).await.expect(201);
    for identity in [
        json!({ "email": " ANN@example.com" }),
        json!({ "username": "ann.b" }),
    ] {
        let mut body = identity.clone();
        body["password"] = PASSWORD.into();
        let answer = app.post(LOGIN, &body).await.expect(200);
        assert!(answer.cookie("refreshToken").is_some());
        let body = answer.json();
        assert_eq!(body["data"]["user"]["email"], "ann@example.com", "{identity}");
        assert!(body["data"]["accessToken"].is_string());
    }
}

#[tokio::test]
async fn threat_18_a_wrong_password_and_an_unknown_name_get_the_same_answer() {
    let app = TestApp::start().await;
    app.register_as("ann@example.com").await;
    let mut answers = BTreeSet::new();
    for (name, value) in [
        ("email", "ann@example.com"),
        ("email", "nobody@example.com"),
        ("username", "nobody"),
    ] {
        let answer = app
            .post(LOGIN, &json!({ name: value, "password": "Wrong-Password-1" }))
            .await;
        assert_problem(&answer, 401, "INVALID_CREDENTIALS");
        let mut body = answer.json();
        body["requestId"] = "same".into();
        answers.insert(body.to_string());
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test]
async fn every_bad_field_of_a_sign_in_is_reported() {
    let app = TestApp::start().await;
    for (body, fields) in [
        (json!({}), vec!["email", "password"]),
        (json!({ "email": "x", "password": "" }), vec!["email", "password"]),
        (
            json!({ "username": "a b", "password": 7 }),
            vec!["password", "username"],
        ),
        (
            json!({ "email": "a@example.com", "password": "x".repeat(129) }),
            vec!["password"],
        ),
    ] {
        let details = assert_problem(&app.post(LOGIN, &body).await, 400, "VALIDATION_FAILED");
        let found: BTreeSet<_> = details["fields"]
            .as_array()
            .unwrap()
            .iter()
            .map(|field| field["field"].as_str().unwrap())
            .collect();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), fields, "{body}");
    }
}

#[tokio::test]
async fn a_refresh_gives_a_new_pair_and_the_new_token_goes_on() {
    let app = TestApp::start().await;
    let user = app.register().await;
    let answer = refresh(&app, &user.cookie).await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body = answer.json();
    let members: Vec<_> = body["data"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(members, ["accessToken", "expiresIn", "tokenType"]);
    let next = answer.cookie("refreshToken").unwrap();
    assert_ne!(next, user.cookie);
    refreshed(&app, &next).await;
    let token = body["data"]["accessToken"].as_str().unwrap();
    app.send(app.request(Method::GET, ME).bearer_auth(token))
        .await
        .expect(200);
}

#[tokio::test]
async fn without_a_cookie_or_with_a_strange_one_nothing_is_refreshed() {
    let app = TestApp::start().await;
    let none = app.send(app.request(Method::POST, REFRESH)).await;
    assert_problem(&none, 401, "MISSING_REFRESH_TOKEN");
    assert_problem(&refresh(&app, "").await, 401, "MISSING_REFRESH_TOKEN");
    for strange in ["x", "undefined", &"A".repeat(75), &"A".repeat(5000)] {
        assert_problem(&refresh(&app, strange).await, 401, "INVALID_REFRESH_TOKEN");
    }
}

#[tokio::test]
async fn threat_01_many_refreshes_at_once_get_the_same_successor() {
    let app = TestApp::start().await;
    let user = app.register().await;
    for _ in 0..10 {
        let cookie = app.login(&user.email).await.cookie;
        let answers = join_all((0..32).map(|_| refresh(&app, &cookie))).await;
        let successors: BTreeSet<_> = answers
            .into_iter()
            .map(|answer| answer.expect(200).cookie("refreshToken").unwrap())
            .collect();
        assert_eq!(successors.len(), 1);
        refreshed(&app, successors.first().unwrap()).await;
    }
}

#[tokio::test]
async fn threat_02_a_copied_token_ends_the_session_of_both() {
    let clock = clock();
    let app = TestApp::builder().clock(&clock).start().await;
    let user = app.register().await;
    let second = refreshed(&app, &user.cookie).await;
    let answer = refresh(&app, &second).await.expect(200);
    let third = answer.cookie("refreshToken").unwrap();
    let token = answer.json()["data"]["accessToken"].as_str().unwrap().to_owned();
    clock.advance(TimeDelta::seconds(11));
    assert_problem(&refresh(&app, &user.cookie).await, 401, "REFRESH_TOKEN_REUSED");
    assert_problem(&refresh(&app, &third).await, 401, "INVALID_REFRESH_TOKEN");
    let me = app.send(app.request(Method::GET, ME).bearer_auth(token)).await;
    assert_problem(&me, 401, "UNAUTHORIZED");
}

#[tokio::test]
async fn threat_03_a_copied_token_is_found_out_after_a_restart_too() {
    let clock = clock();
    let app = TestApp::builder().clock(&clock).start().await;
    let user = app.register().await;
    let third = refreshed(&app, &refreshed(&app, &user.cookie).await).await;
    clock.advance(TimeDelta::seconds(11));
    let app = app.restart().await;
    assert_problem(&refresh(&app, &user.cookie).await, 401, "REFRESH_TOKEN_REUSED");
    let app = app.restart().await;
    assert_problem(&refresh(&app, &third).await, 401, "INVALID_REFRESH_TOKEN");
}

#[tokio::test]
async fn threat_04_a_lost_answer_does_not_end_the_session() {
    let clock = clock();
    let app = TestApp::builder().clock(&clock).start().await;
    let user = app.register().await;
    let lost = refreshed(&app, &user.cookie).await;
    clock.advance(TimeDelta::days(3));
    assert_eq!(refreshed(&app, &user.cookie).await, lost);
    refreshed(&app, &lost).await;
}

#[tokio::test]
async fn a_refresh_token_is_good_for_seven_days() {
    let clock = clock();
    let app = TestApp::builder().clock(&clock).start().await;
    let user = app.register().await;
    clock.advance(TimeDelta::days(7) - TimeDelta::seconds(1));
    let next = refreshed(&app, &user.cookie).await;
    clock.advance(TimeDelta::days(7));
    assert_problem(&refresh(&app, &next).await, 401, "INVALID_REFRESH_TOKEN");
}

#[tokio::test]
async fn a_session_ends_after_its_longest_time_however_often_it_is_refreshed() {
    let clock = clock();
    let ten_days = |settings: &mut Settings| settings.sessions.longest_days = 10;
    let app = TestApp::builder().clock(&clock).with(ten_days).start().await;
    let user = app.register().await;
    clock.advance(TimeDelta::days(6));
    let next = refreshed(&app, &user.cookie).await;
    clock.advance(TimeDelta::days(4) - TimeDelta::seconds(1));
    let last = refreshed(&app, &next).await;
    clock.advance(TimeDelta::seconds(1));
    assert_problem(&refresh(&app, &last).await, 401, "INVALID_REFRESH_TOKEN");
    app.login(&user.email).await;
}

#[tokio::test]
async fn threat_06_after_signing_out_no_token_of_the_session_is_good() {
    let app = TestApp::start().await;
    let user = app.register().await;
    let elsewhere = app.login(&user.email).await;
    let answer = app.post_cookie(LOGOUT, &user.cookie).await.expect(200);
    let cookie = answer.set_cookie("refreshToken").unwrap();
    assert!(
        cookie.starts_with("refreshToken=; ") && cookie.contains("Max-Age=0"),
        "{cookie}"
    );
    let body = answer.json();
    assert!(body["success"] == true && body["message"].is_string(), "{body}");
    let me = user.get(ME).await;
    assert_problem(&me, 401, "UNAUTHORIZED");
    assert_eq!(
        me.header("www-authenticate"),
        Some("Bearer error=\"invalid_token\"")
    );
    assert_problem(&refresh(&app, &user.cookie).await, 401, "INVALID_REFRESH_TOKEN");
    elsewhere.get(ME).await.expect(200);
}

#[tokio::test]
async fn threat_05_no_refresh_token_outlives_its_session_however_lately_it_was_exchanged() {
    let app = TestApp::start().await;
    let first = app.register().await.cookie;
    let second = refreshed(&app, &first).await;
    let third = refreshed(&app, &second).await;
    app.post_cookie(LOGOUT, &first).await.expect(200);
    for cookie in [&third, &second, &first] {
        assert_problem(&refresh(&app, cookie).await, 401, "INVALID_REFRESH_TOKEN");
    }
}

#[tokio::test]
async fn signing_out_twice_or_without_a_session_succeeds() {
    let app = TestApp::start().await;
    let user = app.register().await;
    for cookie in [user.cookie.as_str(), user.cookie.as_str(), "nonsense"] {
        app.post_cookie(LOGOUT, cookie).await.expect(200);
    }
    app.send(app.request(Method::POST, LOGOUT)).await.expect(200);
}

#[tokio::test]
async fn a_sign_in_takes_over_no_session_that_a_stranger_planted() {
    let app = TestApp::start().await;
    let stranger = app.register().await;
    let victim = app.register().await;
    let sign_in = stranger
        .request(Method::POST, LOGIN)
        .header("cookie", format!("refreshToken={}", stranger.cookie))
        .json(&json!({ "email": victim.email, "password": PASSWORD }));
    let answer = app.send(sign_in).await.expect(200);
    let signed_in = app.user_of(&victim.email, &answer);
    // What the stranger holds is still theirs, and no part of it became the victim's.
    refresh(&app, &stranger.cookie).await.expect(200);
    for (user, name) in [(&stranger, &stranger.email), (&signed_in, &victim.email)] {
        let me = user.get(ME).await.expect(200).json();
        assert_eq!(me["data"]["user"]["email"], name.as_str());
    }
    let listed = signed_in.get("/api/v1/users/me/sessions").await.expect(200);
    assert_eq!(
        listed.json().as_array().map(Vec::len),
        Some(2),
        "{}",
        listed.json()
    );
}

#[tokio::test]
async fn threat_32_a_page_of_another_site_cannot_use_the_cookie() {
    let app = TestApp::builder()
        .with(|settings| settings.cors_origins = CorsPolicy::parse("https://app.example.com").unwrap())
        .start()
        .await;
    let user = app.register().await;
    let own = format!("http://{}", app.address());
    let with = |path: &str, origin: &str| {
        app.request(Method::POST, path)
            .header("cookie", format!("refreshToken={}", user.cookie))
            .header("content-type", "text/plain")
            .header("origin", origin)
    };
    for path in [REFRESH, LOGOUT] {
        for origin in [
            "https://evil.example",
            "null",
            "http://app.example.com",
            "https://app.example.com.evil",
            "http://127.0.0.1:1",
        ] {
            let answer = app.send(with(path, origin)).await;
            assert_problem(&answer, 403, "ORIGIN_NOT_ALLOWED");
            assert!(answer.set_cookie("refreshToken").is_none());
        }
    }
    user.get(ME).await.expect(200);
    for origin in ["https://app.example.com", &own] {
        app.send(with(REFRESH, origin)).await.expect(200);
    }
}

#[tokio::test]
async fn in_production_the_cookie_is_secure_and_strict() {
    let app = TestApp::builder()
        .with(|settings| {
            settings.environment = Environment::Production;
            settings.sessions.secret = Some("0123456789abcdef0123456789abcdef".into());
            settings.sessions.same_site = CookieSameSite::Strict;
        })
        .start()
        .await;
    let body = json!({ "email": "ann@example.com", "password": PASSWORD });
    let answer = app.post("/api/v1/auth/register", &body).await.expect(201);
    let cookie = answer.set_cookie("refreshToken").unwrap();
    assert!(
        cookie.ends_with("; HttpOnly; SameSite=Strict; Secure; Path=/api/v1/auth; Max-Age=604800"),
        "{cookie}"
    );
    assert!(answer.header("strict-transport-security").is_some());
}
