//! The cache as answers are kept in it: it never fails and holds nobody up.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use parlance_domain::caching::{CacheKey, Policy, Question};
use parlance_domain::port::PortError;
use tokio::time::timeout;
use tracing::Instrument;

use super::entry::{Entry, Found};
use super::{AnswerPorts, Nearby, Request};

/// How far whoever makes an answer looks and keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Where all copies see it.
    Everywhere,
    /// What copies share does not answer, and nobody waits for it.
    Nearby,
}

tokio::task_local! {
    /// That of whoever makes an answer, for all that they look for and keep meanwhile: a conversation is kept with its
    /// turns, each under a key of its own.
    static REACH: Reach;
}

impl Reach {
    /// Does something with no more in reach than this.
    pub(super) async fn during<T>(self, work: impl Future<Output = T>) -> T {
        REACH.scope(self, work).await
    }

    fn current() -> Self {
        REACH.try_with(|reach| *reach).unwrap_or(Self::Everywhere)
    }
}

impl AnswerPorts {
    /// What comes of it, if it comes in time and does not fail.
    ///
    /// Nobody is refused an answer because something that only makes answers cheaper is out of order.
    pub(super) async fn patiently<T>(&self, work: impl Future<Output = Result<T, PortError>>) -> Option<T> {
        match timeout(self.patience, work).await {
            Ok(Ok(value)) => Some(value),
            Ok(Err(error)) => {
                tracing::debug!(%error, "done without");
                None
            }
            Err(_) => {
                tracing::debug!("done without, it took too long");
                None
            }
        }
    }

    /// What is kept under a key.
    pub(super) async fn entry(&self, key: &CacheKey) -> Option<Entry> {
        Entry::read(self.patiently(self.cache.get(key.as_str())).await??)
    }

    /// What there is for somebody who asks.
    pub(super) async fn look(&self, key: &CacheKey, policy: &Policy) -> Found {
        self.found(self.entry(key).await, policy)
    }

    fn found(&self, entry: Option<Entry>, policy: &Policy) -> Found {
        entry.map_or(Found::Nothing, |entry| entry.at(self.clock.now(), policy))
    }

    /// The tier of this copy alone, if nothing else is in reach.
    fn only_nearby(&self) -> Option<&Arc<dyn Nearby>> {
        let nearby = self.nearby.as_ref();
        nearby.filter(|_| Reach::current() == Reach::Nearby)
    }

    /// The same, but not what is old nearby and new elsewhere, as far as that is in reach.
    pub(super) async fn look_everywhere(&self, request: &Request) -> Found {
        if let Some(nearby) = self.only_nearby() {
            let written = nearby.get_nearby(request.key.as_str()).await;
            return self.found(written.and_then(Entry::read), request.policy);
        }
        let found = self.look(&request.key, request.policy).await;
        let (Some(nearby), false) = (&self.nearby, matches!(found, Found::Fresh(_) | Found::Refused)) else {
            return found;
        };
        let renewed = self
            .patiently(async { Ok(nearby.renew(request.key.as_str()).await) })
            .await;
        match renewed.flatten().and_then(Entry::read) {
            Some(entry) => entry.at(self.clock.now(), request.policy),
            None => found,
        }
    }

    /// Keeps an answer; one that is too large is not kept, and neither is what it would replace.
    pub(super) async fn keep(&self, request: &Request, answer: &Bytes) {
        if answer.len() > request.policy.largest {
            self.patiently(self.cache.forget(request.key.as_str())).await;
            return;
        }
        let entry = Entry::answer(answer.clone(), request.policy, self.clock.now(), rand::random());
        self.put(request, &entry).await;
    }

    /// Keeps something in the place of `old`, as if it had been made then; whether that was there.
    pub(super) async fn replace(&self, question: Question<'_>, old: &[u8], new: Bytes) -> bool {
        if new.len() > question.policy.largest {
            return false;
        }
        let key = question.key.as_str();
        let Some(written) = self.patiently(self.cache.get(key)).await.flatten() else {
            return false;
        };
        let replaced = Entry::read(written.clone()).and_then(|entry| entry.replaced(old, new));
        let Some(entry) = replaced else {
            return false;
        };
        let replaced = self.cache.replace(key, &written, entry.write());
        self.patiently(replaced).await.unwrap_or_default()
    }

    /// Keeps that the provider refused.
    pub(super) async fn keep_refusal(&self, request: &Request) {
        let entry = Entry::refusal(request.policy, self.clock.now());
        self.put(request, &entry).await;
    }

    async fn put(&self, request: &Request, entry: &Entry) {
        let (written, lifetime) = (entry.write(), entry.lifetime(self.clock.now()));
        let (key, group) = (request.key.as_str(), request.group.as_deref());
        let Some(nearby) = self.only_nearby() else {
            self.patiently(self.cache.put(key, written, lifetime, group))
                .await;
            return;
        };
        nearby.put_nearby(key, written.clone(), lifetime, group).await;
        let (nearby, request, patience) = (Arc::clone(nearby), request.clone(), self.patience);
        let sharing = async move {
            let (key, group) = (request.key.as_str(), request.group.as_deref());
            // What all copies do not see is made again by another.
            let _ = timeout(patience, nearby.share(key, written, lifetime, group)).await;
        };
        tokio::spawn(sharing.in_current_span());
    }
}
