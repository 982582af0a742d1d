//! `parlance keys` beside a running server: keys change, sessions go on.

use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::{Parlance, Running};
use crate::harness::TestUser;

const KEYS: &str = "/.well-known/jwks.json";
const ME: &str = "/api/v1/auth/me";

fn with_keys() -> Parlance {
    let parlance = Parlance::new();
    let file = parlance.dir().join("keys.json");
    parlance.set("JWT_SIGNING_KEYS_FILE", file.to_str().unwrap())
}

fn said(output: &Output) -> Vec<String> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{wrong}");
    text.lines().map(str::to_owned).collect()
}

fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn id(line: &str) -> &str {
    line.split_whitespace().next().unwrap()
}

fn header(user: &TestUser) -> Value {
    let text = user.token.split('.').next().unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}

async fn published(server: &Running) -> Vec<Value> {
    let keys = server.get(KEYS).await.expect(200).json();
    keys["keys"].as_array().unwrap().clone()
}

/// Waits until the server has as many keys.
async fn takes_up(server: &Running, count: usize) {
    while published(server).await.len() != count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn threat_75_keys_are_rotated_while_the_server_runs_and_nobody_is_signed_out() {
    let parlance = with_keys();
    let made = said(&parlance.run(&["keys", "generate"]).await);
    assert!(made.len() == 1 && made[0].ends_with("EdDSA  signs"), "{made:?}");
    let path = parlance.dir().join("keys.json");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    let server = parlance.serve().await;
    let ann = server.register("ann@example.com").await;
    assert_eq!(header(&ann)["kid"], id(&made[0]));
    let again = refusal(&parlance.run(&["keys", "generate"]).await);
    assert!(again.contains("is there already"), "{again}");

    let two = said(
        &parlance
            .run(&["keys", "rotate", "--algorithm", "es256", "--signs-in", "0"])
            .await,
    );
    assert!(two[0].ends_with("ES256  signs"), "{two:?}");
    assert!(two[1].contains("EdDSA  only checks since"), "{two:?}");
    takes_up(&server, 2).await;
    let bob = server.register("bob@example.com").await;
    assert_eq!(
        (header(&bob)["kid"].as_str(), header(&bob)["alg"].as_str()),
        (Some(id(&two[0])), Some("ES256"))
    );
    for user in [&ann, &bob] {
        user.get(ME).await.expect(200);
    }

    let early = refusal(&parlance.run(&["keys", "retire", id(&made[0])]).await);
    assert!(early.contains("may be good until"), "{early}");
    let signing = refusal(&parlance.run(&["keys", "retire", id(&two[0]), "--at-once"]).await);
    assert!(signing.contains("rotate first"), "{signing}");
    // What is broken is not taken up, and the server goes on.
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, "{").unwrap();
    assert!(server.log.line("the former ones stay").await.is_some());
    bob.get(ME).await.expect(200);
    std::fs::write(&path, whole).unwrap();
    let one = said(&parlance.run(&["keys", "retire", id(&made[0]), "--at-once"]).await);
    assert_eq!(one.len(), 1);
    takes_up(&server, 1).await;
    ann.get(ME).await.expect(401);
    bob.get(ME).await.expect(200);
    // Whose access token is refused has a session still.
    server
        .post_cookie("/api/v1/auth/refresh", &ann.cookie)
        .await
        .expect(200);
    server.stop().await;
    let private = std::fs::read_to_string(&path).unwrap();
    let private: Value = serde_json::from_str(&private).unwrap();
    assert!(!one[0].contains(private["keys"][0]["d"].as_str().unwrap()));
}

#[tokio::test]
async fn threat_75_a_server_moves_from_the_secret_to_keys_and_sessions_go_on() {
    let parlance = Parlance::new();
    let server = parlance.serve().await;
    assert!(published(&server).await.is_empty());
    let ann = server.register("ann@example.com").await;
    assert_eq!(header(&ann)["alg"], "HS256");
    server.stop().await;

    let file = parlance.dir().join("keys.json");
    let parlance = parlance.set("JWT_SIGNING_KEYS_FILE", file.to_str().unwrap());
    said(&parlance.run(&["keys", "generate"]).await);
    let server = parlance.serve().await;
    let answer = server
        .request(reqwest::Method::GET, ME)
        .bearer_auth(&ann.token)
        .send()
        .await;
    assert_eq!(answer.unwrap().status(), 200);
    assert_eq!(header(&server.login("ann@example.com").await)["alg"], "EdDSA");
    server.stop().await;
}

#[tokio::test]
async fn a_start_without_usable_keys_is_refused() {
    let parlance = with_keys();
    let missing = refusal(&parlance.run(&["serve"]).await);
    assert!(missing.contains("JWT_SIGNING_KEYS_FILE"), "{missing}");
    let draft = parlance.dir().join("keys.json.new");
    std::fs::write(&draft, "").unwrap();
    let busy = refusal(&parlance.run(&["keys", "generate"]).await);
    assert!(busy.contains("somebody changes the keys now"), "{busy}");
    std::fs::remove_file(&draft).unwrap();
    let path = parlance.dir().join("keys.json");
    std::fs::write(&path, "{\"keys\": [{\"d\": \"canary-4711\"}]}").unwrap();
    for command in [["serve", ""].as_slice(), &["keys", "list"]] {
        let arguments: Vec<&str> = command.iter().copied().filter(|part| !part.is_empty()).collect();
        let broken = refusal(&parlance.run(&arguments).await);
        assert!(
            broken.contains("JWT_SIGNING_KEYS_FILE") && !broken.contains("canary"),
            "{broken}"
        );
    }
    let unset = refusal(&Parlance::new().run(&["keys", "list"]).await);
    assert!(unset.contains("must say where the keys are"), "{unset}");
}
