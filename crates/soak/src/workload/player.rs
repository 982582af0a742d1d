//! Plays one device: does what it chooses, keeps what is not acknowledged, and sends it again.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use super::choices::{Choices, Step};
use super::shared::Shared;
use crate::clients::{Device, Reply, Session};
use crate::history::{Outcome, ReviewSent};

/// How many acknowledged reviews a device remembers, to send them again or take them back.
const REMEMBERED: usize = 60;
/// The most pages that one look at the change feed reads.
const PAGES: usize = 400;

/// A device with its memory.
pub(super) struct Player {
    pub(super) device: Device,
    choices: Choices,
    /// How many more steps it stays offline.
    offline: u32,
    /// Reviewed while offline.
    backlog: Vec<ReviewSent>,
    /// Sent, and not acknowledged.
    pending: VecDeque<Vec<ReviewSent>>,
    acked: VecDeque<ReviewSent>,
    cursor: u64,
    dead: Vec<Session>,
}

impl Player {
    /// A device that is signed in, and has nothing to do yet.
    pub(super) fn new(device: Device, choices: Choices) -> Self {
        Self {
            device,
            choices,
            offline: 0,
            backlog: Vec::new(),
            pending: VecDeque::new(),
            acked: VecDeque::new(),
            cursor: 0,
            dead: Vec::new(),
        }
    }

    /// Plays until the load is over.
    pub(super) async fn play(&mut self, shared: &Shared) -> Result<()> {
        while shared.turn(self.device.wire()).await {
            self.step(shared).await?;
        }
        Ok(())
    }

    /// Sends what is not acknowledged yet, once; true when nothing is left.
    pub(super) async fn flush(&mut self) -> Result<bool> {
        self.come_online();
        while let Some(batch) = self.pending.pop_front() {
            if !self.send(batch).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads what changed, to the end; true when the end was reached.
    pub(super) async fn pull(&mut self, limit: u32) -> Result<bool> {
        for _ in 0..PAGES {
            let (reply, page) = self.device.changes(self.cursor, limit).await?;
            let Some(page) = page else {
                self.rest(&reply).await;
                return Ok(false);
            };
            self.cursor = page.cursor;
            if !page.has_more {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn step(&mut self, shared: &Shared) -> Result<()> {
        if self.offline > 0 {
            return self.offline_step().await;
        }
        if !self.pending.is_empty() && self.choices.once_in(2) {
            let batch = self.pending.pop_front().unwrap_or_default();
            self.send(batch).await?;
            return Ok(());
        }
        let step = self.choices.step();
        match step {
            Step::Review => self.review().await?,
            Step::Resend => self.resend().await?,
            Step::GoOffline => self.offline = 5 + self.choices.below(30),
            Step::Undo => self.undo().await?,
            Step::Put | Step::PutTwice => self.put(step).await?,
            Step::Delete => {
                let word = self.choices.word();
                let reply = self.device.delete(&word).await?;
                self.rest(&reply).await;
            }
            Step::Get => {
                let word = self.choices.word();
                let reply = self.device.get(&word).await?;
                self.rest(&reply).await;
            }
            Step::Pull => {
                let limit = *self.choices.one_of(&[1, 2, 5, 100]).unwrap_or(&100);
                self.pull(limit).await?;
            }
            _ => self.session_step(step, shared).await?,
        }
        Ok(())
    }

    /// While offline, words are reviewed and nothing is sent.
    async fn offline_step(&mut self) -> Result<()> {
        self.offline -= 1;
        let reviews = self.new_reviews(3);
        self.backlog.extend(reviews);
        if self.offline == 0 {
            self.flush().await?;
        }
        // Time passes offline too.
        sleep(Duration::from_millis(2)).await;
        Ok(())
    }

    /// Cuts what was reviewed offline into batches, in any order, some of it twice.
    fn come_online(&mut self) {
        self.offline = 0;
        let mut backlog = std::mem::take(&mut self.backlog);
        self.choices.shuffle(&mut backlog);
        while !backlog.is_empty() {
            let size = 1 + self.choices.below(25) as usize;
            let mut batch = backlog.split_off(backlog.len().saturating_sub(size));
            if self.choices.once_in(4) {
                let twice = batch[0].clone();
                batch.push(twice);
            }
            self.pending.push_back(batch);
        }
    }

    async fn review(&mut self) -> Result<()> {
        let batch = self.new_reviews(4);
        self.send(batch).await?;
        Ok(())
    }

    /// Sends acknowledged reviews again, in another order and grouping, some with another rating.
    async fn resend(&mut self) -> Result<()> {
        let mut batch = self.new_reviews(2);
        let known: Vec<ReviewSent> = self.acked.iter().cloned().collect();
        for _ in 0..=self.choices.below(5) {
            if let Some(review) = self.choices.one_of(&known) {
                let mut again = review.clone();
                if self.choices.once_in(5) {
                    self.choices.rating().clone_into(&mut again.rating);
                }
                batch.push(again);
            }
        }
        self.choices.shuffle(&mut batch);
        self.send(batch).await?;
        Ok(())
    }

    async fn undo(&mut self) -> Result<()> {
        let known: Vec<ReviewSent> = self.acked.iter().cloned().collect();
        if let Some(review) = self.choices.one_of(&known) {
            let reply = self.device.undo(&review.word, review.id).await?;
            self.rest(&reply).await;
        }
        Ok(())
    }

    async fn put(&mut self, step: Step) -> Result<()> {
        let word = self.choices.word();
        let reply = if step == Step::PutTwice {
            let set = self.choices.whole_set(word);
            self.device.put(&set).await?;
            self.device.put(&set).await?
        } else if self.choices.once_in(4) {
            let mut words: Vec<String> = (0..=self.choices.below(5)).map(|_| self.choices.word()).collect();
            words.sort();
            words.dedup();
            let sets: Vec<_> = words.into_iter().map(|word| self.choices.set(word)).collect();
            self.device.put_all(&sets).await?
        } else {
            let set = self.choices.set(word);
            self.device.put(&set).await?
        };
        self.rest(&reply).await;
        Ok(())
    }

    async fn session_step(&mut self, step: Step, shared: &Shared) -> Result<()> {
        match step {
            Step::Refresh => {
                self.device.refresh(true).await?;
            }
            Step::RefreshTwice => self.device.refresh_twice().await?,
            Step::RefreshLost => {
                self.device.refresh(false).await?;
                self.device.refresh(true).await?;
            }
            Step::Relogin => {
                if let Some((session, reply)) = self.device.logout().await? {
                    self.rest(&reply).await;
                    if reply.is_ok() {
                        self.dead.push(session);
                    }
                }
                self.device.login().await?;
            }
            Step::ProbeDead => {
                let dead = std::mem::take(&mut self.dead);
                if let Some(session) = self.choices.one_of(&dead) {
                    self.device.probe(session).await?;
                    self.device.probe_refresh(session).await?;
                }
                self.dead = dead;
            }
            _ => {
                let email = shared.clash();
                self.device.clash(&email, &shared.password).await?;
            }
        }
        Ok(())
    }

    /// Sends a batch; true when it was acknowledged, else it is kept to be sent again.
    async fn send(&mut self, batch: Vec<ReviewSent>) -> Result<bool> {
        let reply = self.device.review(&batch).await?;
        if reply.is_ok() {
            self.acked.extend(batch);
            let surplus = self.acked.len().saturating_sub(REMEMBERED);
            self.acked.drain(..surplus);
            return Ok(true);
        }
        self.pending.push_back(batch);
        self.rest(&reply).await;
        Ok(false)
    }

    fn new_reviews(&mut self, most: u32) -> Vec<ReviewSent> {
        let now = self.device.wire().recorder().timeline().epoch_millis();
        let name = self.device.name();
        let count = 1 + self.choices.below(most);
        (0..count).map(|_| self.choices.review(now, &name)).collect()
    }

    /// Waits a little when the server did not answer as it should, so as not to storm it.
    async fn rest(&mut self, reply: &Reply) {
        if reply.outcome == Outcome::Info || reply.status.is_none() {
            let millis = 50 + self.choices.below(200);
            sleep(Duration::from_millis(millis.into())).await;
        }
    }
}
