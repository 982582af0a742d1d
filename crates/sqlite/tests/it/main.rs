//! The stores in SQLite keep to the contracts of their ports, and the file outlives what may befall it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backup;
mod concurrency;
mod contracts;
mod corruption;
mod personal_data;
mod schema;
mod support;
mod tampering;
