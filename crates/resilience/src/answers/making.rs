//! How an answer is made: once in the process and, by a lease, once over all copies.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use parlance_domain::caching::{Answer, Freshness, Lease, Leases, Make, MakeError, Policy};
use parlance_domain::port::{PortError, PortErrorKind};
use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use tokio::time::{Instant, sleep, timeout};

use super::entry::Found;
use super::shelf::Reach;
use super::{AnswerPorts, Request};

/// How long to wait before looking again whether another copy has made it, in milliseconds.
const LOOK_EVERY: std::ops::RangeInclusive<u64> = 20..=60;

/// How long a lease is for. Whoever makes an answer prolongs it for as long as that takes; of whoever dies meanwhile it
/// is over soon.
const HELD_FOR: Duration = Duration::from_secs(5);
const PROLONGED_EVERY: Duration = Duration::from_millis(1_500);
/// With less time than this nothing is begun: the provider would be paid, and nobody would hear what it says.
const LEAST: Duration = Duration::from_secs(1);

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
    /// This one, alone as far as it knows, within so much time and with what is in reach.
    Ours(Option<Lease>, Duration, Reach),
    /// Another did.
    Theirs(Ended),
}

impl AnswerPorts {
    /// Makes an answer, unless another copy does.
    pub(super) async fn make_alone(&self, request: &Request, make: &dyn Make) -> Ended {
        let (lease, time, reach) = match self.turn(request).await {
            Turn::Ours(lease, time, reach) => (lease, time, reach),
            Turn::Theirs(ended) => return ended,
        };
        let making = reach.during(self.find_or_make(request, make, time));
        match (lease, &self.leases) {
            (Some(lease), Some(leases)) => self.holding(&**leases, &lease, making).await,
            _ => making.await,
        }
    }

    /// Waits for the turn to make it or until another copy has. If the leases are out of order it is ours at once.
    ///
    /// Whoever waited has as much time less to make it. After the time of one whole making it is ours in any case,
    /// unless by then callers were to be answered.
    async fn turn(&self, request: &Request) -> Turn {
        let Request { key, policy, .. } = request;
        let Some(leases) = &self.leases else {
            return Turn::Ours(None, policy.making, Reach::Everywhere);
        };
        let budget = self.budgets.get(policy.service);
        let (began, mut time) = (Instant::now(), policy.making);
        let deadline = began + budget.copied().unwrap_or(policy.making);
        loop {
            match self.patiently(leases.take(key.as_str(), HELD_FOR)).await {
                Some(None) if Instant::now() < deadline => {}
                Some(None) if budget.is_some() => return Turn::Theirs(Ended::too_late(policy)),
                Some(lease) => return Turn::Ours(lease, time, Reach::Everywhere),
                // What did not answer once is not waited for again.
                None => return Turn::Ours(None, time, Reach::Nearby),
            }
            sleep(Duration::from_millis(rand::random_range(LOOK_EVERY))).await;
            let found = self.look_everywhere(request).await;
            if let Some(ended) = Ended::of(found, policy, Source::Awaited) {
                return Turn::Theirs(ended);
            }
            if budget.is_some() {
                time = time.min(deadline.saturating_duration_since(Instant::now()));
            }
        }
    }

    async fn find_or_make(&self, request: &Request, make: &dyn Make, time: Duration) -> Ended {
        // It may have been made between the look that found nothing and now.
        let found = self.look_everywhere(request).await;
        let has_spare = matches!(found, Found::Stale(_) | Found::Spare(_));
        if let Some(ended) = Ended::of(found, request.policy, Source::Kept) {
            return ended;
        }
        if time < LEAST {
            return Ended::too_late(request.policy);
        }
        // What a panicking maker leaves behind is not looked at again.
        let making = AssertUnwindSafe(async { make.make().await }).catch_unwind();
        match timeout(time, making).await {
            Ok(Ok(Ok(value))) => {
                self.keep(request, &value).await;
                let freshness = Freshness::New;
                Ended::Answered(Answer { value, freshness }, Source::Made)
            }
            Ok(Ok(Err(error))) => self.failed(request, error, has_spare).await,
            Ok(Err(_)) => Ended::left(PortErrorKind::Unexpected, "the making of an answer panicked"),
            Err(_) if time < request.policy.making => Ended::too_late(request.policy),
            Err(elapsed) => Ended::left(PortErrorKind::Timeout, elapsed),
        }
    }

    /// Does something with a lease, and gives it back.
    async fn holding(&self, leases: &dyn Leases, lease: &Lease, work: impl Future<Output = Ended>) -> Ended {
        let ended = tokio::select! {
            ended = work => ended,
            never = self.prolonging(leases, lease) => match never {},
        };
        self.patiently(leases.give_back(lease)).await;
        ended
    }

    async fn prolonging(&self, leases: &dyn Leases, lease: &Lease) -> Infallible {
        loop {
            sleep(PROLONGED_EVERY).await;
            // Who lost it goes on all the same: what is made twice costs twice, no more.
            self.patiently(leases.prolong(lease, HELD_FOR)).await;
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
    /// Those who waited for another copy have waited long enough.
    fn too_late(policy: &Policy) -> Self {
        let error = ProviderError::new(policy.service, ProviderErrorKind::Timeout);
        Self::Failed(error.into())
    }

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
