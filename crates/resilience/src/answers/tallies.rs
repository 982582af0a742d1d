//! How often answers were there or were made, service by service.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use parlance_domain::caching::Tally;

/// A list of the services that were asked for so far. There are a few, they are never removed, and nobody is locked out.
#[derive(Default)]
pub(super) struct Tallies {
    first: OnceLock<Box<Service>>,
}

/// The counts of one service.
pub(super) struct Service {
    name: &'static str,
    counts: [AtomicU64; 5],
    next: OnceLock<Box<Self>>,
}

/// What one question came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    Hit,
    Miss,
    Stale,
    Coalesced,
    Error,
}

impl Tallies {
    pub(super) fn of(&self, name: &'static str) -> &Service {
        let mut place = &self.first;
        loop {
            let service = place.get_or_init(|| Box::new(Service::new(name)));
            if service.name == name {
                return service;
            }
            place = &service.next;
        }
    }

    pub(super) fn read(&self) -> Vec<(&'static str, Tally)> {
        let mut tallies = Vec::new();
        let mut place = &self.first;
        while let Some(service) = place.get() {
            tallies.push((service.name, service.read()));
            place = &service.next;
        }
        tallies
    }
}

impl Service {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            counts: Default::default(),
            next: OnceLock::new(),
        }
    }

    pub(super) fn count(&self, what: Count) {
        self.counts[what as usize].fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> Tally {
        let of = |what: Count| self.counts[what as usize].load(Ordering::Relaxed);
        Tally {
            hits: of(Count::Hit),
            misses: of(Count::Miss),
            stale: of(Count::Stale),
            coalesced: of(Count::Coalesced),
            errors: of(Count::Error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_counted_apart() {
        let tallies = Tallies::default();
        assert_eq!(tallies.read(), []);
        for (name, what) in [
            ("TTS", Count::Hit),
            ("Voices", Count::Miss),
            ("TTS", Count::Error),
        ] {
            tallies.of(name).count(what);
        }
        let (mut speech, mut voices) = (Tally::default(), Tally::default());
        (speech.hits, speech.errors, voices.misses) = (1, 1, 1);
        assert_eq!(tallies.read(), [("TTS", speech), ("Voices", voices)]);
    }
}
