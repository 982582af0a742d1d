//! A cache, leases, rate limits, revoked sessions and publish-subscribe within the process.

mod cache;
mod keyless;
mod leases;
mod limits;
mod pubsub;
mod revoked;

pub use cache::MemoryCache;
pub use keyless::MemoryKeyless;
pub use leases::MemoryLeases;
pub use limits::{Elapsed, MemoryRateLimiter};
pub use pubsub::MemoryPubSub;
pub use revoked::MemoryRevokedSessions;
