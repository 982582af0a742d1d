//! The cache as answers are kept in it: it never fails and holds nobody up.

use std::future::Future;

use bytes::Bytes;
use parlance_domain::caching::{CacheKey, Policy, Question};
use parlance_domain::port::PortError;
use tokio::time::timeout;

use super::entry::{Entry, Found};
use super::{AnswerPorts, Request};

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
        match self.entry(key).await {
            Some(entry) => entry.at(self.clock.now(), policy),
            None => Found::Nothing,
        }
    }

    /// The same, but not what is old nearby and new elsewhere.
    pub(super) async fn look_everywhere(&self, request: &Request) -> Found {
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
        let lifetime = entry.lifetime(self.clock.now());
        let put = self.cache.put(
            request.key.as_str(),
            entry.write(),
            lifetime,
            request.group.as_deref(),
        );
        self.patiently(put).await;
    }
}
