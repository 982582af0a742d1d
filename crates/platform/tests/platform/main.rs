//! The tests of the platform: the contracts of its ports, and what they must survive.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod contracts;
mod password_hashing;
mod password_queue;
mod sealing;
mod signing_keys;
mod support;
mod token_forgery;
mod tokens;
