//! Lockout: how many guesses somebody has, and who is not locked out by them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta};
use futures_util::future::join_all;
use parlance_contract::fakes::TestClock;
use parlance_domain::mail::Message;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Builder, PASSWORD, TestApp, assert_problem};

const LOGIN: &str = "/api/v1/auth/login";
const UNLOCK: &str = "/api/v1/auth/unlock";
const ANN: &str = "ann@example.com";
const WRONG: &str = "Wrong-Password-1";

fn clock() -> Arc<TestClock> {
    Arc::new(TestClock::new(
        DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
    ))
}

/// A server that believes what it is told of addresses.
fn behind_a_proxy() -> Builder {
    TestApp::builder().with(|settings| settings.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()])
}

fn body(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password })
}

async fn try_as(app: &TestApp, email: &str, password: &str) -> Answer {
    app.post(LOGIN, &body(email, password)).await
}

/// Tries with the cookie of a device.
async fn try_on(app: &TestApp, device: &str, password: &str) -> Answer {
    let request = app.request(Method::POST, LOGIN).json(&body(ANN, password));
    app.send(request.header("cookie", format!("deviceToken={device}")))
        .await
}

/// Tries from an address.
async fn try_from(app: &TestApp, address: &str, email: &str, password: &str) -> Answer {
    let request = app.request(Method::POST, LOGIN).json(&body(email, password));
    app.send(request.header("x-forwarded-for", address)).await
}

/// Locks an account.
async fn lock(app: &TestApp, email: &str) {
    for _ in 0..10 {
        let answer = try_as(app, email, WRONG).await;
        assert_problem(&answer, 401, "INVALID_CREDENTIALS");
    }
}

#[track_caller]
fn assert_locked(answer: &Answer) -> u64 {
    assert_problem(answer, 429, "ACCOUNT_LOCKED");
    answer.header("retry-after").unwrap().parse().unwrap()
}

/// What an answer says, but for the id of its request.
fn said(answer: &Answer) -> Value {
    let mut body = answer.json();
    body["requestId"] = "same".into();
    body
}

/// How often the audit log tells of something.
fn told(app: &TestApp, action: &str) -> i64 {
    app.place().number(&format!(
        "SELECT count(*) FROM audit_entries WHERE action = '{action}'"
    ))
}

#[tokio::test]
async fn threat_18_the_tenth_failure_locks_for_half_an_hour_whether_the_account_exists_or_not() {
    let clock = clock();
    let app = TestApp::builder().clock(&clock).start().await;
    app.register_as(ANN).await;
    let mut answers = Vec::new();
    for email in [ANN, "nobody@example.com"] {
        lock(&app, email).await;
        for password in [WRONG, PASSWORD] {
            let answer = try_as(&app, email, password).await;
            assert_eq!(assert_locked(&answer), 1_800);
            answers.push(said(&answer));
        }
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    clock.advance(TimeDelta::minutes(30) - TimeDelta::milliseconds(1));
    assert_eq!(assert_locked(&try_as(&app, ANN, PASSWORD).await), 1);
    clock.advance(TimeDelta::milliseconds(1));
    try_as(&app, ANN, PASSWORD).await.expect(200);
    let nobody = try_as(&app, "nobody@example.com", WRONG).await;
    assert_problem(&nobody, 401, "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn threat_20_a_success_and_a_quarter_of_an_hour_begin_anew() {
    let clock = clock();
    let app = TestApp::builder().clock(&clock).start().await;
    app.register_as(ANN).await;
    for _ in 0..3 {
        for _ in 0..9 {
            assert_eq!(try_as(&app, ANN, WRONG).await.status, 401);
        }
        try_as(&app, ANN, PASSWORD).await.expect(200);
    }
    for _ in 0..3 {
        for _ in 0..9 {
            assert_eq!(try_as(&app, ANN, WRONG).await.status, 401);
        }
        clock.advance(TimeDelta::minutes(15));
    }
    try_as(&app, ANN, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn threat_20_of_100_guesses_at_once_at_most_ten_are_looked_at() {
    let app = TestApp::start().await;
    app.register_as(ANN).await;
    for email in [ANN, "nobody@example.com"] {
        let answers = join_all((0..100).map(|_| try_as(&app, email, WRONG))).await;
        let count = |status| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!(count(401) + count(429) + count(503), 100);
        assert!(count(401) <= 10, "{}", count(401));
    }
}

#[tokio::test]
async fn both_names_of_an_account_count_together() {
    let app = TestApp::start().await;
    let account = json!({ "email": ANN, "username": "Ann.B", "password": PASSWORD });
    app.post("/api/v1/auth/register", &account).await.expect(201);
    for number in 0..10 {
        let name = if number % 2 == 0 {
            json!({ "email": " ANN@Example.com", "password": WRONG })
        } else {
            json!({ "username": "ann.b", "password": WRONG })
        };
        assert_eq!(app.post(LOGIN, &name).await.status, 401);
    }
    assert_locked(&try_as(&app, ANN, PASSWORD).await);
    let by_username = json!({ "username": "ANN.B", "password": PASSWORD });
    assert_locked(&app.post(LOGIN, &by_username).await);
    for _ in 0..10 {
        let nobody = json!({ "username": "nobody", "password": WRONG });
        assert_eq!(app.post(LOGIN, &nobody).await.status, 401);
    }
    let nobody = json!({ "username": "NoBody", "password": WRONG });
    assert_locked(&app.post(LOGIN, &nobody).await);
}

#[tokio::test]
async fn a_lock_outlives_a_restart() {
    let app = TestApp::start().await;
    app.register_as(ANN).await;
    for _ in 0..5 {
        try_as(&app, ANN, WRONG).await;
    }
    let app = app.restart().await;
    for _ in 0..5 {
        assert_eq!(try_as(&app, ANN, WRONG).await.status, 401);
    }
    let app = app.restart().await;
    assert_locked(&try_as(&app, ANN, PASSWORD).await);
}

#[tokio::test]
async fn copies_count_together() {
    let app = TestApp::builder().shared().start().await;
    app.register_as(ANN).await;
    let other = app.copy().await;
    let copies = [&app, &other];
    let guesses = (0..40).map(|number| try_as(copies[number % 2], ANN, WRONG));
    let answers = join_all(guesses).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 401).count(), 10);
    for copy in copies {
        assert_locked(&try_as(copy, ANN, PASSWORD).await);
    }
}

#[tokio::test]
async fn threat_20_whoever_has_signed_in_before_is_not_locked_out_by_others() {
    let app = TestApp::start().await;
    app.register_as(ANN).await;
    let signed_in = try_as(&app, ANN, PASSWORD).await.expect(200);
    let device = signed_in.cookie("deviceToken").unwrap();
    lock(&app, ANN).await;
    let user = app.user_of(ANN, &signed_in);
    user.get("/api/v1/auth/me").await.expect(200);
    for _ in 0..3 {
        let answer = try_on(&app, &device, PASSWORD).await.expect(200);
        assert_eq!(answer.cookie("deviceToken").as_ref(), Some(&device));
        assert_eq!(try_on(&app, &device, WRONG).await.status, 401);
    }
    assert_locked(&try_as(&app, ANN, PASSWORD).await);
}

#[tokio::test]
async fn a_copied_device_token_does_not_let_guess_for_ever() {
    let app = TestApp::start().await;
    app.register_as(ANN).await;
    let signed_in = try_as(&app, ANN, PASSWORD).await.expect(200);
    let device = signed_in.cookie("deviceToken").unwrap();
    lock(&app, ANN).await;
    let guesses = join_all((0..40).map(|_| try_on(&app, &device, WRONG))).await;
    assert_eq!(guesses.iter().filter(|answer| answer.status == 401).count(), 5);
    assert_locked(&try_on(&app, &device, PASSWORD).await);
}

#[tokio::test]
async fn a_device_token_that_is_made_up_somebody_elses_or_forgotten_gets_nobody_past_a_lock() {
    let app = TestApp::start().await;
    let ann = app.register_as(ANN).await;
    let device_of = |answer: &Answer| answer.cookie("deviceToken").unwrap();
    let known = device_of(&try_as(&app, ANN, PASSWORD).await);
    app.register_as("bob@example.com").await;
    let bobs = device_of(&try_as(&app, "bob@example.com", PASSWORD).await);
    lock(&app, ANN).await;
    let mut changed = known.clone();
    let last = if changed.ends_with('A') { "Q" } else { "A" };
    changed.replace_range(changed.len() - 1.., last);
    for device in [bobs.as_str(), &changed, "nonsense", ""] {
        assert_locked(&try_on(&app, device, PASSWORD).await);
    }
    ann.delete("/api/v1/users/me/sessions").await.expect(204);
    assert_locked(&try_on(&app, &known, PASSWORD).await);
}

#[tokio::test]
async fn the_owner_is_told_once_for_each_lock_and_nobody_else_is() {
    let clock = clock();
    let app = TestApp::builder().clock(&clock).start().await;
    app.register_as(ANN).await;
    let about_locks = || {
        let mails = app.mails_to(ANN).into_iter();
        let locks = mails.filter(|mail| matches!(mail.message, Message::AccountLocked { .. }));
        locks.collect::<Vec<_>>()
    };
    for locks in 1..=2 {
        join_all((0..40).map(|_| try_as(&app, ANN, WRONG))).await;
        // However many were at once, and however many of them found no place to be looked at.
        while try_as(&app, ANN, WRONG).await.status != 429 {}
        assert_eq!(
            (about_locks().len(), told(&app, "account.locked")),
            (locks, i64::try_from(locks).unwrap())
        );
        clock.advance(TimeDelta::minutes(30));
    }
    lock(&app, "nobody@example.com").await;
    assert_eq!(
        app.place().number("SELECT count(DISTINCT recipient) FROM outbox"),
        1
    );
    assert_eq!(told(&app, "account.locked"), 2);
}

#[tokio::test]
async fn the_link_ends_the_lock_and_all_sessions_once() {
    let app = TestApp::start().await;
    let ann = app.register_as(ANN).await;
    let bob = app.register_as("bob@example.com").await;
    lock(&app, ANN).await;
    assert_locked(&try_as(&app, ANN, PASSWORD).await);
    let token = app.token_to(ANN);
    app.post(UNLOCK, &json!({ "token": token })).await.expect(200);
    assert_problem(&ann.get("/api/v1/auth/me").await, 401, "UNAUTHORIZED");
    bob.get("/api/v1/auth/me").await.expect(200);
    assert_eq!(told(&app, "account.unlocked"), 1);
    try_as(&app, ANN, PASSWORD).await.expect(200);
    lock(&app, ANN).await;
    let again = app.post(UNLOCK, &json!({ "token": token })).await;
    assert_problem(&again, 400, "LINK_NOT_VALID");
    assert_locked(&try_as(&app, ANN, PASSWORD).await);
}

#[tokio::test]
async fn threat_07_of_16_uses_of_a_link_at_once_one_succeeds() {
    let app = TestApp::start().await;
    app.register_as(ANN).await;
    lock(&app, ANN).await;
    let token = json!({ "token": app.token_to(ANN) });
    let answers = join_all((0..16).map(|_| app.post(UNLOCK, &token))).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [&[200][..], &[400; 15]].concat());
    assert_eq!(told(&app, "account.unlocked"), 1);
}

#[tokio::test]
async fn a_link_that_is_late_of_another_kind_or_made_up_unlocks_nothing() {
    let clock = clock();
    let app = TestApp::builder().clock(&clock).start().await;
    app.register_as(ANN).await;
    let verification = app.token_to(ANN);
    lock(&app, ANN).await;
    let unlock = app.token_to(ANN);
    for token in [verification.as_str(), &unlock[1..], "nonsense"] {
        let answer = app.post(UNLOCK, &json!({ "token": token })).await;
        assert_problem(&answer, 400, "LINK_NOT_VALID");
    }
    for body in [json!({}), json!({ "token": 7 }), json!({ "token": "" })] {
        assert_problem(&app.post(UNLOCK, &body).await, 400, "VALIDATION_FAILED");
    }
    assert_locked(&try_as(&app, ANN, PASSWORD).await);
    clock.advance(TimeDelta::days(1));
    let late = app.post(UNLOCK, &json!({ "token": unlock })).await;
    assert_problem(&late, 400, "LINK_NOT_VALID");
}

#[tokio::test]
async fn threat_20_a_reset_password_lets_its_owner_in_at_once() {
    let app = TestApp::start().await;
    app.register_as(ANN).await;
    lock(&app, ANN).await;
    assert_locked(&try_as(&app, ANN, PASSWORD).await);
    app.post("/api/v1/auth/password-reset", &json!({ "email": ANN }))
        .await
        .expect(202);
    let reset = json!({ "token": app.token_to(ANN), "password": "Another-Horse-2" });
    app.post("/api/v1/auth/password-reset/confirm", &reset)
        .await
        .expect(200);
    try_as(&app, ANN, "Another-Horse-2").await.expect(200);
}

#[tokio::test]
async fn stuffing_over_many_accounts_from_one_address_is_held_up() {
    let clock = clock();
    let app = behind_a_proxy().clock(&clock).start().await;
    app.register_as(ANN).await;
    for number in 0..100 {
        let email = format!("learner{number}@example.com");
        // Of IPv6, a customer has a whole network.
        let address = format!("2001:db8::{number:x}");
        assert_eq!(
            try_from(&app, &address, &email, WRONG).await.status,
            401,
            "{number}"
        );
    }
    let held_up = try_from(&app, "2001:db8::ffff", ANN, PASSWORD).await;
    assert_problem(&held_up, 429, "RATE_LIMIT_EXCEEDED");
    assert_eq!(held_up.header("retry-after"), Some("900"));
    try_from(&app, "2001:db8:0:1::1", ANN, PASSWORD).await.expect(200);
    clock.advance(TimeDelta::minutes(15));
    try_from(&app, "2001:db8::1", ANN, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn those_who_sign_in_do_not_hold_up_their_neighbours() {
    let app = behind_a_proxy()
        .with(|settings| settings.lockout.address_attempts = 3)
        .start()
        .await;
    app.register_as(ANN).await;
    for _ in 0..10 {
        try_from(&app, "10.0.0.1", ANN, PASSWORD).await.expect(200);
    }
    for _ in 0..3 {
        assert_eq!(
            try_from(&app, "10.0.0.1", "x@example.com", WRONG).await.status,
            401
        );
    }
    assert_eq!(try_from(&app, "10.0.0.1", ANN, PASSWORD).await.status, 429);
}

#[tokio::test]
async fn stuffing_over_many_addresses_at_one_account_locks_it() {
    let app = behind_a_proxy().start().await;
    app.register_as(ANN).await;
    let mut looked_at = 0;
    for number in 0..40 {
        let answer = try_from(&app, &format!("10.0.0.{number}"), ANN, WRONG).await;
        looked_at += usize::from(answer.status == 401);
    }
    assert_eq!(looked_at, 10);
}

#[tokio::test]
async fn what_was_not_looked_at_does_not_count() {
    let app = TestApp::builder()
        .with(|settings| settings.limits.login_per_minute = 9)
        .start()
        .await;
    app.register_as(ANN).await;
    for _ in 0..9 {
        try_as(&app, ANN, WRONG).await;
    }
    for _ in 0..20 {
        let refused = try_as(&app, ANN, WRONG).await;
        assert_problem(&refused, 429, "RATE_LIMIT_EXCEEDED");
    }
    let app = app
        .restart_with(|settings| settings.limits.login_per_minute = 0)
        .await;
    for _ in 0..20 {
        assert_eq!(try_as(&app, ANN, "").await.status, 400);
    }
    try_as(&app, ANN, PASSWORD).await.expect(200);
}

/// Adds how long sign-ins of each of these take, asked in turn.
async fn measure(app: &TestApp, emails: [&str; 2], times: &mut [Vec<Duration>; 2]) {
    for _ in 0..20 {
        for (email, times) in emails.iter().zip(&mut *times) {
            let begun = Instant::now();
            assert_eq!(try_as(app, email, WRONG).await.status, 401);
            times.push(begun.elapsed());
        }
    }
}

#[tokio::test]
async fn threat_17_a_name_that_is_not_there_takes_as_long_as_a_wrong_password() {
    let app = TestApp::builder()
        .with(|settings| {
            settings.bcrypt_cost = 8;
            settings.lockout.attempts = 10_000;
            settings.lockout.address_attempts = 0;
        })
        .start()
        .await;
    app.register_as(ANN).await;
    let (mut times, mut seen) = ([const { Vec::new() }; 2], Vec::new());
    // What other programs do meanwhile only ever adds to a time: the shortest of each tell what the work itself takes.
    for _ in 0..10 {
        measure(&app, [ANN, "nobody@example.com"], &mut times).await;
        let [known, unknown] = [&times[0], &times[1]].map(|times| times.iter().min().unwrap().as_secs_f64());
        let ratio = known / unknown;
        if (0.95..1.05).contains(&ratio) {
            return;
        }
        seen.push(ratio);
    }
    panic!("the times differ: {seen:?}");
}
