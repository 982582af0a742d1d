//! Faults 1 to 4: copies are killed, stopped, stopped while PostgreSQL hangs, and replaced one by one.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use rand::Rng;

use super::scene::{Recovery, Scene};
use super::{Extent, Load, Mix, Outcome, Plan};
use crate::cluster::{Before, Client, Cluster, Copy, Setup};
use crate::proxy::Manner;
use crate::report::{Figures, millis};
use crate::volume::{Event, Kept, Learner, Ledger, Session};

/// A copy that was killed is ready again within this.
const READY: Duration = Duration::from_secs(2);
/// A copy that was asked to stop has stopped within this.
const GRACE: Duration = Duration::from_secs(10);
/// A copy that was asked to stop says so at once.
const AT_ONCE: Duration = Duration::from_millis(500);
/// A submission that was cut off is acknowledged by another copy within this.
const SETTLED: Duration = Duration::from_secs(20);
/// So many reviews are acknowledged while copies are killed, at least.
const ACKNOWLEDGED: usize = 20_000;
/// How many reviews the submission has under which a copy is killed.
const BIG: u32 = 500;

/// How long requests are still accepted by a copy that was asked to stop.
fn drain(plan: &Plan) -> Duration {
    plan.time(3_000, 1)
}

/// Fault 1: a copy is killed in the middle of writes, and started again at once.
pub(super) async fn kill_in_writes(plan: Plan) -> Result<Figures> {
    let scene = Scene::set(&plan, Setup::copies(2), Mix::writing(&plan)).await?;
    let mut rng = plan.rng();
    let (learner, session) = Learner::register(&scene.cluster.client(0)?, "big", 0).await?;
    let mut ledger = Ledger::default();
    let (mut slowest, mut whole) = (Duration::ZERO, 0);
    let fault = scene.mark();
    for round in 0..plan.pick(3, 50) {
        let victim = scene.cluster.copy(round % 2);
        let other = scene.cluster.client((round + 1) % 2)?;
        let batch: Vec<Event> = (0..BIG)
            .map(|number| Event::random(&mut rng, learner.word(number % 20)))
            .collect();
        ledger.send(&batch);
        let pause = Duration::from_millis(rng.random_range(0..plan.pick(400, 60)));
        let client = Client::new(victim.address(), GRACE)?;
        let request = Event::submission(&batch).token(&session.access);
        let sending = tokio::spawn(async move { client.send(request).await });
        tokio::time::sleep(pause).await;
        victim.kill().await?;
        let acked = sending.await?.is_ok_and(|answer| answer.is_ok());
        whole += usize::from(is_there_whole(&other, &session, &batch, acked).await?);
        send_again(&other, &session, &batch).await?;
        ledger.acknowledge(&batch);
        slowest = slowest.max(victim.start().await?);
        scene.load.go_on(plan.time(300, 1)).await;
    }
    ensure!(
        slowest <= plan.limit(READY),
        "a copy was ready after {slowest:?} only"
    );
    let kept = Kept::read(&scene.cluster.client(0)?, &session).await?;
    ledger.compare(&learner.id, &kept).ensure_none()?;
    let healed = scene.mark();
    let recovery = Recovery {
        within: GRACE,
        same_processes: false,
    };
    let act = scene.end(fault, healed, recovery).await?;
    let acked = act.summary.acked;
    ensure!(
        acked >= plan.pick(1, ACKNOWLEDGED),
        "only {acked} reviews were acknowledged"
    );
    Ok(act
        .figures
        .with("kills", plan.pick(3, 50))
        .with("committedUnderTheKill", whole)
        .with_millis("slowestStartMs", slowest))
}

/// Whether the submission is there; it must be as a whole or not at all.
async fn is_there_whole(client: &Client, session: &Session, batch: &[Event], acked: bool) -> Result<bool> {
    let held = Kept::read(client, session).await?.holds(batch);
    ensure!(
        held == 0 || held == batch.len(),
        "{held} of {} reviews are there",
        batch.len()
    );
    ensure!(!acked || held > 0, "an acknowledged submission is not there");
    Ok(held > 0)
}

/// Sends a submission until it is acknowledged: what the killed copy left behind may be at work for a moment.
async fn send_again(client: &Client, session: &Session, batch: &[Event]) -> Result<()> {
    let until = Instant::now() + SETTLED;
    loop {
        let answer = client.send(Event::submission(batch).token(&session.access)).await;
        match answer {
            Ok(answer) if answer.is_ok() => return Ok(()),
            Ok(answer) if answer.is_shed() => ensure!(Instant::now() < until, "it is still refused"),
            Ok(answer) => anyhow::bail!("sent again, it was answered {}", answer.told()),
            Err(lost) => anyhow::bail!("sent again, it was not answered: {lost:?}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Fault 2: a copy is asked to stop under load, and started again.
pub(super) async fn terminate_under_load(plan: Plan) -> Result<Figures> {
    let setup = Setup::copies(1).setting("DRAIN_SECONDS", drain(&plan).as_secs().to_string());
    let scene = Scene::set(&plan, setup, Mix::usual(&plan)).await?;
    let copy = scene.cluster.copy(0);
    let rounds = plan.pick(2, 50);
    let (mut slowest, mut noticed) = (Duration::ZERO, Duration::ZERO);
    let mut closed = Vec::new();
    let fault = scene.mark();
    for _ in 0..rounds {
        // A busy machine may take its time to look at what was sent.
        let closing = scene.load.now() + plan.pick(Duration::ZERO, drain(&plan));
        noticed = noticed.max(stop_and_be_unready(copy, plan.limit(AT_ONCE)).await?);
        let began = Instant::now();
        let status = copy.wait().await?;
        slowest = slowest.max(began.elapsed());
        ensure!(status.success(), "it ended with {status}");
        copy.start().await?;
        closed.push((closing, scene.load.now()));
        scene.load.go_on(plan.time(500, 1)).await;
    }
    let limit = plan.limit(GRACE);
    ensure!(slowest <= limit, "it took {slowest:?} to stop");
    let healed = scene.mark();
    let recovery = Recovery {
        within: GRACE,
        same_processes: false,
    };
    let act = scene.end(fault, healed, recovery).await?;
    // Whoever finds nobody listening has not begun, nor has a connection that nobody took before the port was closed, nor
    // a request on one that is just being closed. What was sent before was accepted.
    let allowed = [Outcome::Done, Outcome::NotSent, Outcome::Broken, Outcome::Shed];
    act.during.ensure_only(plan.pick(&allowed, &allowed[..3]))?;
    let accepted = act.during.outside(&closed);
    accepted
        .ensure_done(&plan)
        .context("while requests were accepted")?;
    let through = act.summary.came_through;
    ensure!(
        through == 0,
        "{through} reviews were carried out whose devices were told nothing"
    );
    Ok(act
        .figures
        .with("stops", rounds)
        .with_millis("slowestStopMs", slowest)
        .with_millis("unreadyAfterMs", noticed))
}

/// Asks a copy to stop; how long it took until it said that it is not ready.
async fn stop_and_be_unready(copy: &Copy, at_once: Duration) -> Result<Duration> {
    let client = Client::new(copy.address(), GRACE)?;
    let began = Instant::now();
    copy.signal(Signal::SIGTERM).await?;
    loop {
        match client.probe("/readyz").await {
            Ok(answer) if answer.status == 503 => return Ok(began.elapsed()),
            Ok(answer) if answer.is_ok() => ensure!(began.elapsed() < at_once, "it is still ready"),
            Ok(answer) => anyhow::bail!("/readyz answered {}", answer.told()),
            Err(lost) => anyhow::bail!("it did not say that it is not ready: {lost:?}"),
        }
    }
}

/// Fault 3: a copy is asked to stop while PostgreSQL hangs.
pub(super) async fn terminate_while_hung(plan: Plan) -> Result<Figures> {
    let cluster = Setup::copies(1).proxy(Before::Postgres).start().await?;
    let mut slowest = Duration::ZERO;
    for round in 0..plan.pick(1, 10) {
        if round > 0 {
            cluster.start_all().await?;
        }
        slowest = slowest.max(terminate_hung(&cluster, &plan).await?);
    }
    let limit = plan.limit(GRACE);
    ensure!(slowest <= limit, "it took {slowest:?} to stop");
    Ok(Figures::default().with_millis("slowestStopMs", slowest))
}

async fn terminate_hung(cluster: &Cluster, plan: &Plan) -> Result<Duration> {
    let load = Load::on(cluster, plan, Mix::usual(plan)).await?;
    load.go_on(Duration::from_secs(1)).await;
    let proxy = cluster.to_postgres()?;
    proxy.set(Manner::Hold);
    let (from, _) = load.go_on(Duration::from_millis(500)).await;
    let copy = cluster.copy(0);
    let (status, took) = copy.stop().await?;
    ensure!(status.success(), "it ended with {status}");
    let hung = load.tally((from, load.now()));
    hung.ensure_nothing_wrong()?;
    proxy.cut();
    proxy.set(Manner::Pass);
    copy.start().await?;
    let summary = load.finish().await?;
    summary.ensure_kept()?;
    summary.whole().ensure_nothing_wrong()?;
    copy.stop().await?;
    Ok(took)
}

/// Fault 4: two copies behind a splitter are replaced one after the other; clients try once more.
pub(super) async fn rolling_restart(plan: Plan) -> Result<Figures> {
    let setup = Setup::copies(2)
        .proxy(Before::Copies)
        .setting("DRAIN_SECONDS", drain(&plan).as_secs().to_string());
    let cluster = setup.start().await?;
    let front = cluster.front()?.address();
    let mix = Mix {
        retries: 1,
        ..Mix::usual(&plan)
    };
    let load = Load::begin(&[front], &plan, mix).await?;
    load.go_on(plan.time(1_000, 30)).await;
    let rounds = plan.pick(1, 10);
    for _ in 0..rounds {
        for copy in cluster.copies() {
            let (status, _) = copy.stop().await?;
            ensure!(status.success(), "it ended with {status}");
            copy.start().await?;
            load.go_on(plan.time(500, 5)).await;
        }
    }
    let summary = load.finish().await?;
    summary.ensure_kept()?;
    let whole = summary.whole();
    whole.ensure_done(&plan)?;
    let bound = match plan.extent {
        Extent::Short => 50,
        Extent::Full => 1_000,
    };
    ensure!(whole.total() >= bound, "only {} requests", whole.total());
    Ok(Figures::default()
        .with("restarts", rounds * 2)
        .with("acked", summary.acked)
        .with("p99Ms", millis(whole.quantile(&Outcome::Done, 0.99)))
        .and(whole.figures("load")))
}
