//! How answers are kept, made and shared; here, what the tests of it stand on.

mod ages;
mod copies;
mod crowds;
mod outages;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;
use parlance_contract::fakes::TestClock;
use parlance_domain::caching::{Denial, KeyBuilder, Lease, SPEECH};
use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use tokio::sync::Semaphore;
use tokio::time::{Duration, Instant};

use super::*;
use crate::tests::MapCache;

/// What a provider does when it is asked.
#[derive(Debug, Clone, Copy)]
enum Act {
    Answer(&'static str),
    Fail(ProviderErrorKind),
    FailOurs,
    Panic,
    Hang,
}

/// Does one after the other, and the last for ever.
struct Provider {
    acts: Mutex<VecDeque<Act>>,
    asked: AtomicUsize,
    gate: Semaphore,
}

impl Provider {
    fn new(acts: impl IntoIterator<Item = Act>) -> Arc<Self> {
        let provider = Self::behind_gate(acts);
        provider.open();
        provider
    }

    /// One that does nothing until it is opened.
    fn behind_gate(acts: impl IntoIterator<Item = Act>) -> Arc<Self> {
        Arc::new(Self {
            acts: Mutex::new(acts.into_iter().collect()),
            asked: AtomicUsize::new(0),
            gate: Semaphore::new(0),
        })
    }

    fn open(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn act(&self) -> Act {
        let mut acts = self.acts.lock();
        if acts.len() > 1 {
            acts.pop_front().unwrap()
        } else {
            acts[0]
        }
    }

    /// Somebody who may ask it.
    fn maker(self: &Arc<Self>) -> Arc<dyn Make> {
        Arc::new(Maker(Arc::clone(self)))
    }
}

struct Maker(Arc<Provider>);

#[async_trait]
impl Make for Maker {
    async fn make(&self) -> Result<Bytes, MakeError> {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        let _pass = self.0.gate.acquire().await;
        match self.0.act() {
            Act::Answer(answer) => Ok(Bytes::from_static(answer.as_bytes())),
            Act::Fail(kind) => Err(ProviderError::new("test", kind).into()),
            Act::FailOurs => Err(PortError::unavailable("Audio", "gone").into()),
            Act::Panic => panic!("on purpose"),
            Act::Hang => pending().await,
        }
    }
}

/// Somebody who may not have anything made.
struct Denied;

#[async_trait]
impl Make for Denied {
    async fn make(&self) -> Result<Bytes, MakeError> {
        let resets_at = Timestamp::default();
        Err(MakeError::Denied(Denial::Budget { resets_at }))
    }
}

/// Leases in a map.
#[derive(Default)]
struct MapLeases {
    held: Mutex<HashMap<String, (String, Instant)>>,
    asked: AtomicUsize,
    fails: AtomicBool,
    hangs: AtomicBool,
}

#[async_trait]
impl Leases for MapLeases {
    async fn take(&self, key: &str, lifetime: Duration) -> Result<Option<Lease>, PortError> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        if self.hangs.load(Ordering::SeqCst) {
            return pending().await;
        }
        if self.fails.load(Ordering::SeqCst) {
            return Err(PortError::unavailable("Leases", io::Error::other("gone")));
        }
        let mut held = self.held.lock();
        if held.get(key).is_some_and(|(_, until)| Instant::now() < *until) {
            return Ok(None);
        }
        let (key, token) = (key.to_owned(), asked.to_string());
        held.insert(key.clone(), (token.clone(), Instant::now() + lifetime));
        Ok(Some(Lease { key, token }))
    }

    async fn prolong(&self, lease: &Lease, lifetime: Duration) -> Result<bool, PortError> {
        if self.hangs.load(Ordering::SeqCst) {
            return pending().await;
        }
        let mut held = self.held.lock();
        let until = held
            .get_mut(&lease.key)
            .filter(|(token, until)| *token == lease.token && Instant::now() < *until);
        Ok(until
            .map(|(_, until)| *until = Instant::now() + lifetime)
            .is_some())
    }

    async fn give_back(&self, lease: &Lease) -> Result<(), PortError> {
        self.held
            .lock()
            .retain(|key, (token, _)| *key != lease.key || *token != lease.token);
        Ok(())
    }
}

/// One copy on its own.
struct Alone {
    answers: Arc<CachedAnswers>,
    cache: Arc<MapCache>,
    clock: Arc<TestClock>,
}

fn alone() -> Alone {
    let (cache, clock) = (Arc::new(MapCache::default()), Arc::new(TestClock::default()));
    let ports = AnswerPorts::new(
        Arc::clone(&cache) as Arc<dyn Cache>,
        Arc::clone(&clock) as Arc<dyn Clock>,
    );
    Alone {
        answers: Arc::new(CachedAnswers::new(ports)),
        cache,
        clock,
    }
}

impl Alone {
    /// Time passes until what is fresh now is stale.
    fn pass(&self, time: Duration) {
        self.clock.advance(TimeDelta::from_std(time).unwrap());
    }

    async fn ask(&self, provider: &Arc<Provider>) -> Result<Answer, MakeError> {
        self.answers.answer(question(&key()), provider.maker()).await
    }

    fn tally(&self) -> Tally {
        tally(&self.answers)
    }
}

fn key() -> CacheKey {
    KeyBuilder::new("tts").field("text", "你好").finish()
}

fn question(key: &CacheKey) -> Question<'_> {
    Question {
        key,
        policy: &SPEECH,
        group: Some("group"),
    }
}

/// Whether it was the old one that the new one was to take the place of.
async fn replace(answers: &CachedAnswers, old: &'static str, new: &'static str) -> bool {
    let key = key();
    answers.replace(question(&key), old.as_bytes(), new.into()).await
}

fn tally(answers: &CachedAnswers) -> Tally {
    answers
        .tallies()
        .first()
        .map_or(Tally::default(), |(_, tally)| *tally)
}

/// The text of an answer of this freshness.
fn text(answer: Result<Answer, MakeError>, freshness: Freshness) -> Bytes {
    let answer = answer.unwrap();
    assert_eq!(answer.freshness, freshness);
    answer.value
}

fn failure_of(answer: Result<Answer, MakeError>) -> ProviderErrorKind {
    match answer {
        Err(MakeError::Provider(error)) => error.kind,
        other => panic!("{other:?}"),
    }
}

/// Lets others work until something is the case.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..100_000 {
        if is_so() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never came to it that {what}");
}
