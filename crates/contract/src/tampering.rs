//! What somebody may do to an audit log behind the program, and what is found of it.

use std::sync::Arc;

use chrono::TimeDelta;
use parlance_domain::audit::{AuditFault, AuditLog};
use parlance_domain::consequences::Recorder;
use parlance_domain::time::Clock;

use crate::audit::{append, chain};
use crate::fakes::{SequentialIds, TestClock};
use crate::stores::Stores;

/// The log over the store, as whoever has the key sees it.
pub fn log(stores: &Stores) -> AuditLog {
    let clock: Arc<dyn Clock> = Arc::new(TestClock::default());
    let recorder = Recorder::new(Arc::clone(&clock), Arc::new(SequentialIds::default()));
    AuditLog::new(
        Arc::clone(&stores.audit),
        chain(),
        TimeDelta::days(365),
        recorder,
        clock,
    )
}

/// Keeps seven entries, all sealed, and one that is not.
pub async fn seven(stores: &Stores) {
    append(stores, 1..=7).await;
    stores.audit.seal(&chain(), 100).await.unwrap();
    append(stores, [8]).await;
}

/// What somebody may do who can write to the database and has no key, and what is found of it.
pub const TAMPERING: [(&str, AuditFault); 12] = [
    (
        "UPDATE audit_entries SET action = 'profile.changed' WHERE position = 3",
        AuditFault::Changed(3),
    ),
    (
        "UPDATE audit_entries SET details = '{}' WHERE position = 7",
        AuditFault::Changed(7),
    ),
    (
        "UPDATE audit_entries SET subject_id = NULL",
        AuditFault::Changed(1),
    ),
    (
        "UPDATE audit_entries SET seal = (SELECT seal FROM audit_head) WHERE position = 2",
        AuditFault::Changed(2),
    ),
    (
        "DELETE FROM audit_entries WHERE position = 4",
        AuditFault::Missing(4),
    ),
    (
        "DELETE FROM audit_entries WHERE position < 4",
        AuditFault::Missing(1),
    ),
    (
        "DELETE FROM audit_entries WHERE position > 5",
        AuditFault::Missing(6),
    ),
    ("DELETE FROM audit_entries", AuditFault::Missing(1)),
    (
        "UPDATE audit_head SET position = 5, seal = (SELECT seal FROM audit_entries WHERE position = 5); \
         DELETE FROM audit_entries WHERE position > 5",
        AuditFault::UnknownHead,
    ),
    (
        "UPDATE audit_head SET purged = 5, anchor_position = 5, anchor_seal = \
         (SELECT seal FROM audit_entries WHERE position = 5); DELETE FROM audit_entries WHERE position <= 5",
        AuditFault::UnknownHead,
    ),
    ("DELETE FROM audit_head", AuditFault::UnknownHead),
    (
        "UPDATE audit_entries SET position = 8, seal = (SELECT seal FROM audit_head) WHERE position IS NULL",
        AuditFault::Inserted(8),
    ),
];

/// What the database itself refuses, whoever asks for it by mistake.
pub const REFUSED: [&str; 5] = [
    "UPDATE audit_entries SET details = '{}' WHERE position = 3",
    "UPDATE audit_entries SET position = NULL, seal = NULL WHERE position = 3",
    "UPDATE audit_entries SET action = 'profile.changed' WHERE position IS NULL",
    "DELETE FROM audit_entries WHERE position = 3",
    "DELETE FROM audit_entries WHERE position IS NULL",
];
