//! Passkeys: added, used to sign in and to step up, renamed and taken away.

mod attacks;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use parlance_contract::fakes::TestClock;
use parlance_domain::accounts::{Role, Roles};
use parlance_domain::mail::Message;
use parlance_testbed::Behaviour;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{
    Answer, Authenticator, PASSWORD, PasskeyDevice, TestApp, TestUser, assert_problem, honest,
    sign_in_options,
};

const PASSKEYS: &str = "/api/v1/users/me/passkeys";
const OPTIONS: &str = "/api/v1/users/me/passkeys/options";
const SIGN_IN: &str = "/api/v1/auth/passkeys";
const SIGN_IN_OPTIONS: &str = "/api/v1/auth/passkeys/options";
const STEP_UP: &str = "/api/v1/auth/step-up";
const LOGIN: &str = "/api/v1/auth/login";
const ME: &str = "/api/v1/auth/me";
const SESSIONS: &str = "/api/v1/users/me/sessions";
const USERS: &str = "/api/v1/admin/users";
const ANN: &str = "ann@example.com";
const NOBODY: &str = "01936f2a-6c1e-7d3a-9b5e-0c8f5a3e7b42";

async fn timed() -> (TestApp, Arc<TestClock>) {
    let clock = Arc::new(TestClock::new(
        DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
    ));
    (TestApp::builder().clock(&clock).start().await, clock)
}

async fn list(user: &TestUser) -> Vec<Value> {
    let passkeys = user.get(PASSKEYS).await.expect(200).json();
    passkeys.as_array().unwrap().clone()
}

fn path(id: &str) -> String {
    format!("{PASSKEYS}/{id}")
}

/// The proof of the session of a caller.
async fn proof(user: &TestUser) -> Value {
    let sessions = user.get(SESSIONS).await.expect(200).json();
    let sessions = sessions.as_array().unwrap();
    let current = sessions.iter().find(|session| session["current"] == true);
    current.unwrap()["proof"].clone()
}

/// How often the audit log tells of something.
fn told(app: &TestApp, action: &str) -> i64 {
    let query = format!("SELECT count(*) FROM audit_entries WHERE action = '{action}'");
    app.place().number(&query)
}

/// How many mails to Ann tell of a change.
fn mailed(app: &TestApp, action: &str) -> usize {
    let of = Message::SecurityChanged {
        action: action.to_owned(),
    };
    let mails = app.mails_to(ANN).into_iter();
    mails.filter(|mail| mail.message == of).count()
}

fn refused(answer: &Answer) {
    assert_problem(answer, 403, "PASSKEY_REFUSED");
}

#[tokio::test]
async fn a_passkey_is_added_and_signs_in_from_then_on() {
    let (app, clock) = timed().await;
    let ann = app.register_as(ANN).await;
    assert_eq!(list(&ann).await, Vec::<Value>::new());
    let begun = ann.post_empty(OPTIONS).await.expect(200);
    assert_eq!(begun.header("cache-control"), Some("no-store"));
    let options = begun.json();
    assert_eq!(options["expiresAt"], "2027-01-15T08:05:00.000Z");
    let key = &options["publicKey"];
    assert_eq!(key["rp"], json!({ "id": "localhost", "name": "Parlance" }));
    assert_eq!(key["user"]["name"], ANN);
    assert_eq!(key["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(key["authenticatorSelection"]["residentKey"], "required");

    let device = PasskeyDevice::add(&ann).await;
    let added = json!({ "id": device.id, "name": "Phone", "createdAt": "2027-01-15T08:00:00.000Z",
                        "lastUsedAt": null });
    assert_eq!(list(&ann).await, [added]);
    assert_eq!(
        (told(&app, "passkey.added"), mailed(&app, "passkey.added")),
        (1, 1)
    );

    clock.advance(TimeDelta::hours(1));
    let signed_in = device.sign_in(&app).await.expect(200);
    assert_eq!(signed_in.header("cache-control"), Some("no-store"));
    assert_eq!(signed_in.json()["data"]["user"]["email"], ANN);
    assert!(signed_in.cookie("deviceToken").is_some());
    let again = app.user_of(ANN, &signed_in);
    assert_eq!(again.id, ann.id);
    assert_eq!(proof(&again).await, "passkey");
    assert_eq!(list(&again).await[0]["lastUsedAt"], "2027-01-15T09:00:00.000Z");
    app.post_cookie("/api/v1/auth/refresh", &again.cookie)
        .await
        .expect(200);
    let new_devices = app.mails_to(ANN).into_iter();
    let new_devices = new_devices.filter(|mail| matches!(mail.message, Message::NewDevice { .. }));
    assert_eq!(new_devices.count(), 1);
    // The password is as good as before.
    app.login(ANN).await;
}

#[tokio::test]
async fn a_passkey_stands_for_both_factors() {
    let clock = Arc::new(TestClock::new(
        DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
    ));
    let app = TestApp::builder()
        .clock(&clock)
        .with(|settings| settings.second_factor_roles = Roles::from([Role::Admin]))
        .start()
        .await;
    let ann = app.register_as(ANN).await;
    let device = PasskeyDevice::add(&ann).await;
    Authenticator::set_up(&ann, clock.clone()).await;
    let password = app
        .post(LOGIN, &json!({ "email": ANN, "password": PASSWORD }))
        .await;
    assert_problem(&password, 401, "SECOND_FACTOR_REQUIRED");
    let strong = app.user_of(ANN, &device.sign_in(&app).await.expect(200));
    strong.post_empty(OPTIONS).await.expect(200);

    let admin = app.register_admin().await;
    assert_problem(&admin.get(USERS).await, 403, "SECOND_FACTOR_SETUP_REQUIRED");
    let device = PasskeyDevice::add(&admin).await;
    let strong = app.user_of(&admin.email, &device.sign_in(&app).await.expect(200));
    strong.get(USERS).await.expect(200);
}

#[tokio::test]
async fn what_is_dear_is_open_to_who_shows_a_passkey_again() {
    let (app, clock) = timed().await;
    let ann = app.register_as(ANN).await;
    let device = PasskeyDevice::add(&ann).await;
    clock.advance(TimeDelta::minutes(11));
    for dear in [
        ann.post_empty(OPTIONS).await,
        ann.post(
            PASSKEYS,
            &json!({ "name": "x", "challengeId": NOBODY, "credential": { "id": "x" } }),
        )
        .await,
        ann.delete(&path(&device.id)).await,
    ] {
        assert_problem(&dear, 403, "STEP_UP_REQUIRED");
    }
    let answer = device.answer_at(&app, &honest()).await;
    let stepped_up = ann
        .post(STEP_UP, &json!({ "passkey": answer }))
        .await
        .expect(200)
        .json();
    assert_eq!(stepped_up["data"]["expiresAt"], "2027-01-15T08:21:00.000Z");
    assert_eq!(proof(&ann).await, "passkey");
    assert_eq!(told(&app, "step_up.passed"), 1);
    ann.delete(&path(&device.id)).await.expect(204);
    let again = ann.post(STEP_UP, &json!({ "passkey": answer })).await;
    refused(&again);

    let nothing = ann.post(STEP_UP, &json!({})).await;
    let details = assert_problem(&nothing, 400, "VALIDATION_FAILED");
    assert_eq!(details["fields"][0]["field"], "password");
    let empty = ann.post(STEP_UP, &json!({ "passkey": {} })).await;
    let details = assert_problem(&empty, 400, "VALIDATION_FAILED");
    assert_eq!(details["fields"][0]["field"], "passkey.challengeId");
}

#[tokio::test]
async fn a_passkey_of_somebody_else_steps_nobody_up() {
    let (app, clock) = timed().await;
    let (ann, bob) = (app.register_as(ANN).await, app.register().await);
    PasskeyDevice::add(&ann).await;
    let of_bob = PasskeyDevice::add(&bob).await;
    clock.advance(TimeDelta::minutes(11));
    let answer = of_bob.answer_at(&app, &honest()).await;
    refused(&ann.post(STEP_UP, &json!({ "passkey": answer })).await);
    assert_problem(&ann.post_empty(OPTIONS).await, 403, "STEP_UP_REQUIRED");
    assert_eq!(told(&app, "step_up.refused"), 1);
    // Its owner was not asked for anything.
    of_bob.sign_in(&app).await.expect(200);
}

#[tokio::test]
async fn passkeys_are_renamed_and_taken_away() {
    let (app, _) = timed().await;
    let ann = app.register_as(ANN).await;
    let (first, second) = (PasskeyDevice::add(&ann).await, PasskeyDevice::add(&ann).await);
    let renamed = ann
        .patch(&path(&first.id), &json!({ "name": "  旧手机 " }))
        .await
        .expect(200);
    assert_eq!(renamed.json()["name"], "旧手机");
    assert_eq!(list(&ann).await[0]["name"], "旧手机");
    assert_eq!(told(&app, "passkey.renamed"), 1);
    for bad in [
        json!({}),
        json!({ "name": "" }),
        json!({ "name": "a\nb" }),
        json!({ "name": 7 }),
    ] {
        assert_problem(&ann.patch(&path(&first.id), &bad).await, 400, "VALIDATION_FAILED");
    }
    ann.delete(&path(&first.id)).await.expect(204);
    assert_eq!(
        (told(&app, "passkey.removed"), mailed(&app, "passkey.removed")),
        (1, 1)
    );
    refused(&first.sign_in(&app).await);
    second.sign_in(&app).await.expect(200);
    assert_eq!(list(&ann).await.len(), 1);
    assert_problem(&ann.delete(&path(&first.id)).await, 404, "PASSKEY_NOT_FOUND");
    let name = json!({ "name": "Phone" });
    assert_problem(&ann.patch(&path(NOBODY), &name).await, 404, "PASSKEY_NOT_FOUND");
    assert_problem(&ann.patch(&path("x"), &name).await, 400, "VALIDATION_FAILED");
    assert_problem(&ann.delete(&path("x")).await, 400, "VALIDATION_FAILED");
}

#[tokio::test]
async fn there_is_room_for_ten_passkeys_on_ten_devices() {
    let app = TestApp::start().await;
    let ann = app.register_as(ANN).await;
    let early = ann.post_empty(OPTIONS).await.expect(200).json();
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(PasskeyDevice::add(&ann).await.credential_id());
        if ids.len() < 10 {
            let options = ann.post_empty(OPTIONS).await.expect(200).json();
            let excluded = options["publicKey"]["excludeCredentials"].as_array().unwrap();
            let excluded: Vec<_> = excluded.iter().map(|one| one["id"].as_str().unwrap()).collect();
            assert_eq!(excluded, ids);
        }
    }
    assert_problem(&ann.post_empty(OPTIONS).await, 409, "PASSKEY_LIMIT");
    let (_, late) = PasskeyDevice::make(&early, &honest());
    assert_problem(&ann.post(PASSKEYS, &late).await, 409, "PASSKEY_LIMIT");
    assert_eq!(list(&ann).await.len(), 10);
}

#[tokio::test]
async fn the_last_way_in_is_not_taken_away() {
    let app = TestApp::start().await;
    let ann = app.register_as(ANN).await;
    let (first, second) = (PasskeyDevice::add(&ann).await, PasskeyDevice::add(&ann).await);
    app.place().execute("UPDATE accounts SET password_hash = '-'");
    ann.delete(&path(&first.id)).await.expect(204);
    assert_problem(&ann.delete(&path(&second.id)).await, 409, "LAST_WAY_IN");
    assert_eq!(list(&ann).await.len(), 1);
    assert_eq!(
        (told(&app, "passkey.removed"), mailed(&app, "passkey.removed")),
        (1, 1)
    );
}

#[tokio::test]
async fn bodies_of_the_wrong_form_are_told_by_their_fields() {
    let app = TestApp::start().await;
    let ann = app.register_as(ANN).await;
    let fields = |answer: &Answer| {
        let details = assert_problem(answer, 400, "VALIDATION_FAILED");
        let fields = details["fields"].as_array().unwrap().iter();
        fields
            .map(|field| field["field"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        fields(&ann.post(PASSKEYS, &json!({})).await),
        ["challengeId", "credential", "name"]
    );
    let wrong = json!({ "challengeId": "x", "credential": {}, "name": "" });
    assert_eq!(
        fields(&ann.post(PASSKEYS, &wrong).await),
        ["challengeId", "credential", "name"]
    );
    assert_eq!(
        fields(&app.post(SIGN_IN, &json!({})).await),
        ["challengeId", "credential"]
    );
    let wrong = json!({ "challengeId": 7, "credential": "x" });
    assert_eq!(
        fields(&app.post(SIGN_IN, &wrong).await),
        ["challengeId", "credential"]
    );
}

#[tokio::test]
async fn without_a_site_passkeys_are_off_and_say_so() {
    let app = TestApp::builder()
        .with(|settings| settings.passkeys = None)
        .start()
        .await;
    let ann = app.register_as(ANN).await;
    let answer = json!({ "challengeId": NOBODY, "credential": { "id": "x" } });
    let new = json!({ "challengeId": NOBODY, "credential": { "id": "x" }, "name": "x" });
    for off in [
        ann.post_empty(OPTIONS).await,
        ann.post(PASSKEYS, &new).await,
        app.post(SIGN_IN_OPTIONS, &json!({})).await,
        app.post(SIGN_IN, &answer).await,
        ann.post(STEP_UP, &json!({ "passkey": answer })).await,
    ] {
        assert_problem(&off, 503, "PASSKEYS_DISABLED");
    }
    assert_eq!(list(&ann).await, Vec::<Value>::new());
}

#[tokio::test]
async fn while_accounts_are_switched_off_nobody_signs_in_or_changes_a_passkey() {
    let app = TestApp::start().await;
    let ann = app.register_as(ANN).await;
    let device = PasskeyDevice::add(&ann).await;
    let answer = device.answer_at(&app, &honest()).await;
    let app = app
        .restart_with(|settings| settings.features.auth_enabled = false)
        .await;
    let ann = ann.at(&app);
    assert_problem(&app.post(SIGN_IN_OPTIONS, &json!({})).await, 503, "AUTH_DISABLED");
    assert_problem(&app.post(SIGN_IN, &answer).await, 503, "AUTH_DISABLED");
    assert_problem(&ann.post_empty(OPTIONS).await, 503, "READ_ONLY");
    let name = json!({ "name": "x" });
    assert_problem(&ann.patch(&path(&device.id), &name).await, 503, "READ_ONLY");
    assert_problem(&ann.delete(&path(&device.id)).await, 503, "READ_ONLY");
    assert_eq!(list(&ann).await.len(), 1);
}

#[tokio::test]
async fn an_account_that_is_not_in_use_lets_nobody_in() {
    let (app, _) = timed().await;
    let (ann, admin) = (app.register_as(ANN).await, app.register_admin().await);
    let device = PasskeyDevice::add(&ann).await;
    let account = format!("{USERS}/{}", ann.id);
    let change = |active: bool| json!({ "active": active, "reason": "Told" });
    let off = admin.patch(&account, &change(false)).await;
    off.expect(200);
    assert_problem(&device.sign_in(&app).await, 403, "ACCOUNT_DEACTIVATED");
    admin.patch(&account, &change(true)).await.expect(200);
    let ann = app.user_of(ANN, &device.sign_in(&app).await.expect(200));

    // Whoever signs in takes back the deletion of their own account.
    ann.delete("/api/v1/users/me").await.expect(202);
    let back = app.user_of(ANN, &device.sign_in(&app).await.expect(200));
    back.get(ME).await.expect(200);
    let request = admin
        .request(Method::DELETE, &account)
        .json(&json!({ "reason": "Told" }));
    admin.send(request).await.expect(200);
    assert_problem(&device.sign_in(&app).await, 403, "ACCOUNT_DEACTIVATED");
}

#[tokio::test]
async fn a_password_set_by_mail_takes_the_passkeys() {
    let app = TestApp::start().await;
    let ann = app.register_as(ANN).await;
    let device = PasskeyDevice::add(&ann).await;
    let body = json!({ "currentPassword": PASSWORD, "newPassword": "Another-Horse-2" });
    ann.post("/api/v1/users/me/password", &body).await.expect(200);
    device.sign_in(&app).await.expect(200);
    app.post("/api/v1/auth/password-reset", &json!({ "email": ANN }))
        .await
        .expect(202);
    let body = json!({ "token": app.token_to(ANN), "password": PASSWORD });
    app.post("/api/v1/auth/password-reset/confirm", &body)
        .await
        .expect(200);
    refused(&device.sign_in(&app).await);
    assert_eq!(list(&app.login(ANN).await).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_device_that_does_not_count_is_as_good() {
    let app = TestApp::start().await;
    let ann = app.register_as(ANN).await;
    let silent = Behaviour {
        counter: Some(0),
        ..honest()
    };
    let device = PasskeyDevice::add_as(&ann, &silent).await;
    for _ in 0..3 {
        device.sign_in_as(&app, &silent).await.expect(200);
    }
}

#[tokio::test]
async fn nothing_tells_whether_there_is_an_account() {
    let app = TestApp::start().await;
    let mut before = sign_in_options(&app).await;
    let ann = app.register_as(ANN).await;
    PasskeyDevice::add(&ann).await;
    let mut after = sign_in_options(&app).await;
    for options in [&mut before, &mut after] {
        assert_eq!(options["publicKey"]["allowCredentials"], json!([]));
        assert!(options["publicKey"]["challenge"].as_str().unwrap().len() >= 43);
        for member in ["challengeId", "expiresAt"] {
            options[member].take();
        }
        options["publicKey"]["challenge"].take();
    }
    assert_eq!(before, after);
}
