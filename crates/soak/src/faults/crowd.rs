//! Faults 12, 13 and the empty pool: PostgreSQL takes no more connections, work gets in each other's way, or all of it
//! waits for a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use rand::Rng;
use serde_json::{Value, json};

use super::outage;
use super::scene::{Recovery, Scene};
use super::{Mix, Outcome, Plan, Probe};
use crate::cluster::{Cluster, Request, Setup};
use crate::report::{Figures, quantile};
use crate::volume::Learner;

/// Who the copies are where the number of their connections is limited.
const ROLE: &str = "parlance_soak";
/// Every table, as a condition.
const ALL: &str = "table_schema = 'public'";
/// The tables of learners' data, as a condition.
const LEARNERS: &str = "(table_schema, table_name) IN \
     (SELECT table_schema, table_name FROM information_schema.columns WHERE column_name = 'user_id')";
/// How many words a crossed writer sets at once.
const CROSSED: u32 = 20;
/// Deadlocks are dissolved so fast that a request survives some.
const DEADLOCK_TIMEOUT: &str = "20ms";
/// What writers in each other's way take at most.
const CROSSED_LIMIT: Duration = Duration::from_secs(1);

/// Fault 12: PostgreSQL takes fewer connections than the copies want.
pub(super) async fn connection_limit(plan: Plan) -> Result<Figures> {
    let setup = Setup::copies(2).own_postgres().role(ROLE);
    let scene = Scene::set(&plan, setup, Mix::usual(&plan)).await?;
    let fault = scene.mark();
    let limit = |most: i32| format!("ALTER ROLE {ROLE} CONNECTION LIMIT {most}");
    scene.cluster.sql(&limit(5)).await?;
    // Those that are there would stay for ever.
    let part = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ROLE}'");
    scene.cluster.sql(&part).await?;
    scene.load.go_on(plan.time(3_000, 60)).await;
    let query = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{ROLE}'");
    let connections: u32 = scene.cluster.sql_value(&query).await?.parse()?;
    ensure!(
        connections <= 5,
        "{connections} connections in spite of the limit"
    );
    scene.cluster.sql(&limit(-1)).await?;
    let act = outage::end(scene, fault).await?;
    Ok(act.figures.with("connectionsMeanwhile", connections))
}

/// Fault 13: many writers set the same words in crossed order, while somebody else locks tables in crossed order too.
pub(super) async fn crossed_writers(plan: Plan) -> Result<Figures> {
    let setup = Setup::copies(2).postgres(
        parlance_testbed::Postgres::builder()
            .setting("deadlock_timeout", DEADLOCK_TIMEOUT)
            .setting("log_lock_waits", "off"),
    );
    let mut mix = Mix::usual(&plan);
    mix.rate /= 2.0;
    let scene = Scene::set(&plan, setup, mix).await?;
    let fault = scene.mark();
    let over = Arc::new(AtomicBool::new(false));
    let (written, deadlocks) = tokio::try_join!(
        write_crossed(&scene.cluster, &plan, &over),
        lock_crossed(&scene.cluster, &over),
    )?;
    let healed = scene.mark();
    scene.vitals.ensure_alive_since(fault.at).await?;
    let act = scene.end(fault, healed, Recovery::within(outage::BACK)).await?;
    act.during.ensure_only(&[Outcome::Done, Outcome::Shed])?;
    let beside = act.during.quantile(&Outcome::Done, 0.99);
    ensure!(
        beside <= plan.limit(CROSSED_LIMIT),
        "what was carried out beside them took {beside:?}"
    );
    let writes = written.len();
    ensure!(writes > 0, "no crossed write was carried out");
    let p99 = quantile(written, 0.99);
    ensure!(p99 <= plan.limit(CROSSED_LIMIT), "a crossed write took {p99:?}");
    ensure!(
        deadlocks >= plan.pick(0, 1),
        "PostgreSQL saw no deadlock in all that time"
    );
    Ok(act
        .figures
        .with("crossedWrites", writes)
        .with_millis("crossedP99Ms", p99)
        .with("deadlocks", deadlocks))
}

/// Fifty writers of two learners, each setting the same words forwards or backwards; how long each write took that was
/// carried out.
async fn write_crossed(cluster: &Cluster, plan: &Plan, over: &AtomicBool) -> Result<Vec<Duration>> {
    let client = cluster.client(0)?;
    let mut sessions = Vec::new();
    for number in 0..2 {
        sessions.push(Learner::register(&client, "crossed", number).await?);
    }
    let until = Instant::now() + plan.time(3_000, 30);
    let writers = (0..50_usize).map(|writer| {
        let client = client.of(cluster.copy(writer % 2).address());
        let (learner, session) = sessions[writer % 2].clone();
        async move {
            let mut done = Vec::new();
            while Instant::now() < until {
                let updates = updates(&learner, writer, done.len());
                let request = Request::post("/progress/batch", json!({ "updates": updates }));
                match client.send(request.token(&session.access)).await {
                    Ok(answer) if answer.is_ok() => done.push(answer.took),
                    Ok(answer) => ensure!(answer.is_shed(), "a crossed write answered {}", answer.told()),
                    Err(lost) => anyhow::bail!("a crossed write was not answered: {lost:?}"),
                }
            }
            Ok(done)
        }
    });
    let done = try_join_all(writers).await;
    over.store(true, Ordering::Relaxed);
    Ok(done?.into_iter().flatten().collect())
}

fn updates(learner: &Learner, writer: usize, round: usize) -> Vec<Value> {
    let mut words: Vec<u32> = (0..CROSSED).collect();
    if writer % 4 < 2 {
        words.reverse();
    }
    let count = writer + round;
    words
        .into_iter()
        .map(|word| json!({ "wordId": learner.word(word), "studyCount": count }))
        .collect()
}

/// Locks the tables of learners' data in changing order, for a moment each time; how many deadlocks PostgreSQL saw.
async fn lock_crossed(cluster: &Cluster, over: &AtomicBool) -> Result<u64> {
    let mut tables = tables(cluster, LEARNERS).await?;
    let mut rng = rand::rng();
    while !over.load(Ordering::Relaxed) {
        rand::seq::SliceRandom::shuffle(tables.as_mut_slice(), &mut rng);
        let locks: Vec<String> = tables
            .iter()
            .map(|table| format!("LOCK TABLE {table} IN EXCLUSIVE MODE; SELECT pg_sleep(0.005);"))
            .collect();
        // It may be the one that loses.
        let _ = cluster.sql(&format!("BEGIN; {} COMMIT", locks.concat())).await;
        tokio::time::sleep(Duration::from_millis(rng.random_range(5..50))).await;
    }
    let query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    Ok(cluster.sql_value(query).await?.parse()?)
}

/// The tables of a kind.
async fn tables(cluster: &Cluster, which: &str) -> Result<Vec<String>> {
    let query = format!(
        "SELECT table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND {which} ORDER BY 1"
    );
    let rows = cluster.sql(&query).await?;
    let tables: Vec<String> = rows.into_iter().flatten().flatten().collect();
    ensure!(!tables.is_empty(), "there is no table");
    Ok(tables)
}

/// Everything that a request could wait for at PostgreSQL is locked: requests are refused in time, and nothing hangs.
pub(super) async fn all_locked(plan: Plan) -> Result<Figures> {
    let scene = Scene::set(&plan, Setup::copies(2), Mix::usual(&plan)).await?;
    let fault = scene.mark();
    let locks = tables(&scene.cluster, ALL).await?;
    let seconds = plan.pick(6, 30);
    // Who waits for less is ended by PostgreSQL when two wait for each other.
    let statement = format!(
        "BEGIN; SET LOCAL deadlock_timeout = '1min'; LOCK TABLE {} IN ACCESS EXCLUSIVE MODE; \
         SELECT pg_sleep({seconds}); COMMIT",
        locks.join(", ")
    );
    scene
        .cluster
        .sql(&statement)
        .await
        .context("the tables were not locked")?;
    let seen = scene.seen_since(fault);
    ensure!(
        seen.count(&Outcome::Shed) > 0,
        "nothing was refused while everything was locked"
    );
    ensure!(
        !scene.vitals.saw(Probe::Live, 503, fault.until_now()),
        "a copy said that it is not alive"
    );
    Ok(outage::end(scene, fault).await?.figures)
}
