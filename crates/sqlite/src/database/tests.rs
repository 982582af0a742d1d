//! Tests of the threads: groups, failures inside them, callers that go away.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;

use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Text};
use futures_util::future::join_all;
use tempfile::TempDir;

use super::*;

type Done<T> = Result<T, NoRefusal>;

statement!(Sum() -> (BigInt, BigInt) = "SELECT count(*), coalesce(sum(number), 0) FROM numbers");
statement!(Insert(number: i64 => BigInt) = "INSERT INTO numbers (number) VALUES (?)");
statement!(
    Pragmas() -> (Text, BigInt, BigInt)
        = "SELECT journal_mode, synchronous, foreign_keys \
           FROM pragma_journal_mode, pragma_synchronous, pragma_foreign_keys"
);
statement!(InsertOrphan(parent: i64 => BigInt) = "INSERT INTO children (parent) VALUES (?)");

/// A database with a table of numbers, and one of children whose parents are looked for at the commit.
async fn numbers(change: impl FnOnce(&mut SqliteConfig)) -> (SqliteDatabase, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let mut config = SqliteConfig::new(directory.path().join("test.db"));
    config.deadline = Duration::from_mins(1);
    change(&mut config);
    let database = SqliteDatabase::open(config).unwrap();
    let made: Done<()> = database
        .write(|connection| {
            Ok(connection.batch_execute(
                "CREATE TABLE numbers (number INTEGER PRIMARY KEY) STRICT;
                 CREATE TABLE children (parent INTEGER REFERENCES numbers DEFERRABLE INITIALLY DEFERRED) STRICT;",
            )?)
        })
        .await;
    made.unwrap();
    (database, directory)
}

async fn insert(database: &SqliteDatabase, number: i64) -> Done<usize> {
    database
        .write(move |connection| Ok(Insert::new(number).execute(connection)?))
        .await
}

/// How many numbers there are, and their sum.
async fn sum(database: &SqliteDatabase) -> (i64, i64) {
    let sum: Done<(i64, i64)> = database
        .read(|connection| Ok(Sum::new().get_result(connection)?))
        .await;
    sum.unwrap()
}

/// Keeps the writer busy until the sender returned is dropped.
async fn hold_writer(database: &SqliteDatabase) -> mpsc::Sender<()> {
    let (release, held) = mpsc::channel::<()>();
    let (begun, has_begun) = oneshot::channel();
    let (mut begun, held) = (Some(begun), Mutex::new(held));
    let database = database.clone();
    tokio::spawn(async move {
        let _: Done<()> = database
            .write(move |_| {
                begun.take().map(|begun| begun.send(()));
                let _ = held.lock().recv();
                Ok(())
            })
            .await;
    });
    has_begun.await.unwrap();
    release
}

/// Waits until this holds.
async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_commit_is_on_the_disk_and_foreign_keys_are_kept() {
    let (database, _directory) = numbers(|_| ()).await;
    let pragmas: Done<(String, i64, i64)> = database
        .write(|connection| Ok(Pragmas::new().get_result(connection)?))
        .await;
    // 2 is FULL.
    assert_eq!(pragmas.unwrap(), ("wal".to_owned(), 2, 1));
}

#[tokio::test]
async fn writes_that_wait_are_committed_together() {
    let (database, _directory) = numbers(|_| ()).await;
    let release = hold_writer(&database).await;
    let before = database.stats();
    let writes = join_all((1..=100).map(|number| insert(&database, number)));
    let released = async {
        until(|| database.stats().writes_waiting == 100).await;
        drop(release);
    };
    let (written, ()) = tokio::join!(writes, released);
    assert!(written.iter().all(Result::is_ok));
    let after = database.stats();
    assert_eq!(
        after.groups_committed - before.groups_committed,
        2,
        "that which held, and one for all"
    );
    assert_eq!(after.members_committed - before.members_committed, 101);
    assert_eq!(sum(&database).await, (100, 5050));
}

#[tokio::test]
async fn a_group_is_no_larger_than_its_limit() {
    let (database, _directory) = numbers(|config| config.group_limit = 10).await;
    let release = hold_writer(&database).await;
    let before = database.stats();
    let writes = join_all((1..=100).map(|number| insert(&database, number)));
    let released = async {
        until(|| database.stats().writes_waiting == 100).await;
        drop(release);
    };
    let _ = tokio::join!(writes, released);
    let groups = database.stats().groups_committed - before.groups_committed;
    assert_eq!(groups, 11);
}

#[tokio::test]
async fn a_refused_member_rolls_back_itself_and_not_its_neighbours() {
    let (database, _directory) = numbers(|_| ()).await;
    let release = hold_writer(&database).await;
    let refused = database.write(|connection| {
        Insert::new(1_000).execute(connection)?;
        Err::<(), _>(Fail::Refused("no"))
    });
    let failed = database.write(|connection| {
        Insert::new(2_000).execute(connection)?;
        // The number is there already.
        Ok(Insert::new(1).execute(connection)?)
    });
    let failed = async { failed.await.map_err(|error: NoRefusal| error.into_port("Test")) };
    let released = async {
        until(|| database.stats().writes_waiting == 4).await;
        drop(release);
    };
    let (first, refused, failed, last, ()) = tokio::join!(
        insert(&database, 1),
        refused,
        failed,
        insert(&database, 2),
        released
    );
    assert!(first.is_ok() && last.is_ok() && failed.is_err());
    assert!(matches!(refused, Err(Fail::Refused("no"))));
    assert_eq!(sum(&database).await, (2, 3));
    assert_eq!(database.stats().groups_retried, 0);
}

#[tokio::test]
async fn threat_70_a_panic_in_a_write_rolls_back_that_write_and_the_writer_goes_on() {
    let (database, _directory) = numbers(|_| ()).await;
    let panicked: Done<()> = database
        .write(|connection| {
            Insert::new(1).execute(connection)?;
            panic!("on purpose")
        })
        .await;
    assert!(matches!(panicked, Err(Fail::Store(StoreError::Panicked))));
    insert(&database, 2).await.unwrap();
    assert_eq!(sum(&database).await, (1, 2));
    database.check().await.unwrap();
}

#[tokio::test]
async fn threat_70_a_panic_in_a_read_costs_no_reader() {
    let (database, _directory) = numbers(|config| config.readers = 1).await;
    for _ in 0..3 {
        let panicked: Done<()> = database.read(|_| panic!("on purpose")).await;
        assert!(matches!(panicked, Err(Fail::Store(StoreError::Panicked))));
    }
    insert(&database, 5).await.unwrap();
    assert_eq!(sum(&database).await, (1, 5));
    until(|| database.stats().readers_busy == 0).await;
}

#[tokio::test]
async fn a_group_whose_commit_fails_is_written_one_by_one() {
    let (database, _directory) = numbers(|_| ()).await;
    let release = hold_writer(&database).await;
    let orphan = database.write(|connection| Ok(InsertOrphan::new(404).execute(connection)?));
    let orphan = async { orphan.await.map_err(|error: NoRefusal| error.into_port("Test")) };
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let counting = database.write(move |connection| {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(Insert::new(7).execute(connection)?)
    });
    let counting = async { counting.await.map_err(|error: NoRefusal| error.into_port("Test")) };
    let released = async {
        until(|| database.stats().writes_waiting == 3).await;
        drop(release);
    };
    // Both statements hold the same transaction: what fails at its end fails all, until each is alone.
    let (one, orphan, counted, ()) = tokio::join!(insert(&database, 1), orphan, counting, released);
    assert!(one.is_ok() && counted.is_ok());
    assert!(orphan.is_err(), "the commit of the orphan alone fails");
    assert_eq!(runs.load(Ordering::Relaxed), 2);
    assert_eq!(database.stats().groups_retried, 1);
    assert_eq!(sum(&database).await, (2, 8));
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_not_begun() {
    let (database, _directory) = numbers(|_| ()).await;
    let release = hold_writer(&database).await;
    let gone = {
        let database = database.clone();
        tokio::spawn(async move { insert(&database, 1).await.is_ok() })
    };
    until(|| database.stats().writes_waiting == 1).await;
    gone.abort();
    assert!(gone.await.is_err());
    drop(release);
    insert(&database, 2).await.unwrap();
    assert_eq!(sum(&database).await, (1, 2));
    assert_eq!(database.stats().abandoned, 1);
}

#[tokio::test]
async fn threat_60_what_comes_on_top_of_a_full_queue_is_unavailable() {
    let (database, _directory) = numbers(|config| config.queue = 4).await;
    let release = hold_writer(&database).await;
    let writes = join_all((1..=10).map(|number| insert(&database, number)));
    let released = async {
        until(|| database.stats().writes_waiting == 4).await;
        drop(release);
    };
    let (written, ()) = tokio::join!(writes, released);
    let full = |outcome: &&Done<usize>| matches!(outcome, Err(Fail::Store(StoreError::Full)));
    assert_eq!(written.iter().filter(full).count(), 6);
    assert_eq!(sum(&database).await, (4, 10));
}

#[tokio::test]
async fn a_caller_waits_no_longer_than_the_deadline() {
    let (database, _directory) = numbers(|config| config.deadline = Duration::from_secs(1)).await;
    let release = hold_writer(&database).await;
    let late = insert(&database, 1).await;
    assert!(matches!(late, Err(Fail::Store(StoreError::Timeout))));
    drop(release);
}

#[tokio::test]
async fn closing_finishes_what_waits_and_refuses_what_comes() {
    let (database, directory) = numbers(|_| ()).await;
    let release = hold_writer(&database).await;
    let writes = join_all((1..=50).map(|number| insert(&database, number)));
    let closed = async {
        until(|| database.stats().writes_waiting == 50).await;
        drop(release);
        database.close().await;
    };
    let (written, ()) = tokio::join!(writes, closed);
    assert!(written.iter().all(Result::is_ok));
    assert!(matches!(
        insert(&database, 51).await,
        Err(Fail::Store(StoreError::Closed))
    ));
    assert!(database.check().await.is_err());
    database.close().await;
    let log = directory.path().join("test.db-wal");
    assert!(
        log.metadata().map_or(true, |log| log.len() == 0),
        "the log was emptied"
    );
    let reopened = SqliteDatabase::open(SqliteConfig::new(database.path())).unwrap();
    assert_eq!(sum(&reopened).await, (50, 1275));
}

#[tokio::test]
async fn a_reader_cannot_write_and_sees_one_state() {
    let (database, _directory) = numbers(|_| ()).await;
    let written: Done<usize> = database
        .read(|connection| Ok(Insert::new(1).execute(connection)?))
        .await;
    assert!(written.is_err());
    let (go, gone) = mpsc::channel::<()>();
    let reading = database.read(move |connection| {
        let before: (i64, i64) = Sum::new().get_result(connection)?;
        let _ = gone.recv();
        let after: (i64, i64) = Sum::new().get_result(connection)?;
        Ok((before, after))
    });
    let writing = async {
        until(|| database.stats().readers_busy == 1).await;
        insert(&database, 1).await.unwrap();
        go.send(()).unwrap();
    };
    let (seen, ()): (Done<_>, ()) = tokio::join!(reading, writing);
    let (before, after) = seen.unwrap();
    assert_eq!(before, after);
}

#[tokio::test]
async fn the_schema_is_applied_only_when_asked_for() {
    let (database, _directory) = numbers(|config| config.migrate = false).await;
    let pending = database.pending_migrations().unwrap();
    assert!(!pending.is_empty());
    let unready = database.check().await.unwrap_err();
    assert_eq!(unready.kind, parlance_domain::port::PortErrorKind::Unavailable);
    assert_eq!(database.migrate().unwrap(), pending);
    assert!(database.pending_migrations().unwrap().is_empty());
    assert!(database.migrate().unwrap().is_empty());
    database.check().await.unwrap();
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let (database, _directory) = numbers(|_| ()).await;
    let newer: Done<()> = database
        .write(|connection| {
            Ok(connection.batch_execute(
                "INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000000')",
            )?)
        })
        .await;
    newer.unwrap();
    database.close().await;
    let Err(OpenError::NewerSchema(unknown)) = SqliteDatabase::open(SqliteConfig::new(database.path()))
    else {
        panic!("opened")
    };
    assert_eq!(unknown, ["29991231000000"]);
    let refused = SqliteDatabase::check_backup(database.path());
    assert!(
        matches!(refused, Err(RestoreError::NewerSchema(_))),
        "{refused:?}"
    );
}

/// A writer that dies in the middle leaves its log behind; a copy of the files is what it would leave.
#[tokio::test]
async fn reopening_after_an_unclean_end_keeps_what_was_acknowledged() {
    let (database, directory) = numbers(|_| ()).await;
    for number in 1..=50 {
        insert(&database, number).await.unwrap();
    }
    let copy = directory.path().join("copy.db");
    std::fs::copy(database.path(), &copy).unwrap();
    let log = directory.path().join("test.db-wal");
    assert!(log.metadata().unwrap().len() > 0);
    std::fs::copy(log, directory.path().join("copy.db-wal")).unwrap();
    let reopened = SqliteDatabase::open(SqliteConfig::new(copy)).unwrap();
    assert_eq!(sum(&reopened).await, (50, 1275));
}
