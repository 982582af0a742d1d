//! Decorators of ports: what to do when the thing behind a port is slow, far away or gone.
//!
//! A [`Breaker`] leaves alone what fails; [`FallbackLimiter`], [`TieredCache`] and [`GuardedPubSub`] go on without it.
//! [`LeasedLimiter`] spares it most of the questions.

mod breaker;
mod cache;
mod limits;
mod pubsub;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use breaker::{Breaker, BreakerConfig, LeftAlone, Permit};
pub use cache::TieredCache;
pub use limits::{FallbackLimiter, LeasedLimiter};
pub use pubsub::GuardedPubSub;

/// Tells how much time has passed since some fixed instant. It never goes back, whatever the wall clock does.
pub type Elapsed = Arc<dyn Fn() -> Duration + Send + Sync>;

/// The machine's monotonic clock.
fn monotonic() -> Elapsed {
    let start = Instant::now();
    Arc::new(move || start.elapsed())
}

#[cfg(test)]
mod tests;
