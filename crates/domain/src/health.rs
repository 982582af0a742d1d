//! How the parts of a running system say that they work.

use async_trait::async_trait;

use crate::port::PortError;

/// Something whose working can be asked for.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Does the least that shows it works; the answer of a store includes that its schema is current.
    async fn check(&self) -> Result<(), PortError>;
}

/// How a circuit breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CircuitState {
    /// Calls go through.
    Closed,
    /// Calls are not tried for a while.
    Open,
    /// One call is tried, to see whether it works again.
    HalfOpen,
}

/// A circuit breaker that can be looked at.
pub trait Circuit: Send + Sync {
    /// How it stands now.
    fn state(&self) -> CircuitState;
}
