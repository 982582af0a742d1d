//! Mail from real processes to a server that receives it, is gone, slow, or comes back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use parlance_testbed::{FakeSmtp, SmtpBehaviour, TestDatabase};
use serde_json::json;

use super::{Parlance, Running};
const SECRET: &str = "gmOPuVt0AmHpQuzAr/5LwOM9iNXo6xTcCWiMyJrSRGvLBgCB";
const RESET: &str = "/api/v1/auth/password-reset";

/// A copy of the program that sends by this server.
fn copy(server: &FakeSmtp, database: &TestDatabase) -> Parlance {
    Parlance::new()
        .set("JWT_SECRET", SECRET)
        .set("DATABASE_URL", &database.url())
        .set("SMTP_URL", &server.url())
        .set("MAIL_FROM", "Parlance <mail@parlance.example>")
        .set("PUBLIC_URL", "https://app.parlance.example")
        .set("METRICS_ADDR", "127.0.0.1:0")
}

fn waiting(database: &TestDatabase) -> u32 {
    let query = "SELECT count(*) FROM outbox WHERE sent_at IS NULL AND given_up_at IS NULL";
    let rows = database.query(query).unwrap();
    rows[0][0].as_ref().unwrap().parse().unwrap()
}

/// Waits until something holds, as long as the outbox may take.
async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(2);
    while !holds().await {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How often each mail arrived, by its `Message-ID`.
fn arrivals(server: &FakeSmtp) -> BTreeMap<String, usize> {
    let mut arrivals = BTreeMap::new();
    for mail in server.mails() {
        *arrivals.entry(mail.message_id).or_default() += 1;
    }
    arrivals
}

/// The status and the content of an answer to somebody who forgot a password.
async fn ask_for_reset(copy: &Running, email: &str) -> (u16, String) {
    let answer = copy.post(RESET, &json!({ "email": email })).await;
    (answer.status, answer.text())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_23_mail_waits_for_its_server_and_is_delivered_once_within_a_minute_of_its_return() {
    let (server, database) = (FakeSmtp::start().unwrap(), TestDatabase::empty().await);
    let parlance = [copy(&server, &database), copy(&server, &database)];
    let copies = [parlance[0].serve().await, parlance[1].serve().await];
    copies[0].register("before@example.com").await;
    let known = ask_for_reset(&copies[0], "before@example.com").await;
    until("the mails were to arrive", async || server.mails().len() == 2).await;

    server.stop();
    for number in 0..15 {
        for (name, copy) in ["one", "two"].into_iter().zip(&copies) {
            copy.register(&format!("{name}{number}@example.com")).await;
        }
    }
    for email in ["before@example.com", "one1@example.com", "nobody@example.com"] {
        assert_eq!(ask_for_reset(&copies[1], email).await, known, "{email}");
    }
    for copy in &copies {
        assert!(
            copy.log.line("mail cannot be sent for now").await.is_some(),
            "{}",
            copy.log.text()
        );
    }
    let health = copies[0].get("/health").await;
    assert_eq!(health.status, 200, "{}", health.text());
    assert_eq!(health.json()["circuits"]["mail"], "open", "{}", health.text());
    assert_eq!(waiting(&database), 32);

    server.resume().unwrap();
    let back = Instant::now();
    until("all mails were to be sent", async || waiting(&database) == 0).await;
    let elapsed = back.elapsed();
    assert!(elapsed < Duration::from_mins(1), "{elapsed:?}");
    for copy in copies {
        let metrics = copy.metrics().await;
        assert!(metrics.contains("parlance_mails_given_up 0"), "{metrics}");
        copy.stop().await;
    }
    let arrivals = arrivals(&server);
    assert_eq!(arrivals.len(), 34);
    assert!(arrivals.values().all(|times| *times == 1), "{arrivals:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_that_is_being_sent_when_the_program_is_stopped_is_not_sent_again() {
    let (server, database) = (FakeSmtp::start().unwrap(), TestDatabase::empty().await);
    let parlance = copy(&server, &database);
    let mut running = parlance.serve().await;
    server.next(&[SmtpBehaviour::Slow(Duration::from_secs(2))]);
    running.register("ann@example.com").await;
    until("the mail was to arrive", async || !server.mails().is_empty()).await;
    assert_eq!(waiting(&database), 1, "its server has not answered yet");
    running.signal(Signal::SIGTERM);
    assert!(running.ended().await.success());
    assert_eq!(waiting(&database), 0);
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_between_sending_and_noting_leaves_a_mail_that_is_known_as_a_copy() {
    let (server, database) = (FakeSmtp::start().unwrap(), TestDatabase::empty().await);
    let parlance = copy(&server, &database);
    let running = parlance.serve().await;
    server.next(&[SmtpBehaviour::Slow(Duration::from_mins(1))]);
    running.register("ann@example.com").await;
    until("the mail was to arrive", async || !server.mails().is_empty()).await;
    running.crash().await;
    assert_eq!(waiting(&database), 1);
    // As if the lease were over.
    database.query("UPDATE outbox SET due_at = created_at").unwrap();
    let running = parlance.serve().await;
    until("the mail was to be sent", async || waiting(&database) == 0).await;
    running.stop().await;
    let mails = server.mails();
    assert!(mails.len() == 2 && mails[0].message_id == mails[1].message_id);
    assert_eq!(mails[0].token(), mails[1].token());
}

#[tokio::test]
async fn a_mail_server_that_cannot_be_set_up_keeps_the_program_from_starting() {
    let parlance = Parlance::new()
        .set("SMTP_URL", "smtps://mail.example.com")
        .set("SMTP_CA_FILE", "/nowhere/ca.pem");
    let output = parlance.run(&["serve"]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("/nowhere/ca.pem"),
        "{said}"
    );
}
