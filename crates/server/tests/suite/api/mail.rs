//! What learners are written to, as it arrives.

use parlance_domain::mail::LinkPattern;
use parlance_server::settings::MailDelivery;
use parlance_testbed::{FakeSmtp, ReceivedMail};
use reqwest::Method;
use serde_json::json;

use crate::harness::{PASSWORD, TestApp, eventually};

const REGISTER: &str = "/api/v1/auth/register";
const VERIFY: &str = "/api/v1/auth/email-verification/confirm";
const RESET: &str = "/api/v1/auth/password-reset";
const CONFIRM_RESET: &str = "/api/v1/auth/password-reset/confirm";
const EVIL: &str = "evil.example";

/// A server that sends by this one, for a front end at `https://app.parlance.example/learn`.
async fn sending_by(server: &FakeSmtp) -> TestApp {
    let config = server.url().parse().unwrap();
    let app = TestApp::builder().with(|settings| {
        settings.mail.delivery = MailDelivery::Smtp(config);
        settings.mail.public_url = "https://app.parlance.example/learn".to_owned();
    });
    app.start().await
}

async fn arrived(server: &FakeSmtp, count: usize) -> Vec<ReceivedMail> {
    eventually("the mails were to arrive", async || server.mails().len() >= count).await;
    server.mails()
}

#[tokio::test]
async fn the_links_in_mails_work() {
    let server = FakeSmtp::start().unwrap();
    let app = sending_by(&server).await;
    app.register_as("ann@example.com").await;
    let mails = arrived(&server, 1).await;
    let token = mails[0].token().unwrap();
    app.post(VERIFY, &json!({ "token": token })).await.expect(200);
    app.post(RESET, &json!({ "email": "ann@example.com" }))
        .await
        .expect(202);
    let mails = arrived(&server, 2).await;
    assert_eq!(
        (mails[1].to.as_slice(), mails[1].from.as_str()),
        (["ann@example.com".to_owned()].as_slice(), "parlance@localhost")
    );
    let token = mails[1].token().unwrap();
    assert!(mails[1].html.contains(token));
    let body = json!({ "token": token, "password": "Another-Horse-2" });
    let done = app.post(CONFIRM_RESET, &body).await;
    assert!((200..300).contains(&done.status), "{}", done.text());
}

#[tokio::test]
async fn threat_23_links_lead_where_the_settings_say_whatever_host_a_request_names() {
    let server = FakeSmtp::start().unwrap();
    let app = sending_by(&server).await;
    let body = json!({ "email": "ann@example.com", "password": PASSWORD });
    let request = app
        .request(Method::POST, REGISTER)
        .header("host", EVIL)
        .header("x-forwarded-host", EVIL)
        .header("forwarded", "host=evil.example")
        .json(&body);
    app.send(request).await.expect(201);
    let request = app.request(Method::POST, RESET).header("x-forwarded-host", EVIL);
    app.send(request.json(&json!({ "email": "ann@example.com" })))
        .await
        .expect(202);
    let mails = arrived(&server, 2).await;
    for (mail, page) in mails.iter().zip(["verify-email", "reset-password"]) {
        let expected = format!("https://app.parlance.example/learn/{page}#token=");
        assert!(mail.link().unwrap().starts_with(&expected), "{}", mail.text);
        assert!(!String::from_utf8_lossy(&mail.raw).contains(EVIL));
    }
}

#[tokio::test]
async fn threat_24_mail_goes_to_the_address_that_is_kept() {
    let server = FakeSmtp::start().unwrap();
    let app = sending_by(&server).await;
    app.register_as("Ann.Lee@example.com").await;
    arrived(&server, 1).await;
    app.post(RESET, &json!({ "email": "ANN.LEE@EXAMPLE.COM" }))
        .await
        .expect(202);
    let mails = arrived(&server, 2).await;
    assert_eq!(mails[1].to, ["Ann.Lee@example.com"]);
}

#[tokio::test]
async fn in_development_mail_is_a_file_in_the_data_directory() {
    let app = TestApp::builder().with(|settings| {
        settings.mail.link = "/#/account/{page}?token={token}".parse::<LinkPattern>().unwrap();
    });
    let app = app.start().await;
    app.register_as("ann@example.com").await;
    let folder = app.place().dir().join("mail");
    let files = || {
        let entries = folder.read_dir().into_iter().flatten();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .filter(|path| path.extension().is_some_and(|end| end == "eml"))
            .collect::<Vec<_>>()
    };
    // A file is there before all of it is.
    let whole = || {
        let file = files().into_iter().next()?;
        ReceivedMail::parse(std::fs::read(file).ok()?).ok()
    };
    eventually("the mail was to be there", async || whole().is_some()).await;
    let mail = whole().unwrap();
    assert_eq!(mail.to, ["ann@example.com"]);
    assert!(
        mail.link().unwrap().contains("/#/account/verify-email?token="),
        "{}",
        mail.text
    );
    app.post(VERIFY, &json!({ "token": mail.token().unwrap() }))
        .await
        .expect(200);
}
