//! What every adapter of a port must do, one function per rule.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a contract fails by panicking"
)]

pub mod access_tokens;
pub mod accounts;
pub mod admin;
pub mod api_keys;
pub mod audio;
pub mod audit;
pub mod authorizations;
pub mod cache;
pub mod changes;
pub mod conversations;
pub mod deletion;
pub mod devices;
pub mod fakes;
pub mod hasher;
pub mod idempotency;
pub mod identities;
pub mod leases;
pub mod limits;
pub mod lockouts;
pub mod mail;
pub mod passkeys;
pub mod personal;
pub mod progress;
pub mod provider_keys;
pub mod pubsub;
pub mod revoked;
pub mod sealing;
pub mod second_factors;
pub mod secrets;
pub mod sessions;
pub mod settings;
pub mod speech;
pub mod spending;
pub mod stores;
mod suite;
pub mod tampering;
pub mod transfer;
pub mod words;
