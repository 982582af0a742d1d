//! A database of its own for each test.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicU32, Ordering};

use parlance_testbed::TestDatabase;
use tokio_postgres::{Client, NoTls};

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn exists(admin_url: &str, name: &str) -> bool {
    let client = connect(admin_url).await;
    let query = "SELECT 1 FROM pg_database WHERE datname = $1";
    client.query_opt(query, &[&name]).await.unwrap().is_some()
}

async fn prepare(url: String) {
    let client = connect(&url).await;
    client
        .batch_execute("CREATE TABLE learned (word text); INSERT INTO learned VALUES ('maison')")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_template_is_prepared_once_and_copies_are_apart() {
    static PREPARED: AtomicU32 = AtomicU32::new(0);
    let template = format!("of_the_testbed_{}", std::process::id());
    let create = || {
        TestDatabase::create(&template, async |url| {
            PREPARED.fetch_add(1, Ordering::SeqCst);
            prepare(url).await;
        })
    };
    let (one, two, three) = tokio::join!(create(), create(), create());
    assert_eq!(PREPARED.load(Ordering::SeqCst), 1);
    let client = connect(&one.url()).await;
    client.batch_execute("DELETE FROM learned").await.unwrap();
    for (database, rows) in [(&one, 0), (&two, 1), (&three, 1)] {
        let client = connect(&database.url()).await;
        assert_eq!(
            client.query("SELECT word FROM learned", &[]).await.unwrap().len(),
            rows
        );
    }
    let admin = connect(&one.admin_url()).await;
    let template = format!("parlance_template_{template}");
    admin
        .batch_execute(&format!("ALTER DATABASE {template} IS_TEMPLATE false"))
        .await
        .unwrap();
    admin
        .batch_execute(&format!("DROP DATABASE {template}"))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_database_goes_with_its_test_although_somebody_is_connected() {
    let database = TestDatabase::empty().await;
    let (name, admin_url) = (database.name().to_owned(), database.admin_url());
    let client = connect(&database.url()).await;
    assert!(exists(&admin_url, &name).await);
    let failing = tokio::spawn(async move {
        let _kept = database;
        panic!("a test that fails");
    });
    assert!(failing.await.is_err());
    assert!(!exists(&admin_url, &name).await);
    assert!(client.simple_query("SELECT 1").await.is_err());
}
