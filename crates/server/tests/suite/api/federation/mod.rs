//! Signing in with a provider of identities.

mod attacks;
mod confirming;
mod linking;
mod outages;

use parlance_domain::mail::Message;
use parlance_testbed::{FakeOpenId, OpenIdPerson};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{
    Answer, Authenticator, FRONT_END, PASSWORD, TestApp, TestUser, assert_problem, assert_refused, parameter,
    sent_to,
};

const LOGIN: &str = "/api/v1/auth/login";
const REFRESH: &str = "/api/v1/auth/refresh";
const ME: &str = "/api/v1/auth/me";
const PROVIDERS: &str = "/api/v1/auth/providers";
const IDENTITIES: &str = "/api/v1/users/me/identities";
const STEP_UP: &str = "/api/v1/auth/step-up";
const ANN: &str = "ann@example.com";
const NEW_PASSWORD: &str = "Another-Horse-2";

/// A server with one provider, `company`.
async fn federated() -> (TestApp, FakeOpenId) {
    let openid = FakeOpenId::start().unwrap();
    let app = TestApp::builder()
        .providers(&[("company", &openid)])
        .start()
        .await;
    (app, openid)
}

/// Somebody who came by the provider for the first time.
async fn newcomer(app: &TestApp, openid: &FakeOpenId, person: OpenIdPerson) -> TestUser {
    let email = person.email.clone().unwrap();
    openid.is_visited_by(person);
    let mut browser = app.browser();
    let answer = browser.sign_in("company").await;
    assert_eq!(sent_to(&answer).as_str(), FRONT_END);
    browser.user(app, &email).await
}

async fn log_in(app: &TestApp, email: &str, password: &str) -> Answer {
    app.post(LOGIN, &json!({ "email": email, "password": password }))
        .await
}

/// A new password by the link of a mail.
async fn reset(app: &TestApp, email: &str, password: &str) {
    let body = json!({ "email": email });
    app.post("/api/v1/auth/password-reset", &body).await.expect(202);
    let body = json!({ "token": app.token_to(email), "password": password });
    app.post("/api/v1/auth/password-reset/confirm", &body)
        .await
        .expect(200);
}

fn count(app: &TestApp, table: &str) -> i64 {
    app.place().number(&format!("SELECT count(*) FROM {table}"))
}

fn audited(app: &TestApp, action: &str) -> i64 {
    let query = format!("SELECT count(*) FROM audit_entries WHERE action = '{action}'");
    app.place().number(&query)
}

fn mails(app: &TestApp, email: &str, is_it: impl Fn(&Message) -> bool) -> usize {
    let mails = app.mails_to(email).into_iter();
    mails.filter(|mail| is_it(&mail.message)).count()
}

async fn identities(user: &TestUser) -> Vec<Value> {
    let listed = user.get(IDENTITIES).await.expect(200).json();
    listed.as_array().unwrap().clone()
}

#[tokio::test]
async fn whoever_is_new_gets_an_account_without_a_password_and_a_session() {
    let (app, openid) = federated().await;
    let mut browser = app.browser();
    let answer = browser.sign_in("company").await;
    assert_eq!(sent_to(&answer).as_str(), FRONT_END);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let cookie = answer.set_cookie("refreshToken").unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("Path=/api/v1/auth"),
        "{cookie}"
    );
    assert!(answer.cookie("deviceToken").is_some());
    let user = browser.user(&app, ANN).await;
    let me = user.get(ME).await.expect(200).json()["data"]["user"].clone();
    assert_eq!(
        (
            &me["email"],
            &me["emailVerified"],
            &me["displayName"],
            &me["username"]
        ),
        (&json!(ANN), &json!(true), &json!("Ann Example"), &Value::Null)
    );
    let sessions = user.get("/api/v1/users/me/sessions").await.expect(200).json();
    assert_eq!(sessions.as_array().unwrap().len(), 1, "{sessions}");
    assert_eq!(
        (
            audited(&app, "account.registered"),
            audited(&app, "session.started")
        ),
        (1, 0)
    );
    assert_eq!(app.mails_to(ANN).len(), 0);
    assert_eq!(openid.calls("/token"), 1);
}

#[tokio::test]
async fn an_account_without_a_password_is_like_a_wrong_password_until_a_mail_sets_one() {
    let (app, openid) = federated().await;
    let user = newcomer(&app, &openid, OpenIdPerson::new("person-1", ANN)).await;
    for password in [PASSWORD, "-", "x"] {
        assert_problem(&log_in(&app, ANN, password).await, 401, "INVALID_CREDENTIALS");
        let stepped_up = user.post(STEP_UP, &json!({ "password": password })).await;
        assert_problem(&stepped_up, 403, "WRONG_PASSWORD");
    }
    let body = json!({ "currentPassword": "-", "newPassword": NEW_PASSWORD });
    let changed = user.post("/api/v1/users/me/password", &body).await;
    assert_problem(&changed, 403, "WRONG_PASSWORD");
    reset(&app, ANN, NEW_PASSWORD).await;
    log_in(&app, ANN, NEW_PASSWORD).await.expect(200);
    // Its address is that of the account.
    let mut browser = app.browser();
    assert_eq!(sent_to(&browser.sign_in("company").await).as_str(), FRONT_END);
}

#[tokio::test]
async fn a_linked_identity_signs_in_to_its_account_whatever_its_address_is_by_now() {
    let (app, openid) = federated().await;
    let first = newcomer(&app, &openid, OpenIdPerson::new("person-1", ANN)).await;
    for (email, verified) in [
        (Some("ann@new.example"), Some(json!(true))),
        (Some("ann@new.example"), Some(json!(false))),
        (None, None),
    ] {
        openid.is_visited_by(OpenIdPerson {
            email: email.map(str::to_owned),
            email_verified: verified,
            ..OpenIdPerson::new("person-1", ANN)
        });
        let mut browser = app.browser();
        browser.sign_in("company").await;
        let again = browser.user(&app, ANN).await;
        assert_eq!(again.id, first.id);
        assert_eq!(again.get(ME).await.json()["data"]["user"]["email"], ANN);
    }
    assert_eq!(
        (count(&app, "accounts"), count(&app, "linked_identities")),
        (1, 1)
    );
    // Each of the three browsers was new to the account.
    assert_eq!(
        mails(&app, ANN, |message| matches!(message, Message::NewDevice { .. })),
        3
    );
    assert_eq!(audited(&app, "session.started"), 3);
}

#[tokio::test]
async fn a_browser_that_signed_in_before_is_no_new_device() {
    let (app, _openid) = federated().await;
    let mut browser = app.browser();
    browser.sign_in("company").await;
    browser.sign_in("company").await;
    assert_eq!(app.mails_to(ANN).len(), 0);
}

#[tokio::test]
async fn providers_are_listed_in_their_order_and_those_that_are_not_are_not_found() {
    let (one, other) = (FakeOpenId::start().unwrap(), FakeOpenId::start().unwrap());
    let app = TestApp::builder()
        .providers(&[("zebra", &one), ("ant", &other)])
        .start()
        .await;
    let listed = app.get(PROVIDERS).await.expect(200);
    let provider = |id: &str| {
        let path = format!("/api/v1/auth/providers/{id}/authorize");
        json!({ "id": id, "name": format!("The {id}"), "authorizePath": path })
    };
    assert_eq!(listed.json(), json!([provider("zebra"), provider("ant")]));
    assert!(!listed.text().contains(FakeOpenId::CLIENT_ID));
    let user = app.register().await;
    for unknown in ["google", "ZEBRA", "..%2Fzebra", "%00", "字"] {
        for path in ["authorize", "callback?state=a&code=b"] {
            let answer = app.get(&format!("{PROVIDERS}/{unknown}/{path}")).await;
            assert_problem(&answer, 404, "PROVIDER_NOT_FOUND");
        }
        let answer = user.post(&format!("{IDENTITIES}/{unknown}"), &json!({})).await;
        assert_problem(&answer, 404, "PROVIDER_NOT_FOUND");
    }
}

#[tokio::test]
async fn without_providers_the_list_is_empty() {
    let app = TestApp::start().await;
    assert_eq!(app.get(PROVIDERS).await.expect(200).json(), json!([]));
    let answer = app.get("/api/v1/auth/providers/google/authorize").await;
    assert_problem(&answer, 404, "PROVIDER_NOT_FOUND");
}

#[tokio::test]
async fn a_browser_is_sent_with_what_the_protocol_wants_and_no_secret() {
    let (app, openid) = federated().await;
    let mut browser = app.browser();
    let path = format!("{PROVIDERS}/company/authorize?returnTo={FRONT_END}");
    let answer = browser.get(&path).await.expect(302);
    let place = sent_to(&answer);
    assert!(
        place
            .as_str()
            .starts_with(&format!("{}/authorize?", openid.issuer())),
        "{place}"
    );
    let of = |name| parameter(&place, name).unwrap_or_default();
    assert_eq!(of("response_type"), "code");
    assert_eq!(of("client_id"), FakeOpenId::CLIENT_ID);
    assert_eq!(of("code_challenge_method"), "S256");
    assert_eq!(
        of("redirect_uri"),
        "https://api.example.com/api/v1/auth/providers/company/callback"
    );
    assert_eq!(
        (of("code_challenge").len(), of("nonce").len(), of("state").len()),
        (43, 43, 64)
    );
    assert!(!place.as_str().contains("secret"), "{place}");
    let cookie = answer.set_cookie("providerBinding").unwrap();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/api/v1/auth", "Max-Age=600"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    // Neither of what is kept would let anybody complete it.
    let kept = app
        .place()
        .texts("SELECT return_to || provider FROM provider_authorizations");
    assert_eq!(kept, [format!("{FRONT_END}company")]);
    // A second tab of the same browser does not put the first one out.
    let second = browser.begin("company").await;
    for place in [place, second] {
        let back = browser.visit(&place).await;
        assert_eq!(sent_to(&browser.get(&back).await).as_str(), FRONT_END);
    }
}

#[tokio::test]
async fn without_a_page_the_browser_goes_to_the_first_of_the_front_end() {
    let (app, _openid) = federated().await;
    let mut browser = app.browser();
    let answer = browser
        .get(&format!("{PROVIDERS}/company/authorize"))
        .await
        .expect(302);
    let back = browser.visit(&sent_to(&answer)).await;
    assert!(
        sent_to(&browser.get(&back).await)
            .as_str()
            .starts_with("http://localhost:")
    );
}

#[tokio::test]
async fn a_second_factor_is_asked_for_after_the_provider() {
    let (app, openid) = federated().await;
    let user = newcomer(&app, &openid, OpenIdPerson::new("person-1", ANN)).await;
    let clock = std::sync::Arc::new(parlance_platform::SystemClock);
    let authenticator = Authenticator::set_up(&user, clock).await;
    let mut browser = app.browser();
    let answer = browser.sign_in("company").await;
    assert_refused(&answer, "SECOND_FACTOR_REQUIRED");
    let page = sent_to(&answer);
    let challenge = page.fragment().unwrap().strip_prefix("challenge=").unwrap();
    let body = json!({ "challenge": challenge, "code": authenticator.wrong_code() });
    assert_problem(
        &app.post("/api/v1/auth/second-factor", &body).await,
        403,
        "WRONG_CODE",
    );
    let body = json!({ "challenge": challenge, "code": authenticator.recovery_codes[0] });
    let signed_in = app.post("/api/v1/auth/second-factor", &body).await.expect(200);
    assert_eq!(signed_in.json()["data"]["user"]["id"], user.id);
}

#[tokio::test]
async fn an_account_that_is_out_of_use_is_not_signed_in_to_and_one_that_its_owner_deleted_comes_back() {
    let (app, openid) = federated().await;
    let user = newcomer(&app, &openid, OpenIdPerson::new("person-1", ANN)).await;
    user.delete("/api/v1/users/me").await.expect(202);
    let again = newcomer(&app, &openid, OpenIdPerson::new("person-1", ANN)).await;
    assert_eq!(again.id, user.id);
    assert_eq!(audited(&app, "deletion.cancelled"), 1);
    let admin = app.register_admin().await;
    let path = format!("/api/v1/admin/users/{}", user.id);
    admin
        .patch(&path, &json!({ "active": false, "reason": "test" }))
        .await
        .expect(200);
    app.browser().is_refused("company", "ACCOUNT_DEACTIVATED").await;
}

#[tokio::test]
async fn guesses_at_a_password_do_not_lock_the_provider_out() {
    let (app, openid) = federated().await;
    newcomer(&app, &openid, OpenIdPerson::new("person-1", ANN)).await;
    while log_in(&app, ANN, PASSWORD).await.status == 401 {}
    assert_problem(&log_in(&app, ANN, PASSWORD).await, 429, "ACCOUNT_LOCKED");
    assert_eq!(
        sent_to(&app.browser().sign_in("company").await).as_str(),
        FRONT_END
    );
}

#[tokio::test]
async fn nobody_signs_in_where_accounts_are_switched_off() {
    let openid = FakeOpenId::start().unwrap();
    let app = TestApp::builder()
        .providers(&[("company", &openid)])
        .start()
        .await;
    let mut browser = app.browser();
    let place = browser.begin("company").await;
    let back = browser.visit(&place).await;
    let app = app
        .restart_with(|settings| settings.features.auth_enabled = false)
        .await;
    let authorize = app.get(&format!("{PROVIDERS}/company/authorize")).await;
    assert_problem(&authorize, 503, "AUTH_DISABLED");
    assert_problem(&app.get(&back).await, 503, "AUTH_DISABLED");
    let body = json!({ "token": "x" });
    let confirmed = app.post("/api/v1/auth/identity-link/confirm", &body).await;
    assert_problem(&confirmed, 503, "READ_ONLY");
}

#[tokio::test]
async fn threat_58_identities_go_with_the_account_and_are_handed_out_before() {
    let (app, openid) = federated().await;
    let user = newcomer(&app, &openid, OpenIdPerson::new("person|1", ANN)).await;
    assert_eq!(identities(&user).await.len(), 1);
    user.delete("/api/v1/users/me").await.expect(202);
    let id = app.place().id(&user.id);
    app.place()
        .execute(&format!("DELETE FROM accounts WHERE id = {id}"));
    assert_eq!(count(&app, "linked_identities"), 0);
    let again = newcomer(&app, &openid, OpenIdPerson::new("person|1", ANN)).await;
    assert_ne!(again.id, user.id);
}

#[tokio::test]
async fn threat_09_no_key_for_programs_and_no_stranger_manages_identities() {
    let (app, openid) = federated().await;
    let user = newcomer(&app, &openid, OpenIdPerson::new("person-1", ANN)).await;
    let id = identities(&user).await[0]["id"].as_str().unwrap().to_owned();
    for (method, path) in [
        (Method::GET, IDENTITIES.to_owned()),
        (Method::POST, format!("{IDENTITIES}/company")),
        (Method::DELETE, format!("{IDENTITIES}/{id}")),
    ] {
        let answer = app.send(app.request(method, &path).json(&json!({}))).await;
        assert_problem(&answer, 401, "UNAUTHORIZED");
    }
}
