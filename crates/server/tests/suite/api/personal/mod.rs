//! Personal data: everything that is held of a learner as an archive, and the end of an account.

mod deletion;
mod export;

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::sync::Arc;
use std::time::Duration;

use parlance_contract::fakes::TestClock;
use serde_json::{Value, json};

use crate::harness::{Answer, TestApp, TestUser};

const ME: &str = "/api/v1/users/me";
const EXPORT: &str = "/api/v1/users/me/export";
/// How long a test waits for what comes about beside the requests.
const PATIENCE: Duration = Duration::from_mins(1);
const DOWNLOAD: &str = "/api/v1/users/me/export/download";

/// A server whose time the test moves.
async fn timed() -> (TestApp, Arc<TestClock>) {
    let clock = Arc::new(TestClock::default());
    (TestApp::builder().clock(&clock).start().await, clock)
}

/// Asks for an archive.
async fn ask(user: &TestUser) -> Answer {
    user.post_empty(EXPORT).await
}

/// What is told of the archive, once it is not being made any more.
pub(crate) async fn made(user: &TestUser) -> Value {
    let made = async {
        loop {
            let told = user.get(EXPORT).await.expect(200).json();
            if told["state"] != "pending" {
                return told;
            }
            tokio::task::yield_now().await;
        }
    };
    let made = tokio::time::timeout(PATIENCE, made).await;
    made.unwrap_or_else(|_| panic!("the archive is never made"))
}

/// Fetches the archive of somebody who showed lately who they are.
async fn fetch(user: &TestUser) -> Answer {
    user.post(DOWNLOAD, &json!({})).await
}

/// The files in an archive, by their names.
fn unpacked(archive: &Answer) -> BTreeMap<String, String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(&archive.body)).unwrap();
    let mut files = BTreeMap::new();
    for number in 0..archive.len() {
        let mut file = archive.by_index(number).unwrap();
        let name = file.name().unwrap().into_owned();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        files.insert(name, text);
    }
    files
}

/// How many entries of the audit log about somebody tell of this.
fn audited(app: &TestApp, user: &TestUser, action: &str) -> i64 {
    let id = app.place().id(&user.id);
    app.place().number(&format!(
        "SELECT count(*) FROM audit_entries WHERE subject_id = {id} AND action = '{action}'"
    ))
}

/// How many files of archives there are.
fn files(app: &TestApp) -> usize {
    let Ok(shards) = std::fs::read_dir(app.place().objects().join("exports")) else {
        return 0;
    };
    shards
        .map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap().count())
        .sum()
}
