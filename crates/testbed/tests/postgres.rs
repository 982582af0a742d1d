//! A private PostgreSQL: its settings, its ends and its returns.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use parlance_testbed::{Postgres, StopMode, TlsFiles};

fn one(postgres: &Postgres, query: &str) -> String {
    let rows = postgres.query("postgres", query).unwrap();
    rows[0][0].clone().unwrap()
}

fn write(postgres: &Postgres, number: u32) {
    let statements = format!(
        "CREATE TABLE IF NOT EXISTS kept (number integer PRIMARY KEY); INSERT INTO kept VALUES ({number})"
    );
    postgres.query("postgres", &statements).unwrap();
}

fn written(postgres: &Postgres) -> String {
    one(
        postgres,
        "SELECT string_agg(number::text, ' ' ORDER BY number) FROM kept",
    )
}

#[test]
fn a_server_has_the_settings_asked_for_and_a_log_that_sql_reads() {
    let postgres = Postgres::builder()
        .setting("log_statement", "all")
        .setting("max_connections", "17")
        .start()
        .unwrap();
    assert_eq!(one(&postgres, "SHOW max_connections"), "17");
    assert_eq!(one(&postgres, "SHOW fsync"), "on");
    assert_eq!(one(&postgres, "SHOW server_encoding"), "UTF8");
    assert_eq!(one(&postgres, "SHOW lc_collate"), "C");
    assert_eq!(one(&postgres, "SELECT current_user"), "postgres");
    one(&postgres, "SELECT 'a mark in the log'");
    let log = one(&postgres, "SELECT pg_read_file(pg_current_logfile())");
    assert!(log.contains("a mark in the log"));
    assert!(postgres.log().unwrap().contains("a mark in the log"));
}

#[test]
fn what_was_committed_is_there_after_each_kind_of_end() {
    let postgres = Postgres::start().unwrap();
    let port = postgres.port();
    write(&postgres, 1);
    postgres.restart(StopMode::Fast).unwrap();
    write(&postgres, 2);
    postgres.restart(StopMode::Immediate).unwrap();
    write(&postgres, 3);
    let first = postgres.pid().unwrap();
    postgres.kill().unwrap();
    assert!(postgres.pid().is_err());
    assert!(postgres.query("postgres", "SELECT 1").is_err());
    postgres.start_again().unwrap();
    assert_eq!(written(&postgres), "1 2 3");
    assert_ne!(postgres.pid().unwrap(), first);
    assert_eq!(postgres.port(), port);
}

#[test]
fn a_killed_backend_ends_all_sessions_and_the_server_comes_back() {
    let postgres = Postgres::start().unwrap();
    write(&postgres, 1);
    let postmaster = postgres.pid().unwrap();
    assert!(postgres.kill_a_backend("template1").is_err());
    std::thread::scope(|scope| {
        let session = scope.spawn(|| postgres.query("postgres", "SELECT pg_sleep(600)"));
        let deadline = Instant::now() + Duration::from_mins(1);
        while postgres.kill_a_backend("postgres").is_err() {
            assert!(Instant::now() < deadline, "nobody is connected");
        }
        assert!(session.join().unwrap().is_err());
    });
    assert_eq!(postgres.pid().unwrap(), postmaster);
    assert_eq!(written(&postgres), "1");
}

#[test]
fn data_lies_in_the_folder_asked_for_and_goes_with_the_server() {
    let parent = tempfile::tempdir().unwrap();
    std::fs::set_permissions(parent.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let postgres = Postgres::builder().within(parent.path()).start().unwrap();
    assert!(postgres.folder().starts_with(parent.path()));
    drop(postgres);
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
}

#[test]
fn a_server_offers_tls() {
    let files = TlsFiles::create().unwrap();
    let postgres = Postgres::builder().tls(&files).start().unwrap();
    assert_eq!(one(&postgres, "SHOW ssl"), "on");
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let error = Postgres::builder()
        .setting("max_connections", "many")
        .start()
        .unwrap_err();
    assert!(error.to_string().contains("max_connections"), "{error}");
}
