//! Many learners at once, and random faults under the checker.

use std::time::Duration;

use parlance_soak::cluster::Setup;
use parlance_soak::faults::{Plan, nemesis, vulnerable};
use parlance_soak::history::Timeline;
use parlance_soak::volume::Volume;
use parlance_soak::workload::{Config, Span, run_under};

use crate::{room, seed};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_review_of_fifty_learners_with_two_devices_counts_once_on_two_copies() {
    let _room = room().await;
    let cluster = Setup::copies(2).start().await.unwrap();
    let figures = Volume::fifty(seed()).run(&cluster).await.unwrap();
    println!("{}", serde_json::to_string(&figures).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_checker_finds_nothing_wrong_under_random_faults() {
    let _room = room().await;
    let seed = seed();
    let cluster = vulnerable(2).start().await.unwrap();
    let bases = cluster
        .addresses()
        .iter()
        .map(|address| format!("http://{address}"))
        .collect();
    let config = Config {
        span: Span::Faults,
        rate: Some(60.0),
        ..Config::small(seed, bases, 0)
    };
    let timeline = Timeline::begin();
    let faults = async {
        nemesis(&cluster, &timeline, &Plan::short(seed), Duration::from_secs(8)).await?;
        Ok(())
    };
    let report = run_under(&config, &timeline, faults).await.unwrap();
    println!("{}", report.line());
    assert!(report.is_clean(), "{:?}", report.violations);
}
