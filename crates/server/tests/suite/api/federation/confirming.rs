//! An identity whose address an account has: nothing without its owner.

use futures_util::future::join_all;
use parlance_domain::mail::Message;
use parlance_platform::SystemClock;
use parlance_testbed::OpenIdPerson;
use serde_json::{Value, json};
use std::sync::Arc;

use super::{ANN, IDENTITIES, NEW_PASSWORD, REFRESH, audited, federated, identities, log_in, mails, reset};
use crate::harness::{
    Answer, Authenticator, FRONT_END, PASSWORD, TestApp, TestUser, assert_problem, sent_to,
};

const CONFIRM: &str = "/api/v1/auth/identity-link/confirm";
const VERIFY: &str = "/api/v1/auth/email-verification/confirm";

async fn confirm(app: &TestApp, token: &str) -> Answer {
    app.post(CONFIRM, &json!({ "token": token })).await
}

/// The token of the last mail that asks whether an identity is to open an account.
fn token(app: &TestApp) -> String {
    let mails = app.mails_to(ANN).into_iter();
    let mut asking = mails.filter(|mail| matches!(mail.message, Message::ConfirmIdentity { .. }));
    asking.next_back().unwrap().token.unwrap()
}

fn asked(app: &TestApp) -> usize {
    mails(app, ANN, |message| {
        matches!(message, Message::ConfirmIdentity { .. })
    })
}

/// Links an identity of somebody who is signed in.
async fn link(app: &TestApp, user: &TestUser) {
    let answer = user
        .post(&format!("{IDENTITIES}/company"), &json!({}))
        .await
        .expect(200);
    let mut browser = app.browser();
    browser.take_cookies(&answer);
    let place = answer.json()["authorizationUrl"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let back = browser.visit(&place).await;
    assert!(
        sent_to(&browser.get(&back).await)
            .as_str()
            .contains("linked=company")
    );
}

#[tokio::test]
async fn threat_25_who_registered_the_address_of_another_is_out_once_its_owner_came_by_a_provider() {
    let (app, openid) = federated().await;
    // Eve registers Ann's address, and sets all that there is to be set.
    let eve = app.register_as(ANN).await;
    let key = json!({ "name": "Eve's", "scopes": ["profile:read"] });
    let key = eve
        .post("/api/v1/users/me/api-keys", &key)
        .await
        .expect(201)
        .json();
    let key = key["secret"].as_str().unwrap().to_owned();
    let of_provider = json!({ "key": "sk-0123456789abcdef" });
    eve.put("/api/v1/users/me/keys/openai", &of_provider)
        .await
        .expect(200);
    openid.is_visited_by(OpenIdPerson::new("eve", "eve@example.com"));
    link(&app, &eve).await;
    Authenticator::set_up(&eve, Arc::new(SystemClock)).await;

    openid.is_visited_by(OpenIdPerson::new("ann", ANN));
    app.browser()
        .is_refused("company", "LINK_CONFIRMATION_SENT")
        .await;
    assert_eq!(identities(&eve).await.len(), 1);
    // The account has another identity of the provider, of Eve's; it goes.
    confirm(&app, &token(&app)).await.expect(200);

    let refreshed = app.post_cookie(REFRESH, &eve.cookie).await;
    assert_problem(&refreshed, 401, "INVALID_REFRESH_TOKEN");
    assert_eq!(eve.get(IDENTITIES).await.status, 401);
    assert_problem(&log_in(&app, ANN, PASSWORD).await, 401, "INVALID_CREDENTIALS");
    let by_key = app
        .request(reqwest::Method::GET, "/api/v1/users/me")
        .bearer_auth(&key);
    assert_problem(&app.send(by_key).await, 401, "UNAUTHORIZED");
    openid.is_visited_by(OpenIdPerson::new("eve", "eve@example.com"));
    let mut of_eve = app.browser();
    of_eve.sign_in("company").await;
    assert_ne!(of_eve.user(&app, "eve@example.com").await.id, eve.id);

    openid.is_visited_by(OpenIdPerson::new("ann", ANN));
    let mut browser = app.browser();
    let signed_in = browser.sign_in("company").await;
    assert_eq!(sent_to(&signed_in).as_str(), FRONT_END);
    let ann = browser.user(&app, ANN).await;
    assert_eq!(ann.id, eve.id);
    let me = ann.get("/api/v1/auth/me").await.json();
    assert_eq!(me["data"]["user"]["emailVerified"], true);
    let keys = ann.get("/api/v1/users/me/keys").await.expect(200).json();
    assert!(!keys.to_string().contains("cdef"), "{keys}");
    let factor = ann.get("/api/v1/users/me/second-factor").await.expect(200).json();
    assert_eq!(factor["active"], false);
}

#[tokio::test]
async fn threat_25_a_new_password_by_mail_unlinks_identities_of_other_addresses() {
    for confirmed_meanwhile in [false, true] {
        let (app, openid) = federated().await;
        let eve = app.register_as(ANN).await;
        let body = json!({ "token": app.token_to(ANN) });
        openid.is_visited_by(OpenIdPerson::new("eve", "eve@example.com"));
        link(&app, &eve).await;
        if confirmed_meanwhile {
            app.post(VERIFY, &body).await.expect(200);
        }
        reset(&app, ANN, NEW_PASSWORD).await;
        let mut of_eve = app.browser();
        of_eve.sign_in("company").await;
        assert_ne!(of_eve.user(&app, "eve@example.com").await.id, eve.id);
    }
}

#[tokio::test]
async fn whoever_confirmed_the_address_before_keeps_everything() {
    let (app, openid) = federated().await;
    let ann = app.register_as(ANN).await;
    app.post(VERIFY, &json!({ "token": app.token_to(ANN) }))
        .await
        .expect(200);
    openid.is_visited_by(OpenIdPerson::new("ann", ANN));
    app.browser()
        .is_refused("company", "LINK_CONFIRMATION_SENT")
        .await;
    assert_eq!(identities(&ann).await, Vec::<Value>::new());
    confirm(&app, &token(&app)).await.expect(200);
    assert_eq!(identities(&ann).await.len(), 1);
    log_in(&app, ANN, PASSWORD).await.expect(200);
    let mut browser = app.browser();
    browser.sign_in("company").await;
    assert_eq!(browser.user(&app, ANN).await.id, ann.id);
    let actions = ["identity.link_requested", "identity.linked"];
    assert_eq!(actions.map(|action| audited(&app, action)), [1, 1]);
}

#[tokio::test]
async fn threat_07_of_16_that_confirm_a_link_at_once_one_succeeds() {
    let (app, openid) = federated().await;
    app.register_as(ANN).await;
    openid.is_visited_by(OpenIdPerson::new("ann", ANN));
    app.browser()
        .is_refused("company", "LINK_CONFIRMATION_SENT")
        .await;
    let token = token(&app);
    let answers = join_all((0..16).map(|_| confirm(&app, &token))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_problem(answer, 400, "LINK_NOT_VALID");
    }
    // The token of another purpose.
    let verification = app.mails_to(ANN).remove(0).token.unwrap();
    let wrong = confirm(&app, &verification).await;
    assert_problem(&wrong, 400, "LINK_NOT_VALID");
}

#[tokio::test]
async fn an_owner_is_asked_three_times_in_an_hour_and_the_last_mail_counts() {
    let (app, openid) = federated().await;
    app.register_as(ANN).await;
    openid.is_visited_by(OpenIdPerson::new("ann", ANN));
    let mut tokens = Vec::new();
    for _ in 0..5 {
        app.browser()
            .is_refused("company", "LINK_CONFIRMATION_SENT")
            .await;
        tokens.push(token(&app));
    }
    assert_eq!(asked(&app), 3);
    assert_problem(&confirm(&app, &tokens[0]).await, 400, "LINK_NOT_VALID");
    confirm(&app, &tokens[2]).await.expect(200);
}

#[tokio::test]
async fn an_identity_that_was_linked_meanwhile_is_not_linked_again() {
    let (app, openid) = federated().await;
    app.register_as(ANN).await;
    openid.is_visited_by(OpenIdPerson::new("ann", ANN));
    app.browser()
        .is_refused("company", "LINK_CONFIRMATION_SENT")
        .await;
    let token = token(&app);
    let bob = app.register_as("bob@example.com").await;
    link(&app, &bob).await;
    assert_problem(&confirm(&app, &token).await, 409, "IDENTITY_TAKEN");
    // What was refused used nothing up, and took nothing away.
    log_in(&app, ANN, PASSWORD).await.expect(200);
    assert_problem(&confirm(&app, &token).await, 409, "IDENTITY_TAKEN");
}

#[tokio::test]
async fn an_account_that_an_administrator_put_out_of_use_gets_no_mail() {
    let (app, openid) = federated().await;
    let user = app.register_as(ANN).await;
    let admin = app.register_admin().await;
    let path = format!("/api/v1/admin/users/{}", user.id);
    let body = json!({ "active": false, "reason": "test" });
    admin.patch(&path, &body).await.expect(200);
    openid.is_visited_by(OpenIdPerson::new("ann", ANN));
    // Whoever has no link learns nothing of that.
    app.browser()
        .is_refused("company", "LINK_CONFIRMATION_SENT")
        .await;
    assert_eq!(asked(&app), 0);
}
