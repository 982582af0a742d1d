//! Faults 5, 6, 7, 8: PostgreSQL is restarted, stopped, loses a process, or cannot write its log.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use parlance_testbed::{Postgres, StopMode};

use super::nemesis::kill_backend;
use super::scene::{Act, Mark, Recovery, Scene};
use super::strace::Strace;
use super::{Mix, Outcome, Plan, Probe};
use crate::cluster::{Cluster, Setup};
use crate::report::Figures;

/// Requests that PostgreSQL is needed for end within this, whatever it does.
pub(super) const LONGEST: Duration = Duration::from_secs(5);
/// The service is back so long after PostgreSQL is.
pub(super) const BACK: Duration = Duration::from_secs(5);
/// The same where nothing but a process of PostgreSQL was lost.
const SOON_BACK: Duration = Duration::from_secs(3);
/// What is looked for in the log of a PostgreSQL that could not write.
const PANIC: &str = "PANIC:";
/// And this when it ends all its processes and begins afresh.
const BEGINS_AFRESH: &str = "terminating any other active server processes";
/// A failed write is noticed within this: some request writes all the time.
const NOTICED: Duration = Duration::from_secs(20);

fn setup() -> Setup {
    Setup::copies(2).own_postgres()
}

/// Fault 5: PostgreSQL is restarted in good order, again and again.
pub(super) async fn fast_restart(plan: Plan) -> Result<Figures> {
    let scene = Scene::set(&plan, setup(), Mix::usual(&plan)).await?;
    let fault = scene.mark();
    for _ in 0..plan.pick(1, 5) {
        restart(&scene, |cluster| {
            stop_and_start(cluster, StopMode::Fast, Duration::ZERO)
        })
        .await?;
        scene.load.go_on(plan.time(0, 5)).await;
    }
    Ok(end(scene, fault).await?.figures)
}

/// Fault 6: PostgreSQL is stopped without a word and stays down for a while.
pub(super) async fn immediate_stop(plan: Plan) -> Result<Figures> {
    let down = plan.time(2_000, 10);
    let scene = Scene::set(&plan, setup(), Mix::usual(&plan)).await?;
    let fault = scene.mark();
    restart(&scene, |cluster| {
        stop_and_start(cluster, StopMode::Immediate, down)
    })
    .await?;
    let (from, to) = fault.until_now();
    ensure!(
        scene.vitals.saw(Probe::Ready, 503, (from, to)),
        "no copy said that it is not ready"
    );
    ensure!(
        scene.vitals.all_said("down", (from, to)),
        "a copy did not say that it is down"
    );
    let act = end(scene, fault).await?;
    ensure!(
        act.during.count(&Outcome::Shed) > 0,
        "nothing was refused while there was no database"
    );
    Ok(act.figures)
}

/// Fault 7: a process of PostgreSQL is killed, which ends all its sessions.
pub(super) async fn backend_killed(plan: Plan) -> Result<Figures> {
    let scene = Scene::set(&plan, setup(), Mix::usual(&plan)).await?;
    let fault = scene.mark();
    for _ in 0..plan.pick(1, 5) {
        kill_backend(&scene.cluster).await?;
        scene.load.go_on(plan.time(0, 5)).await;
    }
    Ok(end_within(scene, fault, SOON_BACK).await?.figures)
}

/// Fault 8: PostgreSQL cannot flush its log, and panics.
///
/// Where processes cannot be traced, one of them is made to abort instead, which is what such a panic comes to.
pub(super) async fn wal_error(plan: Plan) -> Result<Figures> {
    let scene = Scene::set(&plan, setup(), Mix::writing(&plan)).await?;
    let fault = scene.mark();
    let backends = scene.cluster.sql(
        "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() \
         AND (backend_type = 'walwriter' OR datname = current_database())",
    );
    let backends = backends.await?.into_iter().flatten().flatten();
    let backends = backends
        .map(|pid| pid.parse().context("no process id"))
        .collect::<Result<Vec<u32>>>()?;
    let injector = if Strace::works().await {
        let _tracing = Strace::inject(&backends, "fdatasync:error=EIO:when=1").await?;
        wait_for_log(&scene, PANIC).await?;
        "strace"
    } else {
        abort(*backends.last().context("nobody is connected")?)?;
        "abort"
    };
    wait_for_log(&scene, BEGINS_AFRESH).await?;
    scene.cluster.with_postgres(Postgres::wait_until_ready).await?;
    Ok(end(scene, fault).await?.figures.with("injector", injector))
}

fn abort(process: u32) -> Result<()> {
    let process = nix::unistd::Pid::from_raw(i32::try_from(process)?);
    Ok(nix::sys::signal::kill(
        process,
        nix::sys::signal::Signal::SIGABRT,
    )?)
}

async fn wait_for_log(scene: &Scene, wanted: &'static str) -> Result<()> {
    let deadline = Instant::now() + NOTICED;
    while !scene.cluster.with_postgres(Postgres::log).await?.contains(wanted) {
        ensure!(Instant::now() < deadline, "PostgreSQL did not log {wanted:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Does it while the load goes on, and checks that the copies live meanwhile.
async fn restart<'a, F>(scene: &'a Scene, work: impl FnOnce(&'a Cluster) -> F) -> Result<()>
where
    F: Future<Output = Result<()>>,
{
    let began = Instant::now();
    work(&scene.cluster).await?;
    scene.vitals.ensure_alive_since(began).await
}

async fn stop_and_start(cluster: &Cluster, mode: StopMode, down: Duration) -> Result<()> {
    cluster.with_postgres(move |postgres| postgres.stop(mode)).await?;
    tokio::time::sleep(down).await;
    cluster.with_postgres(Postgres::start_again).await
}

/// Ends a scene in which requests were carried out or refused in good order and in time, and nothing else.
pub(super) async fn end(scene: Scene, fault: Mark) -> Result<Act> {
    end_within(scene, fault, BACK).await
}

/// The same, with everything well again within this.
async fn end_within(scene: Scene, fault: Mark, back: Duration) -> Result<Act> {
    let healed = scene.mark();
    let (plan, began) = (scene.plan, fault.at);
    scene.vitals.ensure_alive_since(fault.at).await?;
    let livez = scene.vitals.figures((began, Instant::now()));
    let mut act = scene.end(fault, healed, Recovery::within(back)).await?;
    act.during.ensure_only(&[Outcome::Done, Outcome::Shed])?;
    let longest = act.during.longest();
    ensure!(longest <= plan.limit(LONGEST), "a request took {longest:?}");
    act.figures = act.figures.and(livez);
    Ok(act)
}
