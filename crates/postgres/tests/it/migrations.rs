//! The schema comes and goes as a whole, whoever applies it and whatever happens meanwhile.

use std::time::Duration;

use futures_util::future::join_all;
use parlance_domain::health::Probe;
use parlance_domain::port::PortErrorKind;
use parlance_postgres::{MigrateError, OpenError, PgConfig, PgDatabase};
use parlance_testbed::TestDatabase;
use tokio_postgres::Client;

use crate::support::{backend_waiting_for_a_lock, config, home, migrations, open, session, told};

/// Everything that there is, as text.
async fn schema(session: &Client) -> String {
    let query = "SELECT string_agg(what, E'\\n' ORDER BY what) FROM ( \
        SELECT format('column %s.%s %s %s %s %s', table_name, column_name, data_type, is_nullable, column_default, \
           collation_name) AS what FROM information_schema.columns WHERE table_schema = 'public' \
        UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' \
        UNION ALL SELECT format('constraint %s %s', conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint \
           WHERE connamespace = 'public'::regnamespace) all_there_is";
    let row = session.query_one(query, &[]).await.unwrap();
    row.get::<_, Option<String>>(0).unwrap_or_default()
}

async fn applied(session: &Client) -> Vec<String> {
    let rows = session
        .query(
            "SELECT version FROM __diesel_schema_migrations ORDER BY version",
            &[],
        )
        .await;
    rows.unwrap().iter().map(|row| row.get(0)).collect()
}

fn without_migrating(url: &str) -> PgConfig {
    PgConfig {
        migrate: false,
        ..config(url)
    }
}

#[tokio::test]
async fn an_empty_database_is_brought_up_to_date_or_says_what_it_lacks() {
    let home = TestDatabase::empty().await;
    let database = PgDatabase::open(without_migrating(&home.url())).await.unwrap();
    let pending = database.pending_migrations().await.unwrap();
    assert_eq!(pending.len(), migrations().len());
    let error = database.check().await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Unavailable);
    assert!(told(&error).contains("migrations wait"), "{}", told(&error));
    assert_eq!(database.migrate().await.unwrap(), pending);
    assert!(database.pending_migrations().await.unwrap().is_empty());
    database.check().await.unwrap();
    assert!(database.migrate().await.unwrap().is_empty());
}

#[test]
fn migrations_run_within_a_runtime_of_one_thread() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(async {
        let home = TestDatabase::empty().await;
        open(&home.url()).await.check().await.unwrap();
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_57_of_copies_that_start_at_once_one_migrates() {
    let home = TestDatabase::empty().await;
    let url = home.url();
    // Each sees that all is to be done, and only then may begin.
    let copies = join_all((0..6).map(|_| PgDatabase::open(without_migrating(&url)))).await;
    let copies: Vec<PgDatabase> = copies.into_iter().map(Result::unwrap).collect();
    let done = join_all(copies.iter().map(PgDatabase::migrate)).await;
    let done: Vec<String> = done.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(done.len(), migrations().len(), "each migration once: {done:?}");
    for copy in copies {
        copy.check().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_57_a_migration_interrupted_half_way_leaves_nothing_and_is_done_again() {
    let home = TestDatabase::empty().await;
    let url = home.url();
    let mut blocker = session(&url).await;
    let looker = session(&url).await;
    // A table of the same name that nobody knows of yet: the migration has made others when it comes to wait here.
    let transaction = blocker.transaction().await.unwrap();
    transaction
        .batch_execute("CREATE TABLE list_words (x INT)")
        .await
        .unwrap();
    let opening = tokio::spawn(async move { PgDatabase::open(config(&url)).await });
    let backend = backend_waiting_for_a_lock(&looker).await;
    looker
        .execute("SELECT pg_terminate_backend($1)", &[&backend])
        .await
        .unwrap();
    let error = opening.await.unwrap().err().unwrap();
    assert!(
        matches!(error, OpenError::Migrate(MigrateError::Migration(_))),
        "{}",
        told(&error)
    );
    transaction.rollback().await.unwrap();
    assert!(applied(&looker).await.is_empty());
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    let tables: i64 = looker.query_one(tables, &[]).await.unwrap().get(0);
    assert_eq!(tables, 1, "that of the migrations alone");
    open(&home.url()).await.check().await.unwrap();
    let uninterrupted = crate::support::home().await;
    let whole = session(&uninterrupted.url()).await;
    assert_eq!(schema(&looker).await, schema(&whole).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_57_a_migration_waits_for_a_lock_in_short_turns() {
    let home = TestDatabase::empty().await;
    let url = home.url();
    let mut blocker = session(&url).await;
    let looker = session(&url).await;
    let transaction = blocker.transaction().await.unwrap();
    transaction
        .batch_execute("CREATE TABLE list_words (x INT)")
        .await
        .unwrap();
    let opening = tokio::spawn(async move { PgDatabase::open(config(&url)).await });
    backend_waiting_for_a_lock(&looker).await;
    // It gives up what it holds and comes back, so that nobody who waits behind it waits long.
    let is_gone = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() \
        AND wait_event_type = 'Lock')";
    let gave_up = async {
        while !looker.query_one(is_gone, &[]).await.unwrap().get::<_, bool>(0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gave_up)
        .await
        .unwrap();
    backend_waiting_for_a_lock(&looker).await;
    transaction.rollback().await.unwrap();
    opening.await.unwrap().unwrap().check().await.unwrap();
}

#[tokio::test]
async fn threat_57_a_database_of_a_newer_program_is_refused_and_one_that_is_open_goes_on() {
    let home = home().await;
    let database = open(&home.url()).await;
    let session = session(&home.url()).await;
    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')";
    session.batch_execute(newer).await.unwrap();
    match PgDatabase::open(config(&home.url())).await {
        Err(OpenError::NewerSchema(unknown)) => assert_eq!(unknown, ["99990101000000"]),
        other => panic!("not refused: {:?}", other.err()),
    }
    database.check().await.unwrap();
}

#[tokio::test]
async fn threat_57_up_down_and_up_again_is_up() {
    let home = home().await;
    let session = session(&home.url()).await;
    let up = schema(&session).await;
    for migration in migrations().iter().rev() {
        let down = std::fs::read_to_string(migration.join("down.sql")).unwrap();
        session.batch_execute(&down).await.unwrap();
    }
    session
        .batch_execute("DELETE FROM __diesel_schema_migrations")
        .await
        .unwrap();
    let left = schema(&session).await;
    assert!(left.lines().all(|line| line.contains("__diesel")), "{left}");
    open(&home.url()).await.check().await.unwrap();
    assert_eq!(schema(&session).await, up);
}
