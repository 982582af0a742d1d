//! What is left of a test process that dies without a word.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use parlance_testbed::{Port, Postgres, Redis};

const REPORT: &str = "PARLANCE_TESTBED_REPORT";

/// What the process that dies does: it starts servers, tells where they are, and is gone.
fn start_and_die(report: &Path) -> ! {
    let redis = Redis::start().unwrap();
    let postgres = Postgres::start().unwrap();
    let folder = postgres.folder().display();
    std::fs::write(report, format!("{}\n{}\n{folder}", redis.port(), postgres.port())).unwrap();
    std::process::abort()
}

#[test]
fn servers_and_data_of_a_process_that_dies_are_gone() {
    if let Some(report) = std::env::var_os(REPORT) {
        start_and_die(report.as_ref());
    }
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report");
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "servers_and_data_of_a_process_that_dies_are_gone"])
        .env(REPORT, &report)
        .status()
        .unwrap();
    assert!(!status.success());
    let text = std::fs::read_to_string(report).unwrap();
    let [redis, postgres, data] = text.lines().collect::<Vec<_>>().try_into().unwrap();
    let deadline = Instant::now() + Duration::from_mins(2);
    let listens = |port: &str| std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_ok();
    while listens(redis) || listens(postgres) || Path::new(data).exists() {
        assert!(Instant::now() < deadline, "something is left: {text}");
        std::thread::yield_now();
    }
}

#[test]
fn no_port_is_claimed_twice() {
    let ports: Vec<Port> = (0..50).map(|_| Port::claim().unwrap()).collect();
    let numbers: std::collections::BTreeSet<u16> = ports.iter().map(Port::number).collect();
    assert_eq!(numbers.len(), ports.len());
}
