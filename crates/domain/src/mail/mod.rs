//! Mail: what learners are written to about their accounts.

mod message;

pub use message::{Message, OutgoingMail, WhichEmail};
