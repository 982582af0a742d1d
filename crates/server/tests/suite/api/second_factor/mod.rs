//! The second factor: set up, asked for, and taken away.

mod attacks;
mod roles;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use parlance_contract::fakes::TestClock;
use parlance_domain::mail::Message;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Authenticator, PASSWORD, TestApp, TestUser, assert_problem, codes};

const LOGIN: &str = "/api/v1/auth/login";
const SIGN_IN: &str = "/api/v1/auth/second-factor";
const STEP_UP: &str = "/api/v1/auth/step-up";
const STATE: &str = "/api/v1/users/me/second-factor";
const TOTP: &str = "/api/v1/users/me/second-factor/totp";
const CONFIRM: &str = "/api/v1/users/me/second-factor/totp/confirm";
const CODES: &str = "/api/v1/users/me/second-factor/recovery-codes";
const ME: &str = "/api/v1/auth/me";
const ANN: &str = "ann@example.com";

fn clock() -> Arc<TestClock> {
    Arc::new(TestClock::new(
        DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
    ))
}

async fn timed() -> (TestApp, Arc<TestClock>) {
    let clock = clock();
    (TestApp::builder().clock(&clock).start().await, clock)
}

/// Somebody with a second factor, whose authenticator shows a code that is not used yet.
async fn with_factor(app: &TestApp, clock: &Arc<TestClock>, email: &str) -> (TestUser, Authenticator) {
    let user = app.register_as(email).await;
    let authenticator = Authenticator::set_up(&user, clock.clone()).await;
    clock.advance(TimeDelta::seconds(30));
    (user, authenticator)
}

async fn log_in(app: &TestApp, email: &str) -> Answer {
    app.post(LOGIN, &json!({ "email": email, "password": PASSWORD }))
        .await
}

/// What the right password yields.
async fn challenge(app: &TestApp, email: &str) -> String {
    let details = assert_problem(&log_in(app, email).await, 401, "SECOND_FACTOR_REQUIRED");
    details["challenge"].as_str().unwrap().to_owned()
}

async fn answer(app: &TestApp, challenge: &str, code: &str) -> Answer {
    app.post(SIGN_IN, &json!({ "challenge": challenge, "code": code }))
        .await
}

/// Signs in with password and code.
async fn sign_in(app: &TestApp, email: &str, code: &str) -> Answer {
    answer(app, &challenge(app, email).await, code).await
}

async fn step_up(user: &TestUser, code: Option<&str>) -> Answer {
    let mut body = json!({ "password": PASSWORD });
    if let Some(code) = code {
        body["code"] = code.into();
    }
    user.post(STEP_UP, &body).await
}

async fn state(user: &TestUser) -> Value {
    user.get(STATE).await.expect(200).json()
}

/// How often the audit log tells of something.
fn told(app: &TestApp, action: &str) -> i64 {
    let query = format!("SELECT count(*) FROM audit_entries WHERE action = '{action}'");
    app.place().number(&query)
}

/// How many mails tell of a change.
fn mailed(app: &TestApp, email: &str, action: &str) -> usize {
    let of = Message::SecurityChanged {
        action: action.to_owned(),
    };
    let mails = app.mails_to(email).into_iter();
    mails.filter(|mail| mail.message == of).count()
}

#[tokio::test]
async fn a_second_factor_is_set_up_and_asked_for_from_then_on() {
    let (app, clock) = timed().await;
    let ann = app.register_as(ANN).await;
    let none = json!({ "active": false, "activeSince": null, "recoveryCodesLeft": 0, "required": false });
    assert_eq!(state(&ann).await, none);
    let begun = ann.post_empty(TOTP).await.expect(200);
    assert_eq!(begun.header("cache-control"), Some("no-store"));
    let secret = begun.json()["secret"].as_str().unwrap().to_owned();
    let uri = begun.json()["otpauthUri"].as_str().unwrap().to_owned();
    assert!(
        uri.starts_with("otpauth://totp/Parlance:ann%40example.com?"),
        "{uri}"
    );
    assert!(uri.contains(&format!("secret={secret}")), "{uri}");
    log_in(&app, ANN).await.expect(200);

    let authenticator = Authenticator::set_up(&ann, clock.clone()).await;
    let active = json!({ "active": true, "activeSince": "2027-01-15T08:00:00.000Z",
                         "recoveryCodesLeft": 10, "required": false });
    assert_eq!(state(&ann).await, active);
    let different: BTreeSet<&String> = authenticator.recovery_codes.iter().collect();
    assert_eq!(different.len(), 10);
    assert_eq!(
        (
            told(&app, "second_factor.added"),
            mailed(&app, ANN, "second_factor.added")
        ),
        (1, 1)
    );

    clock.advance(TimeDelta::seconds(30));
    let signed_in = sign_in(&app, ANN, &authenticator.code()).await.expect(200);
    let again = app.user_of(ANN, &signed_in);
    assert_eq!(again.id, ann.id);
    again.get(ME).await.expect(200);
    let strong = "SELECT count(*) FROM sessions WHERE proof = 'second_factor'";
    assert_eq!(app.place().number(strong), 2);
}

#[tokio::test]
async fn nothing_is_asked_for_until_a_first_code_was_right() {
    let (app, clock) = timed().await;
    let ann = app.register_as(ANN).await;
    let body = |code: &str| json!({ "code": code });
    assert_problem(
        &ann.post(CONFIRM, &body("123456")).await,
        404,
        "SECOND_FACTOR_NOT_FOUND",
    );
    let first = Authenticator::begin(&ann, clock.clone()).await;
    let second = Authenticator::begin(&ann, clock.clone()).await;
    let stale = ann.post(CONFIRM, &body(&first.code())).await;
    assert_problem(&stale, 403, "WRONG_CODE");
    log_in(&app, ANN).await.expect(200);
    for bad in [
        json!({}),
        body(""),
        body("12345"),
        body("abcdef"),
        json!({ "code": 123_456 }),
    ] {
        assert_problem(&ann.post(CONFIRM, &bad).await, 400, "VALIDATION_FAILED");
    }
    ann.post(CONFIRM, &body(&second.code())).await.expect(200);
    assert_problem(&ann.post_empty(TOTP).await, 409, "SECOND_FACTOR_ACTIVE");
    let again = ann.post(CONFIRM, &body(&second.code())).await;
    assert_problem(&again, 404, "SECOND_FACTOR_NOT_FOUND");
}

#[tokio::test]
async fn a_recovery_code_lets_in_once_and_its_owner_is_told() {
    let (app, clock) = timed().await;
    let (ann, authenticator) = with_factor(&app, &clock, ANN).await;
    let code = &authenticator.recovery_codes[3];
    sign_in(&app, ANN, &code.to_lowercase().replace('-', " "))
        .await
        .expect(200);
    assert_problem(&sign_in(&app, ANN, code).await, 403, "WRONG_CODE");
    assert_eq!(state(&ann).await["recoveryCodesLeft"], 9);
    assert_eq!(
        (
            told(&app, "recovery_code.used"),
            mailed(&app, ANN, "recovery_code.used")
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn new_recovery_codes_take_the_place_of_those_before() {
    let (app, clock) = timed().await;
    let (ann, authenticator) = with_factor(&app, &clock, ANN).await;
    let bob = app.register().await;
    assert_problem(&bob.post_empty(CODES).await, 404, "SECOND_FACTOR_NOT_FOUND");
    let renewed = codes(&ann.post_empty(CODES).await.expect(200).json());
    assert_eq!(renewed.len(), 10);
    let old = &authenticator.recovery_codes[0];
    assert_problem(&sign_in(&app, ANN, old).await, 403, "WRONG_CODE");
    sign_in(&app, ANN, &renewed[0]).await.expect(200);
    assert_eq!(
        (
            told(&app, "recovery_codes.made"),
            mailed(&app, ANN, "recovery_codes.made")
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn a_second_factor_is_taken_away_by_its_owner() {
    let (app, clock) = timed().await;
    let (ann, authenticator) = with_factor(&app, &clock, ANN).await;
    let waiting = challenge(&app, ANN).await;
    ann.delete(TOTP).await.expect(204);
    assert_problem(&ann.delete(TOTP).await, 404, "SECOND_FACTOR_NOT_FOUND");
    assert_eq!(state(&ann).await["active"], false);
    log_in(&app, ANN).await.expect(200);
    for code in [authenticator.code(), authenticator.recovery_codes[0].clone()] {
        let late = answer(&app, &waiting, &code).await;
        assert_problem(&late, 401, "CHALLENGE_NOT_VALID");
    }
    assert_eq!(
        (
            told(&app, "second_factor.removed"),
            mailed(&app, ANN, "second_factor.removed")
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn a_step_up_asks_for_the_code_as_well() {
    let (app, clock) = timed().await;
    let (ann, authenticator) = with_factor(&app, &clock, ANN).await;
    clock.advance(TimeDelta::minutes(11));
    assert_problem(&ann.post_empty(CODES).await, 403, "STEP_UP_REQUIRED");
    assert_problem(&step_up(&ann, None).await, 403, "CODE_REQUIRED");
    let wrong = step_up(&ann, Some(&authenticator.wrong_code())).await;
    assert_problem(&wrong, 403, "WRONG_CODE");
    assert_problem(&step_up(&ann, Some("12")).await, 400, "VALIDATION_FAILED");
    assert_problem(&ann.post_empty(CODES).await, 403, "STEP_UP_REQUIRED");
    step_up(&ann, Some(&authenticator.code())).await.expect(200);
    ann.post_empty(CODES).await.expect(200);
    assert_eq!(told(&app, "step_up.refused"), 1);
    let strong = "SELECT count(*) FROM audit_entries WHERE action = 'step_up.passed' \
                  AND details LIKE '%second_factor%'";
    assert_eq!(
        app.place().number(strong),
        2,
        "one for the first code of the authenticator"
    );
}

#[tokio::test]
async fn nobody_else_sees_or_changes_a_second_factor() {
    let (app, clock) = timed().await;
    let (ann, authenticator) = with_factor(&app, &clock, ANN).await;
    let (bob, of_bob) = with_factor(&app, &clock, "bob@example.com").await;
    bob.post_empty(CODES).await.expect(200);
    bob.delete(TOTP).await.expect(204);
    assert_eq!(state(&ann).await["recoveryCodesLeft"], 10);
    assert_problem(
        &sign_in(&app, ANN, &of_bob.recovery_codes[0]).await,
        403,
        "WRONG_CODE",
    );
    sign_in(&app, ANN, &authenticator.code()).await.expect(200);
    for (method, path) in [
        (Method::GET, STATE),
        (Method::POST, TOTP),
        (Method::POST, CONFIRM),
        (Method::DELETE, TOTP),
        (Method::POST, CODES),
    ] {
        let refused = app.send(app.request(method.clone(), path)).await;
        assert_problem(&refused, 401, "UNAUTHORIZED");
    }
}

#[tokio::test]
async fn every_bad_field_of_a_sign_in_is_named() {
    let app = TestApp::start().await;
    for body in [
        json!({}),
        json!({ "challenge": "", "code": "" }),
        json!({ "challenge": "x".repeat(257), "code": "12345" }),
        json!({ "challenge": 1, "code": "no code of any kind at all" }),
    ] {
        let details = assert_problem(&app.post(SIGN_IN, &body).await, 400, "VALIDATION_FAILED");
        assert!(!details["fields"].as_array().unwrap().is_empty(), "{body}");
    }
}
