//! The port by which copies of the program agree who of them makes an answer.

use std::time::Duration;

use async_trait::async_trait;

use crate::port::PortError;

/// The right to do something alone, until it is given back or runs out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What it is for.
    pub key: String,
    /// Tells it from any other lease of the same key.
    pub token: String,
}

/// Lends each key to one holder at a time.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Takes the lease of a key for at most `lifetime`; `None` while somebody else has it.
    ///
    /// - As many parallel calls as there may be, one of them gets it.
    /// - After `lifetime` it is anybody's, whatever became of its holder.
    async fn take(&self, key: &str, lifetime: Duration) -> Result<Option<Lease>, PortError>;

    /// Has a lease last for `lifetime` from now; whether it is still its holder's.
    ///
    /// - One that has run out, or is somebody else's by now, is left as it is.
    async fn prolong(&self, lease: &Lease, lifetime: Duration) -> Result<bool, PortError>;

    /// Gives a lease back; one that has run out, or is somebody else's by now, is left as it is.
    async fn give_back(&self, lease: &Lease) -> Result<(), PortError>;
}
