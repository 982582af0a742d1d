//! `parlance audit`: what was done to the log behind the program, by the program's own word.

use std::process::Output;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};

use super::Parlance;

fn printed(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

fn refusal(output: &Output) -> String {
    assert_eq!(
        output.status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn behind(parlance: &Parlance, statements: &str) {
    let path = parlance.dir().join("data/parlance.db");
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    connection.batch_execute(statements).unwrap();
}

/// The place up to which all is well, once everything is sealed.
async fn sealed(parlance: &Parlance) -> String {
    loop {
        let text = printed(&parlance.run(&["audit", "verify"]).await);
        if text.contains("0 entries are not sealed yet") {
            let place = text.lines().find_map(|line| line.strip_prefix("well up to "));
            return place.unwrap().to_owned();
        }
    }
}

#[tokio::test]
async fn a_log_is_verified_while_it_is_written_and_a_change_behind_the_program_is_found() {
    let parlance = Parlance::new();
    let server = parlance.serve().await;
    server.register("ann@example.com").await;
    server.register("bob@example.com").await;
    let place = sealed(&parlance).await;
    assert!(place.starts_with("2:"), "{place}");
    server.register("carol@example.com").await;
    let later = sealed(&parlance).await;
    server.stop().await;

    let verify = ["audit", "verify", "--noted", &place];
    assert!(printed(&parlance.run(&verify).await).contains(&later));
    let forged = format!("2:{}", "0".repeat(64));
    let message = refusal(&parlance.run(&["audit", "verify", "--noted", &forged]).await);
    assert!(
        message.contains("position 2 is not the one that was noted"),
        "{message}"
    );
    let odd = parlance.run(&["audit", "verify", "--noted", "2"]).await;
    assert!(!odd.status.success());

    behind(
        &parlance,
        "DROP TRIGGER audit_entries_stay; UPDATE audit_entries SET address = '192.0.2.1' WHERE position = 2",
    );
    let message = refusal(&parlance.run(&["audit", "verify"]).await);
    assert!(message.contains("position 2 was changed"), "{message}");
    let text = printed(&parlance.run(&["audit", "restart"]).await);
    assert!(text.contains(&later), "{text}");
    let text = printed(&parlance.run(&["audit", "verify"]).await);
    assert!(text.contains("3 entries are from before"), "{text}");
    assert!(text.contains("1 entries are not sealed yet"), "{text}");
}

#[tokio::test]
async fn a_key_may_be_changed_when_the_one_before_is_named() {
    let old = "gmOPuVt0AmHpQuzAr/5LwOM9iNXo6xTcCWiMyJrSRGvLBgCB";
    let new = "uY7sXw2kQe9LrTz4Vb1NcM6pHj3GdFa8So5IiKlPqWxEyZtR";
    let parlance = Parlance::new().set("AUDIT_KEY", old);
    let server = parlance.serve().await;
    server.register("ann@example.com").await;
    sealed(&parlance).await;
    server.stop().await;
    let parlance = parlance.set("AUDIT_KEY", new);
    let message = refusal(&parlance.run(&["audit", "verify"]).await);
    assert!(message.contains("the code of no known key"), "{message}");
    let parlance = parlance.set("AUDIT_PREVIOUS_KEYS", old);
    let server = parlance.serve().await;
    server.register("bob@example.com").await;
    assert!(sealed(&parlance).await.starts_with("2:"));
    assert!(!server.log.text().contains(old) && !server.log.text().contains(new));
    server.stop().await;
}
