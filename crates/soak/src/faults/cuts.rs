//! Requests that are cut off at random moments: while they are sent, while they are worked on, while they are answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use parlance_testbed::Postgres;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::outage;
use super::scene::{Recovery, Scene};
use super::{Extent, Mix, Plan};
use crate::cluster::{Client, Cluster, Request, Setup};
use crate::report::Figures;
use crate::volume::{Event, Kept, Learner, Ledger, Session, fix};

/// How many cut at the same time.
const CUTTERS: u32 = 16;
/// A request is cut after a millisecond, or twice that, and so on: the latest after 2 to the power of this.
const LATEST: f64 = 9.0;
/// Where the numbers of the words begin whose counts are fixed.
const FIXED: u32 = 1_000;
/// How many words of a kind a cutter has.
const WORDS: u32 = 10;
/// As much of an answer as comes at once.
const ANSWER: usize = 16 * 1024;
/// What stands in an answer before the owner of a row, the id and the email of an account, and a word.
const OF_ROW: &str = r#""userId":""#;
const OF_ACCOUNT: &str = r#""user":{"id":""#;
const OF_EMAIL: &str = r#""email":""#;
const OF_WORD: &str = r#""wordId":""#;
const MARKS: [&str; 4] = [OF_ROW, OF_ACCOUNT, OF_EMAIL, OF_WORD];
/// What is open when nothing is cut any more is over within this.
const OVER: Duration = Duration::from_secs(30);
/// What PostgreSQL logs of a connection that was used again with an open transaction.
const REUSED: &str = "there is already a transaction in progress";

/// Cuts requests of every route that writes, beside a load that is left in peace.
pub(super) async fn cut(plan: Plan) -> Result<Figures> {
    let mut mix = Mix::usual(&plan);
    mix.rate /= 2.0;
    let scene = Scene::set(&plan, Setup::copies(2), mix).await?;
    let cuts = plan.pick(400, 10_000);
    let left = Arc::new(AtomicUsize::new(cuts));
    let mut rng = plan.rng();
    let mut cutters = Vec::new();
    for number in 0..CUTTERS {
        cutters.push(Cutter::new(&scene.cluster, number, &mut rng).await?);
    }
    let fault = scene.mark();
    let working = cutters.iter_mut().map(|cutter| cutter.cut_all(&left));
    let (answered, idle) = tokio::try_join!(try_join_all(working), watch(&scene.cluster, &left))?;
    for cutter in &mut cutters {
        cutter.settle().await?;
    }
    ensure!(idle == 0, "{idle} times a connection was idle in a transaction");
    all_over(&scene.cluster).await?;
    none_reused(&scene.cluster).await?;
    let named: Vec<usize> = (0..MARKS.len())
        .map(|mark| cutters.iter().map(|cutter| cutter.named[mark]).sum())
        .collect();
    ensure!(
        plan.extent == Extent::Short || !named.contains(&0),
        "answers named {named:?} times whose they are"
    );
    let healed = scene.mark();
    let act = scene.end(fault, healed, Recovery::within(outage::BACK)).await?;
    act.during.ensure_done(&plan)?;
    let reviews: usize = cutters.iter().map(|cutter| cutter.ledger.sent()).sum();
    Ok(act
        .figures
        .with("cuts", cuts)
        .with("answeredAllTheSame", answered.into_iter().sum::<usize>())
        .with("namedTheirOwners", named)
        .with("reviewsSentAgain", reviews))
}

/// A connection that does nothing within a transaction for so long waits for nobody who will come.
const IDLE: &str = "1 second";

/// Counts how often a connection of the copies is seen left idle in a transaction, until nothing is left to cut.
async fn watch(cluster: &Cluster, left: &AtomicUsize) -> Result<usize> {
    let mut seen = 0;
    while left.load(Ordering::Relaxed) > 0 {
        seen += in_transaction(cluster).await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(seen)
}

async fn in_transaction(cluster: &Cluster) -> Result<usize> {
    let query = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND state LIKE 'idle in transaction%' AND state_change < clock_timestamp() - interval '{IDLE}'"
    );
    Ok(cluster.sql_value(&query).await?.parse()?)
}

/// Waits until every transaction is over that is open now: one that was cut in its middle would stay.
async fn all_over(cluster: &Cluster) -> Result<()> {
    let now = cluster.sql_value("SELECT clock_timestamp()").await?;
    let query = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND backend_type = 'client backend' AND xact_start < '{now}'"
    );
    let deadline = Instant::now() + OVER;
    while cluster.sql_value(&query).await? != "0" {
        ensure!(Instant::now() < deadline, "a connection is left in a transaction");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Fails when PostgreSQL saw a transaction begun within another one.
async fn none_reused(cluster: &Cluster) -> Result<()> {
    let log = cluster.with_postgres(Postgres::log).await?;
    let here = format!("] {} ", cluster.database());
    let reused = log
        .lines()
        .find(|line| line.contains(REUSED) && line.contains(&here));
    ensure!(reused.is_none(), "a connection was used again: {reused:?}");
    Ok(())
}

/// A learner whose requests are cut.
struct Cutter {
    clients: Vec<Client>,
    learner: Learner,
    /// Reads and writes.
    session: Session,
    /// Is refreshed and ended.
    spare: Session,
    ledger: Ledger,
    events: Vec<Event>,
    count: u64,
    /// How often an answer named its owner in the way of each mark.
    named: [usize; MARKS.len()],
    rng: StdRng,
}

impl Cutter {
    async fn new(cluster: &Cluster, number: u32, rng: &mut StdRng) -> Result<Self> {
        let clients = cluster.clients()?;
        let (learner, session) = Learner::register(&clients[0], "cut", number).await?;
        Ok(Self {
            spare: learner.sign_in(&clients[0]).await?,
            clients,
            learner,
            session,
            ledger: Ledger::default(),
            events: Vec::new(),
            count: 0,
            named: [0; MARKS.len()],
            rng: StdRng::from_rng(rng),
        })
    }

    /// Cuts until nothing is left; how many requests were answered all the same.
    async fn cut_all(&mut self, left: &AtomicUsize) -> Result<usize> {
        let mut answered = 0;
        while left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_ok()
        {
            let request = self.request();
            answered += usize::from(self.cut_one(&request).await?);
        }
        Ok(answered)
    }

    /// A request of a random route that writes.
    fn request(&mut self) -> Request {
        let token = self.session.access.clone();
        let word = self.learner.word(FIXED + self.rng.random_range(0..WORDS));
        match self.rng.random_range(0..14) {
            0 => self.learner.login(),
            1 => {
                self.count += 1;
                let number = self.rng.random::<bool>().then_some(self.count);
                self.learner.register_another(number)
            }
            2 => self.spare.exchange(),
            3 if self.rng.random_range(0..4) == 0 => self.spare.logout(),
            3 | 4 => {
                let name = format!("Name {}", self.rng.random::<u16>());
                let body = json!({ "displayName": name });
                Request::new(Method::PATCH, "/users/me").body(body).token(&token)
            }
            5 => Request::new(Method::DELETE, &format!("/progress/{word}")).token(&token),
            6 => {
                self.count_on(&word);
                let body =
                    json!({ (word): { "studyCount": self.count, "correctCount": 0, "confidence": 0.5 } });
                Request::post("/progress/import", body).token(&token)
            }
            7 => {
                self.count_on(&word);
                let body = json!({ "updates": [{ "wordId": word, "studyCount": self.count }] });
                Request::post("/progress/batch", body).token(&token)
            }
            8 => {
                self.count_on(&word);
                fix(&word, self.count).token(&token)
            }
            9 if !self.events.is_empty() => {
                let event = &self.events[self.rng.random_range(0..self.events.len())];
                Request::post(&format!("/reviews/{}/undo", event.id), json!({})).token(&token)
            }
            10 => {
                let body = json!({ "data": { "number": self.rng.random::<u16>() } });
                Request::new(Method::PATCH, "/users/me/settings")
                    .body(body)
                    .token(&token)
            }
            11 => self.learner.set_password().token(&token),
            12 if self.rng.random_range(0..4) == 0 => {
                Request::new(Method::DELETE, "/users/me/sessions").token(&token)
            }
            _ => self.reviews().token(&token),
        }
    }

    /// The next count for a word, of which nobody will know whether it was set.
    fn count_on(&mut self, word: &str) {
        self.count += 1;
        self.ledger.fix(word, self.count, false);
    }

    fn reviews(&mut self) -> Request {
        let mut batch = Vec::new();
        for _ in 0..self.rng.random_range(1..20) {
            let word = self.learner.word(self.rng.random_range(0..WORDS));
            batch.push(Event::random(&mut self.rng, word));
        }
        self.ledger.send(&batch);
        self.events.extend_from_slice(&batch);
        Event::submission(&batch)
    }

    /// Sends a request, or a part of it, and hangs up after a while; whether there was an answer until then.
    async fn cut_one(&mut self, request: &Request) -> Result<bool> {
        let address = self.clients[self.rng.random_range(0..self.clients.len())].address();
        let mut stream = TcpStream::connect(address).await?;
        let bytes = request.bytes(address);
        let length = if self.rng.random_range(0..4) == 0 {
            self.rng.random_range(1..bytes.len())
        } else {
            bytes.len()
        };
        stream
            .write_all(&bytes[..length])
            .await
            .context("while it was sent")?;
        let patience = Duration::from_millis(1).mul_f64(2_f64.powf(self.rng.random_range(0.0..LATEST)));
        let mut answer = Vec::with_capacity(ANSWER);
        // The connection stays open until this gives up, unless the server closes it.
        let _ = timeout(patience, stream.read_buf(&mut answer)).await;
        if self.rng.random() {
            stream.set_zero_linger()?;
        }
        self.is_mine(request, &answer)?;
        Ok(!answer.is_empty())
    }

    /// Fails when the beginning of an answer names another account.
    fn is_mine(&mut self, request: &Request, answer: &[u8]) -> Result<()> {
        let text = String::from_utf8_lossy(answer);
        let words = format!("l{}-", self.learner.number);
        // Who registers gets another id; the email is one that only this cutter makes.
        let registers = request.to_string().ends_with("/auth/register");
        for (mark, named) in MARKS.into_iter().zip(&mut self.named) {
            for value in values(&text, mark) {
                let is_mine = match mark {
                    OF_ROW => value == self.learner.id,
                    OF_ACCOUNT => registers || value == self.learner.id,
                    OF_EMAIL => value.ends_with(self.learner.email()),
                    _ => value.starts_with(&words),
                };
                ensure!(is_mine, "{request} was answered with {mark}{value}");
                *named += 1;
            }
        }
        Ok(())
    }

    /// Sends everything again and compares.
    async fn settle(&mut self) -> Result<()> {
        let client = &self.clients[0];
        for batch in self.events.chunks(500) {
            client
                .expect(200, Event::submission(batch).token(&self.session.access))
                .await?;
            self.ledger.acknowledge(batch);
        }
        let session = self.learner.sign_in(client).await?;
        let kept = Kept::read(client, &session).await?;
        self.ledger.compare(&self.learner.id, &kept).ensure_none()
    }
}

/// What stands between these marks and the next quotation mark.
fn values<'a>(text: &'a str, mark: &str) -> impl Iterator<Item = &'a str> {
    let after = text.split(mark).skip(1);
    after.filter_map(|after| Some(after.split_once('"')?.0))
}
