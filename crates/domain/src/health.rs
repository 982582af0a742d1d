//! How the parts of a running system say that they work.

use async_trait::async_trait;

use crate::port::PortError;

/// Something whose working can be asked for.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Does the least that shows it works; the answer of a store includes that its schema is current.
    async fn check(&self) -> Result<(), PortError>;
}
