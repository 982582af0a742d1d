//! What is kept and counted, in the process.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::NaiveDate;
use parlance_domain::caching::{Answer, Answers, CacheKey, Freshness, Make, MakeError, Question, Tally};
use parlance_domain::health::Probe;
use parlance_domain::idempotency::{Beginning, Fingerprint, GivenAnswer, IdempotencyKey, IdempotencyStore};
use parlance_domain::ids::UserId;
use parlance_domain::limits::{Limit, RateLimiter, Taken};
use parlance_domain::port::PortError;
use parlance_domain::speech::{Audio, AudioId, AudioStore};
use parlance_domain::spending::{Caps, Meter, ReserveError, Spending, SpendingStore};
use parlance_domain::time::Timestamp;

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap()
}

/// Counts without ever forgetting.
#[derive(Default)]
pub(crate) struct Counting(Mutex<HashMap<String, u32>>);

#[async_trait]
impl RateLimiter for Counting {
    async fn take_up_to(&self, key: &str, limit: &Limit, wanted: u32) -> Result<Taken, PortError> {
        let mut counts = locked(&self.0);
        let count = counts.entry(format!("{} {key}", limit.name)).or_default();
        let granted = wanted.min(limit.quota - *count);
        *count += granted;
        Ok(Taken {
            granted,
            remaining: limit.quota - *count,
            reset_after: Duration::from_millis(17_500),
        })
    }
}

/// Keeps what was spent by all users as if they were one a day.
#[derive(Default)]
pub(crate) struct Purse(AtomicU64);

#[async_trait]
impl SpendingStore for Purse {
    async fn reserve(&self, spending: &Spending, caps: &Caps) -> Result<(), ReserveError> {
        let spent = self.0.fetch_add(spending.amount, Ordering::Relaxed) + spending.amount;
        if spent > caps.user {
            self.0.fetch_sub(spending.amount, Ordering::Relaxed);
            return Err(ReserveError::UserSpent);
        }
        Ok(())
    }

    async fn give_back(&self, spending: &Spending) -> Result<(), PortError> {
        self.0.fetch_sub(spending.amount, Ordering::Relaxed);
        Ok(())
    }

    async fn spent(&self, _: Option<UserId>, _: NaiveDate, _: Meter) -> Result<u64, PortError> {
        Ok(self.0.load(Ordering::Relaxed))
    }

    async fn purge(&self, _: NaiveDate, _: u32) -> Result<u32, PortError> {
        Ok(0)
    }
}

/// Keeps answers for ever, by group.
#[derive(Default)]
pub(crate) struct Answering {
    kept: Mutex<HashMap<String, (Option<String>, Bytes)>>,
    tally: Mutex<HashMap<&'static str, Tally>>,
}

impl Answering {
    fn count(&self, service: &'static str, count: fn(&mut Tally)) {
        count(locked(&self.tally).entry(service).or_default());
    }
}

#[async_trait]
impl Answers for Answering {
    async fn answer(&self, question: Question<'_>, make: Arc<dyn Make>) -> Result<Answer, MakeError> {
        let service = question.policy.service;
        if let Some(value) = self.kept(question.key).await {
            self.count(service, |tally| tally.hits += 1);
            return Ok(Answer {
                value,
                freshness: Freshness::Kept,
            });
        }
        self.count(service, |tally| tally.misses += 1);
        let value = make.make().await?;
        self.keep(question, value.clone()).await;
        Ok(Answer {
            value,
            freshness: Freshness::New,
        })
    }

    async fn kept(&self, key: &CacheKey) -> Option<Bytes> {
        let kept = locked(&self.kept);
        kept.get(key.as_str()).map(|(_, value)| value.clone())
    }

    async fn keep(&self, question: Question<'_>, value: Bytes) {
        let group = question.group.map(str::to_owned);
        locked(&self.kept).insert(question.key.to_string(), (group, value));
    }

    async fn replace(&self, question: Question<'_>, old: &[u8], new: Bytes) -> bool {
        let mut kept = locked(&self.kept);
        let there = kept.get_mut(question.key.as_str());
        let there = there.filter(|(_, value)| *value == old);
        there.map(|(_, value)| *value = new).is_some()
    }

    async fn forget_group(&self, group: &str) -> Result<(), PortError> {
        locked(&self.kept).retain(|_, (of, _)| of.as_deref() != Some(group));
        Ok(())
    }

    fn tallies(&self) -> Vec<(&'static str, Tally)> {
        locked(&self.tally)
            .iter()
            .map(|(service, tally)| (*service, *tally))
            .collect()
    }
}

/// Keeps audio, and loses it when told to.
#[derive(Default)]
pub(crate) struct AudioShelf {
    audio: Mutex<HashMap<AudioId, Audio>>,
    recipes: Mutex<HashMap<AudioId, Bytes>>,
    broken: AtomicBool,
}

impl AudioShelf {
    pub(crate) fn lose_all(&self) {
        locked(&self.audio).clear();
    }

    pub(crate) fn set_broken(&self, broken: bool) {
        self.broken.store(broken, Ordering::Relaxed);
    }

    fn works(&self) -> Result<(), PortError> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(PortError::unavailable(
                "AudioStore",
                "broken at s3://secret-bucket",
            ));
        }
        Ok(())
    }
}

#[async_trait]
impl AudioStore for AudioShelf {
    async fn ready(&self) -> Result<(), PortError> {
        self.works()
    }

    async fn keep(&self, audio: &Audio, recipe: &Bytes) -> Result<AudioId, PortError> {
        self.works()?;
        let id = audio.id();
        locked(&self.audio).insert(id.clone(), audio.clone());
        locked(&self.recipes).insert(id.clone(), recipe.clone());
        Ok(id)
    }

    async fn keep_without_recipe(&self, audio: &Audio) -> Result<AudioId, PortError> {
        self.works()?;
        let id = audio.id();
        locked(&self.audio).insert(id.clone(), audio.clone());
        Ok(id)
    }

    async fn read(&self, id: &AudioId) -> Result<Option<Audio>, PortError> {
        self.works()?;
        Ok(locked(&self.audio).get(id).cloned())
    }

    async fn recipe(&self, id: &AudioId) -> Result<Option<Bytes>, PortError> {
        self.works()?;
        Ok(locked(&self.recipes).get(id).cloned())
    }

    fn public_url(&self, _: &AudioId) -> Option<String> {
        None
    }
}

#[async_trait]
impl Probe for AudioShelf {
    async fn check(&self) -> Result<(), PortError> {
        self.works()
    }
}

type Begun = (Fingerprint, Option<GivenAnswer>);

/// Keeps requests with keys for ever.
#[derive(Default)]
pub(crate) struct Keys(Mutex<HashMap<(UserId, String), Begun>>);

impl Keys {
    /// How many were answered, and how many are in progress.
    pub(crate) fn count(&self) -> (usize, usize) {
        let keys = locked(&self.0);
        let done = keys.values().filter(|(_, given)| given.is_some()).count();
        (done, keys.len() - done)
    }
}

#[async_trait]
impl IdempotencyStore for Keys {
    async fn begin(
        &self,
        user: UserId,
        key: &IdempotencyKey,
        fingerprint: &Fingerprint,
        _: Timestamp,
    ) -> Result<Beginning, PortError> {
        let mut keys = locked(&self.0);
        let id = (user, key.to_string());
        Ok(match keys.get(&id) {
            Some((begun, _)) if begun != fingerprint => Beginning::Reused,
            Some((_, Some(given))) => Beginning::Done(given.clone()),
            Some((_, None)) => Beginning::InProgress,
            None => {
                keys.insert(id, (*fingerprint, None));
                Beginning::New
            }
        })
    }

    async fn finish(
        &self,
        user: UserId,
        key: &IdempotencyKey,
        fingerprint: &Fingerprint,
        answer: &GivenAnswer,
    ) -> Result<(), PortError> {
        let begun = (*fingerprint, Some(answer.clone()));
        locked(&self.0).insert((user, key.to_string()), begun);
        Ok(())
    }

    async fn abandon(&self, user: UserId, key: &IdempotencyKey, _: &Fingerprint) -> Result<(), PortError> {
        locked(&self.0).remove(&(user, key.to_string()));
        Ok(())
    }

    async fn purge(&self, _: Timestamp, _: u32) -> Result<u32, PortError> {
        Ok(0)
    }
}
