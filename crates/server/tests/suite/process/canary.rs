//! Secrets that must come out nowhere.

use parlance_testbed::{FakeSmtp, SmtpBehaviour, SmtpEncryption, SmtpTerms};
use reqwest::Method;
use serde_json::json;

use super::Parlance;
use crate::harness::eventually;

#[tokio::test]
#[expect(
    clippy::too_many_lines,
    reason = "one story: all that a learner does, then all that was written"
)]
async fn threat_73_no_secret_comes_out_in_logs_metrics_or_errors() {
    let secret = "qX7vK2mZ9wR4tY8uP3sD6fG1hJ5kL0nBcanaryKEY";
    let password = "Canary-Password-1";
    let email = "canary.person@example.com";
    let terms = SmtpTerms {
        login: true,
        encryption: SmtpEncryption::None,
    };
    let mail_server = FakeSmtp::start_with(terms).unwrap();
    let parlance = Parlance::new()
        .set("JWT_SECRET", secret)
        .set("SMTP_URL", &mail_server.url())
        .set("RUST_LOG", "trace")
        .set("METRICS_ADDR", "127.0.0.1:0");
    let server = parlance.serve().await;
    let body = json!({ "email": email, "password": password, "displayName": "Canary-Name" });
    let registered = server.post("/api/v1/auth/register", &body).await.expect(201);
    let token = registered.json()["data"]["accessToken"]
        .as_str()
        .unwrap()
        .to_owned();
    let cookie = registered.cookie("refreshToken").unwrap();

    let mut errors = vec![
        server.post("/api/v1/auth/register", &body).await.expect(409),
        server
            .post(
                "/api/v1/auth/login",
                &json!({ "email": email, "password": "Canary-Password-2" }),
            )
            .await
            .expect(401),
        server
            .post(
                "/api/v1/auth/login",
                &json!({ "email": email, "password": ["Canary-Password-1"] }),
            )
            .await
            .expect(400),
        server
            .post(
                "/api/v1/auth/register",
                &json!({ "email": "canary.person@@", "password": "Canary-Password-1\u{0}" }),
            )
            .await
            .expect(400),
        server
            .post_cookie("/api/v1/auth/refresh", &format!("{cookie}x"))
            .await
            .expect(401),
    ];
    for target in [
        format!("/nowhere/{token}"),
        format!("/api/v1/progress?token={token}&password={password}"),
        format!("/api/v1/vocabulary/lists/{cookie}?email={email}"),
    ] {
        errors.push(server.get(&target).await);
    }
    let forged = server
        .request(Method::GET, "/api/v1/auth/me")
        .bearer_auth(format!("{token}x"));
    assert_eq!(forged.send().await.unwrap().status(), 401);
    let refreshed = server
        .post_cookie("/api/v1/auth/refresh", &cookie)
        .await
        .expect(200);
    let successor = refreshed.cookie("refreshToken").unwrap();
    server
        .post_cookie("/api/v1/auth/logout", &successor)
        .await
        .expect(200);
    eventually("the mail was to arrive", async || !mail_server.mails().is_empty()).await;
    let mail = mail_server.mails().remove(0);
    mail_server.always(SmtpBehaviour::RefuseReader(450));
    server
        .post("/api/v1/auth/password-reset", &json!({ "email": email }))
        .await
        .expect(202);
    server.log.line("a mail was not sent").await.unwrap();
    let metrics = server.metrics().await;
    let (log, out) = (server.log.clone(), server.out.clone());
    server.stop().await;
    log.line("\"stopped\"").await.unwrap();

    assert!(
        log.text().contains("/api/v1/auth/register"),
        "requests are logged at all"
    );
    assert!(metrics.contains("parlance_http_requests"), "{metrics}");
    let signature = token.rsplit('.').next().unwrap();
    for canary in [
        secret,
        "Canary-Password",
        "canary.person",
        "Canary-Name",
        FakeSmtp::PASSWORD,
        "pass%20of%20tests",
        // The same as SMTP has it, in base64.
        "AHBhcmxhbmNlAHBhc3Mgb2YgdGVzdHMvb3BlbnMgbm90aGluZw",
        mail.token().unwrap(),
        &token,
        signature,
        &cookie,
        &successor,
    ] {
        assert!(
            !log.text().contains(canary),
            "{canary} is in the log: {}",
            context(&log.text(), canary)
        );
        assert!(!out.text().contains(canary), "{canary} is in the output");
        assert!(!metrics.contains(canary), "{canary} is in the metrics");
        for error in &errors {
            assert!(!error.text().contains(canary), "{canary} is in {}", error.text());
        }
    }
}

fn context<'a>(text: &'a str, part: &str) -> &'a str {
    text.lines().find(|line| line.contains(part)).unwrap_or_default()
}
