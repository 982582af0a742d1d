//! Imports of words, which take a transaction of several statements.

use std::sync::Arc;

use parlance_contract::stores::{vocabulary, word};
use parlance_domain::port::PortErrorKind;

use crate::outages::{Scene, count, scene, terminate};
use crate::support::{backend_waiting_for_a_lock, told};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_import_goes_on_when_its_caller_goes_away() {
    let Scene {
        fresh,
        stores,
        mut blocker,
        looker,
    } = scene().await;
    let lock = blocker.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE list_words IN EXCLUSIVE MODE")
        .await
        .unwrap();
    let importing = tokio::spawn({
        let stores = Arc::clone(&stores);
        async move { stores.list_of("lesson", &["w1", "w2"]).await }
    });
    backend_waiting_for_a_lock(&looker).await;
    importing.abort();
    assert!(importing.await.unwrap_err().is_cancelled());
    lock.rollback().await.unwrap();
    // The closing waits for it.
    fresh.database.close().await;
    assert_eq!(count(&looker, "SELECT count(*) FROM list_words").await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_import_whose_connection_is_killed_leaves_nothing() {
    let Scene {
        fresh: _fresh,
        stores,
        mut blocker,
        looker,
    } = scene().await;
    let lock = blocker.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE list_words IN EXCLUSIVE MODE")
        .await
        .unwrap();
    let importing = tokio::spawn({
        let stores = Arc::clone(&stores);
        let lesson = vocabulary("lesson", vec![word("w1", "w1", "w1", "a word", None)]);
        async move { stores.words.import(&lesson).await }
    });
    terminate(&looker, backend_waiting_for_a_lock(&looker).await).await;
    let error = importing.await.unwrap().unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Unavailable, "{}", told(&error));
    lock.rollback().await.unwrap();
    for table in ["words", "word_lists", "list_words"] {
        assert_eq!(
            count(&looker, &format!("SELECT count(*) FROM {table}")).await,
            0,
            "{table}"
        );
    }
    stores.list_of("lesson", &["w1"]).await;
}
