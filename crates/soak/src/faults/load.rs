//! The steady load of learners while something goes wrong, and their account of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::device::Device;
use super::tally::{Sample, Tally};
use super::{Extent, Plan};
use crate::cluster::{Client, Cluster};
use crate::volume::{Kept, Learner, Ledger, Losses};

/// Everything sent must be acknowledged within this once all is well again.
const SETTLED: Duration = Duration::from_mins(1);
/// Accounts of different loads on the same database are told apart by a number of so many.
const TAGS: u32 = 1_000_000;

/// What a load consists of.
#[derive(Debug, Clone)]
pub struct Mix {
    /// How many learners.
    pub learners: u32,
    /// How many devices each has.
    pub devices: u32,
    /// Requests a second, of all devices together.
    pub rate: f64,
    /// Out of a hundred requests, how many write.
    pub writes: u32,
    /// Out of a hundred requests, how many exchange a refresh token or sign in.
    pub sign_ins: u32,
    /// The most reviews of a submission.
    pub batch: u32,
    /// How long a client waits for an answer.
    pub patience: Duration,
    /// How often a request is sent again at once when it was not carried out.
    pub retries: u32,
    /// Whether each device comes from an address of its own, through a proxy.
    pub own_addresses: bool,
}

impl Mix {
    /// Reads, writes and sign-ins as learners make them.
    pub fn usual(plan: &Plan) -> Self {
        let (learners, rate) = match plan.extent {
            Extent::Short => (8, 40.0),
            Extent::Full => (50, 200.0),
        };
        Self {
            learners,
            devices: 2,
            rate,
            writes: 30,
            sign_ins: 5,
            batch: 5,
            patience: Duration::from_secs(40),
            retries: 0,
            own_addresses: false,
        }
    }

    /// Almost nothing but writes.
    pub fn writing(plan: &Plan) -> Self {
        Self {
            writes: 90,
            sign_ins: 2,
            batch: 10,
            ..Self::usual(plan)
        }
    }
}

/// What all devices of a load share.
pub(super) struct Shared {
    pub(super) began: Instant,
    pub(super) samples: Mutex<Vec<Sample>>,
    pub(super) targets: Vec<Client>,
    pub(super) mix: Mix,
    stop: watch::Receiver<bool>,
}

/// A load that runs.
pub struct Load {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    devices: Vec<JoinHandle<Device>>,
}

/// What a load saw, and what was wrong with what it left.
pub struct Summary {
    samples: Vec<Sample>,
    /// What was lost, doubled or miscounted.
    pub losses: Losses,
    /// Submissions of which a part was there and a part was not.
    pub torn: usize,
    /// Reviews in acknowledged submissions, each counted once.
    pub acked: usize,
    /// Reviews that were carried out although their device was told nothing, or something else, at first.
    pub came_through: usize,
}

impl Load {
    /// Signs learners up and begins, on all copies of a cluster.
    pub async fn on(cluster: &Cluster, plan: &Plan, mix: Mix) -> Result<Self> {
        Self::begin(&cluster.addresses(), plan, mix).await
    }

    /// Signs learners up and begins, on these servers at random.
    pub async fn begin(targets: &[SocketAddr], plan: &Plan, mix: Mix) -> Result<Self> {
        let first = Client::new(*targets.first().context("nobody to ask")?, mix.patience)?;
        let own_addresses = mix.own_addresses;
        let (stop, stopped) = watch::channel(false);
        let mut rng = plan.rng();
        let tag = format!("load-{}", rand::rng().random_range(0..TAGS));
        let learners = (0..mix.learners).map(|number| Learner::register(&first, &tag, number));
        let learners = try_join_all(learners).await?;
        let shared = Arc::new(Shared {
            began: Instant::now(),
            samples: Mutex::default(),
            targets: targets.iter().map(|target| first.of(*target)).collect(),
            mix,
            stop: stopped,
        });
        let mut devices = Vec::new();
        for (learner, session) in learners {
            for index in 0..shared.mix.devices {
                let session = match index {
                    0 => session.clone(),
                    _ => {
                        learner
                            .sign_in_from(&first, address_of(own_addresses, &learner, index))
                            .await?
                    }
                };
                let own = StdRng::from_rng(&mut rng);
                let device = Device::new(Arc::clone(&shared), learner.clone(), index, session, own);
                devices.push(tokio::spawn(device.play()));
            }
        }
        Ok(Self {
            shared,
            stop,
            devices,
        })
    }

    /// How long it has gone on.
    pub fn now(&self) -> Duration {
        self.shared.began.elapsed()
    }

    /// Lets it go on; the beginning and the end of that time.
    pub async fn go_on(&self, time: Duration) -> (Duration, Duration) {
        let from = self.now();
        tokio::time::sleep(time).await;
        (from, self.now())
    }

    /// The requests that were sent within these times and have ended.
    pub fn tally(&self, times: (Duration, Duration)) -> Tally {
        Tally::sent(&self.shared.samples.lock(), times)
    }

    /// Stops, has everything acknowledged that was sent, and compares it with what is there.
    pub async fn finish(self) -> Result<Summary> {
        self.stop.send_replace(true);
        let mut devices = try_join_all(self.devices).await?;
        let torn = torn(&devices).await?;
        let until = Instant::now() + SETTLED;
        try_join_all(devices.iter_mut().map(|device| device.settle(until))).await?;
        let came_through = devices.iter().map(|device| device.came_through).sum();
        let (mut losses, mut acked) = (Losses::default(), 0);
        for learner in devices.chunks(self.shared.mix.devices as usize) {
            let mut ledger = Ledger::default();
            for device in learner {
                ledger.absorb(device.ledger.clone());
            }
            let kept = learner[0].read().await?;
            acked += ledger.acknowledged();
            losses.absorb(ledger.compare(&learner[0].learner.id, &kept));
        }
        let samples = std::mem::take(&mut *self.shared.samples.lock());
        Ok(Summary {
            samples,
            losses,
            torn,
            acked,
            came_through,
        })
    }
}

/// Where a device comes from, if it has an address of its own.
pub(super) fn address_of(own_addresses: bool, learner: &Learner, index: u32) -> Option<String> {
    own_addresses.then(|| format!("10.1.{}.{index}", learner.number))
}

/// Of the submissions that nobody acknowledged, how many are there in part.
async fn torn(devices: &[Device]) -> Result<usize> {
    let mut torn = 0;
    for device in devices.iter().filter(|device| !device.pending.is_empty()) {
        let kept: Kept = device.read().await?;
        let parts = device.pending.iter().filter(|batch| {
            let held = kept.holds(batch);
            held != 0 && held != batch.len()
        });
        torn += parts.count();
    }
    Ok(torn)
}

impl Summary {
    /// The requests that were sent within these times.
    pub fn sent(&self, times: (Duration, Duration)) -> Tally {
        Tally::sent(&self.samples, times)
    }

    /// The requests that ended before this.
    pub fn ended(&self, before: Duration) -> Tally {
        Tally::ended(&self.samples, before)
    }

    /// The requests of which any part lies within these times.
    pub fn touching(&self, times: (Duration, Duration)) -> Tally {
        Tally::touching(&self.samples, times)
    }

    /// What was seen over all.
    pub fn whole(&self) -> Tally {
        self.sent((Duration::ZERO, Duration::MAX))
    }

    /// Fails when anything acknowledged is lost or doubled, or a submission is there in part.
    pub fn ensure_kept(&self) -> Result<()> {
        anyhow::ensure!(self.torn == 0, "{} submissions are there in part", self.torn);
        self.losses.ensure_none()
    }
}

impl Shared {
    /// Whether the load is over; waits until then or until the time has passed.
    pub(super) async fn is_over_after(&self, pause: Duration) -> bool {
        let mut stop = self.stop.clone();
        let stopped = tokio::time::timeout(pause, stop.wait_for(|stopped| *stopped)).await;
        stopped.is_ok()
    }
}
