//! The rules of Parlance and the ports they need, free of I/O.
//!
//! Each context (`accounts`, `words`, `progress`, `speech`, `conversations`) holds its aggregates, the ports it
//! calls and one service with a method per use-case. Adapters implement the ports;
//! whoever drives the system calls the services.

pub mod accounts;
pub mod admin;
pub mod audit;
pub mod cache;
pub mod caching;
pub mod consequences;
pub mod conversations;
pub mod health;
pub mod idempotency;
pub mod ids;
pub mod limits;
pub mod mail;
pub mod personal;
pub mod port;
pub mod progress;
pub mod providers;
pub mod pubsub;
pub mod randomness;
pub mod sealing;
pub mod settings;
pub mod speech;
pub mod spending;
pub mod time;
pub mod transfer;
pub mod words;
