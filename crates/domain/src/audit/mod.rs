//! The audit log: who did what to whom, from where and when.

mod action;
mod circumstances;
mod entry;
mod ports;

pub use action::{Action, UnknownAction};
pub use circumstances::{Circumstances, UserAgent};
pub use entry::{Actor, AuditEntry, Detail};
pub use ports::AuditStore;
