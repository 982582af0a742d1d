//! Mails that wait to be sent.

mod outbox;

pub use outbox::PgOutbox;
