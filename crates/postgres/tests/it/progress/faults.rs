//! Servers and their processes end while progress is written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parlance_domain::ids::UserId;
use parlance_domain::port::PortErrorKind;
use parlance_domain::progress::{AppendError, ProgressStore};
use parlance_postgres::PgConfig;
use parlance_testbed::{Postgres, StopMode};
use tokio::task::{JoinSet, spawn_blocking};

use super::{Copy, Scene, assert_all_is_quiet, kept, learners_of, review, reviews, scene};
use crate::support::{config, eventually, session};

/// Learners who write without a pause until they are stopped; one number is sent once, or again if it failed.
struct Load {
    is_over: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    writers: JoinSet<(UserId, BTreeSet<u128>)>,
}

impl Load {
    fn on(copies: &[Copy], users: &[UserId]) -> Self {
        let mut load = Self {
            is_over: Arc::default(),
            done: Arc::default(),
            writers: JoinSet::new(),
        };
        for (index, user) in users.iter().copied().enumerate() {
            for (device, copy) in copies.iter().cloned().enumerate() {
                let (is_over, done) = (Arc::clone(&load.is_over), Arc::clone(&load.done));
                load.writers.spawn(async move {
                    let mut acknowledged = BTreeSet::new();
                    let mut number = (device as u128 + 1) * 1_000_000 + index as u128 * 10;
                    while !is_over.load(Ordering::Relaxed) {
                        let word = usize::try_from(number % 50).unwrap();
                        let sent = reviews(vec![review(number, word), review(number + 1, word + 1)]);
                        match copy.progress.append(user, &sent).await {
                            Ok(appended) => {
                                assert_eq!(appended.accepted + appended.duplicates, 2);
                                acknowledged.extend([number, number + 1]);
                                done.fetch_add(1, Ordering::Relaxed);
                                number += 2;
                            }
                            Err(AppendError::Port(error)) => assert!(
                                matches!(error.kind, PortErrorKind::Unavailable | PortErrorKind::Timeout),
                                "{error:?}"
                            ),
                            Err(refused) => panic!("{refused:?}"),
                        }
                    }
                    (user, acknowledged)
                });
            }
        }
        load
    }

    /// Waits until so many more writes are done.
    async fn go_on_for(&self, more: u64) {
        let goal = self.done.load(Ordering::Relaxed) + more;
        eventually("the load was to go on", async || {
            (self.done.load(Ordering::Relaxed) >= goal).then_some(())
        })
        .await;
    }

    /// Stops, and sees to it that all is there that was acknowledged, and nothing that was not sent.
    async fn settle(self, copy: &Copy) {
        self.is_over.store(true, Ordering::Relaxed);
        let mut acknowledged = BTreeMap::<UserId, BTreeSet<u128>>::new();
        for (user, some) in self.writers.join_all().await {
            acknowledged.entry(user).or_default().extend(some);
        }
        for (user, acknowledged) in acknowledged {
            let kept = kept(&copy.progress, user).await.reviews;
            let lost: Vec<_> = acknowledged.difference(&kept).collect();
            assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
            for id in &kept {
                assert!(kept.contains(&(id ^ 1)), "half of a write");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fault_07_while_connections_are_killed_again_and_again_no_acknowledged_write_is_lost_or_doubled() {
    let scene = scene(2, 12, |config| config).await;
    let killer = session(&scene.home.url()).await;
    let load = Load::on(&scene.copies, &scene.users);
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'parlance' \
        AND datname = current_database() AND state = 'active'";
    let mut count = 0;
    while count < 30 {
        load.go_on_for(20).await;
        count += killer.query_one(kill, &[]).await.unwrap().get::<_, i64>(0);
    }
    load.go_on_for(100).await;
    load.settle(&scene.copies[0]).await;
    assert_all_is_quiet(&scene).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_61_a_server_that_is_restarted_under_load_loses_no_acknowledged_write() {
    let server = Arc::new(spawn_blocking(|| Postgres::start().unwrap()).await.unwrap());
    let copy = Copy::open(config(&server.url("postgres"))).await;
    let users = learners_of(&copy.database, 12).await;
    let load = Load::on(std::slice::from_ref(&copy), &users);
    for mode in [StopMode::Fast, StopMode::Immediate, StopMode::Fast] {
        load.go_on_for(50).await;
        let server = Arc::clone(&server);
        spawn_blocking(move || server.restart(mode).unwrap())
            .await
            .unwrap();
    }
    load.go_on_for(50).await;
    load.settle(&copy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fault_06_while_the_server_is_down_writes_fail_in_time() {
    let server = Arc::new(spawn_blocking(|| Postgres::start().unwrap()).await.unwrap());
    let copy = Copy::open(PgConfig {
        statement_timeout: std::time::Duration::from_millis(500),
        ..config(&server.url("postgres"))
    })
    .await;
    let users = learners_of(&copy.database, 1).await;
    let sent = reviews(vec![review(1, 1)]);
    let stopped = Arc::clone(&server);
    spawn_blocking(move || stopped.stop(StopMode::Immediate).unwrap())
        .await
        .unwrap();
    let error = copy.progress.append(users[0], &sent).await;
    assert_eq!(super::kind(error), PortErrorKind::Unavailable);
    let connects = copy.progress.stats().connects;
    assert!(connects < 40, "{connects} attempts to connect");
    let started = Arc::clone(&server);
    spawn_blocking(move || started.start_again().unwrap())
        .await
        .unwrap();
    eventually("the database was to be back", async || {
        copy.progress.append(users[0], &sent).await.ok()
    })
    .await;
}

/// Accounts are deleted while their learners write.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_58_what_is_deleted_under_load_leaves_no_orphans() {
    let Scene { home, copies, users } = scene(2, 20, |config| config).await;
    let deleter = session(&home.url()).await;
    let mut writers = JoinSet::new();
    for user in users.iter().copied() {
        for copy in copies.iter().cloned() {
            writers.spawn(async move {
                for number in (0..).step_by(2) {
                    let sent = reviews(vec![review(number, 1), review(number + 1, 2)]);
                    match copy.progress.append(user, &sent).await {
                        Ok(_) => {}
                        Err(AppendError::Port(error)) => {
                            assert_eq!(error.kind, PortErrorKind::OwnerGone, "{error:?}");
                            return;
                        }
                        Err(refused) => panic!("{refused:?}"),
                    }
                }
            });
        }
    }
    for user in &users {
        let delete = format!("DELETE FROM accounts WHERE id = '{user}'");
        deleter.batch_execute(&delete).await.unwrap();
    }
    writers.join_all().await;
    for table in ["progress_heads", "progress_events", "progress"] {
        let query = format!("SELECT count(*) FROM {table}");
        let left: i64 = deleter.query_one(&query, &[]).await.unwrap().get(0);
        assert_eq!(left, 0, "orphans in {table}");
    }
}
