//! The walk of the README, run word for word.

use std::net::SocketAddr;
use std::path::Path;

use tokio::process::Command;

use super::Parlance;

const README: &str = include_str!("../../../../../README.md");
/// Where the README's server listens.
const BASE: &str = "localhost:8080";
/// What stands between what two blocks of the walk print.
const FENCE: &str = "\n--- next block\n";

/// The shell blocks of the walk, in order.
fn blocks() -> Vec<&'static str> {
    let (_, walk) = README.split_once("\n## A walk with curl\n").unwrap();
    let walk = walk.split("\n## ").next().unwrap();
    let blocks = walk.split("```sh\n").skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap()).collect()
}

/// Runs the walk in one shell; what each block printed.
async fn walk(address: SocketAddr, dir: &Path) -> Vec<String> {
    let curl = Command::new("curl").arg("--version").output().await;
    assert!(
        curl.is_ok(),
        "the walk of the README needs curl: install it, such as by `apt-get install curl`"
    );
    let script = blocks().join(&format!("printf '{}'\n", FENCE.replace('\n', "\\n")));
    let output = Command::new("sh")
        .arg("-euc")
        .arg(script.replace(BASE, &format!("localhost:{}", address.port())))
        .current_dir(dir)
        .env("no_proxy", "localhost")
        .output()
        .await
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}\nafter\n{said}");
    said.split(FENCE).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_walk_of_the_readme_works_word_for_word() {
    let parlance = Parlance::new()
        .set("RATE_LIMIT_PER_MINUTE", "100")
        .set("LOGIN_LIMIT_PER_MINUTE", "5");
    let server = parlance.serve().await;
    let said = walk(server.address, parlance.dir()).await;
    let expected: [&[&str]; 9] = [
        &[r#""email":"ann@example.com""#],
        &[r#""id":"hsk3-band-7-9""#, r#""wordId":"zh-00003""#, "学习"],
        &[r#""wordId":"zh-00005""#, r#""progress":null"#],
        &[
            r#""accepted":1,"duplicates":0"#,
            r#""studyCount":2,"correctCount":1"#,
        ],
        &[
            r#""accepted":0,"duplicates":1"#,
            r#""studyCount":2,"correctCount":1"#,
        ],
        &[
            r#""confidence":0.7"#,
            r#""wordId":"zh-00003","studyCount":1,"correctCount":1"#,
        ],
        &[r#""hasMore":false"#, r#""totalWords":2"#],
        &[
            r#""wordId":"zh-00003","word":"我""#,
            r#""audioUrl":"/api/v1/audio/"#,
        ],
        &[r#""accessToken""#, r#""success":true"#],
    ];
    assert_eq!(said.len(), expected.len());
    for (said, expected) in said.iter().zip(expected) {
        for part in expected {
            assert!(said.contains(part), "{part} is not in {said}");
        }
    }
    server.stop().await;
}
