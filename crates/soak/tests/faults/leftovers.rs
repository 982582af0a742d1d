//! What is left of a run that dies without a word.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use parlance_soak::cluster::Setup;

use crate::room;

const REPORT: &str = "PARLANCE_SOAK_REPORT";

/// What the process that dies does: it starts a cluster, tells where it is, and is gone.
async fn start_and_die(report: &Path) -> ! {
    let cluster = Setup::copies(1).start().await.unwrap();
    std::fs::write(report, cluster.copy(0).address().to_string()).unwrap();
    std::process::abort()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_copies_of_a_run_that_dies_are_gone() {
    if let Some(report) = std::env::var_os(REPORT) {
        start_and_die(report.as_ref()).await;
    }
    let _room = room().await;
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report");
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "leftovers::the_copies_of_a_run_that_dies_are_gone"])
        .env(REPORT, &report)
        .status()
        .unwrap();
    assert!(!status.success());
    let address: SocketAddr = std::fs::read_to_string(report).unwrap().parse().unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while std::net::TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < deadline, "a copy still listens");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
