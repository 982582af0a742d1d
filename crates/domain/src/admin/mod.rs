//! Administration: looking after the accounts of others.

mod administrators;
mod changes;
mod ports;
mod query;
mod reason;
mod service;

pub use administrators::Administrators;
pub use changes::{AdministrationError, Authority};
pub use ports::{AccountDirectory, AccountPlace};
pub use query::{AccountQuery, AccountStatus, InvalidNamePrefix, NamePrefix, UnknownStatus};
pub use reason::{InvalidReason, Reason};
pub use service::{AccountOrder, AccountPage, Administration, AdministrationPorts, Overseen, RESTORABLE_FOR};
