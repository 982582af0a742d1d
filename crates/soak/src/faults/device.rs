//! One device of a load: reads, writes, keeps what is not acknowledged and sends it again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::Value;

use super::load::{Shared, address_of};
use super::tally::{Kind, Outcome, Sample};
use crate::cluster::{Answer, Request};
use crate::volume::{Event, Kept, Learner, Ledger, Session, fix};

/// How many words a learner reviews.
const WORDS: u32 = 100;
/// Where the numbers of the words begin whose counts are fixed, one word for each device.
const FIXED: u32 = 1_000;
/// An access token is exchanged before it is so old.
const RENEWAL: Duration = Duration::from_mins(10);
/// How long a device waits before it sends again what was not acknowledged, when all is said to be well.
const AGAIN: Duration = Duration::from_millis(100);

/// A device.
pub(super) struct Device {
    pub(super) learner: Learner,
    pub(super) ledger: Ledger,
    /// Sent, and not acknowledged.
    pub(super) pending: VecDeque<Vec<Event>>,
    /// Reviews that were carried out although this device was told nothing, or something else, at first.
    pub(super) came_through: usize,
    shared: Arc<Shared>,
    index: u32,
    session: Session,
    renewed: Instant,
    count: u64,
    cursor: String,
    rng: StdRng,
}

impl Device {
    pub(super) fn new(
        shared: Arc<Shared>,
        learner: Learner,
        index: u32,
        session: Session,
        rng: StdRng,
    ) -> Self {
        Self {
            learner,
            ledger: Ledger::default(),
            pending: VecDeque::new(),
            came_through: 0,
            shared,
            index,
            session,
            renewed: Instant::now(),
            count: 0,
            cursor: "0".to_owned(),
            rng,
        }
    }

    /// Plays until the load is over.
    pub(super) async fn play(mut self) -> Self {
        let mix = &self.shared.mix;
        let gap = Duration::from_secs_f64(f64::from(mix.learners * mix.devices) / mix.rate);
        // Not all at once.
        let mut pause = gap.mul_f64(self.rng.random());
        while !self.shared.is_over_after(pause).await {
            let began = Instant::now();
            self.step().await;
            pause = gap
                .mul_f64(self.rng.random_range(0.5..1.5))
                .saturating_sub(began.elapsed());
        }
        self
    }

    /// Sends what is not acknowledged until it is.
    pub(super) async fn settle(&mut self, until: Instant) -> Result<()> {
        while !self.pending.is_empty() {
            self.submit().await;
            if Instant::now() > until {
                bail!("what was sent was not acknowledged in time");
            }
            if !self.pending.is_empty() {
                tokio::time::sleep(AGAIN).await;
            }
        }
        Ok(())
    }

    /// Reads what the server kept, with a session of its own: that of the device may be too old.
    pub(super) async fn read(&self) -> Result<Kept> {
        let client = &self.shared.targets[0];
        let address = address_of(self.shared.mix.own_addresses, &self.learner, self.index);
        let session = self.learner.sign_in_from(client, address).await?;
        Kept::read(client, &session).await
    }

    async fn step(&mut self) {
        let mix = &self.shared.mix;
        let (writes, sign_ins) = (mix.writes, mix.sign_ins);
        let draw = self.rng.random_range(0..100);
        if self.renewed.elapsed() > RENEWAL {
            self.renew().await;
        } else if draw < writes {
            self.write().await;
        } else if draw < writes + sign_ins {
            self.sign_in().await;
        } else {
            self.look().await;
        }
    }

    async fn write(&mut self) {
        if self.pending.is_empty() && self.rng.random_range(0..4) == 0 {
            return self.fix().await;
        }
        if self.pending.is_empty() {
            let size = self.rng.random_range(1..=self.shared.mix.batch);
            let batch: Vec<Event> = (0..size).map(|_| self.event()).collect();
            self.ledger.send(&batch);
            self.pending.push_back(batch);
        }
        self.submit().await;
    }

    /// Sends the oldest submission that is not acknowledged.
    async fn submit(&mut self) {
        let Some(batch) = self.pending.pop_front() else {
            return;
        };
        match self.ask(Kind::Write, Event::submission(&batch)).await {
            Some(answer) => {
                // A device sends no review again that was acknowledged.
                let duplicates = answer["duplicates"].as_u64().unwrap_or_default();
                self.came_through += usize::try_from(duplicates).unwrap_or_default();
                self.ledger.acknowledge(&batch);
            }
            None => self.pending.push_front(batch),
        }
    }

    async fn fix(&mut self) {
        self.count += 1;
        let word = self.learner.word(FIXED + self.index);
        let acked = self.ask(Kind::Write, fix(&word, self.count)).await.is_some();
        self.ledger.fix(&word, self.count, acked);
    }

    async fn look(&mut self) {
        match self.rng.random_range(0..4) {
            0 => {
                let path = format!("/progress/changes?after={}&limit=100", self.cursor);
                let page = self.ask(Kind::Read, Request::get(&path)).await;
                let cursor = page.as_ref().and_then(|page| page["cursor"].as_str());
                if let Some(cursor) = cursor {
                    cursor.clone_into(&mut self.cursor);
                }
            }
            1 => {
                self.ask(Kind::Read, Request::get("/progress/stats")).await;
            }
            2 => {
                self.ask(Kind::Read, Request::get("/progress?limit=20")).await;
            }
            _ => {
                self.ask(Kind::Read, Request::get("/auth/me")).await;
            }
        }
    }

    async fn sign_in(&mut self) {
        if self.rng.random_range(0..2) == 0 {
            return self.renew().await;
        }
        let login = self.learner.login();
        self.ask_with(Kind::SignIn, login, |_| ()).await;
    }

    async fn renew(&mut self) {
        let exchange = self.session.exchange();
        let renewed = self.ask_with(Kind::SignIn, exchange, |answer| Session::of(answer).ok());
        if let Some(Some(session)) = renewed.await {
            self.session = session;
            self.renewed = Instant::now();
        }
    }

    fn event(&mut self) -> Event {
        let word = self.learner.word(self.rng.random_range(0..WORDS));
        Event::random(&mut self.rng, word)
    }

    /// Asks as this learner; the body if the request was carried out.
    async fn ask(&mut self, kind: Kind, request: Request) -> Option<Value> {
        let request = request.token(&self.session.access);
        let answered = self.ask_with(kind, request, |answer| answer.json().unwrap_or_default());
        let body = answered.await?;
        if is_foreign(&body, &self.learner.id) {
            let wrong = Outcome::Wrong("somebody else's data".to_owned());
            self.note(kind, Instant::now(), wrong);
            return None;
        }
        Some(body)
    }

    /// Asks any of the servers, and again if that is allowed; what is read from the answer if it was carried out.
    async fn ask_with<T>(&mut self, kind: Kind, request: Request, read: impl Fn(&Answer) -> T) -> Option<T> {
        let address = address_of(self.shared.mix.own_addresses, &self.learner, self.index);
        let request = request.from_address(address);
        let began = Instant::now();
        let mut left = self.shared.mix.retries;
        loop {
            let target = self.rng.random_range(0..self.shared.targets.len());
            let answer = self.shared.targets[target].send(request.clone()).await;
            if answer.as_ref().is_ok_and(|answer| answer.status == 408) {
                // The connection had waited for a request so long that it was being closed.
                continue;
            }
            let outcome = Outcome::of(&request, &answer);
            if left > 0 && !matches!(outcome, Outcome::Done | Outcome::Wrong(_)) {
                left -= 1;
                continue;
            }
            self.note(kind, began, outcome);
            return match answer {
                Ok(answer) if answer.is_ok() => Some(read(&answer)),
                _ => None,
            };
        }
    }

    fn note(&self, kind: Kind, began: Instant, outcome: Outcome) {
        self.shared.samples.lock().push(Sample {
            at: began.duration_since(self.shared.began),
            took: began.elapsed(),
            kind,
            outcome,
        });
    }
}

/// Whether anything in an answer belongs to another account.
fn is_foreign(body: &Value, id: &str) -> bool {
    match body {
        Value::Array(items) => items.iter().any(|item| is_foreign(item, id)),
        Value::Object(members) => members.iter().any(|(name, value)| match value {
            Value::String(owner) if name == "userId" => owner != id,
            Value::Object(user) if name == "user" => user["id"] != *id,
            value => is_foreign(value, id),
        }),
        _ => false,
    }
}
