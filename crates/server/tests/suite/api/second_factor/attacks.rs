//! What is tried against a second factor.

use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use super::{
    ANN, CODES, LOGIN, ME, TOTP, answer, challenge, clock, log_in, sign_in, step_up, timed, told, with_factor,
};
use crate::harness::{Authenticator, PASSWORD, TestApp, assert_problem};

const REFRESH: &str = "/api/v1/auth/refresh";
const PASSWORD_CHANGE: &str = "/api/v1/users/me/password";
const NEW_PASSWORD: &str = "Another-Horse-2";

#[tokio::test]
async fn threat_07_a_code_is_good_once_and_none_before_it() {
    let (app, clock) = timed().await;
    let (ann, authenticator) = with_factor(&app, &clock, ANN).await;
    let first = authenticator.code_in(-1);
    assert_problem(&sign_in(&app, ANN, &first).await, 403, "WRONG_CODE");
    let (code, next) = (authenticator.code(), authenticator.code_in(1));
    sign_in(&app, ANN, &code).await.expect(200);
    assert_problem(&sign_in(&app, ANN, &code).await, 403, "WRONG_CODE");
    assert_problem(&step_up(&ann, Some(&code)).await, 403, "WRONG_CODE");
    sign_in(&app, ANN, &next).await.expect(200);
    assert_problem(&sign_in(&app, ANN, &code).await, 403, "WRONG_CODE");
    clock.advance(TimeDelta::minutes(2));
    assert_problem(&sign_in(&app, ANN, &next).await, 403, "WRONG_CODE");
}

#[tokio::test]
async fn threat_07_of_16_uses_of_a_code_at_once_one_succeeds() {
    let clock = clock();
    let app = TestApp::builder()
        .clock(&clock)
        .with(|settings| settings.lockout.attempts = 100)
        .start()
        .await;
    let (_, authenticator) = with_factor(&app, &clock, ANN).await;
    for code in [authenticator.code(), authenticator.recovery_codes[0].clone()] {
        let challenge = challenge(&app, ANN).await;
        let tries = join_all((0..16).map(|_| answer(&app, &challenge, &code))).await;
        let statuses: Vec<_> = tries.iter().map(|answer| answer.status).collect();
        let good = statuses.iter().filter(|status| **status == 200).count();
        assert_eq!(good, 1, "{statuses:?}");
        assert!(
            statuses.iter().all(|status| [200, 403].contains(status)),
            "{statuses:?}"
        );
    }
}

#[tokio::test]
async fn threat_20_guesses_are_counted_for_the_account_over_challenges_and_copies() {
    let clock = clock();
    let app = TestApp::builder().shared().clock(&clock).start().await;
    let other = app.copy().await;
    let (_, authenticator) = with_factor(&app, &clock, ANN).await;
    let wrong = authenticator.wrong_code();
    // Whoever has a challenge at hand from before is locked out as well.
    let kept = challenge(&app, ANN).await;
    for _ in 0..5 {
        for at in [&app, &other] {
            assert_problem(&sign_in(at, ANN, &wrong).await, 403, "WRONG_CODE");
        }
    }
    let locked = answer(&app, &kept, &authenticator.code()).await;
    assert_problem(&locked, 429, "ACCOUNT_LOCKED");
    assert_problem(&log_in(&other, ANN).await, 429, "ACCOUNT_LOCKED");
    assert_eq!(told(&app, "account.locked"), 1);
    assert_eq!(told(&app, "sign_in.refused"), 10);
}

#[tokio::test]
async fn threat_20_the_right_password_makes_no_room_for_guesses_at_codes() {
    let (app, clock) = timed().await;
    let (ann, authenticator) = with_factor(&app, &clock, ANN).await;
    let wrong = authenticator.wrong_code();
    clock.advance(TimeDelta::minutes(11));
    for _ in 0..9 {
        assert_problem(&step_up(&ann, Some(&wrong)).await, 403, "WRONG_CODE");
        // What is taken out of a count is found by its time.
        clock.advance(TimeDelta::milliseconds(1));
        assert_problem(&step_up(&ann, None).await, 403, "CODE_REQUIRED");
        clock.advance(TimeDelta::milliseconds(1));
        challenge(&app, ANN).await;
        let body = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
        assert_problem(&ann.post(PASSWORD_CHANGE, &body).await, 403, "STEP_UP_REQUIRED");
    }
    assert_problem(&sign_in(&app, ANN, &wrong).await, 403, "WRONG_CODE");
    assert_problem(&log_in(&app, ANN).await, 429, "ACCOUNT_LOCKED");
    let locked = step_up(&ann, Some(&authenticator.code())).await;
    assert_problem(&locked, 429, "ACCOUNT_LOCKED");
}

#[tokio::test]
async fn threat_08_a_challenge_is_good_for_nothing_but_its_account() {
    let (app, clock) = timed().await;
    let (ann, _) = with_factor(&app, &clock, ANN).await;
    let (_, of_bob) = with_factor(&app, &clock, "bob@example.com").await;
    let challenge = challenge(&app, ANN).await;
    let as_bearer = app.request(Method::GET, ME).bearer_auth(&challenge);
    assert_problem(&app.send(as_bearer).await, 401, "UNAUTHORIZED");
    let refreshed = app.post_cookie(REFRESH, &challenge).await;
    assert_problem(&refreshed, 401, "INVALID_REFRESH_TOKEN");
    let for_ann = answer(&app, &challenge, &of_bob.code()).await;
    assert_problem(&for_ann, 403, "WRONG_CODE");
    let for_ann = answer(&app, &challenge, &of_bob.recovery_codes[0]).await;
    assert_problem(&for_ann, 403, "WRONG_CODE");
    for token in [&ann.cookie, "AAAA"] {
        let refused = answer(&app, token, &of_bob.code()).await;
        assert_problem(&refused, 401, "CHALLENGE_NOT_VALID");
    }
}

#[tokio::test]
async fn a_challenge_ends_after_five_minutes_and_with_the_password() {
    let (app, clock) = timed().await;
    let (ann, authenticator) = with_factor(&app, &clock, ANN).await;
    let (early, of_old_password) = (challenge(&app, ANN).await, challenge(&app, ANN).await);
    let body = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
    ann.post(PASSWORD_CHANGE, &body).await.expect(200);
    let refused = answer(&app, &of_old_password, &authenticator.code()).await;
    assert_problem(&refused, 401, "CHALLENGE_NOT_VALID");
    let back = json!({ "currentPassword": NEW_PASSWORD, "newPassword": PASSWORD });
    ann.post(PASSWORD_CHANGE, &back).await.expect(200);
    let late = challenge(&app, ANN).await;
    clock.advance(TimeDelta::minutes(5));
    for old in [early, late] {
        let refused = answer(&app, &old, &authenticator.code()).await;
        assert_problem(&refused, 401, "CHALLENGE_NOT_VALID");
    }
}

#[tokio::test]
async fn a_new_password_by_a_link_does_not_go_around_the_second_factor() {
    let (app, clock) = timed().await;
    with_factor(&app, &clock, ANN).await;
    app.post("/api/v1/auth/password-reset", &json!({ "email": ANN }))
        .await
        .expect(202);
    let body = json!({ "token": app.token_to(ANN), "password": NEW_PASSWORD });
    app.post("/api/v1/auth/password-reset/confirm", &body)
        .await
        .expect(200);
    let login = json!({ "email": ANN, "password": NEW_PASSWORD });
    assert_problem(&app.post(LOGIN, &login).await, 401, "SECOND_FACTOR_REQUIRED");
}

#[tokio::test]
async fn a_known_device_does_not_skip_the_second_factor() {
    let (app, clock) = timed().await;
    let (_, authenticator) = with_factor(&app, &clock, ANN).await;
    let signed_in = sign_in(&app, ANN, &authenticator.code()).await.expect(200);
    let device = signed_in.cookie("deviceToken").unwrap();
    let request = app.request(Method::POST, LOGIN);
    let request = request.json(&json!({ "email": ANN, "password": PASSWORD }));
    let again = app
        .send(request.header("cookie", format!("deviceToken={device}")))
        .await;
    assert_problem(&again, 401, "SECOND_FACTOR_REQUIRED");
}

#[tokio::test]
async fn a_second_factor_is_not_taken_away_without_showing_both_factors_lately() {
    let (app, clock) = timed().await;
    let stolen = app.register_as(ANN).await;
    let owner = app.login(ANN).await;
    let authenticator = Authenticator::set_up(&owner, clock.clone()).await;
    // The session that began before by the password alone is not as good.
    assert_problem(&stolen.delete(TOTP).await, 403, "STEP_UP_REQUIRED");
    assert_problem(&stolen.post_empty(CODES).await, 403, "STEP_UP_REQUIRED");
    assert_problem(&step_up(&stolen, None).await, 403, "CODE_REQUIRED");
    assert_problem(&stolen.delete(TOTP).await, 403, "STEP_UP_REQUIRED");
    clock.advance(TimeDelta::minutes(11));
    assert_problem(&owner.delete(TOTP).await, 403, "STEP_UP_REQUIRED");
    step_up(&owner, Some(&authenticator.code())).await.expect(200);
    owner.delete(TOTP).await.expect(204);
}

#[tokio::test]
async fn a_secret_moved_to_another_users_row_opens_for_nobody() {
    let (app, clock) = timed().await;
    let (ann, of_ann) = with_factor(&app, &clock, ANN).await;
    let (bob, _) = with_factor(&app, &clock, "bob@example.com").await;
    let (ann, bob) = (app.place().id(&ann.id), app.place().id(&bob.id));
    app.place().execute(&format!(
        "UPDATE second_factors SET secret = (SELECT secret FROM second_factors WHERE user_id = {bob}) \
         WHERE user_id = {ann}"
    ));
    assert_problem(&sign_in(&app, ANN, &of_ann.code()).await, 500, "INTERNAL_ERROR");
    sign_in(&app, ANN, &of_ann.recovery_codes[0]).await.expect(200);
}

#[tokio::test]
async fn threat_73_neither_secret_nor_codes_are_kept_in_the_clear() {
    let (app, clock) = timed().await;
    let ann = app.register_as(ANN).await;
    let begun = ann.post_empty(TOTP).await.expect(200).json();
    let authenticator = Authenticator::set_up(&ann, clock.clone()).await;
    let secrets = app.place().texts("SELECT secret FROM second_factors");
    assert!(secrets[0].starts_with("v1.development."), "{secrets:?}");
    assert!(!secrets[0].contains(begun["secret"].as_str().unwrap()));
    let log = app.place().texts("SELECT details FROM audit_entries").join(" ");
    let mails = app.place().texts("SELECT message FROM outbox").join(" ");
    for code in &authenticator.recovery_codes {
        assert!(!log.contains(code) && !mails.contains(code));
    }
    assert_eq!(app.place().number("SELECT count(*) FROM recovery_codes"), 10);
}
