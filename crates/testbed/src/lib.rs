//! Private PostgreSQL and Redis instances for tests: found, started on free ports, stopped again.
//!
//! A test that stops, kills or freezes its servers starts its own [`Postgres`], [`Redis`], [`Sentinel`] or
//! [`RedisCluster`]. All other tests share the servers that `cargo xtask test` started, each with a database of its
//! own: [`TestDatabase`] and [`redis_url`]. [`FakeGoogle`] stands for the services of Google,
//! [`FakeSmtp`] receives mail, [`SoftPasskey`] is a device that holds a passkey, [`FakeOpenId`] says who somebody is.

mod audio;
mod database;
pub mod elevenlabs;
mod environment;
mod google;
mod installation;
mod listener;
pub mod openai;
mod openid;
mod passkey;
mod port;
mod postgres;
mod redis;
mod server;
mod smtp;
mod sql;
mod tls;
mod told;
mod wait;
mod workplace;

pub use database::{OpenTransaction, TestDatabase};
pub use environment::{parlance_binary, redis_url};
pub use google::{FakeGoogle, GoogleBehaviour, GoogleRequest, GoogleService};
pub use installation::{ensure_servers, ensure_tools, postgres_program};
pub use nix::sys::signal::Signal;
pub use openid::{FakeOpenId, OpenIdBehaviour, OpenIdPerson};
pub use passkey::{Behaviour, SoftPasskey};
pub use port::Port;
pub use postgres::{Postgres, PostgresBuilder, StopMode};
pub use redis::{Redis, RedisBuilder, RedisCluster, Sentinel};
pub use smtp::{FakeSmtp, ReceivedMail, SmtpBehaviour, SmtpEncryption, SmtpTerms};
pub use tls::TlsFiles;
