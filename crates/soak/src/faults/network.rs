//! Faults 9, 10, 11: PostgreSQL cannot be reached, loses its answers, or is slow.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rand::Rng;

use super::outage;
use super::scene::{Recovery, Scene};
use super::{Mix, Outcome, Plan, Probe};
use crate::cluster::{Before, Setup};
use crate::proxy::Manner;
use crate::report::Figures;

/// How many connections a copy has to PostgreSQL, as it is set up here.
const CONNECTIONS: u64 = 4;
const TRANSACTIONS: u64 = 4;
const WRITERS: u64 = 2;
const COPIES: usize = 2;
/// How many connections besides these, for what is not a request's, may be made per copy.
const OTHERS: u64 = 3;
/// A connection that does not come about is given up, and tried again, about so often.
const ATTEMPT: Duration = Duration::from_secs(2);
/// How long answers are on their way before they begin to get lost.
const ON_THE_WAY: Duration = Duration::from_millis(200);
/// While each answer of PostgreSQL takes half a second, what is carried out takes no longer than this.
const SLOW: Duration = Duration::from_secs(3);
/// Whatever PostgreSQL does, a copy says that it is alive within this.
const ALIVE: Duration = Duration::from_millis(100);

fn setup() -> Setup {
    Setup::copies(COPIES)
        .proxy(Before::Postgres)
        .setting("DATABASE_CONNECTIONS", CONNECTIONS.to_string())
        .setting("DATABASE_TRANSACTIONS", TRANSACTIONS.to_string())
        .setting("DATABASE_WRITERS", WRITERS.to_string())
}

/// Fault 9: nothing reaches PostgreSQL or comes from it, and nobody is told.
pub(super) async fn blackhole(plan: Plan) -> Result<Figures> {
    let length = plan.time(7_000, 30);
    let scene = Scene::set(&plan, setup(), Mix::usual(&plan)).await?;
    let proxy = scene.cluster.to_postgres()?;
    let dials = proxy.dials();
    let fault = scene.mark();
    proxy.set(Manner::Hold);
    let (until, mut at_once) = (Instant::now() + length, 0);
    while Instant::now() < until {
        let before = proxy.dials();
        scene.load.go_on(ATTEMPT).await;
        at_once = at_once.max(proxy.dials() - before);
    }
    let dials_meanwhile = proxy.dials() - dials;
    proxy.set(Manner::Pass);
    ensure!(
        scene.vitals.saw(Probe::Ready, 503, fault.until_now()),
        "no copy said that it is not ready"
    );
    let act = outage::end(scene, fault).await?;
    ensure!(act.during.count(&Outcome::Shed) > 0, "nothing was refused");
    let rounds = u64::from(u32::try_from(length.as_secs() / ATTEMPT.as_secs())?) + 1;
    let pools = COPIES as u64 * (CONNECTIONS + TRANSACTIONS + WRITERS + OTHERS);
    // Each attempt lasts that long, so that those of such a time are those of one moment.
    let bound = pools * plan.pick(rounds, 1);
    ensure!(
        at_once <= bound,
        "{at_once} connections were tried at once, {bound} at most are right"
    );
    let most = pools * rounds;
    ensure!(
        dials_meanwhile <= most,
        "{dials_meanwhile} connections were tried, {most} at most are right"
    );
    Ok(act
        .figures
        .with("dialsMeanwhile", dials_meanwhile)
        .with("dialsAtOnce", at_once))
}

/// Fault 10: writes reach PostgreSQL and are committed, and the answer is lost on its way.
///
/// At first the copies find out by themselves what became of a write; at last nothing comes back for so long that they
/// have to leave it to their clients, who send it again.
pub(super) async fn lost_answers(plan: Plan) -> Result<Figures> {
    let scene = Scene::set(&plan, setup(), Mix::writing(&plan)).await?;
    let fault = scene.mark();
    let mut rng = plan.rng();
    for _ in 0..plan.pick(4, 40) {
        lose(&scene, Duration::from_millis(rng.random_range(50..600))).await?;
    }
    for _ in 0..plan.pick(1, 5) {
        // Slow answers, so that many of them are on their way when they begin to get lost.
        scene.cluster.to_postgres()?.set(Manner::Delay(ON_THE_WAY));
        scene.load.go_on(ON_THE_WAY * 5).await;
        lose(&scene, outage::LONGEST).await?;
    }
    let lost = scene.cluster.to_postgres()?.lost();
    let act = outage::end(scene, fault).await?;
    ensure!(lost > 0, "no answer was lost");
    Ok(act.figures.with("bytesOfAnswersLost", lost))
}

async fn lose(scene: &Scene, time: Duration) -> Result<()> {
    let proxy = scene.cluster.to_postgres()?;
    proxy.set(Manner::LoseAnswers);
    scene.load.go_on(time).await;
    // Those whose answers were lost are of no use any more.
    proxy.cut();
    proxy.set(Manner::Pass);
    scene.load.go_on(Duration::from_millis(500)).await;
    Ok(())
}

/// Fault 11: each answer of PostgreSQL takes half a second.
pub(super) async fn slow(plan: Plan) -> Result<Figures> {
    let scene = Scene::set(&plan, setup(), Mix::usual(&plan)).await?;
    let proxy = scene.cluster.to_postgres()?;
    let fault = scene.mark();
    proxy.set(Manner::Delay(Duration::from_millis(500)));
    scene.load.go_on(plan.time(5_000, 60)).await;
    proxy.set(Manner::Pass);
    let healed = scene.mark();
    let times = fault.until_now();
    scene.vitals.ensure_alive_since(fault.at).await?;
    let alive = scene.vitals.quantile(Probe::Live, 0.99, times);
    ensure!(alive <= plan.limit(ALIVE), "/livez took {alive:?}");
    let act = scene.end(fault, healed, Recovery::within(outage::BACK)).await?;
    act.during.ensure_only(&[Outcome::Done, Outcome::Shed])?;
    let p99 = act.during.quantile(&Outcome::Done, 0.99);
    let by_kind = act.during.figures_by_kind("byKind");
    ensure!(
        p99 <= plan.limit(SLOW),
        "what was carried out took {p99:?}: {by_kind:?}"
    );
    ensure!(act.during.done() > 0, "nothing was carried out");
    Ok(act.figures.and(by_kind).with_millis("livezP99Ms", alive))
}
