//! The one error of every port, for what is neither absence nor a business refusal.

use std::error::Error;

/// What went wrong behind a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PortErrorKind {
    /// The thing behind the port cannot be reached or has no room; trying later may help.
    Unavailable,
    /// It did not answer in time; whether it did the work is unknown.
    Timeout,
    /// It answered with something that breaks an invariant.
    Corrupt,
    /// Whoever it was called for is gone, such as an account that was deleted since its token was issued.
    OwnerGone,
    /// Anything else: a defect.
    Unexpected,
}

/// The failure of a port, with its technical cause as `source`.
#[derive(Debug, thiserror::Error)]
#[error("{port} failed: {kind:?}")]
pub struct PortError {
    /// The port's name, such as `AccountStore`.
    pub port: &'static str,
    /// What kind of failure it is.
    pub kind: PortErrorKind,
    /// The technical cause; for the log, never for a client.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl PortError {
    /// A failure of the given kind with its cause.
    pub fn new(
        port: &'static str,
        kind: PortErrorKind,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            port,
            kind,
            source: Some(source.into()),
        }
    }

    /// The thing behind the port cannot be reached or has no room.
    pub fn unavailable(port: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(port, PortErrorKind::Unavailable, source)
    }

    /// What is stored breaks an invariant.
    pub fn corrupt(port: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(port, PortErrorKind::Corrupt, source)
    }
}
