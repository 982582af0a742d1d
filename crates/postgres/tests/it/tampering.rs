//! What becomes of an audit log that somebody writes to behind the program.

use parlance_contract::tampering::{REFUSED, TAMPERING, log, seven};

use crate::support::{fresh, session, stores_of, told};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_changed_behind_the_program_is_found() {
    for (statements, fault) in TAMPERING {
        let fresh = fresh().await;
        let stores = stores_of(&fresh.database);
        seven(&stores).await;
        let report = log(&stores).verify(None).await.unwrap();
        assert_eq!((report.fault, report.sealed, report.unsealed), (None, 7, 1));
        let behind = session(&fresh.home.url()).await;
        behind
            .batch_execute(&format!(
                "ALTER TABLE audit_entries DISABLE TRIGGER USER; {statements}"
            ))
            .await
            .unwrap();
        let report = log(&stores).verify(None).await.unwrap();
        assert_eq!(report.fault, Some(fault), "{statements}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_itself_refuses_to_change_an_entry() {
    let fresh = fresh().await;
    let stores = stores_of(&fresh.database);
    seven(&stores).await;
    let behind = session(&fresh.home.url()).await;
    for statement in REFUSED.into_iter().chain(["TRUNCATE audit_entries"]) {
        let error = behind.batch_execute(statement).await.unwrap_err();
        assert!(
            told(&error).contains("are not changed"),
            "{statement}: {}",
            told(&error)
        );
    }
    assert_eq!(log(&stores).verify(None).await.unwrap().fault, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_finds_another_copy_sealing_leaves_it_to_that_one() {
    let fresh = fresh().await;
    let stores = stores_of(&fresh.database);
    seven(&stores).await;
    let mut other = session(&fresh.home.url()).await;
    let sealing = other.transaction().await.unwrap();
    sealing
        .execute("SELECT 1 FROM audit_head FOR UPDATE", &[])
        .await
        .unwrap();
    assert_eq!(log(&stores).seal().await.unwrap(), 0);
    sealing.rollback().await.unwrap();
    assert_eq!(log(&stores).seal().await.unwrap(), 1);
}
