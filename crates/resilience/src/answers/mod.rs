//! Answers of providers, kept in a cache and made once for all who ask.

mod entry;
mod flights;
mod making;
mod nearby;
mod shelf;
mod tallies;

use std::collections::HashMap;
use std::future::pending;
use std::str;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::TimeDelta;
use futures_util::StreamExt;
use moka::future::Cache as Rests;
use parlance_domain::cache::Cache;
use parlance_domain::caching::{
    Answer, Answers, CacheKey, Freshness, Leases, Make, MakeError, Policy, Question, Tally,
};
use parlance_domain::port::{PortError, PortErrorKind};
use parlance_domain::pubsub::PubSub;
use parlance_domain::time::{Clock, Timestamp};
use tracing::Instrument;

use self::entry::Found;
use self::flights::{Flights, Lead, Seat, Word};
use self::making::{Ended, Source, failure, refusal};
pub use self::nearby::{CACHE_FORGOTTEN, Nearby};
use self::tallies::{Count, Tallies};

/// How long a stale answer is served before it is tried again to make it anew, when that failed.
const REST: TimeDelta = TimeDelta::seconds(1);
/// How many keys that rest are remembered.
const MAX_RESTING: u64 = 10_000;

/// How long the cache and the leases are waited for, if nothing else is said.
const PATIENCE: Duration = Duration::from_millis(250);

/// What [`CachedAnswers`] calls.
#[derive(Clone)]
pub struct AnswerPorts {
    /// Where answers are kept.
    pub cache: Arc<dyn Cache>,
    /// The tier of the cache that is this copy's own, if it has one.
    pub nearby: Option<Arc<dyn Nearby>>,
    /// Who of all copies makes an answer; without them each does.
    pub leases: Option<Arc<dyn Leases>>,
    /// Within what time callers of a service are answered who wait for another copy; where none is named, they wait for
    /// as long as a making may take, and then have it made.
    pub budgets: HashMap<&'static str, Duration>,
    /// How long the cache and the leases are waited for, each time; their own deadlines should be shorter.
    pub patience: Duration,
    /// Tells the other copies what was forgotten.
    pub pubsub: Option<Arc<dyn PubSub>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl AnswerPorts {
    /// Those of a program that shares nothing with other copies.
    pub fn new(cache: Arc<dyn Cache>, clock: Arc<dyn Clock>) -> Self {
        Self {
            cache,
            nearby: None,
            leases: None,
            budgets: HashMap::new(),
            patience: PATIENCE,
            pubsub: None,
            clock,
        }
    }
}

/// Keeps answers in a cache, and has each made once for all who ask at the time.
///
/// - An answer is made in a task of its own: whoever hangs up changes nothing for the others, nor for the cache.
/// - Over all copies one makes, by a lease that it prolongs meanwhile; the others look for its answer every 20 to 60 ms.
///   A copy that fails leaves it to another, which asks the provider itself as long as its callers can wait: only answers
///   and refusals are shared. A copy that dies does so within 5 seconds.
/// - Whatever is out of order, be it the cache or the leases, is done without. Where the leases do not answer, nothing
///   else that copies share is waited for: the answer is made, kept nearby, and shared behind the caller's back.
/// - A stale answer that could not be made anew rests for a second before that is tried again.
/// - An answer larger than its policy allows is given to all who wait for it, and not kept.
///
/// Each question counts once, by what became of it: a kept refusal is an error, a stale answer is stale whether it was
/// served for speed or for want of a better one, and an answer that was made is a miss, even if nobody waited for it in
/// the end. What is made behind a caller's back is not counted.
pub struct CachedAnswers {
    inner: Arc<Inner>,
}

type Landing = Result<Answer, MakeError>;

struct Inner {
    ports: AnswerPorts,
    flights: Arc<Flights<Landing>>,
    /// Until when stale answers rest.
    resting: Rests<CacheKey, Timestamp>,
    tallies: Tallies,
}

/// A question that outlives its caller.
#[derive(Clone)]
struct Request {
    key: CacheKey,
    policy: &'static Policy,
    group: Option<String>,
}

impl From<Question<'_>> for Request {
    fn from(Question { key, policy, group }: Question<'_>) -> Self {
        Self {
            key: key.clone(),
            policy,
            group: group.map(str::to_owned),
        }
    }
}

impl CachedAnswers {
    /// Answers over these ports; nothing is kept besides what the cache keeps.
    pub fn new(ports: AnswerPorts) -> Self {
        let inner = Inner {
            ports,
            flights: Arc::default(),
            resting: Rests::new(MAX_RESTING),
            tallies: Tallies::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Forgets nearby what other copies forget, for as long as it hears of it; to be run beside the requests, and again
    /// when it ends.
    ///
    /// What was forgotten while nobody listened stays nearby for as long as that tier keeps anything.
    pub async fn listen(&self) -> Result<(), PortError> {
        let Some(pubsub) = &self.inner.ports.pubsub else {
            return pending().await;
        };
        let mut forgotten = pubsub.subscribe(CACHE_FORGOTTEN).await?;
        while let Some(message) = forgotten.next().await {
            if let Ok(group) = str::from_utf8(&message) {
                self.forget_nearby(group).await;
            } else {
                tracing::warn!("a message about forgotten answers is unreadable");
            }
        }
        Ok(())
    }

    /// Forgets a group nearby, because another copy forgot it for all.
    pub async fn forget_nearby(&self, group: &str) {
        if let Some(nearby) = &self.inner.ports.nearby {
            nearby.forget_nearby(group).await;
        }
    }
}

#[async_trait]
impl Answers for CachedAnswers {
    async fn answer(&self, question: Question<'_>, make: Arc<dyn Make>) -> Result<Answer, MakeError> {
        let tally = self.inner.tallies.of(question.policy.service);
        let spare = match self.inner.ports.look(question.key, question.policy).await {
            Found::Fresh(value) => {
                tally.count(Count::Hit);
                let freshness = Freshness::Kept;
                return Ok(Answer { value, freshness });
            }
            Found::Refused => {
                tally.count(Count::Error);
                return Err(refusal(question.policy));
            }
            Found::Stale(value) => {
                tally.count(Count::Stale);
                self.inner.make_behind(question, make).await;
                return Ok(stale(value));
            }
            Found::Spare(value) => Some(value),
            Found::Nothing => None,
        };
        // In a box of its own, so that an answer that is there needs no room for it.
        let (outcome, count) = Box::pin(self.inner.ask(question.into(), make, spare)).await;
        if let Some(count) = count {
            tally.count(count);
        }
        outcome
    }

    async fn kept(&self, key: &CacheKey) -> Option<Bytes> {
        let ports = &self.inner.ports;
        ports.entry(key).await?.servable(ports.clock.now())
    }

    async fn keep(&self, question: Question<'_>, value: Bytes) {
        self.inner.ports.keep(&question.into(), &value).await;
    }

    async fn replace(&self, question: Question<'_>, old: &[u8], new: Bytes) -> bool {
        self.inner.ports.replace(question, old, new).await
    }

    async fn forget_group(&self, group: &str) -> Result<(), PortError> {
        let ports = &self.inner.ports;
        let forgotten = ports.cache.forget_group(group).await;
        // Even if it could not be forgotten where all see it, none shall have it nearby.
        if let Some(pubsub) = &ports.pubsub {
            let message = Bytes::copy_from_slice(group.as_bytes());
            let published = pubsub.publish(CACHE_FORGOTTEN, message).await;
            return forgotten.and(published);
        }
        forgotten
    }

    fn tallies(&self) -> Vec<(&'static str, Tally)> {
        self.inner.tallies.read()
    }
}

impl Inner {
    /// Has an answer made, or waits for whoever makes it; without one, what is to spare is served.
    async fn ask(
        self: &Arc<Self>,
        request: Request,
        make: Arc<dyn Make>,
        spare: Option<Bytes>,
    ) -> (Result<Answer, MakeError>, Option<Count>) {
        let (outcome, source) = match self.board(&request.key).await {
            Ok(lead) => self.lead(request, make, lead).await,
            Err(landing) => (landing, Source::Awaited),
        };
        match (outcome, spare) {
            (Ok(answer), _) => (Ok(answer), source.count()),
            (Err(error), Some(value)) if !matches!(error, MakeError::Denied(_)) => {
                tracing::debug!(%error, "a stale answer is served instead of a failure");
                (Ok(stale(value)), Some(Count::Stale))
            }
            (Err(error), _) => (Err(error), Some(Count::Error)),
        }
    }

    /// The duty to make the answer to a key, or what came of it when somebody else had it.
    async fn board(&self, key: &CacheKey) -> Result<Lead<Landing>, Landing> {
        loop {
            match self.flights.board(key) {
                Seat::Lead(lead) => return Ok(lead),
                Seat::Wait(waiting) => match waiting.await {
                    Ok(Word::Landed(landing)) => return Err(landing),
                    Ok(Word::YourTurn(lead)) => return Ok(lead),
                    Err(_) => {}
                },
            }
        }
    }

    async fn lead(
        self: &Arc<Self>,
        request: Request,
        make: Arc<dyn Make>,
        lead: Lead<Landing>,
    ) -> (Landing, Source) {
        let inner = Arc::clone(self);
        let task = async move {
            let ended = inner.fly(&request, &*make, lead).await;
            if matches!(ended, Ended::Answered(_, Source::Made)) {
                inner.tallies.of(request.policy.service).count(Count::Miss);
            }
            ended
        };
        match tokio::spawn(task.in_current_span()).await {
            Ok(Ended::Answered(answer, source)) => (Ok(answer), source),
            Ok(Ended::Failed(error) | Ended::Left(error)) => (Err(error), Source::Made),
            Err(error) => (Err(failure(PortErrorKind::Unexpected, error)), Source::Made),
        }
    }

    /// Makes a stale answer anew in the background, unless somebody does.
    async fn make_behind(self: &Arc<Self>, question: Question<'_>, make: Arc<dyn Make>) {
        let rests_until = self.resting.get(question.key).await;
        if rests_until.is_some_and(|until| self.ports.clock.now() < until) {
            return;
        }
        let Some(lead) = self.flights.lead_alone(question.key) else {
            return;
        };
        let (inner, request) = (Arc::clone(self), Request::from(question));
        let task = async move {
            if let Ended::Failed(error) | Ended::Left(error) = inner.fly(&request, &*make, lead).await {
                tracing::debug!(%error, "a stale answer could not be made anew");
                let until = inner.ports.clock.now() + REST;
                inner.resting.insert(request.key, until).await;
            }
        };
        tokio::spawn(task.in_current_span());
    }

    /// Makes an answer for all who wait, or leaves it to the next of them.
    async fn fly(&self, request: &Request, make: &dyn Make, lead: Lead<Landing>) -> Ended {
        let ended = self.ports.make_alone(request, make).await;
        match &ended {
            Ended::Answered(answer, _) => lead.land(&Ok(answer.clone())),
            Ended::Failed(error) => lead.land(&Err(error.clone())),
            Ended::Left(_) => drop(lead),
        }
        ended
    }
}

impl Source {
    /// What is still to be counted: what was made, is.
    fn count(self) -> Option<Count> {
        match self {
            Self::Made => None,
            Self::Kept => Some(Count::Hit),
            Self::Awaited => Some(Count::Coalesced),
        }
    }
}

fn stale(value: Bytes) -> Answer {
    let freshness = Freshness::Stale;
    Answer { value, freshness }
}

#[cfg(test)]
mod tests;
