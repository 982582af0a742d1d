//! The use-cases of speech and conversations, over providers, caches and stores that live in the test.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conversations;
mod house;
mod own;
mod speech;
