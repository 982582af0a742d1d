//! Learners with several devices each, as they use the server: online, offline, twice, late and at once.

mod choices;
mod config;
mod player;
mod report;
mod settle;
mod shared;

use std::future::{Future, ready};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use futures_util::future::join_all;
use futures_util::{StreamExt, TryStreamExt, stream};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::Method;
use serde_json::json;
use tokio::time::{Instant, sleep};

pub use config::{Config, Span};
pub use report::{Figures, Report};

use self::choices::Choices;
use self::player::Player;
use self::settle::Reading;
use self::shared::Shared;
use crate::checker;
use crate::clients::{Account, Ask, Device, Wire};
use crate::history::{Evidence, Outcome, Recorder, Setup, Timeline, UserFinal};

/// Time zones without summer time, so that the checker needs no table: names and minutes from UTC.
const ZONES: [(&str, i32); 3] = [("UTC", 0), ("Asia/Kathmandu", 345), ("America/Phoenix", -420)];
/// How many requests are under way at the same time before and after the load.
const AT_ONCE: usize = 16;
/// The most words that are read alone at the end, by all devices together.
const READ_ALONE: u32 = 1_000;

/// A learner's devices.
type Learner = Vec<Player>;

/// Runs the load on servers that stay well, and gives the verdict.
pub async fn run(config: &Config) -> Result<Report> {
    run_under(config, &Timeline::begin(), ready(Ok(()))).await
}

/// Runs the load while faults are injected, and gives the verdict on what is there once they are over.
///
/// `faults` begins when every device is signed in, and must end with everything well again. What it notes
/// in the timeline counts as down time. An error of it is an error of the run.
pub async fn run_under(
    config: &Config,
    timeline: &Timeline,
    faults: impl Future<Output = Result<()>>,
) -> Result<Report> {
    let recorder = Recorder::new(timeline.clone(), config.history.as_deref())?;
    let wire = Arc::new(Wire::new(config.bases.clone(), config.patience, recorder)?);
    let shared = Shared::new(config, format!("{:08x}", rand::rng().random::<u32>()));
    let learners = sign_up(config, &wire, &shared).await?;
    let shared = Arc::new(shared.beginning_now());
    let mut learners = load(config, learners, &shared, faults).await?;
    let finals = come_to_rest(config, &wire, &mut learners).await?;
    drop(learners);
    let wire = Arc::into_inner(wire).context("a client is still there")?;
    let evidence = Evidence {
        setup: setup(config, timeline),
        ops: wire.into_recorder().finish()?,
        finals,
    };
    let timeline = timeline.clone();
    let judge = move || {
        let violations = checker::check(&evidence)?;
        Ok(Report::new(evidence, violations, timeline.now()))
    };
    tokio::task::spawn_blocking(judge).await?
}

fn setup(config: &Config, timeline: &Timeline) -> Setup {
    let micros = |duration: std::time::Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    Setup {
        seed: config.seed,
        devices: config.devices,
        began_at: timeline.began_at(),
        revocation_grace: micros(config.revocation_grace),
        access_lifetime: micros(config.access_lifetime),
        patience: micros(config.patience),
        faults: timeline.faults(),
    }
}

/// Makes the accounts and signs every device in.
async fn sign_up(config: &Config, wire: &Arc<Wire>, shared: &Shared) -> Result<Vec<Learner>> {
    let learners = (0..config.users).map(|user| sign_up_one(config, wire, shared, user));
    stream::iter(learners).buffered(AT_ONCE).try_collect().await
}

async fn sign_up_one(config: &Config, wire: &Arc<Wire>, shared: &Shared, user: u32) -> Result<Learner> {
    let account = Account {
        email: shared.email(user),
        password: shared.password.clone(),
    };
    let mut learner = Vec::new();
    for index in 0..config.devices {
        let proc = user * config.devices + index;
        let mut rng = StdRng::seed_from_u64(config.seed.wrapping_mul(1_000_003) ^ u64::from(proc));
        let hops = rng.random_range(0..100) < config.hopping_percent;
        let of_device = StdRng::from_rng(&mut rng);
        let mut device = Device::new(
            Arc::clone(wire),
            account.clone(),
            (user, index, proc),
            hops,
            of_device,
        );
        let reply = match index {
            0 => device.register().await?,
            _ => device.login().await?,
        };
        if device.session().is_none() {
            return Err(anyhow!("learner {user} cannot sign in: {:?}", reply.status));
        }
        learner.push(Player::new(device, Choices::new(rng, user, config.words)));
    }
    if let Some(player) = learner.first_mut() {
        let (zone, _) = zone_of(user);
        let ask = Ask::new(Method::PATCH, "/users/me").with_body(json!({ "timeZone": zone }));
        let reply = player.device.read(&ask).await?;
        if !reply.is_ok() {
            return Err(anyhow!("learner {user} has no time zone: {:?}", reply.status));
        }
    }
    Ok(learner)
}

fn zone_of(user: u32) -> (&'static str, i32) {
    ZONES[user as usize % ZONES.len()]
}

/// Lets all devices play until the load is over and the faults are.
async fn load(
    config: &Config,
    learners: Vec<Learner>,
    shared: &Arc<Shared>,
    faults: impl Future<Output = Result<()>>,
) -> Result<Vec<Learner>> {
    let stopping = async {
        let outcome = faults.await;
        if config.span == Span::Faults || outcome.is_err() {
            shared.stop();
        }
        outcome
    };
    let tasks = learners.into_iter().map(|learner| {
        let players = learner.into_iter().map(|mut player| {
            let shared = Arc::clone(shared);
            tokio::spawn(async move {
                player.play(&shared).await?;
                anyhow::Ok(player)
            })
        });
        join_all(players)
    });
    let (outcome, learners) = tokio::join!(stopping, join_all(tasks));
    outcome.context("the faults could not be injected or healed")?;
    let mut played = Vec::new();
    for learner in learners {
        let players: Result<Learner> = learner.into_iter().map(|player| player?).collect();
        played.push(players?);
    }
    Ok(played)
}

/// Has everything acknowledged, then reads what the server kept.
async fn come_to_rest(config: &Config, wire: &Arc<Wire>, learners: &mut [Learner]) -> Result<Vec<UserFinal>> {
    let until = Instant::now() + config.settle;
    let drains = learners
        .iter_mut()
        .flatten()
        .map(|player| settle::drain(player, until));
    stream::iter(drains)
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    if wire.recorder().count_of(Outcome::Info) > 0 {
        sleep(config.quiet).await;
    }
    let looks = learners
        .iter_mut()
        .flatten()
        .map(|player| settle::catch_up(player, until));
    stream::iter(looks)
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    let alone = READ_ALONE / (config.users * config.devices).max(1);
    let reads = (0..).zip(learners).map(|(user, learner)| {
        let reading = Reading {
            words: config.words.min(alone),
            zone_minutes: zone_of(user).1,
            until,
        };
        settle::read(learner, reading)
    });
    stream::iter(reads).buffered(AT_ONCE).try_collect().await
}
