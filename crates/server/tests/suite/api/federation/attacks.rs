//! Answers of providers that are not what was asked for, and browsers that did not ask.

use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::future::join_all;
use parlance_contract::fakes::TestClock;
use parlance_domain::time::Clock;
use parlance_platform::SystemClock;
use parlance_testbed::{FakeOpenId, OpenIdBehaviour, OpenIdPerson};
use serde_json::json;

use super::{ANN, PROVIDERS, audited, count, federated, newcomer};
use crate::harness::{Browser, FRONT_END, TestApp, assert_problem, assert_refused, parameter, sent_to};

/// Where a browser comes back to that began to sign in.
async fn come_back(browser: &mut Browser) -> String {
    let place = browser.begin("company").await;
    browser.visit(&place).await
}

/// The same way back with another value of a parameter.
fn changed(back: &str, name: &str, value: Option<&str>) -> String {
    let url: url::Url = format!("http://x{back}").parse().unwrap();
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (other, old) in &pairs {
        match value {
            Some(value) if other == name => query.append_pair(name, value),
            None if other == name => &mut query,
            _ => query.append_pair(other, old),
        };
    }
    format!("{}?{}", url.path(), query.finish())
}

fn of(back: &str, name: &str) -> String {
    let url: url::Url = format!("http://x{back}").parse().unwrap();
    parameter(&url, name).unwrap()
}

#[tokio::test]
async fn threat_26_a_way_back_is_good_once() {
    let (app, openid) = federated().await;
    let mut browser = app.browser();
    let back = come_back(&mut browser).await;
    assert_eq!(sent_to(&browser.get(&back).await).as_str(), FRONT_END);
    assert_refused(&browser.get(&back).await, "SIGN_IN_NOT_VALID");
    assert_eq!(openid.calls("/token"), 1);
}

#[tokio::test]
async fn threat_26_of_16_that_come_back_at_once_one_signs_in() {
    let (app, openid) = federated().await;
    let mut browser = app.browser();
    let back = come_back(&mut browser).await;
    let binding = browser.cookie("providerBinding").unwrap().to_owned();
    let answers = join_all((0..16).map(|_| {
        let request = app.request(reqwest::Method::GET, &back);
        app.send(request.header("cookie", format!("providerBinding={binding}")))
    }))
    .await;
    let signed_in = answers
        .iter()
        .filter(|answer| answer.cookie("refreshToken").is_some());
    assert_eq!(signed_in.count(), 1);
    assert_eq!((openid.calls("/token"), count(&app, "accounts")), (1, 1));
}

#[tokio::test]
async fn threat_26_another_browser_does_not_come_back() {
    let (app, openid) = federated().await;
    let binding = "A".repeat(43);
    for cookie in [None, Some("x"), Some(binding.as_str())] {
        let mut begins = app.browser();
        let back = come_back(&mut begins).await;
        let mut other = app.browser();
        if let Some(cookie) = cookie {
            other.give("providerBinding", cookie);
        }
        assert_refused(&other.get(&back).await, "SIGN_IN_NOT_VALID");
        // A state that a stranger has seen is not good any more.
        assert_refused(&begins.get(&back).await, "SIGN_IN_NOT_VALID");
        begins.forget("providerBinding");
        let back = come_back(&mut begins).await;
        begins.forget("providerBinding");
        assert_refused(&begins.get(&back).await, "SIGN_IN_NOT_VALID");
    }
    assert_eq!((openid.calls("/token"), count(&app, "accounts")), (0, 0));
}

#[tokio::test]
async fn threat_26_a_state_that_was_changed_or_dropped_is_refused() {
    let (app, openid) = federated().await;
    let mut browser = app.browser();
    let back = come_back(&mut browser).await;
    let state = of(&back, "state");
    let flipped = format!(
        "{}{}",
        if state.starts_with('A') { 'B' } else { 'A' },
        &state[1..]
    );
    let long = "A".repeat(100_000);
    for wrong in [
        None,
        Some(""),
        Some("x"),
        Some(&*flipped),
        Some(&state[1..]),
        Some("\0"),
        Some(&long[..8_000]),
    ] {
        let answer = browser.get(&changed(&back, "state", wrong)).await.expect(302);
        assert_refused(&answer, "SIGN_IN_NOT_VALID");
    }
    assert_eq!(sent_to(&browser.get(&back).await).as_str(), FRONT_END);
    assert_eq!(openid.calls("/token"), 1);
}

#[tokio::test]
async fn threat_26_a_code_that_was_used_or_is_of_another_sign_in_is_refused() {
    let (app, _openid) = federated().await;
    let mut browser = app.browser();
    let used = come_back(&mut browser).await;
    browser.get(&used).await.expect(302);
    let back = come_back(&mut browser).await;
    let replayed = changed(&back, "code", Some(&of(&used, "code")));
    assert_refused(&browser.get(&replayed).await, "PROVIDER_REFUSED");
    // Somebody else's code, which was asked for with another verifier.
    let of_eve = come_back(&mut app.browser()).await;
    let back = come_back(&mut browser).await;
    let injected = changed(&back, "code", Some(&of(&of_eve, "code")));
    assert_refused(&browser.get(&injected).await, "PROVIDER_REFUSED");
    for wrong in [None, Some(""), Some("no-such-code"), Some("a\0b")] {
        let back = come_back(&mut browser).await;
        let answer = browser.get(&changed(&back, "code", wrong)).await;
        assert_refused(&answer, "PROVIDER_REFUSED");
    }
    assert_eq!(audited(&app, "sign_in.refused"), 6);
}

#[tokio::test]
async fn threat_26_a_sign_in_is_over_after_ten_minutes() {
    let openid = FakeOpenId::start().unwrap();
    let clock = Arc::new(TestClock::new(SystemClock.now()));
    let app = TestApp::builder()
        .clock(&clock)
        .providers(&[("company", &openid)])
        .start()
        .await;
    let mut browser = app.browser();
    let back = come_back(&mut browser).await;
    clock.advance(TimeDelta::minutes(10));
    assert_refused(&browser.get(&back).await, "SIGN_IN_NOT_VALID");
    assert_eq!(openid.calls("/token"), 0);
}

#[tokio::test]
async fn threat_26_a_token_that_is_not_what_was_asked_for_lets_nobody_in() {
    let (app, openid) = federated().await;
    for behaviour in [
        OpenIdBehaviour::WrongNonce,
        OpenIdBehaviour::NoNonce,
        OpenIdBehaviour::Unsigned,
        OpenIdBehaviour::SignedWithSecret,
        OpenIdBehaviour::SignedByStranger,
        OpenIdBehaviour::UnknownKey,
        OpenIdBehaviour::Expired,
        OpenIdBehaviour::OfTomorrow,
        OpenIdBehaviour::OtherAccessToken,
        OpenIdBehaviour::NoToken,
    ] {
        openid.next(behaviour.clone());
        let answer = app.browser().sign_in("company").await;
        assert_refused(&answer, "PROVIDER_REFUSED");
    }
    assert_eq!((count(&app, "accounts"), count(&app, "sessions")), (0, 0));
    assert_eq!(audited(&app, "sign_in.refused"), 10);
}

#[tokio::test]
async fn threat_27_a_token_of_another_issuer_or_for_another_client_lets_nobody_in() {
    let (app, openid) = federated().await;
    let issuer = openid.issuer();
    for behaviour in [
        OpenIdBehaviour::OtherIssuer("https://accounts.google.com".to_owned()),
        OpenIdBehaviour::OtherIssuer(format!("{issuer}/")),
        OpenIdBehaviour::OtherAudience,
        OpenIdBehaviour::TwoAudiences,
    ] {
        openid.next(behaviour);
        app.browser().is_refused("company", "PROVIDER_REFUSED").await;
    }
    assert_eq!((count(&app, "accounts"), count(&app, "sessions")), (0, 0));
}

#[tokio::test]
async fn threat_27_a_code_of_one_provider_is_not_shown_to_another() {
    let (honest, evil) = (FakeOpenId::start().unwrap(), FakeOpenId::start().unwrap());
    let app = TestApp::builder()
        .providers(&[("company", &honest), ("evil", &evil)])
        .start()
        .await;
    let mut browser = app.browser();
    let back = come_back(&mut browser).await;
    let elsewhere = back.replace("/company/", "/evil/");
    assert_refused(&browser.get(&elsewhere).await, "SIGN_IN_NOT_VALID");
    // By RFC 9207: who gave the code is said with it.
    let back = come_back(&mut browser).await;
    let mixed_up = format!("{back}&iss={}", evil.issuer());
    assert_refused(&browser.get(&mixed_up).await, "PROVIDER_REFUSED");
    assert_eq!((honest.calls("/token"), evil.calls("/token")), (0, 0));
    let back = come_back(&mut browser).await;
    let right = format!("{back}&iss={}", honest.issuer());
    assert_eq!(sent_to(&browser.get(&right).await).as_str(), FRONT_END);
}

#[tokio::test]
async fn threat_27_a_provider_that_always_names_itself_must() {
    let openid = FakeOpenId::start().unwrap();
    openid.names_itself();
    let app = TestApp::builder()
        .providers(&[("company", &openid)])
        .start()
        .await;
    let mut browser = app.browser();
    let back = come_back(&mut browser).await;
    let silent = changed(&back, "iss", None);
    assert_refused(&browser.get(&silent).await, "PROVIDER_REFUSED");
    assert_eq!(openid.calls("/token"), 0);
    let back = come_back(&mut browser).await;
    assert_eq!(sent_to(&browser.get(&back).await).as_str(), FRONT_END);
}

#[tokio::test]
async fn threat_27_the_same_subject_at_another_provider_is_somebody_else() {
    let (one, other) = (FakeOpenId::start().unwrap(), FakeOpenId::start().unwrap());
    let app = TestApp::builder()
        .providers(&[("company", &one), ("other", &other)])
        .start()
        .await;
    let ann = newcomer(&app, &one, OpenIdPerson::new("person-1", ANN)).await;
    other.is_visited_by(OpenIdPerson::new("person-1", "eve@example.com"));
    let mut browser = app.browser();
    browser.sign_in("other").await;
    assert_ne!(browser.user(&app, "eve@example.com").await.id, ann.id);
    // And the same address is not the same person, whatever the other provider says.
    other.is_visited_by(OpenIdPerson::new("person-2", ANN));
    app.browser().is_refused("other", "LINK_CONFIRMATION_SENT").await;
}

#[tokio::test]
async fn threat_27_an_address_that_the_provider_does_not_vouch_for_lets_nobody_in() {
    let (app, openid) = federated().await;
    let user = app.register_as(ANN).await;
    for (email, verified) in [
        (Some(ANN), Some(json!(false))),
        (Some(ANN), Some(json!("false"))),
        (Some(ANN), None),
        (None, Some(json!(true))),
        (Some("not an address"), Some(json!(true))),
        (Some("new@example.com"), Some(json!(false))),
    ] {
        openid.is_visited_by(OpenIdPerson {
            email: email.map(str::to_owned),
            email_verified: verified,
            ..OpenIdPerson::new("person-1", ANN)
        });
        app.browser().is_refused("company", "EMAIL_NOT_VERIFIED").await;
    }
    assert_eq!(
        (count(&app, "accounts"), count(&app, "linked_identities")),
        (1, 0)
    );
    // Only the one that asks to confirm the address at the registration.
    assert_eq!(app.mails_to(ANN).len(), 1);
    let answer = user
        .post("/api/v1/users/me/identities/company", &json!({}))
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
    assert_refused(&browser.get(&back).await, "EMAIL_NOT_VERIFIED");
}

#[tokio::test]
async fn threat_27_a_provider_that_refuses_says_so_without_a_code() {
    let (app, openid) = federated().await;
    let mut browser = app.browser();
    let back = come_back(&mut browser).await;
    let refused = format!("{}&error=access_denied", changed(&back, "code", None));
    assert_refused(&browser.get(&refused).await, "PROVIDER_REFUSED");
    let back = come_back(&mut browser).await;
    assert_refused(&browser.get(&format!("{back}&error=x")).await, "PROVIDER_REFUSED");
    assert_eq!(openid.calls("/token"), 0);
}

#[tokio::test]
async fn threat_28_a_browser_returns_to_pages_of_front_ends_alone() {
    let (app, _openid) = federated().await;
    for page in [
        "https://app@evil",
        "//evil",
        "/\\evil",
        "https:evil",
        "http:/localhost@evil",
        "http://localhost@evil",
        "http://localhost:5173@evil",
        "http://localhost\\@evil",
        "http://localhost.evil",
        "https://evil.example/",
        "javascript://localhost/%0aalert(1)",
        "http://localhost/#x",
        "http://localhost/\r\nSet-Cookie: a=b",
    ] {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("returnTo", page)
            .finish();
        let answer = app.get(&format!("{PROVIDERS}/company/authorize?{query}")).await;
        assert_problem(&answer, 400, "VALIDATION_FAILED");
    }
    assert_eq!(count(&app, "provider_authorizations"), 0);
}

#[tokio::test]
async fn threat_21_beginning_is_limited_like_signing_in() {
    let openid = FakeOpenId::start().unwrap();
    let app = TestApp::builder()
        .providers(&[("company", &openid)])
        .with(|settings| settings.limits.login_per_minute = 5)
        .start()
        .await;
    let path = format!("{PROVIDERS}/company/authorize");
    for _ in 0..5 {
        app.get(&path).await.expect(302);
    }
    assert_problem(&app.get(&path).await, 429, "RATE_LIMIT_EXCEEDED");
    assert_eq!(count(&app, "provider_authorizations"), 5);
}

#[tokio::test]
async fn threat_73_no_log_of_what_is_kept_holds_a_code_a_state_or_a_secret() {
    let (app, _openid) = federated().await;
    let mut browser: Browser = app.browser();
    let back = come_back(&mut browser).await;
    browser.get(&back).await.expect(302);
    let details = app.place().texts("SELECT details FROM audit_entries");
    let state = of(&back, "state");
    for detail in details {
        assert!(
            !detail.contains(&state) && !detail.contains("person-1"),
            "{detail}"
        );
    }
}

#[tokio::test]
async fn threat_24_an_address_in_another_spelling_is_the_same_one() {
    let (app, openid) = federated().await;
    app.register_as(ANN).await;
    openid.is_visited_by(OpenIdPerson::new("person-1", "ANN@Example.COM"));
    app.browser()
        .is_refused("company", "LINK_CONFIRMATION_SENT")
        .await;
    assert_eq!(count(&app, "accounts"), 1);
}
