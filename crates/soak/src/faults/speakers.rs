//! Clients that have texts spoken and dialogues written at a steady rate, however they are answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::stream::{StreamExt, TryStreamExt, iter};
use parking_lot::Mutex;
use parlance_testbed::GoogleService;
use rand::Rng;
use rand::rngs::StdRng;
use reqwest::Method;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::wish::{Account, Asked, Reply, WORDS, Wish};
use super::{Extent, Plan};
use crate::cluster::{Client, Cluster, Request};
use crate::volume::Learner;

/// Of a hundred wishes, so many are for dialogues.
const DIALOGUES: u32 = 20;
/// Of a hundred new wishes, so many are sent to all copies at once.
const TWICE: u32 = 10;
/// How many wishes are compared with what they should have come to at the same time.
const AT_ONCE: usize = 16;
/// How long to wait before asking again for what must be granted.
const AGAIN: Duration = Duration::from_millis(100);
/// A wish is granted within this when all is well, whatever was refused before.
const GRANTED: Duration = Duration::from_mins(1);

/// What is asked for, and how often.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demand {
    /// Wishes a second.
    pub(super) rate: f64,
    /// Of a hundred wishes, so many are among those that were granted before.
    pub(super) known: u32,
    /// How many texts are; of dialogues, the share that there are wishes for.
    pub(super) texts: u32,
}

impl Demand {
    /// A tenth of the usual load; half of it is new.
    pub(super) fn usual(plan: &Plan) -> Self {
        let (rate, texts) = match plan.extent {
            Extent::Short => (16.0, 10),
            Extent::Full => (20.0, 100),
        };
        Self {
            rate,
            known: 50,
            texts,
        }
    }

    /// How many dialogues are known.
    const fn dialogues(&self) -> u32 {
        self.texts * DIALOGUES / 100
    }
}

/// Clients that ask.
pub(super) struct Speakers {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

struct Shared {
    clients: Vec<Client>,
    token: String,
    demand: Demand,
    seed: u64,
    asked: Mutex<Vec<Asked>>,
    /// When something new was asked for, answered or not.
    new: Mutex<Vec<Instant>>,
}

impl Speakers {
    /// Has everything granted that is known from then on, and begins.
    pub(super) async fn begin(cluster: &Cluster, plan: &Plan, demand: Demand) -> Result<Self> {
        let clients = cluster.clients()?;
        let (_, session) = Learner::register(&clients[0], "speaker", 0).await?;
        let shared = Arc::new(Shared {
            clients,
            token: session.access,
            demand,
            seed: plan.seed,
            asked: Mutex::default(),
            new: Mutex::default(),
        });
        for number in 0..demand.texts {
            let dialogue = (number < demand.dialogues()).then(|| dialogue("known", number));
            let known = [shared.sound("known", number)].into_iter().chain(dialogue);
            for (copy, wish) in known.enumerate() {
                let reply = shared.ask(copy % shared.clients.len(), wish, true).await;
                ensure!(reply.is_granted(), "what is to be known came to {reply:?}");
            }
        }
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(ask_on(Arc::clone(&shared), plan.rng(), stopped));
        Ok(Self { shared, stop, task })
    }

    /// What was answered so far.
    pub(super) fn account(&self) -> Account {
        Account(self.shared.asked.lock().clone())
    }

    /// How often something new was asked for from then on.
    pub(super) fn new_since(&self, then: Instant) -> usize {
        self.shared.new.lock().iter().filter(|at| **at >= then).count()
    }

    /// Asks for something that is new, at one copy.
    pub(super) async fn ask(&self, copy: usize, wish: Wish) -> Reply {
        self.shared.ask(copy, wish, true).await
    }

    /// The request that asks for something.
    pub(super) fn request(&self, wish: &Wish) -> Request {
        wish.request().token(&self.shared.token)
    }

    /// Asks no more, and waits for all answers.
    pub(super) async fn stop(mut self) -> Result<Closed> {
        self.stop.send_replace(true);
        (&mut self.task).await?;
        let account = self.account();
        Ok(Closed {
            account,
            shared: self.shared,
        })
    }
}

/// Clients that ask no more.
pub(super) struct Closed {
    /// All that was asked, and what came of it.
    pub(super) account: Account,
    shared: Arc<Shared>,
}

impl Closed {
    /// Asks for all wishes once more, now that all is well, and compares what comes with what a well provider makes of
    /// them and with what came before; where each sound is.
    pub(super) async fn ensure_right(&self, cluster: &Cluster) -> Result<Vec<String>> {
        self.account.ensure_nothing_wrong()?;
        let dialogues = self.well_written().await?;
        let wishes = self.account.wishes();
        let compared = wishes.iter().enumerate().map(|(number, (wish, before))| {
            let copy = number % self.shared.clients.len();
            let dialogues = &dialogues;
            async move {
                let content = self.shared.granted(copy, wish).await?;
                let same = before.iter().all(|before| *before == content);
                ensure!(same, "{wish:?} is {content}, and was {before:?}");
                match wish {
                    Wish::Sound(text) => {
                        let sound = self.shared.fetch(copy, &content).await?;
                        ensure!(sound == well_spoken(cluster, text)?, "{wish:?} sounds otherwise");
                    }
                    Wish::Dialogue(_, word) => {
                        ensure!(content == dialogues[*word], "{wish:?} reads otherwise: {content}");
                    }
                }
                anyhow::Ok(wish.is_sound().then_some(content))
            }
        });
        let compared = iter(compared).buffer_unordered(AT_ONCE);
        let places: Vec<Option<String>> = compared.try_collect().await?;
        Ok(places.into_iter().flatten().collect())
    }

    /// The dialogue of each word as it is written now.
    async fn well_written(&self) -> Result<Vec<String>> {
        let mut dialogues = Vec::new();
        for word in 0..WORDS.len() {
            let wish = Wish::Dialogue(format!("well-{word}"), word);
            dialogues.push(self.shared.granted(0, &wish).await?);
        }
        Ok(dialogues)
    }
}

fn dialogue(kind: &str, number: u32) -> Wish {
    let word = number as usize % WORDS.len();
    Wish::Dialogue(format!("{kind}-{number}"), word)
}

/// The sound that a provider gives for a text when all is well.
fn well_spoken(cluster: &Cluster, text: &str) -> Result<Vec<u8>> {
    let google = cluster.google()?;
    // Any request tells how they are made; only the text differs.
    let requests = google.requests(GoogleService::Synthesis);
    let mut body = requests.last().context("nothing was ever spoken")?.body.clone();
    body["input"]["text"] = json!(text);
    google.sound_of(&body).context("it cannot be spoken")
}

impl Shared {
    fn sound(&self, kind: &str, number: u32) -> Wish {
        Wish::Sound(format!("{kind} text {number} of {}", self.seed))
    }

    /// Asks a copy, and notes what comes of it.
    async fn ask(&self, copy: usize, wish: Wish, new: bool) -> Reply {
        let at = Instant::now();
        if new {
            self.new.lock().push(at);
        }
        let reply = self.send(copy, &wish).await;
        self.asked.lock().push(Asked {
            at,
            took: at.elapsed(),
            wish,
            new,
            reply: reply.clone(),
        });
        reply
    }

    async fn send(&self, copy: usize, wish: &Wish) -> Reply {
        let request = wish.request().token(&self.token);
        Reply::of(wish, &self.clients[copy].send(request).await)
    }

    /// Asks until it is granted; what it came to.
    async fn granted(&self, copy: usize, wish: &Wish) -> Result<String> {
        let asking = async {
            loop {
                match self.send(copy, wish).await {
                    Reply::Granted { content, .. } => return Ok(content),
                    Reply::Wrong(what) => anyhow::bail!("{what}"),
                    _ => tokio::time::sleep(AGAIN).await,
                }
            }
        };
        timeout(GRANTED, asking)
            .await
            .with_context(|| format!("{wish:?} is not granted"))?
    }

    async fn fetch(&self, copy: usize, place: &str) -> Result<Vec<u8>> {
        let request = Request::outside(Method::GET, place);
        Ok(self.clients[copy].expect(200, request).await?.body)
    }
}

/// Asks at the rate that is wanted until it is told to stop, and waits for what is under way.
async fn ask_on(shared: Arc<Shared>, mut rng: StdRng, mut stop: watch::Receiver<bool>) {
    let mut ticks = interval(Duration::from_secs_f64(1.0 / shared.demand.rate));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut asking = JoinSet::new();
    for number in 0.. {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stopped| *stopped) => break,
        }
        let (copies, wish, new) = draw(&shared, number, &mut rng);
        for copy in copies {
            let (shared, wish) = (Arc::clone(&shared), wish.clone());
            asking.spawn(async move { shared.ask(copy, wish, new).await });
        }
        while asking.try_join_next().is_some() {}
    }
    while asking.join_next().await.is_some() {}
}

/// The next wish, whether it is new, and at which copies.
fn draw(shared: &Shared, number: u32, rng: &mut StdRng) -> (Vec<usize>, Wish, bool) {
    let Demand { known, texts, .. } = shared.demand;
    let new = rng.random_range(0..100) >= known;
    let wish = match (new, rng.random_range(0..100) < DIALOGUES) {
        (true, true) => dialogue("new", number),
        (true, false) => shared.sound("new", number),
        (false, true) => dialogue("known", rng.random_range(0..shared.demand.dialogues())),
        (false, false) => shared.sound("known", rng.random_range(0..texts)),
    };
    let copies = shared.clients.len();
    let all = new && rng.random_range(0..100) < TWICE;
    let at = if all {
        (0..copies).collect()
    } else {
        vec![rng.random_range(0..copies)]
    };
    (at, wish, new)
}
