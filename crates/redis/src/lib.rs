//! Cache, leases, rate limits and publish-subscribe through Redis, shared by all copies of the program.
//!
//! All of them go over one [`RedisLink`], which knows Redis alone, behind Sentinel and as a Cluster, and keeps every
//! call within one deadline. What is to happen when Redis is gone is decided elsewhere, by decorators of the ports.

mod address;
mod cache;
mod config;
mod failure;
mod leases;
mod limits;
mod link;
mod pubsub;

pub use cache::RedisCache;
pub use config::{RedisConfig, RedisConfigError};
pub use leases::RedisLeases;
pub use limits::RedisLimiter;
pub use link::RedisLink;
pub use pubsub::RedisPubSub;
