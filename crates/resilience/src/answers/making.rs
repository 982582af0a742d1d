//! How an answer is made: once in the process and, by a lease, once over all copies.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use parlance_domain::caching::{Answer, Freshness, Lease, Make, MakeError, Policy};
use parlance_domain::port::{PortError, PortErrorKind};
use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use tokio::time::{Instant, sleep, timeout};

use super::entry::Found;
use super::shelf::patiently;
use super::{AnswerPorts, Request};

/// How long to wait before looking again whether another copy has made it, in milliseconds.
const LOOK_EVERY: std::ops::RangeInclusive<u64> = 20..=60;

/// How a making ended.
pub(super) enum Ended {
    /// With an answer for all who wait.
    Answered(Answer, Source),
    /// With a failure for all who wait.
    Failed(MakeError),
    /// With a failure of whoever had it made; whoever waits may do better.
    Left(MakeError),
}

/// Where an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// It was made.
    Made,
    /// It had been kept meanwhile.
    Kept,
    /// Somebody else made it, and was waited for.
    Awaited,
}

/// Who makes it, of all copies.
enum Turn {
    /// This one, alone as far as it knows.
    Ours(Option<Lease>),
    /// Another did.
    Theirs(Ended),
}

impl AnswerPorts {
    /// Makes an answer, unless another copy does.
    pub(super) async fn make_alone(&self, request: &Request, make: &dyn Make) -> Ended {
        let lease = match self.turn(request).await {
            Turn::Ours(lease) => lease,
            Turn::Theirs(ended) => return ended,
        };
        let ended = self.find_or_make(request, make).await;
        if let (Some(lease), Some(leases)) = (lease, &self.leases) {
            patiently(leases.give_back(&lease)).await;
        }
        ended
    }

    /// Waits for the turn to make it or until another copy has. If the leases are out of order it is ours at once, and
    /// after the time of one whole making in any case.
    async fn turn(&self, request: &Request) -> Turn {
        let Some(leases) = &self.leases else {
            return Turn::Ours(None);
        };
        let (key, making) = (request.key.as_str(), request.policy.making);
        let deadline = Instant::now() + making;
        loop {
            match patiently(leases.take(key, making)).await {
                Some(None) if Instant::now() < deadline => {}
                Some(lease) => return Turn::Ours(lease),
                None => return Turn::Ours(None),
            }
            sleep(Duration::from_millis(rand::random_range(LOOK_EVERY))).await;
            let found = self.look_everywhere(request).await;
            if let Some(ended) = Ended::of(found, request.policy, Source::Awaited) {
                return Turn::Theirs(ended);
            }
        }
    }

    async fn find_or_make(&self, request: &Request, make: &dyn Make) -> Ended {
        // It may have been made between the look that found nothing and now.
        let found = self.look_everywhere(request).await;
        let has_spare = matches!(found, Found::Stale(_) | Found::Spare(_));
        if let Some(ended) = Ended::of(found, request.policy, Source::Kept) {
            return ended;
        }
        // What a panicking maker leaves behind is not looked at again.
        let making = AssertUnwindSafe(async { make.make().await }).catch_unwind();
        match timeout(request.policy.making, making).await {
            Ok(Ok(Ok(value))) => {
                self.keep(request, &value).await;
                let freshness = Freshness::New;
                Ended::Answered(Answer { value, freshness }, Source::Made)
            }
            Ok(Ok(Err(error))) => self.failed(request, error, has_spare).await,
            Ok(Err(_)) => Ended::left(PortErrorKind::Unexpected, "the making of an answer panicked"),
            Err(elapsed) => Ended::left(PortErrorKind::Timeout, elapsed),
        }
    }

    async fn failed(&self, request: &Request, error: MakeError, has_spare: bool) -> Ended {
        match error {
            MakeError::Denied(_) => return Ended::Left(error),
            // What was answered once is worth more than a refusal.
            MakeError::Provider(ProviderError {
                kind: ProviderErrorKind::Refused,
                ..
            }) if !has_spare => self.keep_refusal(request).await,
            MakeError::Provider(_) | MakeError::Port(_) => {}
        }
        Ended::Failed(error)
    }
}

impl Ended {
    /// Ended before it began, by what others made meanwhile.
    fn of(found: Found, policy: &Policy, source: Source) -> Option<Self> {
        let freshness = match source {
            Source::Awaited | Source::Made => Freshness::New,
            Source::Kept => Freshness::Kept,
        };
        match found {
            Found::Fresh(value) => Some(Self::Answered(Answer { value, freshness }, source)),
            Found::Refused => Some(Self::Failed(refusal(policy))),
            Found::Stale(_) | Found::Spare(_) | Found::Nothing => None,
        }
    }

    fn left(kind: PortErrorKind, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Left(failure(kind, cause))
    }
}

/// The refusal that was kept. Which provider it was is not kept, so it goes by the name of its service.
pub(super) fn refusal(policy: &Policy) -> MakeError {
    ProviderError::new(policy.service, ProviderErrorKind::Refused).into()
}

pub(super) fn failure(
    kind: PortErrorKind,
    cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> MakeError {
    MakeError::Port(Arc::new(PortError::new("Answers", kind, cause)))
}
