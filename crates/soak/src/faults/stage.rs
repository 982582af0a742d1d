//! A scene with a provider, and clients that ask for it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use parlance_testbed::{FakeGoogle, GoogleBehaviour, GoogleService};

use super::scene::{Act, Mark, Recovery, Scene};
use super::speakers::{Closed, Demand, Speakers};
use super::wish::{Account, Reply, Wish};
use super::{Mix, Outcome, Plan};
use crate::cluster::{Cluster, Setup};
use crate::report::Figures;

/// The circuits before the provider, and what is behind each.
pub(super) const CIRCUITS: [(&str, GoogleService); 2] = [
    ("speech", GoogleService::Synthesis),
    ("conversations", GoogleService::Writing),
];
/// How often a condition is looked at.
pub(super) const LOOK: Duration = Duration::from_millis(20);
/// A text is spoken within this when all is well.
const SPOKEN: Duration = Duration::from_secs(30);
/// What was asked so shortly before may be under way.
const UNDER_WAY: Duration = Duration::from_secs(1);
/// Longer than any run.
const SESSION_SECONDS: &str = "86400";

/// A scene, and clients that have things spoken and written.
pub(super) struct Stage {
    pub(super) scene: Scene,
    pub(super) speakers: Speakers,
}

/// What is left when nobody asks any more.
pub(super) struct Epilogue {
    pub(super) act: Act,
    /// All that was asked.
    pub(super) account: Account,
}

/// Two copies that have one Google, with the settings that they have by themselves.
pub(super) fn setup() -> Setup {
    Setup::copies(2)
        .google()
        .setting("ACCESS_TOKEN_TTL_SECONDS", SESSION_SECONDS)
}

impl Stage {
    /// Starts a cluster and all who ask it, and lets them go on for a while.
    pub(super) async fn set(plan: &Plan, setup: Setup, demand: Demand) -> Result<Self> {
        let mut mix = Mix::usual(plan);
        mix.rate -= demand.rate.min(mix.rate / 2.0);
        let mut scene = Scene::set(plan, setup, mix).await?;
        let speakers = Speakers::begin(&scene.cluster, plan, demand).await?;
        let began = Instant::now();
        scene.load.go_on(plan.time(1_500, 60)).await;
        scene.settle().await?;
        let before = speakers.account().within((began, Instant::now()));
        before.ensure_granted().context("before the fault")?;
        Ok(Self { scene, speakers })
    }

    pub(super) fn google(&self) -> Result<&FakeGoogle> {
        self.scene.cluster.google()
    }

    /// Lets Google answer like this in turn, whatever it is asked.
    pub(super) fn behave(&self, behaviours: &[GoogleBehaviour]) -> Result<()> {
        for (_, service) in CIRCUITS {
            self.google()?.in_turn(service, behaviours);
        }
        Ok(())
    }

    /// Waits until both circuits of each copy have shown this state; when the last had.
    pub(super) async fn all_show(&self, state: &str, after: Instant, within: Duration) -> Result<Instant> {
        loop {
            let shown = CIRCUITS.map(|(circuit, _)| self.scene.vitals.all_showed(circuit, state, after));
            if let [Some(one), Some(other)] = shown {
                return Ok(one.max(other));
            }
            ensure!(
                after.elapsed() < within,
                "not every circuit is {state} within {within:?}: {:?}",
                CIRCUITS.map(|(circuit, _)| self.scene.vitals.states(circuit, (after, Instant::now())))
            );
            tokio::time::sleep(LOOK).await;
        }
    }

    /// How often something new was asked for from then on, what may have been under way then included.
    pub(super) fn wishes_since(&self, then: Instant) -> u64 {
        let shortly_before = then.checked_sub(UNDER_WAY).unwrap_or(then);
        self.speakers.new_since(shortly_before) as u64
    }

    /// How often the provider was asked from then on.
    pub(super) fn calls_since(&self, then: Instant) -> Result<u64> {
        let google = self.google()?;
        Ok(CIRCUITS
            .iter()
            .map(|(_, service)| google.calls_since(*service, then))
            .sum())
    }

    /// Has a text spoken, at each copy in turn until it is; where the sound is.
    pub(super) async fn place_of(&self, text: &str) -> Result<String> {
        let copies = self.scene.cluster.copies().len();
        let began = Instant::now();
        for copy in (0..copies).cycle() {
            let wish = Wish::Sound(text.to_owned());
            match self.speakers.ask(copy, wish).await {
                Reply::Granted { content, .. } => return Ok(content),
                other => ensure!(began.elapsed() < SPOKEN, "it came to {other:?}"),
            }
            tokio::time::sleep(LOOK).await;
        }
        anyhow::bail!("there is no copy")
    }

    /// Ends a fault during which the load saw nothing of it.
    pub(super) async fn end(self, fault: Mark, healed: Mark, recovery: Recovery) -> Result<Epilogue> {
        let ask_again = async |cluster: &Cluster, closed: &Closed| {
            let right = closed.ensure_right(cluster).await;
            right.map(|_| Figures::default())
        };
        self.end_with(fault, healed, recovery, ask_again).await
    }

    /// The same, with a look at what is left before anybody asks again; the look asks again itself.
    pub(super) async fn end_with(
        self,
        fault: Mark,
        healed: Mark,
        recovery: Recovery,
        look: impl AsyncFnOnce(&Cluster, &Closed) -> Result<Figures>,
    ) -> Result<Epilogue> {
        let Self { scene, speakers } = self;
        let plan = scene.plan;
        let well = scene.well(recovery).await?;
        scene.vitals.ensure_alive_since(fault.at).await?;
        scene.load.go_on(scene.plan.time(1_500, 60)).await;
        let closed = speakers.stop().await?;
        let seen = look(&scene.cluster, &closed).await?;
        let mut act = scene.end_well(fault, healed, well, recovery).await?;
        act.during.ensure_only(&[Outcome::Done, Outcome::Shed])?;
        act.during.ensure_available(&plan)?;
        act.figures = act.figures.and(seen);
        Ok(Epilogue {
            act,
            account: closed.account,
        })
    }
}
