//! Faults 19, 20, 21: the provider takes its time, fails in every way, comes and goes.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use parlance_testbed::GoogleBehaviour;
use rand::Rng;
use serde_json::json;

use super::scene::Recovery;
use super::speakers::Demand;
use super::stage::{self, CIRCUITS, Stage};
use super::wish::Reply;
use super::{Extent, Outcome, Plan};
use crate::cluster::Setup;
use crate::report::{Figures, millis};

/// How long a slow provider takes.
const SLOW: Duration = Duration::from_secs(30);
/// Whoever wants something spoken has an answer within this, whatever the provider does.
const SPEECH_BUDGET: Duration = Duration::from_secs(5);
/// Whoever wants a dialogue has.
const DIALOGUE_BUDGET: Duration = Duration::from_secs(30);
/// By so much the p95 of all other requests may grow.
const OTHERS_SHARE: f64 = 1.1;
/// And by this, since a machine that others use too is not the same in two minutes.
const OTHERS_SLACK: Duration = Duration::from_millis(5);
/// A circuit opens within this.
const OPENS: Duration = Duration::from_secs(10);
/// All is well within this after the provider is.
const RECOVERED: Duration = Duration::from_mins(1);
/// How long a circuit is open at first, as the copies have it by themselves.
const OPEN: Duration = Duration::from_secs(30);
/// The same in a short run.
const SHORTLY_OPEN: Duration = Duration::from_secs(1);
/// So much later than it is so, a state may be seen.
const SEEN: Duration = Duration::from_secs(1);
/// How often a provider is asked for one wish at most.
const ATTEMPTS: u64 = 3;
/// What an exhausted provider asks for, in seconds: more than a sound may take.
const COME_AGAIN: u64 = 7;
/// After a circuit has opened, so many attempts for a request at most.
const ATTEMPTS_SHARE: f64 = 1.2;

/// Copies as they are by themselves; in a short run, with less patience.
fn setup(plan: &Plan) -> Setup {
    match plan.extent {
        Extent::Full => stage::setup(),
        Extent::Short => stage::setup()
            .setting("SPEECH_TIMEOUT_MS", "3000")
            .setting("CONVERSATION_TIMEOUT_MS", "4000")
            .setting("BREAKER_OPEN_SECONDS", SHORTLY_OPEN.as_secs().to_string())
            .setting("BREAKER_MIN_CALLS", "4"),
    }
}

const fn recovery() -> Recovery {
    Recovery::within(RECOVERED)
}

/// How long a circuit is open at first.
fn open(plan: &Plan) -> Duration {
    plan.pick(SHORTLY_OPEN, OPEN)
}

/// How often a circuit is tried in this time at most.
fn trials(plan: &Plan, time: Duration) -> u32 {
    1 + u32::try_from(time.as_millis() / open(plan).as_millis()).unwrap_or(u32::MAX)
}

/// Fault 19: the provider answers after half a minute.
pub(super) async fn slow(plan: Plan) -> Result<Figures> {
    let stage = Stage::set(&plan, setup(&plan), Demand::usual(&plan)).await?;
    let fault = stage.scene.mark();
    stage.behave(&[GoogleBehaviour::Slow(SLOW)])?;
    stage.scene.load.go_on(plan.time(6_000, 60)).await;
    let opened = stage.all_show("open", fault.at, RECOVERED).await?;
    stage.behave(&[GoogleBehaviour::Right])?;
    let healed = stage.scene.mark();
    let closed = stage.all_show("closed", healed.at, plan.limit(RECOVERED)).await?;
    let times = (fault.at, healed.at);
    let epilogue = stage.end(fault, healed, recovery()).await?;
    let asked = epilogue.account.sent(times);
    for (sounds, budget) in [(true, SPEECH_BUDGET), (false, DIALOGUE_BUDGET)] {
        let longest = asked.only(|asked| asked.wish.is_sound() == sounds).longest();
        ensure!(longest <= plan.limit(budget), "an answer took {longest:?}");
    }
    let late = asked.share(|reply| *reply == Reply::TooLate);
    ensure!(late > 0.0, "nobody was told that it took too long");
    let (before, during) = (
        epilogue.act.summary.ended(fault.load),
        epilogue.act.summary.sent((fault.load, healed.load)),
    );
    let [before, during] = [before, during].map(|tally| tally.quantile(&Outcome::Done, 0.95));
    let ratio = during.as_secs_f64() / before.as_secs_f64();
    let bound = before.mul_f64(OTHERS_SHARE) + OTHERS_SLACK;
    ensure!(
        during <= plan.limit(bound),
        "the p95 of other requests was {before:?}, and became {during:?}"
    );
    Ok(epilogue
        .act
        .figures
        .and(asked.figures("wishes"))
        .with("othersP95Ms", json!([millis(before), millis(during)]))
        .with("othersP95Ratio", (ratio * 100.0).round() / 100.0)
        .with_millis("openedAfterMs", opened - fault.at)
        .with_millis("closedAfterMs", closed - healed.at))
}

/// The provider has had enough, and says when to come again.
const EXHAUSTED: &str = "exhausted";
/// Two of three attempts fail. Where it is one of two, chance has it that a copy sees less for a while.
const NOW_AND_THEN: &str = "nowAndThen";

/// A way to fail.
struct Mode {
    name: &'static str,
    behaviours: Vec<GoogleBehaviour>,
    /// How much longer it lasts once all circuits are open, in times of what they are open at first.
    lasts: f64,
}

/// All ways to fail; the provider is well again at any moment while the circuits are open, and once after they were
/// tried in vain.
fn modes(rng: &mut impl Rng) -> Vec<Mode> {
    use GoogleBehaviour::{Cut, Garbage, NotJson, Right, Status, StatusRetryAfter};
    let exhausted = StatusRetryAfter(429, COME_AGAIN.to_string());
    let modes = [
        ("failure", vec![Status(500)]),
        (NOW_AND_THEN, vec![Status(500), Status(500), Right]),
        (EXHAUSTED, vec![exhausted]),
        ("cutOff", vec![Cut]),
        ("garbage", vec![Garbage, NotJson]),
    ];
    let modes = modes
        .into_iter()
        .enumerate()
        .map(|(number, (name, behaviours))| Mode {
            name,
            lasts: match (number, name) {
                (0, _) => 1.3,
                // Each trial may do.
                (_, NOW_AND_THEN) => 0.0,
                _ => rng.random_range(0.0..1.3),
            },
            behaviours,
        });
    modes.collect()
}

/// Fault 20: the provider fails in one way after the other, and is well in between.
pub(super) async fn failing(plan: Plan) -> Result<Figures> {
    let stage = Stage::set(&plan, setup(&plan), Demand::usual(&plan)).await?;
    let fault = stage.scene.mark();
    let refused = refuse(&stage, &plan).await.context("refusing")?;
    let mut figures = Figures::default().and(refused);
    for mode in modes(&mut plan.rng()) {
        let seen = fail(&stage, &plan, &mode).await.context(mode.name)?;
        figures = figures.with(mode.name, serde_json::to_value(seen)?);
        // What fails again sooner is left alone for longer.
        stage.scene.load.go_on(open(&plan).mul_f64(2.2)).await;
    }
    let healed = stage.scene.mark();
    let epilogue = stage.end(fault, healed, recovery()).await?;
    Ok(epilogue
        .act
        .figures
        .and(epilogue.account.figures("wishes"))
        .and(figures))
}

/// What the provider refuses says nothing about how it is.
async fn refuse(stage: &Stage, plan: &Plan) -> Result<Figures> {
    let began = Instant::now();
    stage.behave(&[GoogleBehaviour::Status(400)])?;
    stage.scene.load.go_on(plan.time(2_000, 10)).await;
    stage.behave(&[GoogleBehaviour::Right])?;
    let times = (began, Instant::now());
    for (circuit, _) in CIRCUITS {
        let states = stage.scene.vitals.states(circuit, times);
        ensure!(
            states
                .iter()
                .all(|states| states.len() == 1 && states[0].1 == "closed"),
            "the circuit did not stay closed: {states:?}"
        );
    }
    let account = stage.speakers.account().within(times);
    let refused = account.only(|asked| asked.reply == Reply::Refused).count();
    ensure!(refused > 0, "nothing was refused");
    Ok(Figures::default().with("refused", refused))
}

/// Has the provider fail until some time after all circuits are open.
async fn fail(stage: &Stage, plan: &Plan, mode: &Mode) -> Result<Figures> {
    let google = stage.google()?;
    let began = Instant::now();
    stage.behave(&mode.behaviours)?;
    let opened = stage.all_show("open", began, plan.limit(OPENS)).await?;
    let attempts = stage.calls_since(began)?;
    let wishes = stage.wishes_since(began);
    let most = ATTEMPTS * wishes;
    ensure!(attempts <= most, "{attempts} attempts for {wishes} wishes");
    let rested = Instant::now();
    stage.scene.load.go_on(open(plan).mul_f64(mode.lasts)).await;
    stage.behave(&[GoogleBehaviour::Right])?;
    let healed = Instant::now();
    let closed = stage.all_show("closed", healed, plan.limit(RECOVERED)).await?;
    for (_, service) in CIRCUITS {
        let calls = google.calls_since(service, rested) - google.calls_since(service, healed);
        let most = stage.scene.cluster.copies().len() as u64 * u64::from(trials(plan, healed - opened));
        ensure!(
            calls <= most,
            "{calls} attempts while it was left alone, {most} are right"
        );
    }
    let rests = rests(stage, plan, (began, closed))?;
    if mode.name == EXHAUSTED {
        let told = stage.speakers.account().within((began, opened));
        let kept = told
            .only(|asked| asked.reply == Reply::Unavailable(COME_AGAIN))
            .count();
        ensure!(
            kept > 0,
            "nobody was told when the provider wants to be asked again"
        );
    }
    Ok(Figures::default()
        .with_millis("openedAfterMs", opened - began)
        .with_millis("wellAfterOpenMs", healed - opened)
        .with_millis("closedAfterMs", closed - healed)
        .with("attemptsUntilOpen", attempts)
        .with("leftAloneMs", rests))
}

/// How long each circuit was open each time, until it was half-open: as it is set up at first and up to a fifth longer,
/// after a trial in vain twice that or up to a fifth less.
fn rests(stage: &Stage, plan: &Plan, times: (Instant, Instant)) -> Result<Vec<f64>> {
    let open = open(plan);
    let first = (open, open * 6 / 5);
    let second = (open * 8 / 5, open * 2);
    // A trial may come and go between two looks.
    let both = (first.0 + second.0, first.1 + second.1);
    let mut rests = Vec::new();
    for (circuit, _) in CIRCUITS {
        for states in stage.scene.vitals.states(circuit, times) {
            let rested = states.windows(2).filter(|two| two[0].1 == "open");
            for (number, two) in rested.enumerate() {
                let rest = two[1].0 - two[0].0;
                let allowed = if number == 0 { [first, both] } else { [second; 2] };
                let is_within = |(least, most)| rest + SEEN >= least && rest <= most + SEEN;
                ensure!(
                    plan.extent == Extent::Short || allowed.into_iter().any(is_within),
                    "{circuit} was left alone for {rest:?}: {states:?}"
                );
                rests.push(millis(rest));
            }
        }
    }
    Ok(rests)
}

/// Fault 21: the provider is well and fails in turn.
pub(super) async fn flapping(plan: Plan) -> Result<Figures> {
    let stage = Stage::set(&plan, setup(&plan), Demand::usual(&plan)).await?;
    let half = plan.time(500, 5);
    let fault = stage.scene.mark();
    for _ in 0..plan.pick(16, 18) {
        stage.behave(&[GoogleBehaviour::Status(500)])?;
        stage.scene.load.go_on(half).await;
        stage.behave(&[GoogleBehaviour::Right])?;
        stage.scene.load.go_on(half).await;
    }
    let healed = stage.scene.mark();
    let seen = changes(&stage, &plan, (fault.at, healed.at))?;
    // What comes and goes is left alone for up to four times as long.
    let closed = stage
        .all_show("closed", healed.at, plan.limit(open(&plan) * 5))
        .await?;
    let epilogue = stage.end(fault, healed, recovery()).await?;
    let asked = epilogue.account.sent((fault.at, healed.at));
    Ok(epilogue
        .act
        .figures
        .and(asked.figures("wishes"))
        .and(seen)
        .with_millis("closedAfterMs", closed - healed.at))
}

/// How often each circuit changed, and how often the provider was asked after it had opened first.
fn changes(stage: &Stage, plan: &Plan, times: (Instant, Instant)) -> Result<Figures> {
    // A minute, as long as a circuit is open for half of one at first.
    let minutes = (times.1 - times.0).as_secs_f64() / (open(plan) * 2).as_secs_f64();
    let (mut most, mut shares) = (0_usize, Vec::new());
    for (circuit, service) in CIRCUITS {
        let copies = stage.scene.vitals.states(circuit, times);
        let opened = copies
            .iter()
            .map(|states| states.iter().find(|(_, state)| state == "open"));
        let opened = opened.map(|open| open.map(|(at, _)| *at)).max().flatten();
        let opened = opened.with_context(|| format!("the circuit of {circuit} did not open"))?;
        for states in &copies {
            // One that is half-open is an open one that is tried.
            let closed: Vec<bool> = states.iter().map(|(_, state)| state == "closed").collect();
            let changes = closed.windows(2).filter(|two| two[0] != two[1]).count();
            most = most.max(changes);
        }
        let attempts = stage.google()?.calls_since(service, opened);
        let wishes = stage.speakers.new_since(opened);
        shares.push((attempts, wishes));
    }
    let bound = 2.0 * minutes;
    ensure!(
        f64::from(u32::try_from(most)?) <= bound,
        "a circuit changed {most} times, {bound:.1} times are right"
    );
    let attempts: u64 = shares.iter().map(|(attempts, _)| attempts).sum();
    let wishes = shares.iter().map(|(_, wishes)| *wishes).max().unwrap_or_default();
    let share = f64::from(u32::try_from(attempts)?) / f64::from(u32::try_from(wishes)?.max(1));
    ensure!(share <= ATTEMPTS_SHARE, "{share:.2} attempts for each request");
    Ok(Figures::default()
        .with("changesOfACircuit", most)
        .with("minutes", (minutes * 10.0).round() / 10.0)
        .with("attemptsAfterOpening", attempts)
        .with("newWishesAfterOpening", wishes))
}
