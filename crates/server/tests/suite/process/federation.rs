//! Signing in with a provider, by the real binary.

use parlance_testbed::{FakeOpenId, OpenIdBehaviour};

use super::{Parlance, Running};
use crate::harness::{Browser, FRONT_END, sent_to};

const AUTHORIZE: &str = "/api/v1/auth/providers/company/authorize?returnTo=http://localhost:5173/start";

fn parlance(openid: &FakeOpenId) -> Parlance {
    let secret = format!("company:{}", FakeOpenId::CLIENT_SECRET);
    Parlance::new()
        .set("OIDC_ISSUERS", &format!("company:{}", openid.issuer()))
        .set("OIDC_CLIENT_IDS", &format!("company:{}", FakeOpenId::CLIENT_ID))
        .set("OIDC_CLIENT_SECRETS", &secret)
        .set("OIDC_NAMES", "company:The Company")
        .set("API_URL", "https://api.example.com")
        .set("RUST_LOG", "trace")
}

fn browser(server: &Running) -> Browser {
    Browser::at(server.url(""))
}

#[tokio::test]
async fn threat_03_a_sign_in_that_began_before_a_crash_is_completed_after_it() {
    let openid = FakeOpenId::start().unwrap();
    let parlance = parlance(&openid);
    let server = parlance.serve().await;
    let providers = server.get("/api/v1/auth/providers").await.expect(200).json();
    assert_eq!(providers[0]["name"], "The Company");
    let mut before = browser(&server);
    let answer = before.get(AUTHORIZE).await.expect(302);
    let back = before.visit(&sent_to(&answer)).await;
    let held = before.cookie("providerBinding").unwrap().to_owned();
    server.crash().await;

    let server = parlance.serve().await;
    let mut after = browser(&server);
    after.give("providerBinding", &held);
    let answer = after.get(&back).await.expect(302);
    assert_eq!(sent_to(&answer).as_str(), FRONT_END);
    let cookie = answer.cookie("refreshToken").unwrap();
    server
        .post_cookie("/api/v1/auth/refresh", &cookie)
        .await
        .expect(200);
    let again = after.get(&back).await.expect(302);
    assert!(sent_to(&again).as_str().ends_with("?error=SIGN_IN_NOT_VALID"));
}

#[tokio::test]
async fn threat_73_no_line_of_the_log_holds_a_secret_a_code_or_a_token_of_a_provider() {
    let openid = FakeOpenId::start().unwrap();
    let parlance = parlance(&openid);
    let server = parlance.serve().await;
    let mut canaries = vec![
        FakeOpenId::CLIENT_SECRET.to_owned(),
        "access-token-of-tests".to_owned(),
    ];
    for behaviour in [
        OpenIdBehaviour::Right,
        OpenIdBehaviour::WrongNonce,
        OpenIdBehaviour::Status(500),
    ] {
        openid.next(behaviour);
        let mut browser = browser(&server);
        let answer = browser.get(AUTHORIZE).await.expect(302);
        let back = browser.visit(&sent_to(&answer)).await;
        let answer = browser.get(&back).await.expect(302);
        let url: url::Url = format!("http://x{back}").parse().unwrap();
        let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1;
        canaries.push(state.into_owned());
        canaries.push(browser.cookie("providerBinding").unwrap().to_owned());
        canaries.extend(answer.cookie("refreshToken"));
    }
    let (log, out) = (server.log.clone(), server.out.clone());
    server.stop().await;
    let written = format!("{}{}", log.text(), out.text());
    assert!(written.contains("identity_provider"), "{written}");
    for canary in canaries {
        assert!(!written.contains(&canary), "{canary} in {written}");
    }
}

#[tokio::test]
async fn settings_that_do_not_fit_together_stop_the_start() {
    let parlance = Parlance::new()
        .set(
            "OIDC_ISSUERS",
            "google:https://accounts.google.com,bad:http://example.com",
        )
        .set("OIDC_CLIENT_SECRETS", "other:canary-secret");
    let output = parlance.run(&["config", "check"]).await;
    assert!(!output.status.success());
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    for name in ["OIDC_ISSUERS", "OIDC_CLIENT_IDS", "OIDC_CLIENT_SECRETS"] {
        assert!(text.contains(name), "{text}");
    }
    assert!(!text.contains("canary"), "{text}");
}
