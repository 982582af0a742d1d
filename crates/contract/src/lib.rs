//! What every adapter of a port must do, one function per rule.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a contract fails by panicking"
)]

pub mod access_tokens;
pub mod fakes;
pub mod hasher;
pub mod limits;
pub mod pubsub;
pub mod revoked;
mod suite;
