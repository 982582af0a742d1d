//! The load against the real program: nothing is wrong without a bug, and each of six bugs is found.

use parlance_soak::checker::Kind;
use parlance_soak::mutant::{Bug, Mutant};
use parlance_soak::workload::{Config, Report, run};

use crate::server::Server;

const SEED: u64 = 20_260_301;

async fn report(bug: Option<Bug>, requests: usize) -> Report {
    let server = Server::start().await;
    let mutant = Mutant::plant(bug, &server.url).await.unwrap();
    let config = Config::small(SEED, vec![mutant.url().to_owned()], requests);
    let report = run(&config).await.unwrap();
    println!("{}", report.line());
    report
}

async fn finds(bug: Bug, kind: Kind) {
    let report = report(Some(bug), 800).await;
    let found: Vec<_> = report.violations.iter().filter(|one| one.kind == kind).collect();
    assert!(
        !found.is_empty(),
        "{bug:?} was not found: {:?}",
        report.violations
    );
    println!("{bug:?}: {:?}", found[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_wrong_with_a_correct_server() {
    let server = Server::start().await;
    let config = Config::small(SEED, vec![server.url.clone()], 2_000);
    let report = run(&config).await.unwrap();
    println!("{}", report.line());
    assert!(report.is_clean(), "seed {SEED}: {:#?}", report.violations);
    let figures = &report.figures;
    assert!(figures.ops >= 2_000, "{figures:?}");
    assert!(figures.reviews_acked > 1_000, "{figures:?}");
    assert_eq!(figures.reviews_acked, figures.reviews_logged);
    assert!(figures.reviews_resent > 50, "{figures:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_without_a_bug_changes_nothing() {
    let report = report(None, 800).await;
    assert!(report.is_clean(), "seed {SEED}: {:#?}", report.violations);
}

#[tokio::test(flavor = "multi_thread")]
async fn last_write_wins_is_found() {
    finds(Bug::LastWriteWins, Kind::Merge).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_dedupe_is_found() {
    finds(Bug::MissingDedupe, Kind::Set).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_in_the_feed_is_found() {
    finds(Bug::CursorGap, Kind::Cursor).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_from_a_stale_cache_is_found() {
    finds(Bug::StaleCache, Kind::Session).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_before_the_commit_is_found() {
    finds(Bug::AckBeforeCommit, Kind::Set).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_is_not_atomic_is_found() {
    finds(Bug::SplitRefresh, Kind::Session).await;
}
