//! The port through which answers of providers are asked for: kept ones first, new ones made once for all who ask.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::{CacheKey, Policy};
use crate::limits::LimitDecision;
use crate::port::PortError;
use crate::providers::ProviderError;
use crate::sealing::OpenError;
use crate::time::Timestamp;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Under which key its answer is kept.
    pub key: &'a CacheKey,
    /// How it is kept.
    pub policy: &'static Policy,
    /// With what others it is forgotten.
    pub group: Option<&'a str>,
}

/// How old an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Made for this caller, or for one who asked at the same time.
    New,
    /// Kept, and fresh.
    Kept,
    /// Kept, and past its time.
    Stale,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The answer itself.
    pub value: Bytes,
    /// How old it is.
    pub freshness: Freshness,
}

/// Why a caller may not have an answer made; nobody else's business.
#[derive(Debug, Clone)]
pub enum Denial {
    /// They had too many made of late.
    Limit(LimitDecision),
    /// What may be spent today is spent, by them or by all.
    Budget {
        /// When the next day begins.
        resets_at: Timestamp,
    },
    /// The provider does not accept their own key.
    KeyRefused(ProviderError),
    /// Their own key cannot be opened.
    KeyShut(OpenError),
}

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum MakeError {
    /// The caller may not have one made.
    #[error("the caller may not have an answer made")]
    Denied(Denial),
    /// The provider failed.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// Something of ours failed.
    #[error(transparent)]
    Port(#[from] Arc<PortError>),
}

impl From<PortError> for MakeError {
    fn from(error: PortError) -> Self {
        Self::Port(Arc::new(error))
    }
}

/// Makes an answer on behalf of one caller.
#[async_trait]
pub trait Make: Send + Sync {
    /// Makes it; a denial leaves it to the next of those who wait.
    async fn make(&self) -> Result<Bytes, MakeError>;
}

/// How often answers were there or were made, since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Kept and fresh.
    pub hits: u64,
    /// Not there; somebody made them.
    pub misses: u64,
    /// Kept, past their time, and served.
    pub stale: u64,
    /// Waited for while somebody else made them.
    pub coalesced: u64,
    /// Not to be had.
    pub errors: u64,
}

/// Answers of providers.
#[async_trait]
pub trait Answers: Send + Sync {
    /// The answer to a question: a kept one, or one that `make` makes.
    ///
    /// - A fresh one is served as it is, and `make` is not called.
    /// - A stale one is served while it may be, and made anew behind the caller's back.
    /// - Of all who ask at once, on all copies, one makes; the others get the same answer or the same failure. One whose
    ///   making is denied, given up or takes too long leaves it to another.
    /// - Failures are not kept, but for refusals of the provider.
    /// - When the provider fails, a stale answer is served for as long as the policy allows.
    /// - A cache that fails is as if it were empty.
    async fn answer(&self, question: Question<'_>, make: Arc<dyn Make>) -> Result<Answer, MakeError>;

    /// What is kept under a key, fresh or stale, without making anything and without counting.
    async fn kept(&self, key: &CacheKey) -> Option<Bytes>;

    /// Keeps what is known already, in the place of what is there; that it cannot be kept is no failure.
    async fn keep(&self, question: Question<'_>, value: Bytes);

    /// Puts something in the place of `old`, if that is still what is kept under a key; whether it was.
    ///
    /// - It is no fresher than what was there, and kept no longer.
    /// - What was forgotten meanwhile stays forgotten.
    /// - What is too large is not kept, and what is there stays.
    async fn replace(&self, question: Question<'_>, old: &[u8], new: Bytes) -> bool;

    /// Forgets all answers of a group, on every copy.
    async fn forget_group(&self, group: &str) -> Result<(), PortError>;

    /// How often answers of each service were there or were made, by service.
    fn tallies(&self) -> Vec<(&'static str, Tally)>;
}
