//! Who administers, as commands decide beside a running server.

use serde_json::json;

use super::Parlance;
use crate::harness::eventually;

const LIST: &str = "/api/v1/admin/users";

/// What a command that succeeds prints.
async fn printed(parlance: &Parlance, arguments: &[&str]) -> String {
    let output = parlance.run(arguments).await;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    String::from_utf8(output.stdout).unwrap()
}

/// What a command that fails says.
async fn refused(parlance: &Parlance, arguments: &[&str]) -> String {
    let output = parlance.run(arguments).await;
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn administrators_are_made_and_unmade_while_a_server_runs() {
    let parlance = Parlance::new();
    let server = parlance.serve().await;
    let ann = server.register("ann@example.com").await;
    server.register("bob@example.com").await;
    let nobody = refused(&parlance, &["admin", "list"]).await;
    assert!(nobody.contains("parlance admin grant"), "{nobody}");

    let granted = printed(&parlance, &["admin", "grant", "Ann@Example.com"]).await;
    assert!(granted.contains("looks after accounts"), "{granted}");
    let again = printed(&parlance, &["admin", "grant", "ann@example.com"]).await;
    assert!(again.contains("already"), "{again}");
    eventually("the session of before goes on", async || {
        ann.get(LIST).await.status == 401
    })
    .await;
    let ann = server.login("ann@example.com").await;
    assert_eq!(
        ann.get(LIST).await.expect(200).json().as_array().unwrap().len(),
        2
    );

    let last = refused(&parlance, &["admin", "revoke", "ann@example.com"]).await;
    assert!(last.contains("the last to look after accounts"), "{last}");
    ann.get(LIST).await.expect(200);
    printed(&parlance, &["admin", "grant", "bob@example.com"]).await;
    let listed = printed(&parlance, &["admin", "list"]).await;
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 2, "{listed}");
    assert!(
        lines[0].ends_with("active bob@example.com") && lines[1].contains(&ann.id),
        "{listed}"
    );

    // The server, another process, notices by itself.
    printed(&parlance, &["admin", "revoke", "ann@example.com"]).await;
    eventually("the token still works", async || {
        ann.get(LIST).await.status == 401
    })
    .await;
    let again = printed(&parlance, &["admin", "revoke", "ann@example.com"]).await;
    assert!(again.contains("does not look after accounts"), "{again}");
    let ann = server.login("ann@example.com").await;
    ann.get(LIST).await.expect(403);
    server.stop().await;
}

#[tokio::test]
async fn who_is_unknown_is_made_nothing() {
    let parlance = Parlance::new();
    for command in ["grant", "revoke"] {
        let unknown = refused(&parlance, &["admin", command, "nobody@example.com"]).await;
        assert!(unknown.contains("there is no account"), "{unknown}");
        let bad = refused(&parlance, &["admin", command, "nobody"]).await;
        assert!(bad.contains("must be an email address"), "{bad}");
    }
}

#[tokio::test]
async fn the_log_tells_what_commands_did() {
    let parlance = Parlance::new();
    let server = parlance.serve().await;
    let ann = server.register("ann@example.com").await;
    printed(&parlance, &["admin", "grant", "ann@example.com"]).await;
    printed(&parlance, &["admin", "list"]).await;
    let ann_again = server.login("ann@example.com").await;
    let path = format!("/api/v1/admin/audit?subject={}&action=roles.changed", ann.id);
    let log = ann_again.get(&path).await.expect(200).json();
    assert_eq!(
        log[0]["details"],
        json!({"from": "user", "to": "user admin"}),
        "{log}"
    );
    assert_eq!(log[0]["actor"]["kind"], "operator", "{log}");
    server.stop().await;
}
