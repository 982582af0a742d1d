//! Faults 15 to 18: Redis is gone, hangs, forgets, refuses to write, or parts from everybody again and again.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use parlance_testbed::Redis;

use super::outage;
use super::scene::{Mark, Recovery, Scene};
use super::{Kind, Mix, Outcome, Plan, Tally};
use crate::cluster::{Before, Cluster, Setup};
use crate::report::{Figures, millis};
use crate::volume::{Learner, Session};

const COPIES: usize = 2;
/// How many sign-ins an address may try in a minute.
const LOGIN_LIMIT: usize = 5;
/// How many requests an address may send in a minute; each device of the load has an address of its own.
const LIMIT: usize = 400;
/// The p95 of limited requests stays below this whatever Redis does.
const P95: Duration = Duration::from_millis(100);
/// And is no more than so much longer than it was.
const ADDED: Duration = Duration::from_millis(20);
/// A circuit opens within this.
const OPENED: Duration = Duration::from_secs(3);
/// A session that ended on one copy has ended on the other within this.
const ENDED: Duration = Duration::from_secs(1);
/// How often a copy may try to reach a Redis that parts from it.
const DIALS_PER_SECOND: u64 = 20;
/// How often the proxy cuts all connections in a storm.
const CUT_EVERY: Duration = Duration::from_millis(200);

/// Commands for Redis, each in parts.
type Commands = &'static [&'static [&'static str]];

fn setup() -> Setup {
    Setup::copies(COPIES)
        .setting("TRUSTED_PROXIES", "127.0.0.1")
        .setting("RATE_LIMIT_PER_MINUTE", LIMIT.to_string())
        .setting("LOGIN_LIMIT_PER_MINUTE", LOGIN_LIMIT.to_string())
}

/// Devices that come each from its own address, seldom enough for the limits.
fn mix(plan: &Plan) -> Mix {
    Mix {
        own_addresses: true,
        sign_ins: 0,
        ..Mix::usual(plan)
    }
}

/// Somebody outside of the load who signs in, signs out and tries limits.
struct Visitor {
    learner: Learner,
    addresses: u8,
}

impl Visitor {
    async fn register(cluster: &Cluster) -> Result<Self> {
        let (learner, _) = Learner::register(&cluster.client(0)?, "visitor", 0).await?;
        Ok(Self {
            learner,
            addresses: 0,
        })
    }

    /// An address that nobody has come from yet.
    fn address(&mut self) -> String {
        self.addresses += 1;
        format!("10.2.0.{}", self.addresses)
    }

    async fn sign_in(&mut self, cluster: &Cluster, copy: usize) -> Result<Session> {
        let login = self.learner.login().forwarded_for(&self.address());
        Session::of(&cluster.client(copy)?.expect(200, login).await?)
    }

    /// How many of many wrong sign-ins from one address get past the limit, on all copies together.
    async fn guesses(&mut self, cluster: &Cluster) -> Result<usize> {
        let address = self.address();
        let mut passed = 0;
        for number in 0..LOGIN_LIMIT * COPIES * 2 {
            let guess = self
                .learner
                .login_with("Wrong-Password-1")
                .forwarded_for(&address);
            let answer = cluster.client(number % COPIES)?.send(guess).await;
            let answer = answer.map_err(|lost| anyhow::anyhow!("a guess was not answered: {lost:?}"))?;
            ensure!(
                [401, 429].contains(&answer.status),
                "a guess answered {}",
                answer.told()
            );
            passed += usize::from(answer.status == 401);
        }
        Ok(passed)
    }

    /// Ends a session on one copy; how long it lives on on the other.
    async fn survival(&mut self, cluster: &Cluster) -> Result<(Session, Duration)> {
        let session = self.sign_in(cluster, 0).await?;
        let (here, there) = (cluster.client(0)?, cluster.client(1)?);
        there
            .expect(200, session.me().forwarded_for(&self.address()))
            .await?;
        here.expect(200, session.logout().forwarded_for(&self.address()))
            .await?;
        let ended = Instant::now();
        here.expect(401, session.me().forwarded_for(&self.address()))
            .await?;
        loop {
            let answer = there.send(session.me()).await;
            let answer = answer.map_err(|lost| anyhow::anyhow!("not answered: {lost:?}"))?;
            match answer.status {
                401 => return Ok((session, ended.elapsed())),
                200 => ensure!(ended.elapsed() < ENDED * 20, "the session goes on"),
                _ => anyhow::bail!("/auth/me answered {}", answer.told()),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// What holds while Redis does not work: sessions end everywhere, sign-ins work, limits hold on each copy.
async fn holds(scene: &Scene, visitor: &mut Visitor) -> Result<Figures> {
    let (_, survival) = visitor.survival(&scene.cluster).await?;
    ensure!(
        survival <= scene.plan.limit(ENDED),
        "a session lived on for {survival:?}"
    );
    let guesses = visitor.guesses(&scene.cluster).await?;
    ensure!(
        (LOGIN_LIMIT..=LOGIN_LIMIT * COPIES).contains(&guesses),
        "{guesses} sign-ins got past a limit of {LOGIN_LIMIT}"
    );
    Ok(Figures::default()
        .with_millis("sessionLivedOnMs", survival)
        .with("guessesLetThrough", guesses))
}

/// What must have been so while Redis did not work.
async fn check(scene: &Scene, fault: Mark, during: &Tally) -> Result<Figures> {
    let times = fault.until_now();
    scene.vitals.ensure_alive_since(fault.at).await?;
    during.ensure_done(&scene.plan)?;
    let (reads, writes) = (during.only(Kind::Read), during.only(Kind::Write));
    let p95 = [&reads, &writes].map(|tally| tally.quantile(&Outcome::Done, 0.95));
    let bound = scene.plan.limit(P95);
    ensure!(p95[0] <= bound, "the p95 of reads is {:?}", p95[0]);
    Ok(Figures::default()
        .with("readP95Ms", millis(p95[0]))
        .with("writeP95Ms", millis(p95[1]))
        .with("healthSaidDegraded", scene.vitals.all_said("degraded", times)))
}

/// Has Redis out of order for a while and back; what held meanwhile.
async fn without_redis(
    scene: Scene,
    length: Duration,
    harm: impl AsyncFnOnce(&Cluster) -> Result<()>,
    heal: impl AsyncFnOnce(&Cluster) -> Result<()>,
) -> Result<Figures> {
    let mut visitor = Visitor::register(&scene.cluster).await?;
    let before = visitor.guesses(&scene.cluster).await?;
    // Each answer of Redis that comes too late is made up for by a copy's own count.
    let most = scene.plan.pick(LOGIN_LIMIT * COPIES, LOGIN_LIMIT);
    ensure!(
        (LOGIN_LIMIT..=most).contains(&before),
        "{before} sign-ins got past a limit of {LOGIN_LIMIT}"
    );
    let fault = scene.mark();
    harm(&scene.cluster).await?;
    let held = holds(&scene, &mut visitor).await?;
    let left = length.saturating_sub(fault.at.elapsed());
    scene.load.go_on(left).await;
    let times = fault.until_now();
    ensure!(
        scene.vitals.all_said("degraded", times),
        "a copy did not say that it is degraded"
    );
    let opened = scene.vitals.first_open(fault.at).context("no circuit opened")? - fault.at;
    ensure!(
        opened <= scene.plan.limit(OPENED),
        "a circuit opened after {opened:?}"
    );
    ensure!(scene.vitals.all_opened(times), "a copy's circuit did not open");
    let during = check(&scene, fault, &scene.seen_since(fault)).await?;
    let plan = scene.plan;
    heal(&scene.cluster).await?;
    let healed = scene.mark();
    let act = scene.end(fault, healed, Recovery::within(outage::BACK)).await?;
    let meanwhile = act.summary.sent((fault.load, healed.load));
    let [before, meanwhile] =
        [act.summary.ended(fault.load), meanwhile].map(|tally| tally.quantile(&Outcome::Done, 0.95));
    let added = meanwhile.saturating_sub(before);
    ensure!(
        added <= plan.limit(ADDED),
        "the p95 was {before:?}, and became {meanwhile:?}"
    );
    Ok(act
        .figures
        .and(held)
        .and(during)
        .with_millis("circuitOpenedMs", opened)
        .with_millis("addedP95Ms", added))
}

/// Fault 15: Redis is killed, and comes back empty.
pub(super) async fn killed(plan: Plan) -> Result<Figures> {
    let scene = Scene::set(&plan, setup(), mix(&plan)).await?;
    let kill = async |cluster: &Cluster| cluster.with_redis(Redis::kill).await;
    let start = async |cluster: &Cluster| cluster.with_redis(Redis::start_again).await;
    without_redis(scene, plan.time(4_000, 60), kill, start).await
}

/// Fault 16: Redis takes everything and answers nothing.
pub(super) async fn frozen(plan: Plan) -> Result<Figures> {
    let scene = Scene::set(&plan, setup(), mix(&plan)).await?;
    let freeze = async |cluster: &Cluster| cluster.with_redis(Redis::freeze).await;
    let thaw = async |cluster: &Cluster| cluster.with_redis(Redis::thaw).await;
    without_redis(scene, plan.time(4_000, 30), freeze, thaw).await
}

/// Fault 16 in its other form: Redis was told to pause all clients, and goes on by itself.
pub(super) async fn paused(plan: Plan) -> Result<Figures> {
    let scene = Scene::set(&plan, setup(), mix(&plan)).await?;
    let length = plan.time(4_000, 30);
    let pause = async |cluster: &Cluster| {
        let millis = length.as_millis().to_string();
        let pause = move |redis: &Redis| redis.command(&["CLIENT", "PAUSE", &millis, "ALL"]).map(drop);
        cluster.with_redis(pause).await
    };
    let answers = async |cluster: &Cluster| {
        cluster
            .with_redis(|redis| redis.command(&["PING"]).map(drop))
            .await
    };
    without_redis(scene, length, pause, answers).await
}

/// Fault 17: Redis is emptied, turned into a replica that refuses writes, and then has no memory left.
pub(super) async fn forgetful(plan: Plan) -> Result<Figures> {
    let scene = Scene::set(&plan, setup(), mix(&plan)).await?;
    let mut visitor = Visitor::register(&scene.cluster).await?;
    let (ended, _) = visitor.survival(&scene.cluster).await?;
    let mut figures = Figures::default();
    let fault = scene.mark();
    let harms: [(&str, Commands, Commands); 3] = [
        ("emptied", &[&["FLUSHALL"]], &[]),
        (
            "readOnly",
            &[&["REPLICAOF", "127.0.0.1", "1"]],
            &[&["REPLICAOF", "NO", "ONE"]],
        ),
        (
            "outOfMemory",
            &[&["CONFIG", "SET", "maxmemory", "1"]],
            &[&["CONFIG", "SET", "maxmemory", "0"]],
        ),
    ];
    for (name, harm, heal) in harms {
        tell(&scene.cluster, harm).await?;
        let began = scene.mark();
        let (_, survival) = visitor.survival(&scene.cluster).await?;
        ensure!(
            survival <= plan.limit(ENDED),
            "{name}: a session lived on for {survival:?}"
        );
        scene.load.go_on(plan.time(1_000, 20)).await;
        for client in scene.cluster.clients()? {
            let me = ended.me().forwarded_for(&visitor.address());
            client.expect(401, me).await.context(name)?;
        }
        let guesses = visitor.guesses(&scene.cluster).await?;
        ensure!(
            guesses <= LOGIN_LIMIT * COPIES,
            "{name}: {guesses} sign-ins got past a limit of {LOGIN_LIMIT}"
        );
        let seen = check(&scene, began, &scene.seen_since(began))
            .await
            .context(name)?;
        figures = figures.with(name, serde_json::to_value(seen)?);
        tell(&scene.cluster, heal).await?;
    }
    let healed = scene.mark();
    let act = scene.end(fault, healed, Recovery::within(outage::BACK)).await?;
    Ok(act.figures.and(figures))
}

async fn tell(cluster: &Cluster, commands: Commands) -> Result<()> {
    let tell = move |redis: &Redis| {
        for command in commands {
            redis.command(command)?;
        }
        Ok(())
    };
    cluster.with_redis(tell).await
}

/// Fault 18: connections to Redis are reset again and again.
pub(super) async fn reset_storm(plan: Plan) -> Result<Figures> {
    let scene = Scene::set(&plan, setup().proxy(Before::Redis), mix(&plan)).await?;
    let mut visitor = Visitor::register(&scene.cluster).await?;
    let proxy = scene.cluster.to_redis()?;
    let (fault, dials) = (scene.mark(), proxy.dials());
    let until = Instant::now() + plan.time(4_000, 30);
    while Instant::now() < until {
        proxy.cut();
        scene.load.go_on(CUT_EVERY).await;
    }
    let length = fault.at.elapsed();
    let dials = proxy.dials() - dials;
    let most = DIALS_PER_SECOND * COPIES as u64 * (length.as_secs() + 1);
    ensure!(dials <= most, "Redis was dialled {dials} times in {length:?}");
    let (_, survival) = visitor.survival(&scene.cluster).await?;
    ensure!(
        survival <= plan.limit(ENDED),
        "a session lived on for {survival:?}"
    );
    let seen = check(&scene, fault, &scene.seen_since(fault)).await?;
    let healed = scene.mark();
    let act = scene.end(fault, healed, Recovery::within(outage::BACK)).await?;
    let per_second = millis(Duration::from_secs(dials) / u32::try_from(length.as_millis())?);
    Ok(act
        .figures
        .and(seen)
        .with("dials", dials)
        .with("dialsPerSecond", per_second))
}
