//! Threat 57: the schema is taken back to its first step and made again, while there is much in it and somebody writes.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rand::Rng;
use rand::rngs::StdRng;

use super::Plan;
use crate::cluster::{Cluster, Setup};
use crate::report::Figures;

const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/postgres");
/// For so many rows altogether there is a learner: an account, its head, a session, and words.
const ROWS_OF_ONE: u32 = 10;
/// Nobody who writes waits longer for a step.
const LOCKED: Duration = Duration::from_secs(2);
/// All that is kept in the columns of the first step, whatever the order.
const DIGEST: &str = "SELECT sum(hashtextextended(content, 0)) FROM (\
    SELECT (id, email, email_key, username, username_key, password_hash, display_name, native_language, target_language, \
        proficiency_level, time_zone, roles, is_premium, email_verified, created_at, updated_at, last_login_at, revision)::text \
        FROM accounts \
    UNION ALL SELECT (user_id, id, counter, rotated_at, previous_rotated_at, created_at, expires_at, revoked_at)::text \
        FROM sessions \
    UNION ALL SELECT h::text FROM progress_heads h \
    UNION ALL SELECT p::text FROM progress p) AS rows (content)";

/// The rows of so many learners.
fn rows_of(learners: u32) -> String {
    let words = ROWS_OF_ONE - 3;
    format!(
        "INSERT INTO accounts (id, email, email_key, password_hash, time_zone, roles, is_premium, email_verified, \
            created_at, updated_at, revision) \
         SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'learner' || n, 'learner' || n, '', 'UTC', \
            ARRAY['user'], FALSE, FALSE, now(), now(), 1 FROM generate_series(1, {learners}) n; \
         INSERT INTO progress_heads SELECT id, {words}, {words} FROM accounts; \
         INSERT INTO sessions (user_id, id, counter, rotated_at, created_at, expires_at) \
         SELECT id, id, 0, now(), now(), now() + INTERVAL '1 day' FROM accounts; \
         INSERT INTO progress SELECT id, 'word-' || n, id, 1, n, FALSE, 1, 1, 0.5, now(), NULL, NULL, NULL, NULL, now(), \
            id, now(), now() FROM accounts, generate_series(1, {words}) n"
    )
}

/// Takes the schema back and makes it again; what the first step keeps is the same all the time.
pub(super) async fn down_and_up(plan: Plan) -> Result<Figures> {
    let learners = plan.pick(2_000, 1_000_000 / ROWS_OF_ONE);
    let cluster = Setup::copies(1).without_redis().prepare().await?;
    migrate(&cluster).await?;
    cluster.sql(&rows_of(learners)).await?;
    let before = cluster.sql_value(DIGEST).await?;
    let steps = take_back(&cluster).await?;
    let down = cluster.sql_value(DIGEST).await?;
    ensure!(down == before, "something was lost on the way down");
    let began = Instant::now();
    let over = AtomicBool::new(false);
    let going_up = async {
        migrate(&cluster).await?;
        over.store(true, Ordering::Relaxed);
        Ok(began.elapsed())
    };
    let writing = write_until(&cluster, learners, plan.rng(), &over);
    let (took, (slowest, writes)) = tokio::try_join!(going_up, writing)?;
    let up = cluster.sql_value(DIGEST).await?;
    ensure!(up == before, "something was lost on the way up");
    ensure!(
        slowest <= plan.limit(LOCKED),
        "somebody waited {slowest:?} for a step"
    );
    Ok(Figures::default()
        .with("rows", learners * ROWS_OF_ONE)
        .with("steps", steps)
        .with("writes", writes)
        .with_millis("upMs", took)
        .with_millis("longestWriteMs", slowest))
}

async fn migrate(cluster: &Cluster) -> Result<()> {
    let status = cluster.copy(0).command("migrate").status().await?;
    ensure!(status.success(), "the migration ended with {status}");
    Ok(())
}

/// Takes back every step but the first; how many.
async fn take_back(cluster: &Cluster) -> Result<usize> {
    let steps = later_steps()?;
    for step in steps.iter().rev() {
        let down = std::fs::read_to_string(step.join("down.sql"))?;
        let version = version_of(step).context("a folder that is no step")?;
        let forget = format!("DELETE FROM __diesel_schema_migrations WHERE version = '{version}'");
        cluster.sql(&format!("{down};\n{forget}")).await?;
    }
    Ok(steps.len())
}

/// The folders of the steps after the first, in their order.
fn later_steps() -> Result<Vec<PathBuf>> {
    let folders = std::fs::read_dir(MIGRATIONS)?;
    let mut steps = folders
        .map(|folder| Ok(folder?.path()))
        .collect::<Result<Vec<_>>>()?;
    steps.sort();
    steps.remove(0);
    Ok(steps)
}

/// The version by which the database knows a step.
fn version_of(step: &Path) -> Option<String> {
    let (moment, _) = step.file_name()?.to_str()?.split_once('_')?;
    Some(moment.replace('-', ""))
}

/// Writes to every table in turn until it is over; how long the slowest write took, and how many there were.
async fn write_until(
    cluster: &Cluster,
    learners: u32,
    mut rng: StdRng,
    over: &AtomicBool,
) -> Result<(Duration, usize)> {
    let tables = [
        ("accounts", "id"),
        ("sessions", "user_id"),
        ("progress", "user_id"),
    ];
    let (mut slowest, mut writes) = (Duration::ZERO, 0);
    while !over.load(Ordering::Relaxed) {
        let number = rng.random_range(1..=learners);
        let (table, column) = tables[writes % tables.len()];
        let write = format!(
            "UPDATE {table} SET created_at = created_at \
             WHERE {column} = ('00000000-0000-7000-8000-' || lpad(to_hex({number}), 12, '0'))::uuid"
        );
        let began = Instant::now();
        cluster.sql(&write).await?;
        slowest = slowest.max(began.elapsed());
        writes += 1;
    }
    Ok((slowest, writes))
}
