//! The run itself: all learners at once, their devices at odds with each other and with the network.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use super::{Event, Kept, Learner, Ledger, Losses, Session};
use crate::cluster::{Client, Cluster, Request, Usage};
use crate::report::{Figures, millis, quantile};

const DEVICES: usize = 2;
/// The most reviews of a submission.
const BATCH: usize = 8;
/// How many words a learner reviews.
const WORDS: u32 = 10;
/// The most changes of a page of the feed.
const PAGE: usize = 7;
/// The longest that a device waits for an answer before it hangs up, when it hangs up.
const HANG_UP: Duration = Duration::from_millis(25);
/// A submission is acknowledged within so many attempts.
const ATTEMPTS: u32 = 50;

/// How many learners do how much.
#[derive(Debug, Clone, Copy)]
pub struct Volume {
    /// What every random choice follows from.
    pub seed: u64,
    /// How many learners.
    pub learners: u32,
    /// How many reviews each has to tell of.
    pub reviews: usize,
    /// How many learners are at work at the same time.
    pub at_once: usize,
}

/// What one learner's devices did.
#[derive(Debug, Default)]
struct Done {
    times: Vec<Duration>,
    cut: usize,
    sent: usize,
    accepted: u64,
    duplicates: u64,
    acked: usize,
    losses: Losses,
}

impl Volume {
    /// As many as one installation of a company has in an hour.
    pub const fn thousand(seed: u64) -> Self {
        Self {
            seed,
            learners: 1_000,
            reviews: 40,
            at_once: 32,
        }
    }

    /// A few, for a test.
    pub const fn fifty(seed: u64) -> Self {
        Self {
            learners: 50,
            reviews: 24,
            at_once: 8,
            ..Self::thousand(seed)
        }
    }

    /// Has all learners sign up and tell of their reviews, and compares what they were told with what was kept.
    ///
    /// # Errors
    ///
    /// When anything acknowledged is lost, doubled or miscounted.
    pub async fn run(&self, cluster: &Cluster) -> Result<Figures> {
        let clients = cluster.clients()?;
        let mut rng = StdRng::seed_from_u64(self.seed);
        let tag = format!("volume-{}", rand::rng().random::<u32>());
        let (before, began) = (cluster.usage().await?, Instant::now());
        let learners = (0..self.learners).map(|number| {
            let rng = StdRng::from_rng(&mut rng);
            learn(&clients, &tag, number, self.reviews, rng)
        });
        let done: Vec<Done> = stream::iter(learners)
            .buffer_unordered(self.at_once)
            .try_collect()
            .await?;
        let took = began.elapsed();
        let usage = cluster.usage().await?;
        let figures = self.figures(&done, took, (&before, &usage))?;
        let mut losses = Losses::default();
        for done in done {
            losses.absorb(done.losses);
        }
        losses.ensure_none()?;
        Ok(figures.with("losses", serde_json::to_value(losses)?))
    }

    fn figures(
        &self,
        done: &[Done],
        took: Duration,
        (before, after): (&[Usage], &[Usage]),
    ) -> Result<Figures> {
        let times: Vec<Duration> = done.iter().flat_map(|done| done.times.iter().copied()).collect();
        let requests = times.len();
        let cpu: Duration = after
            .iter()
            .zip(before)
            .map(|(after, before)| after.cpu_since(before))
            .sum();
        let at = |share| millis(quantile(times.clone(), share));
        let sum = |which: fn(&Done) -> usize| done.iter().map(which).sum::<usize>();
        let acked = sum(|done| done.acked);
        ensure!(
            acked == self.learners as usize * self.reviews,
            "only {acked} reviews were acknowledged"
        );
        Ok(Figures::default()
            .with("learners", self.learners)
            .with("devices", DEVICES)
            .with("reviews", acked)
            .with("reviewsSent", sum(|done| done.sent))
            .with("submissions", requests)
            .with("hungUp", sum(|done| done.cut))
            .with("accepted", done.iter().map(|done| done.accepted).sum::<u64>())
            .with("duplicates", done.iter().map(|done| done.duplicates).sum::<u64>())
            .with_millis("tookMs", took)
            .with("p50Ms", at(0.5))
            .with("p95Ms", at(0.95))
            .with("p99Ms", at(0.99))
            .with(
                "cpuMsPerSubmission",
                millis(cpu / u32::try_from(requests.max(1))?),
            )
            .with("usage", serde_json::to_value(after)?))
    }
}

/// One learner's devices tell of the same reviews in part; then what was kept is read.
async fn learn(clients: &[Client], tag: &str, number: u32, reviews: usize, mut rng: StdRng) -> Result<Done> {
    let (learner, session) = Learner::register(&clients[0], tag, number).await?;
    let other = learner.sign_in(clients.last().context("nobody to ask")?).await?;
    let events: Vec<Event> = (0..reviews)
        .map(|_| {
            let word = learner.word(rng.random_range(0..WORDS));
            Event::random(&mut rng, word)
        })
        .collect();
    let mut parts = [Vec::new(), Vec::new()];
    for event in &events {
        // One of the devices knows of it, or both do.
        let knows = rng.random_range(0..3);
        for (device, part) in parts.iter_mut().enumerate() {
            if knows == 2 || knows == device {
                part.push(event.clone());
            }
        }
    }
    let [first, second] = parts;
    let (here, there) = (StdRng::from_rng(&mut rng), StdRng::from_rng(&mut rng));
    let (one, two) = tokio::try_join!(
        tell(clients, &session, first, here),
        tell(clients, &other, second, there)
    )?;
    let mut ledger = Ledger::default();
    ledger.send(&events);
    ledger.acknowledge(&events);
    let client = &clients[rng.random_range(0..clients.len())];
    let kept = Kept::read(client, &session).await?;
    read_feed(client, &session, kept.words()).await?;
    let mut done = one;
    done.times.extend(two.times);
    done.cut += two.cut;
    done.sent += two.sent;
    done.accepted += two.accepted;
    done.duplicates += two.duplicates;
    done.acked = ledger.acknowledged();
    done.losses = ledger.compare(&learner.id, &kept);
    Ok(done)
}

/// Sends reviews in any order, some twice, now and then hanging up and trying elsewhere, until all are acknowledged.
async fn tell(
    clients: &[Client],
    session: &Session,
    mut events: Vec<Event>,
    mut rng: StdRng,
) -> Result<Done> {
    let twice: Vec<Event> = events
        .iter()
        .filter(|_| rng.random_range(0..5) == 0)
        .cloned()
        .collect();
    events.extend(twice);
    events.shuffle(&mut rng);
    let mut done = Done::default();
    while !events.is_empty() {
        let size = rng.random_range(1..=BATCH).min(events.len());
        let batch = events.split_off(events.len() - size);
        submit(clients, session, &batch, &mut rng, &mut done).await?;
    }
    Ok(done)
}

async fn submit(
    clients: &[Client],
    session: &Session,
    batch: &[Event],
    rng: &mut StdRng,
    done: &mut Done,
) -> Result<()> {
    for _ in 0..ATTEMPTS {
        let client = &clients[rng.random_range(0..clients.len())];
        let request = Event::submission(batch).token(&session.access);
        done.sent += batch.len();
        if rng.random_range(0..8) == 0 {
            let patience = HANG_UP.mul_f64(rng.random());
            if tokio::time::timeout(patience, client.send(request))
                .await
                .is_err()
            {
                done.cut += 1;
                continue;
            }
            // It was answered; the device takes no notice.
            continue;
        }
        match client.send(request).await {
            Ok(answer) if answer.is_ok() => {
                let report = answer.json()?;
                done.times.push(answer.took);
                done.accepted += report["accepted"].as_u64().context("no count")?;
                done.duplicates += report["duplicates"].as_u64().context("no count")?;
                return Ok(());
            }
            Ok(answer) => ensure!(answer.is_shed(), "a submission answered {}", answer.told()),
            Err(lost) => anyhow::bail!("a submission was not answered: {lost:?}"),
        }
        tokio::time::sleep(Duration::from_millis(rng.random_range(50..200))).await;
    }
    anyhow::bail!("a submission was not acknowledged after {ATTEMPTS} attempts")
}

/// Reads the change feed in small pages, in which each word must come once.
async fn read_feed(client: &Client, session: &Session, words: usize) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    let mut after = "0".to_owned();
    loop {
        let path = format!("/progress/changes?after={after}&limit={PAGE}");
        let page = client
            .expect(200, Request::get(&path).token(&session.access))
            .await?
            .json()?;
        for change in page["changes"].as_array().context("no changes")? {
            let word = change["wordId"].as_str().context("no word")?.to_owned();
            ensure!(seen.insert(word), "a word came twice");
        }
        page["cursor"]
            .as_str()
            .context("no cursor")?
            .clone_into(&mut after);
        if page["hasMore"] != true {
            break;
        }
    }
    ensure!(seen.len() == words, "{} words came, not {words}", seen.len());
    Ok(())
}
