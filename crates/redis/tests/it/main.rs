//! The adapters over Redis keep to the contracts of their ports, alone, behind Sentinel and in a Cluster, and a Redis
//! that fails costs a request little.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cache;
mod cluster;
mod contracts;
mod faults;
mod leases;
mod limits;
mod link;
mod proxy;
mod pubsub;
mod sentinel;
mod support;
mod tls;
