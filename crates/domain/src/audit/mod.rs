//! The audit log: who did what to whom, from where and when.
//!
//! Entries are written in the transaction of what they tell of, and soon after get their places in a [chain](AuditChain)
//! of seals, by which it shows when somebody changes, removes or adds one.

mod action;
mod chain;
mod circumstances;
mod entry;
mod page;
mod ports;
mod record;
mod service;
mod walk;

pub use action::{Action, UnknownAction};
pub use chain::{AuditChain, AuditHead, InvalidSeal, Place, Seal, SealedRecord, UnknownHead};
pub use circumstances::{Circumstances, UserAgent};
pub use entry::{Actor, AuditEntry, Detail};
pub use page::{AuditCursor, AuditFilter, AuditPage};
pub use ports::{AuditStore, Backlog, ChainError};
pub use record::AuditRecord;
pub use service::AuditLog;
pub use walk::{AuditFault, AuditReport};
