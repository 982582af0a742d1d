//! The stores on PostgreSQL keep to the contracts of their ports, and outlive what may befall the server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod commits;
mod contracts;
mod crowded;
mod imports;
mod isolation;
mod migrations;
mod outages;
mod overtaken;
mod personal_data;
mod progress;
mod proxy;
mod schema;
mod sqlstates;
mod statements;
mod support;
mod tampering;
mod tls;
