//! Randomness that nobody can guess.

use crate::port::PortError;

/// Makes secrets.
pub trait SecretGenerator: Send + Sync {
    /// Fills a buffer with bytes that nobody can guess.
    fn fill(&self, secret: &mut [u8]) -> Result<(), PortError>;
}
