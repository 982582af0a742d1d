//! `parlance secrets`: what is kept encrypted, from one key to the next.

use std::process::Output;
use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::Text;
use diesel::{Connection, RunQueryDsl, SqliteConnection};
use parlance_platform::SystemClock;
use serde_json::json;

use super::{Parlance, Running};
use crate::harness::{Authenticator, PASSWORD, TestUser, assert_problem};

const OLD: &str = "old:gmOPuVt0AmHpQuzAr_5LwOM9iNXo6xTcCWiMyJrSRGs";
const NEW: &str = "new:uY7sXw2kQe9LrTz4Vb1NcM6pHj3GdFa8So5IiKlPqWw";
const NEXT: &str = "next:V5b8N2mQ7xKz0LrT4yWc9PjHs3GdFa6Eo1UiXlCqRvo";
const ROTATE: [&str; 2] = ["secrets", "rotate"];

fn database(parlance: &Parlance) -> SqliteConnection {
    let path = parlance.dir().join("data/parlance.db");
    SqliteConnection::establish(path.to_str().unwrap()).unwrap()
}

fn texts(parlance: &Parlance, query: &str) -> Vec<String> {
    sql::<Text>(query).get_results(&mut database(parlance)).unwrap()
}

fn written(output: &Output) -> String {
    let (out, error) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(error)
    )
}

async fn with_key(server: &Running, email: &str) -> TestUser {
    let user = server.register(email).await;
    let key = json!({ "key": format!("sk-canary-of-{email}-1234") });
    user.put("/api/v1/users/me/keys/openai", &key).await.expect(200);
    user
}

#[tokio::test]
async fn threat_75_keys_are_rotated_while_a_server_runs_and_no_secret_is_lost() {
    let parlance = Parlance::new()
        .set("ENCRYPTION_KEYS", OLD)
        .set("RUST_LOG", "trace");
    let server = parlance.serve().await;
    with_key(&server, "ann@example.com").await;
    with_key(&server, "bob@example.com").await;
    let (log, out) = (server.log.clone(), server.out.clone());
    server.stop().await;

    let parlance = parlance.set("ENCRYPTION_KEYS", &format!("{NEW},{OLD}"));
    let server = parlance.serve().await;
    with_key(&server, "carol@example.com").await;
    let rotated = parlance.run(&ROTATE).await;
    assert!(rotated.status.success(), "{}", written(&rotated));
    assert!(written(&rotated).contains("2 secrets were encrypted anew"));
    let key_ids = "SELECT DISTINCT key_id || substr(sealed, 1, 7) FROM provider_keys";
    assert_eq!(texts(&parlance, key_ids), ["newv1.new."]);
    let again = parlance.run(&ROTATE).await;
    assert!(written(&again).contains("0 secrets were encrypted anew"));
    let told = "SELECT details FROM audit_entries WHERE action = 'encryption_keys.rotated' ORDER BY at";
    assert_eq!(
        texts(&parlance, told)[0],
        r#"{"key":"new","resealed":"2","shut":"0"}"#
    );
    for text in [log.text(), out.text(), server.log.text(), written(&rotated)] {
        for canary in ["canary", "gmOPuVt0", "uY7sXw2k"] {
            assert!(!text.contains(canary), "{canary} in {text}");
        }
    }
    server.stop().await;

    // The old key can go.
    let parlance = parlance.set("ENCRYPTION_KEYS", &format!("{NEXT},{NEW}"));
    let rotated = parlance.run(&ROTATE).await;
    assert!(rotated.status.success(), "{}", written(&rotated));
    assert!(written(&rotated).contains("3 secrets were encrypted anew"));
}

#[tokio::test]
async fn a_secret_that_was_moved_to_another_users_row_stays_shut() {
    let parlance = Parlance::new().set("ENCRYPTION_KEYS", OLD);
    let server = parlance.serve().await;
    with_key(&server, "ann@example.com").await;
    let bob = with_key(&server, "bob@example.com").await;
    server.stop().await;
    let bob = format!("x'{}'", bob.id.replace('-', ""));
    database(&parlance)
        .batch_execute(&format!(
            "UPDATE provider_keys SET sealed = (SELECT sealed FROM provider_keys WHERE user_id <> {bob}) \
             WHERE user_id = {bob}"
        ))
        .unwrap();
    let parlance = parlance.set("ENCRYPTION_KEYS", &format!("{NEW},{OLD}"));
    let rotated = parlance.run(&ROTATE).await;
    assert_eq!(rotated.status.code(), Some(1));
    let text = written(&rotated);
    assert!(text.contains("1 secrets were encrypted anew"), "{text}");
    assert!(text.contains("sealed for another place"), "{text}");
    assert!(!text.contains("canary"), "{text}");
}

#[tokio::test]
async fn a_key_that_is_missing_is_named() {
    let parlance = Parlance::new().set("ENCRYPTION_KEYS", OLD);
    let server = parlance.serve().await;
    with_key(&server, "ann@example.com").await;
    server.stop().await;
    let parlance = parlance.set("ENCRYPTION_KEYS", NEW);
    let text = written(&parlance.run(&ROTATE).await);
    assert!(
        text.contains("sealed with the key `old`, which is not among ENCRYPTION_KEYS"),
        "{text}"
    );
    assert_eq!(texts(&parlance, "SELECT key_id FROM provider_keys"), ["old"]);
}

#[tokio::test]
async fn threat_75_a_key_that_cannot_be_opened_is_told_and_paid_by_nobody() {
    let parlance = Parlance::new().set("ENCRYPTION_KEYS", OLD);
    let server = parlance.serve().await;
    let ann = with_key(&server, "ann@example.com").await;
    server.stop().await;
    let parlance = parlance.set("ENCRYPTION_KEYS", NEW).set("RUST_LOG", "trace");
    let server = parlance.serve().await;
    let ann = server.login(&ann.email).await;
    let path = "/api/v1/users/me/keys/openai";
    for answer in [ann.speak("你好").await, ann.converse("w", "学习").await] {
        assert_problem(&answer, 503, "ENCRYPTION_UNAVAILABLE");
        assert!(!answer.text().contains("canary") && !answer.text().contains("old"));
    }
    // Taken away, it stands in nobody's way.
    ann.delete(path).await.expect(204);
    ann.converse("w", "学习").await.expect(200);
    let log = server.log.clone();
    server.stop().await;
    log.line("\"stopped\"").await.unwrap();
    let log = log.text();
    assert!(
        log.contains("sealed with the key `old`, which is not among ENCRYPTION_KEYS"),
        "{log}"
    );
    assert!(!log.contains("canary"), "{log}");
}

#[tokio::test]
async fn threat_75_a_second_factor_opens_when_the_key_that_it_was_sealed_with_is_gone() {
    let ann = "ann@example.com";
    let parlance = Parlance::new().set("ENCRYPTION_KEYS", OLD);
    let server = parlance.serve().await;
    let user = server.register(ann).await;
    let authenticator = Authenticator::set_up(&user, Arc::new(SystemClock)).await;
    server.stop().await;

    let parlance = parlance.set("ENCRYPTION_KEYS", &format!("{NEW},{OLD}"));
    let rotated = parlance.run(&ROTATE).await;
    assert!(rotated.status.success(), "{}", written(&rotated));
    assert!(written(&rotated).contains("1 secrets were encrypted anew"));
    let key_ids = "SELECT key_id || substr(secret, 1, 7) FROM second_factors";
    assert_eq!(texts(&parlance, key_ids), ["newv1.new."]);

    let parlance = parlance.set("ENCRYPTION_KEYS", NEW);
    let server = parlance.serve().await;
    let password = json!({ "email": ann, "password": PASSWORD });
    let asked = server.post("/api/v1/auth/login", &password).await;
    let details = assert_problem(&asked, 401, "SECOND_FACTOR_REQUIRED");
    let code = json!({ "challenge": details["challenge"], "code": authenticator.code_in(1) });
    server.post("/api/v1/auth/second-factor", &code).await.expect(200);
    server.stop().await;
}
