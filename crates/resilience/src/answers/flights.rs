//! Single flight: of all who ask for the same key at once, one makes the answer and the others wait for it.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::Arc;

use parking_lot::Mutex;
use parlance_domain::caching::CacheKey;
use tokio::sync::oneshot;

/// The keys whose answer is being made, and who waits for each, first come, first served.
pub(super) struct Flights<T> {
    waiting: Mutex<HashMap<CacheKey, VecDeque<oneshot::Sender<Word<T>>>>>,
}

/// What somebody who waits is told.
pub(super) enum Word<T> {
    /// What came of it.
    Landed(T),
    /// Whoever made it did not: now it is theirs to make.
    YourTurn(Lead<T>),
}

/// The place of somebody who asks.
pub(super) enum Seat<T> {
    /// It is theirs to make.
    Lead(Lead<T>),
    /// Somebody makes it.
    Wait(oneshot::Receiver<Word<T>>),
}

/// The duty to make the answer to a key. Dropped without a word, it is the next one's; nobody waits in vain.
pub(super) struct Lead<T> {
    flights: Arc<Flights<T>>,
    key: CacheKey,
    has_landed: bool,
}

impl<T> Default for Flights<T> {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
        }
    }
}

impl<T> Flights<T> {
    /// Joins those who ask for a key.
    pub(super) fn board(self: &Arc<Self>, key: &CacheKey) -> Seat<T> {
        let mut waiting = self.waiting.lock();
        if let Some(queue) = waiting.get_mut(key) {
            let (sender, receiver) = oneshot::channel();
            queue.push_back(sender);
            return Seat::Wait(receiver);
        }
        waiting.insert(key.clone(), VecDeque::new());
        Seat::Lead(self.lead(key))
    }

    /// The duty to make it, if nobody has it.
    pub(super) fn lead_alone(self: &Arc<Self>, key: &CacheKey) -> Option<Lead<T>> {
        let mut waiting = self.waiting.lock();
        if waiting.contains_key(key) {
            return None;
        }
        waiting.insert(key.clone(), VecDeque::new());
        Some(self.lead(key))
    }

    /// How many wait for a key, if somebody makes it.
    #[cfg(test)]
    pub(super) fn waiting(&self, key: &CacheKey) -> Option<usize> {
        self.waiting.lock().get(key).map(VecDeque::len)
    }

    fn lead(self: &Arc<Self>, key: &CacheKey) -> Lead<T> {
        Lead {
            flights: Arc::clone(self),
            key: key.clone(),
            has_landed: false,
        }
    }

    /// The next of those who still wait; when there is none, nobody makes the key any more.
    fn next(&self, key: &CacheKey) -> Option<oneshot::Sender<Word<T>>> {
        let mut waiting = self.waiting.lock();
        let queue = waiting.get_mut(key)?;
        while let Some(next) = queue.pop_front() {
            if !next.is_closed() {
                return Some(next);
            }
        }
        waiting.remove(key);
        None
    }
}

impl<T: Clone> Lead<T> {
    /// Tells all who wait what came of it. Whoever asks from now on is too late for it.
    pub(super) fn land(mut self, outcome: &T) {
        self.has_landed = true;
        let queue = self.flights.waiting.lock().remove(&self.key);
        for waiting in queue.into_iter().flatten() {
            // Whoever has gone does not miss it.
            let _ = waiting.send(Word::Landed(outcome.clone()));
        }
    }
}

impl<T> Drop for Lead<T> {
    fn drop(&mut self) {
        if mem::replace(&mut self.has_landed, true) {
            return;
        }
        if let Some(next) = self.flights.next(&self.key) {
            let lead = self.flights.lead(&self.key);
            // Whoever goes at this very moment drops the lead, which hands it on.
            let _ = next.send(Word::YourTurn(lead));
        }
    }
}

#[cfg(test)]
mod tests {
    use parlance_domain::caching::KeyBuilder;

    use super::*;

    fn key() -> CacheKey {
        KeyBuilder::new("test").finish()
    }

    fn lead(flights: &Arc<Flights<u32>>) -> Lead<u32> {
        match flights.board(&key()) {
            Seat::Lead(lead) => lead,
            Seat::Wait(_) => panic!("somebody leads"),
        }
    }

    fn wait(flights: &Arc<Flights<u32>>) -> oneshot::Receiver<Word<u32>> {
        match flights.board(&key()) {
            Seat::Lead(_) => panic!("nobody leads"),
            Seat::Wait(waiting) => waiting,
        }
    }

    fn landed(waiting: &mut oneshot::Receiver<Word<u32>>) -> u32 {
        match waiting.try_recv() {
            Ok(Word::Landed(outcome)) => outcome,
            _ => panic!("not landed"),
        }
    }

    #[test]
    fn one_leads_and_the_others_are_told_what_came_of_it() {
        let flights = Arc::default();
        let leading = lead(&flights);
        let mut waiting: Vec<_> = (0..3).map(|_| wait(&flights)).collect();
        assert!(flights.lead_alone(&key()).is_none());
        leading.land(&7);
        assert!(waiting.iter_mut().all(|waiting| landed(waiting) == 7));
        lead(&flights).land(&8);
    }

    #[test]
    fn a_lead_that_is_dropped_goes_to_the_next_who_still_waits() {
        let flights = Arc::default();
        let leading = lead(&flights);
        let (gone, mut next, mut last) = (wait(&flights), wait(&flights), wait(&flights));
        drop(gone);
        drop(leading);
        let Ok(Word::YourTurn(leading)) = next.try_recv() else {
            panic!("it is the next one's turn")
        };
        assert!(last.try_recv().is_err());
        leading.land(&7);
        assert_eq!(landed(&mut last), 7);
    }

    #[test]
    fn a_lead_that_was_handed_to_somebody_who_goes_is_handed_on() {
        let flights = Arc::default();
        let leading = lead(&flights);
        let (next, mut last) = (wait(&flights), wait(&flights));
        drop(leading);
        drop(next);
        assert!(matches!(last.try_recv(), Ok(Word::YourTurn(_))));
        assert!(flights.waiting.lock().is_empty());
    }
}
