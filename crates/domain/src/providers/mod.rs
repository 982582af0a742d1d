//! Providers: services of others that cost money, are slow, and fail.

mod nowhere;
mod own;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

pub use nowhere::is_nowhere;
pub use own::{OwnKey, OwnKeys, OwnProviders, Service};

/// What went wrong with a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProviderErrorKind {
    /// None is configured, or what it runs on is not there.
    Missing,
    /// It cannot be reached, or failed by itself.
    Unavailable,
    /// It did not answer in time.
    Timeout,
    /// It has had enough of our requests for now.
    Exhausted,
    /// It does not accept who we are: a key that is wrong, expired or without rights.
    Unauthorized,
    /// It does not accept what was asked, now or ever.
    Refused,
    /// Its answer is cut off, empty, or not what was asked for.
    Invalid,
    /// It was not asked, because it failed before.
    LeftAlone,
    /// It was not asked, because too many ask it already.
    Full,
}

/// The failure of a provider; several who wait for the same answer share it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{provider} failed: {kind:?}")]
pub struct ProviderError {
    /// Which provider, as answers name it.
    pub provider: &'static str,
    /// What kind of failure it is.
    pub kind: ProviderErrorKind,
    /// After how long asking again may help, if that is known.
    pub retry_after: Option<Duration>,
    /// How many tokens a language model read and wrote all the same, if that is known.
    pub tokens: Option<u64>,
    /// The technical cause; for the log, never for a client, and without secrets.
    #[source]
    pub source: Option<Arc<dyn Error + Send + Sync>>,
}

impl ProviderError {
    /// A failure of this kind.
    pub const fn new(provider: &'static str, kind: ProviderErrorKind) -> Self {
        Self {
            provider,
            kind,
            retry_after: None,
            tokens: None,
            source: None,
        }
    }

    /// The same with its technical cause.
    #[must_use]
    pub fn caused_by(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            source: Some(source.into().into()),
            ..self
        }
    }

    /// The same with the time after which to ask again.
    #[must_use]
    pub fn retry_after(self, after: Option<Duration>) -> Self {
        Self {
            retry_after: after,
            ..self
        }
    }

    /// The same with the tokens that it cost all the same.
    #[must_use]
    pub fn costing(self, tokens: Option<u64>) -> Self {
        Self { tokens, ..self }
    }

    /// Whether the same request may succeed in a moment.
    pub const fn is_transient(&self) -> bool {
        matches!(
            self.kind,
            ProviderErrorKind::Unavailable | ProviderErrorKind::Exhausted | ProviderErrorKind::Invalid
        )
    }

    /// Whether the provider may have done its work all the same, and is paid for it.
    pub const fn may_be_paid(&self) -> bool {
        matches!(self.kind, ProviderErrorKind::Timeout | ProviderErrorKind::Invalid)
    }

    /// Whether it tells that the provider itself is unwell.
    pub const fn is_failure(&self) -> bool {
        matches!(
            self.kind,
            ProviderErrorKind::Unavailable
                | ProviderErrorKind::Timeout
                | ProviderErrorKind::Exhausted
                | ProviderErrorKind::Invalid
        )
    }
}
