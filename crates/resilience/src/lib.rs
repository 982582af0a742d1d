//! Decorators of ports: what to do when the thing behind a port is slow, far away or gone.
//!
//! A [`Breaker`] leaves alone what fails; [`FallbackLimiter`], [`TieredCache`] and [`GuardedPubSub`] go on without it,
//! [`GuardedLeases`] say at once that there are none. [`LeasedLimiter`] spares it most of the questions.
//!
//! A provider costs money and fails. A [`Guard`] is how it is called: deadlines, few retries, a breaker, no more calls
//! at once than it bears; [`GuardedSynthesizer`], [`GuardedRecognizer`] and [`GuardedWriter`] are its ports behind one.
//! [`CachedAnswers`] is why it is seldom called: what it once answered is kept, and made once for all who ask.

mod answers;
mod breaker;
mod cache;
mod conversations;
mod guard;
mod leases;
mod limits;
mod pubsub;
mod speech;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use answers::{AnswerPorts, CACHE_FORGOTTEN, CachedAnswers, Nearby};
pub use breaker::{Breaker, BreakerConfig, LeftAlone, Opens, Permit};
pub use cache::{CoalescedCache, TieredCache};
pub use conversations::GuardedWriter;
pub use guard::{Guard, GuardConfig, Metered};
pub use leases::GuardedLeases;
pub use limits::{FallbackLimiter, LeasedLimiter};
pub use pubsub::GuardedPubSub;
pub use speech::{GuardedRecognizer, GuardedSynthesizer};

/// Tells how much time has passed since some fixed instant. It never goes back, whatever the wall clock does.
pub type Elapsed = Arc<dyn Fn() -> Duration + Send + Sync>;

/// The machine's monotonic clock.
fn monotonic() -> Elapsed {
    let start = Instant::now();
    Arc::new(move || start.elapsed())
}

#[cfg(test)]
mod tests;
