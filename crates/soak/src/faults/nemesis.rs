//! Faults at random, one after the other, for whoever drives another load.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use parlance_testbed::{Postgres, Redis, StopMode};
use rand::Rng;
use rand::rngs::StdRng;
use tokio::time::sleep;

use super::{Plan, Vitals};
use crate::cluster::{Before, Cluster, Setup};
use crate::history::Timeline;
use crate::proxy::Manner;

/// Everything is well again so long after the end of a fault.
const RECOVERED: Duration = Duration::from_mins(1);

/// How often connections are reset while they are.
const CUT_EVERY: Duration = Duration::from_millis(200);

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Harm {
    KillCopy,
    RestartPostgres,
    KillBackend,
    HoldPostgres,
    LoseAnswers,
    KillRedis,
    FreezeRedis,
    EmptyRedis,
    CutRedis,
}

impl Harm {
    const ALL: [Self; 9] = [
        Self::KillCopy,
        Self::RestartPostgres,
        Self::KillBackend,
        Self::HoldPostgres,
        Self::LoseAnswers,
        Self::KillRedis,
        Self::FreezeRedis,
        Self::EmptyRedis,
        Self::CutRedis,
    ];

    /// The fault as the timeline names it.
    const fn name(self) -> &'static str {
        match self {
            Self::KillCopy => "a copy is killed",
            Self::RestartPostgres => "PostgreSQL is restarted",
            Self::KillBackend => "a process of PostgreSQL is killed",
            Self::HoldPostgres => "PostgreSQL cannot be reached",
            Self::LoseAnswers => "answers of PostgreSQL are lost",
            Self::KillRedis => "Redis is killed",
            Self::FreezeRedis => "Redis hangs",
            Self::EmptyRedis => "Redis is emptied",
            Self::CutRedis => "connections to Redis are reset",
        }
    }
}

/// What the copies stand on so that every fault can be injected.
pub fn vulnerable(copies: usize) -> Setup {
    Setup::copies(copies)
        .own_postgres()
        .proxy(Before::Postgres)
        .proxy(Before::Redis)
}

/// Injects faults at random for so long, each noted in the timeline, and returns when everything is well; how many.
///
/// The cluster is one that [`vulnerable`] set up.
pub async fn nemesis(cluster: &Cluster, timeline: &Timeline, plan: &Plan, length: Duration) -> Result<usize> {
    let mut rng = plan.rng();
    let until = Instant::now() + length;
    let mut faults = 0;
    while Instant::now() < until {
        let pause = plan.pick(200..2_000, 3_000..9_000);
        sleep(Duration::from_millis(rng.random_range(pause))).await;
        let harm = Harm::ALL[rng.random_range(0..Harm::ALL.len())];
        let in_force = timeline.fault(harm.name());
        let span = Duration::from_millis(rng.random_range(500..4_000));
        inject(cluster, harm, span, &mut rng).await?;
        Vitals::well(cluster, RECOVERED).await?;
        drop(in_force);
        faults += 1;
    }
    ensure!(faults > 0, "there was no time for a fault");
    Ok(faults)
}

async fn inject(cluster: &Cluster, harm: Harm, span: Duration, rng: &mut StdRng) -> Result<()> {
    match harm {
        Harm::KillCopy => {
            let copy = cluster.copy(rng.random_range(0..cluster.copies().len()));
            copy.kill().await?;
            copy.start().await?;
            Ok(())
        }
        Harm::RestartPostgres => {
            let mode = if rng.random() {
                StopMode::Fast
            } else {
                StopMode::Immediate
            };
            cluster
                .with_postgres(move |postgres| postgres.restart(mode))
                .await
        }
        Harm::KillBackend => kill_backend(cluster).await,
        Harm::HoldPostgres => harm_postgres(cluster, Manner::Hold, span).await,
        Harm::LoseAnswers => harm_postgres(cluster, Manner::LoseAnswers, span).await,
        Harm::KillRedis => {
            cluster.with_redis(Redis::kill).await?;
            sleep(span).await;
            cluster.with_redis(Redis::start_again).await
        }
        Harm::FreezeRedis => {
            cluster.with_redis(Redis::freeze).await?;
            sleep(span).await;
            cluster.with_redis(Redis::thaw).await
        }
        Harm::EmptyRedis => {
            cluster
                .with_redis(|redis| redis.command(&["FLUSHALL"]).map(drop))
                .await
        }
        Harm::CutRedis => cut_redis(cluster, span).await,
    }
}

/// Kills a process of PostgreSQL that serves a copy; all is as before when this returns, but for its sessions.
pub(super) async fn kill_backend(cluster: &Cluster) -> Result<()> {
    let database = cluster.database().to_owned();
    let kill = move |postgres: &Postgres| postgres.kill_a_backend(&database);
    cluster.with_postgres(kill).await
}

async fn harm_postgres(cluster: &Cluster, manner: Manner, span: Duration) -> Result<()> {
    let proxy = cluster.to_postgres()?;
    proxy.set(manner);
    sleep(span).await;
    if manner == Manner::LoseAnswers {
        // Those whose answers were lost are of no use any more.
        proxy.cut();
    }
    proxy.set(Manner::Pass);
    Ok(())
}

async fn cut_redis(cluster: &Cluster, span: Duration) -> Result<()> {
    let until = Instant::now() + span;
    while Instant::now() < until {
        cluster.to_redis()?.cut();
        sleep(CUT_EVERY).await;
    }
    Ok(())
}
