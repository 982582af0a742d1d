//! The queue: one line for each learner, whose writes are taken in order and one at a time.

use std::collections::hash_map;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use parlance_domain::ids::UserId;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::entry::{Answer, Entry};
use super::stats::{Counters, WriteStats};
use crate::database::StoreError;

/// How many writes may go together, and how many changes in all of them.
const MOST_MEMBERS: usize = 64;
const MOST_CHANGES: usize = 1_000;

/// The writes that wait.
pub(super) struct Queue {
    lines: Mutex<Lines>,
    bound: usize,
    /// Rung when there is something to take, or nothing will come any more.
    bell: Notify,
    pub(super) counters: Counters,
}

/// A learner's line is there while something waits in it or is under way.
#[derive(Default)]
struct Lines {
    of: HashMap<UserId, VecDeque<Box<Entry>>>,
    /// The learners of whom something waits and nothing is under way, by the number of what is first in their lines:
    /// who came first goes first, however many of the same learner were before.
    ready: BTreeMap<u64, UserId>,
    waiting: usize,
    /// How many have come.
    numbers: u64,
    closed: bool,
}

/// A write that is under way.
pub(super) struct Turn {
    pub(super) entry: Box<Entry>,
    guard: Guard,
}

/// Until this is dropped, nothing else of the same learner is under way.
struct Guard {
    user: UserId,
    queue: Arc<Queue>,
}

impl Queue {
    /// A queue in which so many may wait.
    pub(super) fn new(bound: usize) -> Self {
        Self {
            lines: Mutex::default(),
            bound,
            bell: Notify::new(),
            counters: Counters::default(),
        }
    }

    pub(super) fn stats(&self) -> WriteStats {
        self.counters.read(self.lines.lock().waiting)
    }

    /// Puts a write in its learner's line, unless there is no room.
    pub(super) fn push(&self, mut entry: Entry) -> Result<(), StoreError> {
        let mut lines = self.lines.lock();
        if lines.closed {
            return Err(StoreError::Closed);
        }
        if lines.waiting >= self.bound {
            drop(lines);
            self.counters.refused();
            return Err(StoreError::Full);
        }
        let user = entry.user;
        lines.waiting += 1;
        lines.numbers += 1;
        entry.number = lines.numbers;
        let number = entry.number;
        let is_ready = match lines.of.entry(user) {
            hash_map::Entry::Occupied(line) => {
                line.into_mut().push_back(Box::new(entry));
                false
            }
            hash_map::Entry::Vacant(place) => {
                place.insert(VecDeque::from([Box::new(entry)]));
                true
            }
        };
        if is_ready {
            lines.ready.insert(number, user);
            drop(lines);
            self.bell.notify_one();
        }
        Ok(())
    }

    /// Nothing will be put in any more.
    pub(super) fn close(&self) {
        self.lines.lock().closed = true;
        self.bell.notify_one();
    }

    /// Takes what waits, as far as it may go together; waits until there is something. Nothing is the end.
    pub(super) async fn take(self: &Arc<Self>) -> Vec<Turn> {
        loop {
            let turns = self.take_waiting();
            if !turns.is_empty() {
                return turns;
            }
            if self.lines.lock().has_ended() {
                // The others are told as well.
                self.bell.notify_one();
                return Vec::new();
            }
            self.bell.notified().await;
        }
    }

    fn take_waiting(self: &Arc<Self>) -> Vec<Turn> {
        let mut lines = self.lines.lock();
        let (mut turns, mut expired) = (Vec::new(), Vec::new());
        let mut changes = 0;
        let now = Instant::now();
        while turns.len() < MOST_MEMBERS
            && let Some((_, user)) = lines.ready.pop_first()
        {
            let Some(next) = lines.next(user, now, &mut expired, &self.counters) else {
                continue;
            };
            let fits = !next.alone && changes + next.weight() <= MOST_CHANGES;
            if !turns.is_empty() && !fits {
                lines.ready.insert(next.number, user);
                lines.put_back(next);
                break;
            }
            let (is_alone, weight) = (next.alone, next.weight());
            let queue = Arc::clone(self);
            turns.push(Turn {
                entry: next,
                guard: Guard { user, queue },
            });
            changes += weight;
            if is_alone {
                break;
            }
        }
        let is_more = !lines.ready.is_empty();
        drop(lines);
        if is_more {
            self.bell.notify_one();
        }
        for entry in expired {
            self.counters.expired();
            entry.expire();
        }
        turns
    }

    /// Ends a learner's turn.
    fn finish(&self, user: UserId) {
        let mut lines = self.lines.lock();
        let first = lines
            .of
            .get(&user)
            .and_then(VecDeque::front)
            .map(|entry| entry.number);
        if let Some(number) = first {
            lines.ready.insert(number, user);
        } else {
            lines.of.remove(&user);
        }
        let is_news = !lines.ready.is_empty() || lines.has_ended();
        drop(lines);
        if is_news {
            self.bell.notify_one();
        }
    }
}

impl Lines {
    /// Whether nothing will come any more.
    fn has_ended(&self) -> bool {
        self.closed && self.of.is_empty()
    }

    /// The first in a learner's line for which somebody waits and whose time is not over; without one, the line ends.
    fn next(
        &mut self,
        user: UserId,
        now: Instant,
        expired: &mut Vec<Entry>,
        counters: &Counters,
    ) -> Option<Box<Entry>> {
        let line = self.of.get_mut(&user)?;
        while let Some(entry) = line.pop_front() {
            self.waiting -= 1;
            if entry.is_abandoned() {
                counters.abandoned();
            } else if entry.is_expired(now, counters.round()) {
                expired.push(*entry);
            } else {
                return Some(entry);
            }
        }
        self.of.remove(&user);
        None
    }

    fn put_back(&mut self, entry: Box<Entry>) {
        self.waiting += 1;
        self.of.entry(entry.user).or_default().push_front(entry);
    }
}

impl Turn {
    /// Tells the caller; the next in line may go.
    pub(super) fn answer(self, answer: Answer) {
        self.entry.answer(answer);
    }

    /// Tells the caller that it failed; the next in line may go.
    pub(super) fn fail(self, error: Arc<StoreError>) {
        self.entry.fail(error);
    }

    /// Puts it back as the first in its line, to be taken again after a while.
    pub(super) fn again_after(self, pause: Duration) {
        let Self { entry, guard } = self;
        guard.queue.lines.lock().put_back(entry);
        if !pause.is_zero() {
            tokio::spawn(async move {
                sleep(pause).await;
                drop(guard);
            });
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.queue.finish(self.user);
    }
}
