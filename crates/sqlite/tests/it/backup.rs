//! Backups made while the database serves, and what may take its place.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use parlance_contract::stores::{Stores, user};
use parlance_sqlite::{BackupError, RestoreError, SqliteDatabase};

use crate::support::{Fresh, fresh, open, stores_of};

async fn learners(stores: &Stores, from: u128, to: u128) {
    for number in from..to {
        stores.learner(number).await;
    }
}

/// How many of these learners are there, with none missing before the last one.
async fn count_learners(stores: &Stores, most: u128) -> u128 {
    let mut count = 0;
    for number in 0..most {
        if stores.accounts.by_id(user(number)).await.unwrap().is_some() {
            assert_eq!(count, number, "a learner is missing");
            count += 1;
        }
    }
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_while_writes_go_on_holds_what_was_acknowledged_before_it() {
    let Fresh { database, directory } = fresh();
    let stores = stores_of(&database);
    learners(&stores, 0, 50).await;
    let backup = directory.path().join("backup.db");
    let done = AtomicBool::new(false);
    let writing = async {
        let mut number = 50;
        while !done.load(Ordering::Relaxed) {
            stores.learner(number).await;
            number += 1;
        }
        number
    };
    let backing_up = async {
        database.backup(&backup).await.unwrap();
        done.store(true, Ordering::Relaxed);
    };
    let (written, ()) = tokio::join!(writing, backing_up);
    SqliteDatabase::check_backup(&backup).unwrap();

    let target = directory.path().join("restored/parlance.db");
    SqliteDatabase::restore(&backup, &target).unwrap();
    let restored = open(&target);
    let count = count_learners(&stores_of(&restored), written).await;
    assert!((50..=written).contains(&count), "{count} of {written}");
    assert_eq!(count_learners(&stores, written).await, written);
}

#[tokio::test]
async fn a_backup_over_a_file_that_exists_is_refused() {
    let Fresh { database, directory } = fresh();
    let file = directory.path().join("precious.txt");
    std::fs::write(&file, "precious").unwrap();
    let refused = database.backup(&file).await;
    assert!(matches!(refused, Err(BackupError::Target(_))), "{refused:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
    let missing = database
        .backup(&directory.path().join("no/such/directory.db"))
        .await;
    assert!(matches!(missing, Err(BackupError::Target(_))), "{missing:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_a_backup() {
    use std::os::unix::fs::PermissionsExt;
    let Fresh { database, directory } = fresh();
    let backup = directory.path().join("backup.db");
    database.backup(&backup).await.unwrap();
    let mode = backup.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_restore_replaces_what_was_there_with_its_log() {
    let Fresh { database, directory } = fresh();
    let stores = stores_of(&database);
    learners(&stores, 0, 3).await;
    let backup = directory.path().join("backup.db");
    database.backup(&backup).await.unwrap();
    learners(&stores, 3, 10).await;
    // The files as a process that was killed leaves them: the newest writes are in the log.
    let target = directory.path().join("killed.db");
    for suffix in ["", "-wal"] {
        let from = format!("{}{suffix}", database.path().display());
        std::fs::copy(from, format!("{}{suffix}", target.display())).unwrap();
    }
    SqliteDatabase::restore(&backup, &target).unwrap();
    let restored = open(&target);
    assert_eq!(count_learners(&stores_of(&restored), 10).await, 3);
    restored.close().await;
    SqliteDatabase::check_backup(&target).unwrap();
}

/// A database to be kept, and a backup that something is then done to; what the restore says.
async fn restore_of(spoil: impl FnOnce(&Path)) -> RestoreError {
    let Fresh { database, directory } = fresh();
    let stores = stores_of(&database);
    learners(&stores, 0, 200).await;
    let backup = directory.path().join("backup.db");
    database.backup(&backup).await.unwrap();
    spoil(&backup);
    let target = directory.path().join("target.db");
    let kept = open(&target);
    learners(&stores_of(&kept), 0, 5).await;
    kept.close().await;
    let error = SqliteDatabase::restore(&backup, &target).unwrap_err();
    let kept = open(&target);
    assert_eq!(
        count_learners(&stores_of(&kept), 10).await,
        5,
        "the target is as it was"
    );
    let leftovers = directory.path().join("target.db.restoring");
    assert!(!leftovers.exists());
    error
}

#[tokio::test]
async fn a_damaged_backup_is_refused_and_the_database_stays() {
    let error = restore_of(|backup| {
        let mut bytes = std::fs::read(backup).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle - 4_000..middle + 4_000].fill(0xA5);
        std::fs::write(backup, bytes).unwrap();
    })
    .await;
    assert!(matches!(error, RestoreError::Damaged(_)), "{error:?}");
}

#[tokio::test]
async fn a_backup_cut_off_is_refused_and_the_database_stays() {
    let error = restore_of(|backup| {
        let bytes = std::fs::read(backup).unwrap();
        std::fs::write(backup, &bytes[..bytes.len() / 2]).unwrap();
    })
    .await;
    assert!(matches!(error, RestoreError::Damaged(_)), "{error:?}");
}

#[tokio::test]
async fn what_is_no_database_is_refused_and_the_database_stays() {
    let error =
        restore_of(|backup| std::fs::write(backup, "not a database at all".repeat(500)).unwrap()).await;
    assert!(matches!(error, RestoreError::Damaged(_)), "{error:?}");
    let error = restore_of(|backup| std::fs::remove_file(backup).unwrap()).await;
    assert!(matches!(error, RestoreError::File { .. }), "{error:?}");
    let error = restore_of(|backup| std::fs::write(backup, "").unwrap()).await;
    assert!(matches!(error, RestoreError::Foreign), "{error:?}");
}

#[tokio::test]
async fn a_backup_with_orphans_is_refused_and_the_database_stays() {
    let error = restore_of(|backup| {
        let mut connection = SqliteConnection::establish(backup.to_str().unwrap()).unwrap();
        connection
            .batch_execute("PRAGMA foreign_keys = OFF; DELETE FROM accounts")
            .unwrap();
    })
    .await;
    assert!(matches!(error, RestoreError::Damaged(_)), "{error:?}");
}

#[tokio::test]
async fn a_database_in_use_is_no_backup() {
    let Fresh { database, directory } = fresh();
    stores_of(&database).learner(1).await;
    let refused = SqliteDatabase::restore(database.path(), &directory.path().join("copy.db"));
    assert!(matches!(refused, Err(RestoreError::InUse)), "{refused:?}");
}
