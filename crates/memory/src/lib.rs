//! Rate limits, revoked sessions and publish-subscribe within the process.

mod limits;
mod pubsub;
mod revoked;

pub use limits::{Elapsed, MemoryRateLimiter};
pub use pubsub::MemoryPubSub;
pub use revoked::MemoryRevokedSessions;
