//! What PostgreSQL refuses, and what whoever asked is told of it.

use std::sync::Arc;
use std::time::Duration;

use parlance_contract::stores::{Stores, at, session as new_session, user};
use parlance_domain::accounts::{Patch, ProfilePatch, SaveAccountError};
use parlance_domain::health::Probe;
use parlance_domain::port::PortErrorKind;
use parlance_postgres::PgDatabase;
use parlance_testbed::{Postgres, TestDatabase};
use tokio::task::spawn_blocking;
use tokio_postgres::Client;

use crate::support::{backend_waiting_for_a_lock, config, home, open, session, stores_of, told};

/// A database with a learner where each session of the stores begins with a setting.
struct Scene {
    home: TestDatabase,
    stores: Arc<Stores>,
    other: Client,
    looker: Client,
}

async fn scene(setting: &str) -> Scene {
    let home = home().await;
    let url = home.url();
    let (other, looker) = (session(&url).await, session(&url).await);
    let database = open(&url).await;
    stores_of(&database).learner(1).await;
    database.close().await;
    let set = format!("ALTER DATABASE \"{}\" SET {setting}", home.name());
    looker.batch_execute(&set).await.unwrap();
    Scene {
        stores: Arc::new(stores_of(&open(&url).await)),
        home,
        other,
        looker,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_59_40p01_who_loses_a_deadlock_tries_again() {
    // Whoever waits first looks for a deadlock before the other does.
    let mut scene = scene("deadlock_timeout = '2s'").await;
    let kept = new_session(10, user(1), 5);
    let other = scene.other.transaction().await.unwrap();
    let same = format!(
        "SET LOCAL deadlock_timeout = '1min'; INSERT INTO sessions (user_id, id, counter, rotated_at, created_at, \
         expires_at) VALUES ('{}', '{}', 0, now(), now(), now())",
        user(1),
        kept.id
    );
    other.batch_execute(&same).await.unwrap();
    let inserting = tokio::spawn({
        let (stores, kept) = (Arc::clone(&scene.stores), kept.clone());
        async move { stores.begin(&kept).await }
    });
    // It has written to the account, and waits to know whether the session is there.
    backend_waiting_for_a_lock(&scene.looker).await;
    other
        .batch_execute("UPDATE accounts SET is_premium = TRUE")
        .await
        .unwrap();
    other.rollback().await.unwrap();
    inserting.await.unwrap().unwrap();
    let sessions = "SELECT count(*) FROM sessions";
    let kept: i64 = scene.looker.query_one(sessions, &[]).await.unwrap().get(0);
    assert_eq!(kept, 2);
    let counted = "SELECT deadlocks FROM pg_stat_database WHERE datname = $1";
    let deadlocks: i64 = crate::support::eventually("the deadlock was to be counted", async || {
        let row = scene
            .looker
            .query_one(counted, &[&scene.home.name()])
            .await
            .unwrap();
        Some(row.get(0)).filter(|deadlocks| *deadlocks > 0)
    })
    .await;
    // It may come back before the other one has what it waits for, and lose once more.
    assert!((1..=3).contains(&deadlocks), "{deadlocks}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_59_40001_who_loses_against_another_writer_tries_again() {
    let mut scene = scene("default_transaction_isolation = 'repeatable read'").await;
    let before = scene.stores.accounts.by_id(user(1)).await.unwrap().unwrap();
    let other = scene.other.transaction().await.unwrap();
    other
        .batch_execute("UPDATE accounts SET is_premium = TRUE")
        .await
        .unwrap();
    let saving = tokio::spawn({
        let stores = Arc::clone(&scene.stores);
        let patch = ProfilePatch {
            display_name: Patch::Clear,
            ..ProfilePatch::default()
        };
        let after = before.patched(patch, at(60));
        async move { stores.save(&after, before.revision).await }
    });
    backend_waiting_for_a_lock(&scene.looker).await;
    other.commit().await.unwrap();
    saving.await.unwrap().unwrap();
}

#[tokio::test]
async fn threat_59_40001_nobody_tries_for_ever() {
    let scene = scene("work_mem = '4MB'").await;
    let fail = "CREATE SEQUENCE attempts; CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
        PERFORM nextval('attempts'); RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END $$; \
        CREATE TRIGGER fail BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION fail()";
    scene.other.batch_execute(fail).await.unwrap();
    let error = scene
        .stores
        .begin(&new_session(10, user(1), 5))
        .await
        .unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Unavailable);
    let attempts = "SELECT last_value FROM attempts";
    let attempts: i64 = scene.other.query_one(attempts, &[]).await.unwrap().get(0);
    assert_eq!(attempts, 4, "once, and three times again");
}

#[tokio::test]
async fn threat_59_states_that_pass_are_unavailable_and_defects_are_not() {
    let scene = scene("work_mem = '4MB'").await;
    let raise = "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
        RAISE EXCEPTION 'raised by the test' USING ERRCODE = current_setting('test.state'); END $$; \
        CREATE TRIGGER fail BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION fail()";
    scene.other.batch_execute(raise).await.unwrap();
    for (state, expected) in [
        ("40001", PortErrorKind::Unavailable),
        ("53100", PortErrorKind::Unavailable),
        ("53200", PortErrorKind::Unavailable),
        ("55P03", PortErrorKind::Unavailable),
        ("57014", PortErrorKind::Unavailable),
        ("58030", PortErrorKind::Unavailable),
        ("25006", PortErrorKind::Unavailable),
        ("23514", PortErrorKind::Unexpected),
        ("23502", PortErrorKind::Unexpected),
    ] {
        let set = format!(
            "ALTER DATABASE \"{}\" SET test.state = '{state}'",
            scene.home.name()
        );
        scene.other.batch_execute(&set).await.unwrap();
        let database = open(&scene.home.url()).await;
        let inserted = stores_of(&database).begin(&new_session(10, user(1), 5)).await;
        let error = inserted.unwrap_err();
        assert_eq!(error.kind, expected, "{state}: {}", told(&error));
        database.close().await;
    }
    scene
        .other
        .batch_execute("ALTER TABLE accounts RENAME COLUMN is_premium TO paid")
        .await
        .unwrap();
    let error = scene.stores.accounts.by_id(user(1)).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Unexpected, "{}", told(&error));
}

#[tokio::test]
async fn threat_59_25006_a_server_that_only_reads_is_unavailable_to_writers() {
    let scene = scene("default_transaction_read_only = on").await;
    let account = scene.stores.accounts.by_id(user(1)).await.unwrap().unwrap();
    match scene.stores.save(&account, account.revision).await {
        Err(SaveAccountError::Port(error)) => assert_eq!(error.kind, PortErrorKind::Unavailable),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_59_53300_who_gets_no_connection_is_told_so_and_gets_one_later() {
    let server = spawn_blocking(|| Postgres::start().unwrap()).await.unwrap();
    open(&server.url("postgres")).await.close().await;
    let admin = session(&server.url("postgres")).await;
    let limited =
        "CREATE ROLE anna LOGIN CONNECTION LIMIT 1; GRANT ALL ON ALL TABLES IN SCHEMA public TO anna";
    admin.batch_execute(limited).await.unwrap();
    let url = format!("postgres://anna@127.0.0.1:{}/postgres", server.port());
    let database = PgDatabase::open(config(&url)).await.unwrap();
    let crowd = crate::support::eventually("the only connection was to be free", async || {
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.ok()?;
        tokio::spawn(connection);
        Some(client)
    })
    .await;
    let error = database.check().await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Unavailable);
    assert!(told(&error).contains("too many connections"), "{}", told(&error));
    drop(crowd);
    crate::support::eventually("the database was to be back", async || {
        database.check().await.ok()
    })
    .await;
    tokio::time::timeout(Duration::from_secs(30), database.close())
        .await
        .unwrap();
}
