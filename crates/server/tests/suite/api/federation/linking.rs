//! Identities of somebody who is signed in: linked, listed, unlinked.

use std::sync::Arc;

use chrono::TimeDelta;
use parlance_contract::fakes::TestClock;
use parlance_domain::mail::Message;
use parlance_domain::time::Clock;
use parlance_platform::SystemClock;
use parlance_testbed::{FakeOpenId, OpenIdPerson};
use serde_json::{Value, json};

use super::{ANN, IDENTITIES, NEW_PASSWORD, audited, federated, identities, mails, newcomer, reset};
use crate::harness::{
    Answer, Browser, FRONT_END, TestApp, TestUser, assert_problem, assert_refused, parameter, sent_to,
};

/// Begins to link: the browser, and where it is sent.
async fn begin(app: &TestApp, user: &TestUser) -> (Browser, url::Url) {
    let body = json!({ "returnTo": FRONT_END });
    let answer = user
        .post(&format!("{IDENTITIES}/company"), &body)
        .await
        .expect(200);
    let mut browser = app.browser();
    browser.take_cookies(&answer);
    let place = answer.json()["authorizationUrl"].as_str().unwrap().parse();
    (browser, place.unwrap())
}

async fn link(app: &TestApp, user: &TestUser) -> Answer {
    let (mut browser, place) = begin(app, user).await;
    let back = browser.visit(&place).await;
    browser.get(&back).await.expect(302)
}

#[track_caller]
fn assert_linked(answer: &Answer) {
    let page = sent_to(answer);
    assert_eq!(parameter(&page, "linked").as_deref(), Some("company"), "{page}");
    assert_eq!(parameter(&page, "error"), None);
    assert_eq!(answer.cookie("refreshToken"), None);
}

#[tokio::test]
async fn an_identity_is_linked_to_the_account_that_asked_and_opens_it() {
    let (app, openid) = federated().await;
    let user = app.register_as("ann@home.example").await;
    openid.is_visited_by(OpenIdPerson::new("person-1", "ann@work.example"));
    assert_linked(&link(&app, &user).await);
    let listed = identities(&user).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (&listed[0]["provider"], &listed[0]["email"]),
        (&json!("company"), &json!("ann@work.example"))
    );
    assert!(!listed[0].to_string().contains("person-1"));
    let mut browser = app.browser();
    browser.sign_in("company").await;
    assert_eq!(browser.user(&app, "ann@home.example").await.id, user.id);
    // Once more is no harm.
    assert_linked(&link(&app, &user).await);
    assert_eq!(identities(&user).await, listed);
    assert_eq!(audited(&app, "identity.linked"), 1);
    let told = |message: &Message| matches!(message, Message::SecurityChanged { action } if action == "identity.linked");
    assert_eq!(mails(&app, "ann@home.example", told), 1);
}

#[tokio::test]
async fn an_identity_of_somebody_else_and_a_second_one_of_a_provider_are_refused() {
    let (app, openid) = federated().await;
    newcomer(&app, &openid, OpenIdPerson::new("person-1", ANN)).await;
    let bob = app.register_as("bob@example.com").await;
    assert_refused(&link(&app, &bob).await, "IDENTITY_TAKEN");
    assert_eq!(identities(&bob).await, Vec::<Value>::new());
    openid.is_visited_by(OpenIdPerson::new("person-2", "bob@work.example"));
    assert_linked(&link(&app, &bob).await);
    openid.is_visited_by(OpenIdPerson::new("person-3", "bob@third.example"));
    assert_refused(&link(&app, &bob).await, "IDENTITY_TAKEN");
    assert_eq!(identities(&bob).await.len(), 1);
}

#[tokio::test]
async fn linking_and_unlinking_want_a_sign_in_or_the_password_within_ten_minutes() {
    let openid = FakeOpenId::start().unwrap();
    let clock = Arc::new(TestClock::new(SystemClock.now()));
    let app = TestApp::builder()
        .clock(&clock)
        .providers(&[("company", &openid)])
        .start()
        .await;
    let user = app.register_as("ann@home.example").await;
    assert_linked(&link(&app, &user).await);
    clock.advance(TimeDelta::minutes(10));
    let late = user.post(&format!("{IDENTITIES}/company"), &json!({})).await;
    assert_problem(&late, 403, "STEP_UP_REQUIRED");
    let id = identities(&user).await[0]["id"].as_str().unwrap().to_owned();
    let late = user.delete(&format!("{IDENTITIES}/{id}")).await;
    assert_problem(&late, 403, "STEP_UP_REQUIRED");
}

#[tokio::test]
async fn threat_05_nothing_is_linked_for_a_session_that_has_ended() {
    let (app, _openid) = federated().await;
    let user = app.register_as("ann@home.example").await;
    let (mut browser, place) = begin(&app, &user).await;
    let back = browser.visit(&place).await;
    reset(&app, "ann@home.example", NEW_PASSWORD).await;
    assert_refused(&browser.get(&back).await, "UNAUTHORIZED");
    assert_eq!(super::count(&app, "linked_identities"), 0);
}

#[tokio::test]
async fn threat_26_a_link_is_completed_by_the_browser_that_asked_for_it_alone() {
    let (app, openid) = federated().await;
    let eve = app.register_as("eve@example.com").await;
    let (_, place) = begin(&app, &eve).await;
    // Ann follows the link that Eve sent her: her identity must not open Eve's account.
    openid.is_visited_by(OpenIdPerson::new("person-1", ANN));
    let mut of_ann = app.browser();
    let back = of_ann.visit(&place).await;
    assert_refused(&of_ann.get(&back).await, "SIGN_IN_NOT_VALID");
    of_ann.begin("company").await;
    assert_refused(&of_ann.get(&back).await, "SIGN_IN_NOT_VALID");
    assert_eq!(identities(&eve).await, Vec::<Value>::new());
}

#[tokio::test]
async fn the_last_way_in_stays() {
    let (app, openid) = federated().await;
    let user = newcomer(&app, &openid, OpenIdPerson::new("person-1", ANN)).await;
    let path = format!(
        "{IDENTITIES}/{}",
        identities(&user).await[0]["id"].as_str().unwrap()
    );
    assert_problem(&user.delete(&path).await, 409, "LAST_WAY_IN");
    assert_eq!(identities(&user).await.len(), 1);
    reset(&app, ANN, NEW_PASSWORD).await;
    let body = json!({ "email": ANN, "password": NEW_PASSWORD });
    let answer = app.post("/api/v1/auth/login", &body).await.expect(200);
    let user = app.user_of(ANN, &answer);
    user.delete(&path).await.expect(204);
    assert_problem(&user.delete(&path).await, 404, "IDENTITY_NOT_FOUND");
    assert_eq!(identities(&user).await, Vec::<Value>::new());
    assert_eq!(audited(&app, "identity.unlinked"), 1);
    let told = |message: &Message| matches!(message, Message::SecurityChanged { action } if action == "identity.unlinked");
    assert_eq!(mails(&app, ANN, told), 1);
    // The address is known: its owner is asked again.
    app.browser()
        .is_refused("company", "LINK_CONFIRMATION_SENT")
        .await;
}

#[tokio::test]
async fn threat_30_identities_of_others_are_neither_seen_nor_unlinked() {
    let (app, openid) = federated().await;
    let ann = newcomer(&app, &openid, OpenIdPerson::new("person-1", ANN)).await;
    let bob = app.register_as("bob@example.com").await;
    let of_ann = identities(&ann).await;
    assert_eq!(identities(&bob).await, Vec::<Value>::new());
    let path = format!("{IDENTITIES}/{}", of_ann[0]["id"].as_str().unwrap());
    assert_problem(&bob.delete(&path).await, 404, "IDENTITY_NOT_FOUND");
    let wrong = bob.delete(&format!("{IDENTITIES}/company")).await;
    assert_problem(&wrong, 400, "VALIDATION_FAILED");
    assert_eq!(identities(&ann).await, of_ann);
}

#[tokio::test]
async fn threat_28_a_link_returns_to_pages_of_front_ends_alone() {
    let (app, _openid) = federated().await;
    let user = app.register().await;
    for page in [
        "https://app@evil",
        "//evil",
        "/\\evil",
        "https:evil",
        "https://evil.example/",
    ] {
        let answer = user
            .post(&format!("{IDENTITIES}/company"), &json!({ "returnTo": page }))
            .await;
        assert_problem(&answer, 400, "VALIDATION_FAILED");
    }
}
