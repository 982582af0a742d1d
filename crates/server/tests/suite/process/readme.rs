//! The walk of the README, run word for word.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

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

/// The binary as `cargo run` starts it, but in a directory and on a port of its own.
struct Running {
    child: Child,
    base: String,
}

impl Running {
    fn start(dir: &std::path::Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_parlance"))
            .current_dir(dir)
            .env("PORT", "0")
            .env("METRICS_ADDR", "off")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let base = lines
            .find_map(|line| {
                line.unwrap()
                    .split_once("listening on http://")
                    .map(|(_, base)| base.to_owned())
            })
            .expect("the banner does not say where the server listens");
        Self { child, base }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the walk in one shell; what each block printed.
fn walk(base: &str, dir: &std::path::Path) -> Vec<String> {
    let curl = Command::new("curl").arg("--version").output();
    assert!(
        curl.is_ok(),
        "the walk of the README needs curl: install it, such as by `apt-get install curl`"
    );
    let script = blocks().join(&format!("printf '{}'\n", FENCE.replace('\n', "\\n")));
    let output = Command::new("sh")
        .arg("-euc")
        .arg(script.replace(BASE, base))
        .current_dir(dir)
        .env("no_proxy", "localhost")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}\nafter\n{said}");
    said.split(FENCE).map(str::to_owned).collect()
}

#[test]
fn the_walk_of_the_readme_works_word_for_word() {
    let dir = tempfile::tempdir().unwrap();
    let server = Running::start(dir.path());
    let said = walk(&server.base, dir.path());
    let expected: [&[&str]; 8] = [
        &[r#""email":"ann@example.com""#],
        &[r#""id":"hsk3-band-7-9""#, r#""wordId":"zh-00003""#, "学习"],
        &[r#""progress":null"#],
        &[
            r#""accepted":1,"duplicates":0"#,
            r#""studyCount":2,"correctCount":1"#,
        ],
        &[
            r#""accepted":0,"duplicates":1"#,
            r#""studyCount":2,"correctCount":1"#,
        ],
        &[r#""confidence":0.7"#, r#""studyCount":1,"correctCount":1"#],
        &[r#""hasMore":false"#, r#""totalWords":2"#],
        &[r#""accessToken""#, r#""success":true"#],
    ];
    assert_eq!(said.len(), expected.len());
    for (said, expected) in said.iter().zip(expected) {
        for part in expected {
            assert!(said.contains(part), "{part} is not in {said}");
        }
    }
}
