//! How the audit log is sealed, and how long it is kept.

use secrecy::SecretString;

use super::reader::Reader;
use super::secret;

/// How the audit log is sealed, and how long it is kept.
#[derive(Debug, Clone)]
pub struct AuditSettings {
    /// What it is sealed with; without one, the secret that signs access tokens.
    pub key: Option<SecretString>,
    /// What it was sealed with before, the latest first.
    pub previous_keys: Vec<SecretString>,
    /// For how many days entries are kept.
    pub retention_days: i64,
}

/// Those that are set.
pub(super) fn audit(reader: &mut Reader<'_>) -> AuditSettings {
    AuditSettings {
        key: reader.read("AUDIT_KEY", secret::parse),
        previous_keys: reader.list("AUDIT_PREVIOUS_KEYS", secret::parse),
        retention_days: reader.number("AUDIT_RETENTION_DAYS", 1..=36_500),
    }
}

#[cfg(test)]
mod tests {
    use crate::settings::tests::{development, subjects};

    const KEY: &str = "gmOPuVt0AmHpQuzAr/5LwOM9iNXo6xTcCWiMyJrSRGvLBgCB";
    const OTHER: &str = "uY7sXw2kQe9LrTz4Vb1NcM6pHj3GdFa8So5IiKlPqWxEyZtR";

    #[test]
    fn keys_are_told_in_their_order_and_shown_to_nobody() {
        let before = format!("{OTHER}, {KEY}");
        let settings = development([("AUDIT_KEY", KEY), ("AUDIT_PREVIOUS_KEYS", &before)]).unwrap();
        assert!(settings.audit.key.is_some());
        assert_eq!(settings.audit.previous_keys.len(), 2);
        let shown = format!("{settings:?}");
        assert!(!shown.contains(KEY) && !shown.contains(OTHER), "{shown}");
    }

    #[test]
    fn weak_keys_and_no_time_at_all_are_refused() {
        let refused = development([
            ("AUDIT_KEY", "too short"),
            ("AUDIT_PREVIOUS_KEYS", "changeme"),
            ("AUDIT_RETENTION_DAYS", "0"),
        ]);
        assert_eq!(
            subjects(refused),
            ["AUDIT_KEY", "AUDIT_PREVIOUS_KEYS", "AUDIT_RETENTION_DAYS"]
        );
        assert_eq!(development([]).unwrap().audit.retention_days, 365);
    }
}
