//! Classes of failures that need processes to be shown, and are not those of a server that is gone.

use std::time::Duration;

use futures_util::future::join_all;
use nix::sys::signal::Signal;
use parlance_soak::cluster::{Cluster, Setup};
use parlance_soak::faults::{Load, Mix, Outcome, Plan, Vitals};
use parlance_soak::volume::Learner;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::{room, seed};

const PATIENCE: Duration = Duration::from_mins(1);
/// All that a schema consists of, on one line each.
const SCHEMA: &str = "SELECT md5(string_agg(line, ';' ORDER BY line)) FROM (\
    SELECT format('%s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default) \
    FROM information_schema.columns WHERE table_schema = 'public' \
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' \
    UNION ALL SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint \
    WHERE connamespace = 'public'::regnamespace \
    UNION ALL SELECT version FROM __diesel_schema_migrations) AS lines (line)";

async fn migrated(cluster: &Cluster) -> String {
    cluster.sql_value(SCHEMA).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_57_migrations_at_once_and_killed_half_way_end_in_the_same_schema() {
    let _room = room().await;
    let undisturbed = Setup::copies(1).without_redis().prepare().await.unwrap();
    let status = undisturbed.copy(0).command("migrate").status().await.unwrap();
    assert!(status.success());
    let wanted = migrated(&undisturbed).await;

    let mut rng = StdRng::seed_from_u64(seed());
    let cluster = Setup::copies(2).without_redis().prepare().await.unwrap();
    for _ in 0..6 {
        let mut migrators: Vec<_> = (0..2)
            .map(|copy| cluster.copy(copy).command("migrate").spawn().unwrap())
            .collect();
        sleep(Duration::from_millis(rng.random_range(0..150))).await;
        for migrator in &mut migrators {
            migrator.kill().await.unwrap();
        }
    }
    let migrators = (0..4).map(|number| cluster.copy(number % 2).command("migrate").status());
    for status in join_all(migrators).await {
        assert!(status.unwrap().success());
    }
    assert_eq!(migrated(&cluster).await, wanted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_59_sessions_that_postgresql_ends_are_no_failures_of_ours() {
    let _room = room().await;
    let cluster = Setup::copies(2).start().await.unwrap();
    let plan = Plan::short(seed());
    let load = Load::on(&cluster, &plan, Mix::usual(&plan)).await.unwrap();
    for _ in 0..10 {
        load.go_on(Duration::from_millis(200)).await;
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        cluster.sql(end).await.unwrap();
    }
    Vitals::well(&cluster, PATIENCE).await.unwrap();
    let summary = load.finish().await.unwrap();
    summary.ensure_kept().unwrap();
    summary
        .whole()
        .ensure_only(&[Outcome::Done, Outcome::Shed])
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_71_a_process_without_descriptors_recovers_and_does_not_spin() {
    let _room = room().await;
    let limited = ["/bin/sh", "-c", "ulimit -n 256; exec \"$0\" \"$@\""];
    let cluster = Setup::copies(1).through(&limited).start().await.unwrap();
    let copy = cluster.copy(0);
    let client = cluster.client(0).unwrap();
    let (learner, session) = Learner::register(&client, "crowded", 0).await.unwrap();
    let process = copy.pid().await.unwrap();
    let before = copy.usage().await.unwrap();

    let idle = join_all((0..400).map(|_| TcpStream::connect(copy.address()))).await;
    let full = timeout(PATIENCE, async {
        while copy.usage().await.unwrap().descriptors < 250 {
            sleep(Duration::from_millis(20)).await;
        }
    });
    full.await.unwrap();
    let began = copy.usage().await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let spent = copy.usage().await.unwrap().cpu_since(&began);
    assert!(
        spent < Duration::from_millis(500),
        "{spent:?} of processor time in a second of nothing"
    );
    drop(idle);

    let recovered = timeout(PATIENCE, async {
        while !client.send(session.me()).await.is_ok_and(|answer| answer.is_ok()) {
            sleep(Duration::from_millis(20)).await;
        }
        while copy.usage().await.unwrap().descriptors > before.descriptors + 20 {
            sleep(Duration::from_millis(20)).await;
        }
    });
    recovered.await.unwrap();
    client.expect(200, learner.login()).await.unwrap();
    assert_eq!(copy.pid().await.unwrap(), process);
    assert_eq!(copy.ended().await.unwrap(), None);
}

async fn works_with_output(script: &str) {
    let _room = room().await;
    let cluster = Setup::copies(1)
        .through(&["/bin/sh", "-c", script])
        .start()
        .await
        .unwrap();
    let plan = Plan::short(seed());
    let load = Load::on(&cluster, &plan, Mix::usual(&plan)).await.unwrap();
    // Whatever is logged goes nowhere, and there is something to log: the database parts from everybody.
    cluster
        .sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
        .await
        .unwrap();
    load.go_on(Duration::from_secs(1)).await;
    let summary = load.finish().await.unwrap();
    summary.ensure_kept().unwrap();
    summary
        .whole()
        .ensure_only(&[Outcome::Done, Outcome::Shed])
        .unwrap();
    let began = cluster.copy(0).usage().await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let spent = cluster.copy(0).usage().await.unwrap().cpu_since(&began);
    assert!(
        spent < Duration::from_millis(500),
        "{spent:?} of processor time in a second of nothing"
    );
    cluster.copy(0).signal(Signal::SIGTERM).await.unwrap();
    assert!(cluster.copy(0).wait().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_71_a_process_whose_output_is_closed_works() {
    works_with_output("exec \"$0\" \"$@\" >&- 2>&-").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_71_a_process_whose_log_is_on_a_full_disk_works() {
    works_with_output("exec \"$0\" \"$@\" >/dev/full 2>/dev/full").await;
}
