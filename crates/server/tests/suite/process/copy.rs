//! `parlance copy`: an installation moves from one database to another, such as from SQLite to PostgreSQL.

use std::process::Output;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use parlance_testbed::TestDatabase;
use serde_json::{Value, json};
use tokio::process::Child;
use tokio::time::timeout;

use super::{Parlance, Running};
use crate::harness::TestUser;

const SECRET: &str = "gmOPuVt0AmHpQuzAr/5LwOM9iNXo6xTcCWiMyJrSRGvLBgCB";
const READS: [&str; 4] = [
    "/api/v1/auth/me",
    "/api/v1/progress",
    "/api/v1/progress/changes?after=0&limit=100",
    "/api/v1/reviews?limit=100",
];

fn from(parlance: &Parlance) -> String {
    format!("sqlite://{}", parlance.dir().join("data/parlance.db").display())
}

/// An account with each kind of event, a tombstone and a review that was taken back.
async fn learner(server: &Running, email: &str) -> TestUser {
    let user = server.register(email).await;
    let review = |id: u128, word: &str, rating: &str| {
        json!({ "id": uuid::Uuid::from_u128(id).to_string(), "wordId": word, "rating": rating,
                "reviewedAt": "2026-01-01T08:00:00.000Z", "deviceId": "phone" })
    };
    let reviews = json!({ "reviews": [review(1, "zh-00001", "good"), review(2, "zh-00002", "again"),
                                      review(3, "zh-00001", "easy")] });
    user.post("/api/v1/reviews", &reviews).await.expect(200);
    user.put(
        "/api/v1/progress/own-word",
        &json!({ "studyCount": 4, "confidence": 0.3 }),
    )
    .await
    .expect(200);
    let undo = format!("/api/v1/reviews/{}/undo", uuid::Uuid::from_u128(3));
    user.post(&undo, &json!({})).await.expect(200);
    user.delete("/api/v1/progress/zh-00002").await.expect(204);
    user
}

async fn answers(user: &TestUser) -> Vec<Value> {
    let mut answers = Vec::new();
    for path in READS {
        answers.push(user.get(path).await.expect(200).json());
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_installation_moves_and_goes_on_where_it_was() {
    let target = TestDatabase::empty().await;
    let old = Parlance::new().set("JWT_SECRET", SECRET);
    let server = old.serve().await;
    let (ann, bob) = (
        learner(&server, "ann@example.com").await,
        learner(&server, "bob@example.com").await,
    );
    let wanted = json!({ "name": "Anki import", "scopes": ["progress:read"] });
    let key = ann
        .post("/api/v1/users/me/api-keys", &wanted)
        .await
        .expect(201)
        .json();
    let before = (answers(&ann).await, answers(&bob).await);
    let lists = server.get("/api/v1/vocabulary/lists").await.json();
    let copy = ["copy", "--from", &from(&old), "--to", &target.url()];

    refused(&old.run(&copy).await, "another Parlance server");
    server.stop().await;
    for expected in ["0 were there before", "2 were there before"] {
        let said = done(&old.run(&copy).await);
        assert!(said.contains("copied and compared 2 learners"), "{said}");
        assert!(said.contains(expected), "{said}");
    }

    let new = Parlance::new()
        .set("JWT_SECRET", SECRET)
        .set("DATABASE_URL", &target.url());
    let verified = done(&new.run(&["audit", "verify"]).await);
    assert!(verified.contains("well up to"), "{verified}");
    let server = new.serve().await;
    assert!(
        !server.log.text().contains("vocabulary was"),
        "{}",
        server.log.text()
    );
    assert_eq!(server.get("/api/v1/vocabulary/lists").await.json(), lists);
    // Signed in before the move, and with the password after it.
    let mut again = server.login("ann@example.com").await;
    again.token.clone_from(&ann.token);
    let ann = again;
    let bob = server.login("bob@example.com").await;
    let mut program = server.login("ann@example.com").await;
    key["secret"].as_str().unwrap().clone_into(&mut program.token);
    assert_eq!(program.get(READS[1]).await.expect(200).json(), before.0[1]);
    let mut after = (answers(&ann).await, answers(&bob).await);
    // The sign-ins above are all that has changed.
    after.0[0] = before.0[0].clone();
    after.1[0] = before.1[0].clone();
    assert_eq!(after, before);
    let revision = before.0[2]["cursor"].clone();
    ann.put("/api/v1/progress/zh-00009", &json!({ "studyCount": 1 }))
        .await
        .expect(200);
    let feed = format!(
        "/api/v1/progress/changes?after={}",
        revision.as_str().unwrap_or("0")
    );
    let changes = ann.get(&feed).await.expect(200).json();
    assert_eq!(changes["changes"].as_array().map(Vec::len), Some(1), "{changes}");
    server.stop().await;

    // Once the copy has been used, the two are no longer the same, and that is said.
    refused(&old.run(&copy).await, "2 learner(s), such as");
}

/// A file with Ann's and Bob's learning, and no server on it.
async fn installation() -> Parlance {
    let parlance = Parlance::new();
    let server = parlance.serve().await;
    for email in ["ann@example.com", "bob@example.com"] {
        learner(&server, email).await;
    }
    server.stop().await;
    parlance
}

/// What was said of a success.
fn done(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn refused(output: &Output, reason: &str) {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains(reason), "{said}");
}

/// The one value that a query gives.
fn value(database: &TestDatabase, query: &str) -> Option<String> {
    database.query(query).unwrap()[0][0].clone()
}

/// A copy that has written Ann and waits before it writes Bob.
struct Halfway(Child);

impl Halfway {
    async fn of(parlance: &Parlance, from: &str, target: &TestDatabase) -> Self {
        let owner = Parlance::new().set("DATABASE_URL", &target.url());
        done(&owner.run(&["migrate"]).await);
        target
            .query(
                "CREATE TABLE gate ();
                 CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                     PERFORM pg_advisory_xact_lock(1);
                     WHILE EXISTS (SELECT FROM pg_class WHERE relname = 'gate') LOOP PERFORM pg_sleep(0.01); END LOOP;
                     RETURN NEW;
                 END $$;
                 CREATE TRIGGER wait BEFORE INSERT ON accounts FOR EACH ROW
                     WHEN (NEW.email_key = 'bob@example.com') EXECUTE FUNCTION wait()",
            )
            .unwrap();
        let arguments = ["copy", "--from", from, "--to", &target.url()];
        let copy = parlance.command(&arguments).spawn().unwrap();
        target
            .query(
                "SET statement_timeout = '60s';
                 DO $$ BEGIN
                     WHILE NOT EXISTS (SELECT FROM pg_locks JOIN pg_database d ON d.oid = database
                                       WHERE locktype = 'advisory' AND objid = 1 AND datname = current_database())
                     LOOP PERFORM pg_sleep(0.01); END LOOP;
                 END $$",
            )
            .expect("the copy was to get to Bob");
        Self(copy)
    }

    async fn go_on(self, target: &TestDatabase) -> Output {
        target.query("DROP TABLE gate").unwrap();
        let ended = timeout(Duration::from_mins(1), self.0.wait_with_output()).await;
        ended.expect("the copy was to end").unwrap()
    }

    /// Kills it as a power cut would; who comes next is let through.
    async fn cut_off(mut self, target: &TestDatabase) {
        self.0.kill().await.unwrap();
        target.query("DROP TABLE gate").unwrap();
    }
}

#[tokio::test]
async fn no_server_works_on_a_file_that_is_copied_into() {
    let (source, target) = (installation().await, Parlance::new());
    let server = target.serve().await;
    let copy = ["copy", "--from", &from(&source), "--to", &from(&target)];
    let elsewhere = Parlance::new();
    refused(&elsewhere.run(&copy).await, "another Parlance server");
    server.register("carol@example.com").await;
    server.stop().await;
    refused(&elsewhere.run(&copy).await, "1 learner(s) whom --from has not");

    let new = elsewhere.dir().join("new/parlance.db");
    let to_new = [
        "copy",
        "--from",
        &from(&source),
        "--to",
        &format!("sqlite://{}", new.display()),
    ];
    assert!(done(&elsewhere.run(&to_new).await).contains("copied and compared 2 learners"));
}

#[tokio::test]
async fn nobody_writes_to_a_source_on_postgresql_while_it_is_copied() {
    let (source, target) = (TestDatabase::empty().await, TestDatabase::empty().await);
    let file = installation().await;
    let to_source = ["copy", "--from", &from(&file), "--to", &source.url()];
    done(&file.run(&to_source).await);
    let copy = Halfway::of(&file, &source.url(), &target).await;
    for write in [
        "UPDATE accounts SET is_premium = true",
        "UPDATE progress_heads SET revision = revision + 1",
        "DELETE FROM progress_events",
        "DELETE FROM progress",
        "DELETE FROM sessions",
        "UPDATE words SET gloss = 'other'",
        "DELETE FROM list_words",
        "UPDATE word_lists SET name = 'other'",
        "DELETE FROM vocabulary_release",
    ] {
        let tried = source.query(&format!("SET lock_timeout = '50ms'; {write}"));
        assert!(
            format!("{:?}", tried.unwrap_err()).contains("lock timeout"),
            "{write}"
        );
    }
    assert!(done(&copy.go_on(&target).await).contains("copied and compared 2 learners"));
    source.query("UPDATE accounts SET is_premium = true").unwrap();
}

#[tokio::test]
async fn a_copy_that_was_killed_goes_on_where_it_was() {
    let (file, server) = (installation().await, TestDatabase::empty().await);
    let to_server = ["copy", "--from", &from(&file), "--to", &server.url()];
    done(&file.run(&to_server).await);
    for source in [from(&file), server.url()] {
        let target = TestDatabase::empty().await;
        let copy = Halfway::of(&file, &source, &target).await;
        copy.cut_off(&target).await;
        let accounts = value(&target, "SELECT count(*) FROM accounts");
        assert_eq!(accounts.as_deref(), Some("1"), "Ann alone");
        let again = ["copy", "--from", &source, "--to", &target.url()];
        let said = done(&file.run(&again).await);
        assert!(
            said.contains("copied and compared 2 learners") && said.contains("1 were there before"),
            "{said}"
        );
        for table in ["accounts", "sessions", "progress_events", "progress", "words"] {
            let count = format!("SELECT count(*) FROM {table}");
            assert_eq!(value(&target, &count), value(&server, &count), "{table}");
        }
        // What was written before the cut is whole.
        done(&file.run(&[&again[..], &["--compare-all"]].concat()).await);
    }
}

#[tokio::test]
async fn what_others_do_to_learners_who_were_copied_is_noticed() {
    let (source, target) = (installation().await, TestDatabase::empty().await);
    let copy = Halfway::of(&source, &from(&source), &target).await;
    let of_ann = "user_id = (SELECT id FROM accounts WHERE email_key = 'ann@example.com')";
    let revoke = format!("UPDATE sessions SET revoked_at = now() WHERE {of_ann}");
    target.query(&revoke).unwrap();
    refused(&copy.go_on(&target).await, "1 learner(s), such as");
    let copy = ["copy", "--from", &from(&source), "--to", &target.url()];
    refused(&source.run(&copy).await, "1 learner(s), such as");
    target
        .query(&format!("UPDATE sessions SET revoked_at = NULL WHERE {of_ann}"))
        .unwrap();
    assert!(done(&source.run(&copy).await).contains("2 were there before"));
}

#[tokio::test]
async fn an_installation_of_others_is_not_touched() {
    let (source, target) = (installation().await, TestDatabase::empty().await);
    let other = Parlance::new().set("DATABASE_URL", &target.url());
    let server = other.serve().await;
    server.register("carol@example.com").await;
    server.stop().await;
    target.query("UPDATE words SET gloss = 'of others'").unwrap();
    let copy = ["copy", "--from", &from(&source), "--to", &target.url()];
    refused(&source.run(&copy).await, "1 learner(s) whom --from has not");
    for count in [
        "SELECT count(*) - 1 FROM accounts",
        "SELECT count(*) FROM words WHERE gloss <> 'of others'",
    ] {
        assert_eq!(value(&target, count).as_deref(), Some("0"), "{count}");
    }
}

#[tokio::test]
async fn words_and_lists_are_compared() {
    let (source, target) = (installation().await, TestDatabase::empty().await);
    let copy = Halfway::of(&source, &from(&source), &target).await;
    target
        .query("UPDATE words SET gloss = 'another' WHERE id = 'zh-00007'")
        .unwrap();
    refused(&copy.go_on(&target).await, "the word zh-00007 is not the same");
    let copy = ["copy", "--from", &from(&source), "--to", &target.url()];
    // They are written again.
    done(&source.run(&copy).await);
    for (change, undo, reason) in [
        (
            "INSERT INTO words SELECT 'zh-zzz', language, term, reading, gloss, alternate_forms, part_of_speech, \
             frequency_rank, language_key, term_key, reading_key, gloss_key, form_keys FROM words LIMIT 1",
            "DELETE FROM words WHERE id = 'zh-zzz'",
            "the word zh-zzz is not the same",
        ),
        (
            "INSERT INTO word_lists VALUES ('own', 99, 'Own', '', 'zh-CN', 'beginner', '{}', 0)",
            "DELETE FROM word_lists WHERE id = 'own'",
            "the lists of words are not the same",
        ),
    ] {
        target.query(change).unwrap();
        refused(&source.run(&copy).await, reason);
        target.query(undo).unwrap();
        done(&source.run(&copy).await);
    }
}

#[tokio::test]
async fn who_is_there_already_is_read_again_only_when_that_is_asked_for() {
    let (source, target) = (installation().await, TestDatabase::empty().await);
    let copy = ["copy", "--from", &from(&source), "--to", &target.url()];
    let all = [&copy[..], &["--compare-all"]].concat();
    done(&source.run(&copy).await);
    target
        .query(
            "ALTER TABLE progress RENAME TO hidden;
             CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'tried'; END $$;
             CREATE TRIGGER refuse BEFORE INSERT ON accounts EXECUTE FUNCTION refuse()",
        )
        .unwrap();
    let said = done(&source.run(&copy).await);
    assert!(
        said.contains("2 learners") && said.contains("2 were there before"),
        "{said}"
    );
    assert!(!source.run(&all).await.status.success());
    target.query("ALTER TABLE hidden RENAME TO progress").unwrap();
    assert_eq!(done(&source.run(&all).await).lines().last(), said.lines().last());
    target
        .query("UPDATE progress SET confidence = 0.123 WHERE NOT deleted")
        .unwrap();
    refused(&source.run(&all).await, "the progress that is there differs");
}

#[tokio::test]
async fn a_source_of_an_older_version_is_migrated_first() {
    let (source, target) = (installation().await, TestDatabase::empty().await);
    let database = source.dir().join("data/parlance.db");
    let mut file = SqliteConnection::establish(database.to_str().unwrap()).unwrap();
    file.batch_execute(
        "DROP TABLE vocabulary_release;
         DELETE FROM __diesel_schema_migrations WHERE version = '20261121120000'",
    )
    .unwrap();
    drop(file);
    let copy = ["copy", "--from", &from(&source), "--to", &target.url()];
    refused(&source.run(&copy).await, "run `parlance migrate`");
    let source = source.set("DATABASE_URL", &format!("sqlite://{}", database.display()));
    done(&source.run(&["migrate"]).await);
    assert!(done(&source.run(&copy).await).contains("copied and compared 2 learners"));
}

#[tokio::test]
async fn what_cannot_be_copied_is_said_without_a_password() {
    let parlance = Parlance::new();
    let (none, other) = ("sqlite://data/none.db", "sqlite://data/other.db");
    let nowhere = "postgres://ann:hunter2@127.0.0.1:1/db";
    for (from, to, reason) in [
        (none, other, "there is no database"),
        ("nothing", other, "--from must be"),
        (none, "mysql://ann:hunter2@host/db", "--to must be"),
        (none, none, "there is no database"),
        (nowhere, nowhere, "are the same database"),
        (nowhere, other, "cannot be reached"),
    ] {
        let output = parlance.run(&["copy", "--from", from, "--to", to]).await;
        assert!(!output.status.success(), "{from} {to}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            said.starts_with("parlance: ") && said.contains(reason) && !said.contains("hunter2"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn health_says_whether_the_server_is_ready() {
    let parlance = Parlance::new();
    let server = parlance.serve().await;
    let port = server.address.port().to_string();
    let asking = Parlance::new().set("PORT", &port);
    assert!(asking.run(&["health"]).await.status.success());
    server.stop().await;
    assert!(!asking.run(&["health"]).await.status.success());
}
