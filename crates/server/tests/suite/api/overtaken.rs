//! Sign-ins that read an account before somebody changed it, and would begin a session after that.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use futures_util::future::join3;
use parlance_contract::fakes::TestClock;
use serde_json::json;

use crate::harness::{Answer, Authenticator, PASSWORD, TestApp, assert_problem, eventually};

const LOGIN: &str = "/api/v1/auth/login";
const ANN: &str = "ann@example.com";
const NEW: &str = "ann@new.example";
/// How many wait for what somebody else holds.
const WAITING: &str = "SELECT count(*) FROM pg_stat_activity \
    WHERE datname = current_database() AND wait_event_type = 'Lock'";
/// How many sessions go on.
const LIVE: &str = "SELECT count(*) FROM sessions WHERE revoked_at IS NULL";

async fn start() -> (TestApp, Arc<TestClock>) {
    let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let clock = Arc::new(TestClock::new(now));
    let app = TestApp::builder().clock(&clock).shared().start().await;
    (app, clock)
}

async fn log_in(app: &TestApp, password: &str) -> Answer {
    let body = json!({ "email": ANN, "password": password });
    app.post(LOGIN, &body).await
}

/// What a sign-in comes to whose session waits behind a change: the change is about to be made, the sign-in has looked at
/// everything.
async fn overtaken(
    app: &TestApp,
    change: impl Future<Output = Answer>,
    sign_in: impl Future<Output = Answer>,
) -> Answer {
    let lock = format!("SELECT FROM accounts WHERE email = '{ANN}' FOR NO KEY UPDATE");
    let held = app.place().begin(&lock).await;
    let waiting = async |wanted| {
        let as_many = async || app.place().number(WAITING) == wanted;
        eventually("not as many wait as should", as_many).await;
    };
    let sign_in_behind = async {
        waiting(1).await;
        sign_in.await
    };
    let let_go = async {
        waiting(2).await;
        held.commit().await.unwrap();
    };
    let (changed, signed_in, ()) = join3(change, sign_in_behind, let_go).await;
    assert!([200, 202, 204].contains(&changed.status), "{}", changed.text());
    signed_in
}

#[tokio::test]
async fn threat_05_a_sign_in_with_the_password_of_before_does_not_outlive_a_reset() {
    let (app, _) = start().await;
    app.register_as(ANN).await;
    let body = json!({ "email": ANN });
    app.post("/api/v1/auth/password-reset", &body).await.expect(202);
    let body = json!({ "token": app.token_to(ANN), "password": "Another-Horse-2" });
    let reset = app.post("/api/v1/auth/password-reset/confirm", &body);
    let signed_in = overtaken(&app, reset, log_in(&app, PASSWORD)).await;
    assert_problem(&signed_in, 401, "INVALID_CREDENTIALS");
    assert_eq!(app.place().number(LIVE), 0);
    log_in(&app, "Another-Horse-2").await.expect(200);
}

#[tokio::test]
async fn threat_05_a_sign_in_by_the_address_of_before_does_not_outlive_its_change() {
    let (app, _) = start().await;
    let ann = app.register_as(ANN).await;
    let body = json!({ "email": NEW });
    ann.post("/api/v1/users/me/email", &body).await.expect(202);
    let body = json!({ "token": app.token_to(NEW) });
    let change = app.post("/api/v1/auth/email-change/confirm", &body);
    let signed_in = overtaken(&app, change, log_in(&app, PASSWORD)).await;
    assert_problem(&signed_in, 401, "INVALID_CREDENTIALS");
    assert_eq!(app.place().number(LIVE), 0);
}

#[tokio::test]
async fn threat_05_a_sign_in_under_way_does_not_take_a_deletion_back() {
    let (app, _) = start().await;
    let ann = app.register_as(ANN).await;
    let leave = ann.delete("/api/v1/users/me");
    let signed_in = overtaken(&app, leave, log_in(&app, PASSWORD)).await;
    assert_problem(&signed_in, 403, "ACCOUNT_DEACTIVATED");
    let deleted = "SELECT count(*) FROM accounts WHERE deleted_at IS NOT NULL";
    assert_eq!((app.place().number(deleted), app.place().number(LIVE)), (1, 0));
    // Whoever comes to it now does.
    log_in(&app, PASSWORD).await.expect(200);
    assert_eq!(app.place().number(deleted), 0);
}

#[tokio::test]
async fn threat_05_no_session_stands_on_the_password_alone_once_there_is_a_second_factor() {
    let (app, clock) = start().await;
    let ann = app.register_as(ANN).await;
    let authenticator = Authenticator::begin(&ann, clock.clone()).await;
    let body = json!({ "code": authenticator.code() });
    let confirm = ann.post("/api/v1/users/me/second-factor/totp/confirm", &body);
    let signed_in = overtaken(&app, confirm, log_in(&app, PASSWORD)).await;
    assert_problem(&signed_in, 401, "INVALID_CREDENTIALS");
    assert_eq!(app.place().number(LIVE), 1);
    assert_problem(&log_in(&app, PASSWORD).await, 401, "SECOND_FACTOR_REQUIRED");
}

#[tokio::test]
async fn threat_05_no_session_stands_on_a_second_factor_that_was_taken_away() {
    let (app, clock) = start().await;
    let ann = app.register_as(ANN).await;
    let authenticator = Authenticator::set_up(&ann, clock.clone()).await;
    clock.advance(TimeDelta::seconds(30));
    let asked = assert_problem(&log_in(&app, PASSWORD).await, 401, "SECOND_FACTOR_REQUIRED");
    let body = json!({ "challenge": asked["challenge"], "code": authenticator.code() });
    let sign_in = app.post("/api/v1/auth/second-factor", &body);
    let remove = ann.delete("/api/v1/users/me/second-factor/totp");
    let signed_in = overtaken(&app, remove, sign_in).await;
    assert_problem(&signed_in, 401, "CHALLENGE_NOT_VALID");
    assert_eq!(app.place().number(LIVE), 1);
    log_in(&app, PASSWORD).await.expect(200);
}
