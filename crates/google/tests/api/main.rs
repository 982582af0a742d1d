//! The adapters against a local server that speaks Google's protocols.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod contract;
mod failures;
mod fixture;
mod load;
mod protocol;
mod tokens;
