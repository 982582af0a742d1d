//! Letters on their way to servers that take them, and to those that do not.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod folder;
mod letters;
mod smtp;
