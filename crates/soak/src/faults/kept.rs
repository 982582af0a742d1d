//! What copies keep of the provider's answers, while Redis is killed or hangs, and when many ask at once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::future::join_all;
use parlance_testbed::Redis;

use super::Plan;
use super::outage;
use super::scene::Recovery;
use super::speakers::Demand;
use super::stage::{self, CIRCUITS, Stage};
use super::wish::{Account, Reply, Wish};
use crate::cluster::{Client, Cluster};
use crate::report::{Figures, millis};
use crate::volume::Learner;

/// How many ask at once.
const CROWD: usize = 500;
/// How long the provider takes then.
const THINKING: Duration = Duration::from_millis(1_500);
/// Of what was asked before, so much less may be there afterwards than before, as a share of all.
const FORGOTTEN: f64 = 0.02;
/// A provider that is well answers at once, and so do the copies: no slower than this, whatever Redis does.
const PROMPT: Duration = Duration::from_secs(2);

fn demand(plan: &Plan) -> Demand {
    Demand {
        known: 80,
        ..Demand::usual(plan)
    }
}

/// Has Redis out of order for a while and back: every wish is granted, and the provider is asked for each at most once
/// by each copy.
async fn without_redis(
    plan: Plan,
    length: Duration,
    harm: impl AsyncFnOnce(&Cluster) -> Result<()>,
    heal: impl AsyncFnOnce(&Cluster) -> Result<()>,
) -> Result<Figures> {
    let began = Instant::now();
    let stage = Stage::set(&plan, stage::setup(), demand(&plan)).await?;
    let fault = stage.scene.mark();
    harm(&stage.scene.cluster).await?;
    stage.scene.load.go_on(length).await;
    let times = fault.until_now();
    ensure!(
        stage.scene.vitals.all_said("degraded", times),
        "a copy did not say that it is degraded"
    );
    heal(&stage.scene.cluster).await?;
    let healed = stage.scene.mark();
    let well = stage.scene.well(Recovery::within(outage::BACK)).await?;
    // Until it is known on which copy each of the known ones is.
    stage.scene.load.go_on(plan.time(1_500, 60)).await;
    let asked = stage.calls_since(fault.at)?;
    let account = stage.speakers.account();
    let wishes = account.sent((fault.at, Instant::now())).wishes().len();
    let copies = stage.scene.cluster.copies().len();
    ensure!(
        asked <= (copies * wishes) as u64,
        "the provider was asked {asked} times for {wishes} wishes"
    );
    let rates = [
        (began, fault.at),
        (fault.at, healed.at),
        (well.at, Instant::now()),
    ];
    let rates = rates.map(|times| kept(&account.within(times)));
    let [before, _, after] = rates;
    ensure!(
        after >= before - plan.pick(0.2, FORGOTTEN),
        "of what was known {after:.3} was there, {before:.3} before"
    );
    let epilogue = stage.end(fault, healed, Recovery::within(outage::BACK)).await?;
    epilogue.account.ensure_granted()?;
    let longest = epilogue.account.longest();
    ensure!(longest <= plan.limit(PROMPT), "an answer took {longest:?}");
    let figures = epilogue.act.figures.and(epilogue.account.figures("wishes"));
    Ok(figures
        .with("askedOfTheProvider", asked)
        .with("differentWishes", wishes)
        .with("hitRates", rates.map(rounded).to_vec()))
}

/// How much of what was asked before was there, 0 to 1.
fn kept(account: &Account) -> f64 {
    let known = account.only(|asked| !asked.new);
    known.share(|reply| matches!(reply, Reply::Granted { kept: true, .. }))
}

fn rounded(rate: f64) -> f64 {
    (rate * 1_000.0).round() / 1_000.0
}

/// Fault 15, as those see it who ask for what is kept: Redis is killed, and comes back empty.
pub(super) async fn killed(plan: Plan) -> Result<Figures> {
    let kill = async |cluster: &Cluster| cluster.with_redis(Redis::kill).await;
    let start = async |cluster: &Cluster| cluster.with_redis(Redis::start_again).await;
    without_redis(plan, plan.time(4_000, 60), kill, start).await
}

/// Fault 16, as those see it: Redis takes everything and answers nothing.
pub(super) async fn frozen(plan: Plan) -> Result<Figures> {
    let freeze = async |cluster: &Cluster| cluster.with_redis(Redis::freeze).await;
    let thaw = async |cluster: &Cluster| cluster.with_redis(Redis::thaw).await;
    without_redis(plan, plan.time(4_000, 30), freeze, thaw).await
}

/// Threat 55: five hundred ask two copies for the same at once, and nobody has asked before; again and again.
pub(super) async fn stampede(plan: Plan) -> Result<Figures> {
    // On a starved machine Redis may take longer than usual, and a copy then asks by itself.
    let patient = stage::setup().setting("REDIS_DEADLINE_MS", "1000");
    let cluster = plan.pick(patient, stage::setup()).start().await?;
    cluster.google()?.latency(THINKING);
    let (_, session) = Learner::register(&cluster.client(0)?, "crowd", 0).await?;
    let crowd = Crowd {
        clients: cluster.clients()?,
        token: session.access,
    };
    let (mut slowest, mut surplus) = (Duration::ZERO, Vec::new());
    let rounds = plan.pick(3, 30);
    for round in 0..rounds {
        let wishes = [
            Wish::Sound(format!("text {round} of {}", plan.seed)),
            Wish::Dialogue(format!("crowd-{round}"), 0),
        ];
        for (wish, (_, service)) in wishes.iter().zip(CIRCUITS) {
            let began = Instant::now();
            slowest = slowest.max(crowd.ask(wish).await.context("in a crowd")?);
            let calls = cluster.google()?.calls_since(service, began);
            ensure!(calls > 0, "nobody was asked");
            if calls > 1 {
                surplus.push(format!("{calls} for {wish:?}"));
            }
        }
    }
    ensure!(
        surplus.is_empty(),
        "the provider was asked more than once in {} of {} rounds: {surplus:?}",
        surplus.len(),
        rounds * 2
    );
    Ok(Figures::default()
        .with("crowds", rounds * 2)
        .with("slowestMs", millis(slowest)))
}

struct Crowd {
    clients: Vec<Client>,
    token: String,
}

impl Crowd {
    /// All ask for the same and get the same; how long the slowest took.
    async fn ask(&self, wish: &Wish) -> Result<Duration> {
        let asking = (0..CROWD).map(|number| {
            let client = &self.clients[number % self.clients.len()];
            let request = wish.request().token(&self.token);
            async move { client.send(request).await }
        });
        let (mut contents, mut slowest) = (BTreeSet::new(), Duration::ZERO);
        for answer in join_all(asking).await {
            match Reply::of(wish, &answer) {
                Reply::Granted { content, .. } => contents.insert(content),
                other => anyhow::bail!("it came to {other:?}"),
            };
            slowest = slowest.max(answer.map(|answer| answer.took).unwrap_or_default());
        }
        ensure!(contents.len() == 1, "they got {contents:?}");
        Ok(slowest)
    }
}
