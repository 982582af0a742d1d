//! Which entries are wanted.

use apistos::ApiComponent;
use chrono::{DateTime, NaiveDate, Timelike};
use parlance_domain::audit::{Action, AuditCursor, AuditFilter};
use parlance_domain::ids::{AuditId, UserId};
use parlance_domain::time::{Timestamp, from_epoch_millis};
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;
use validator::Validate;

use crate::error::ApiError;
use crate::fields::{Fault, Faults, one_of, user_id, whole};
use crate::paging::{decode_cursor, encode_cursor};

const DEFAULT_LIMIT: u32 = 100;

/// Which entries are wanted.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
pub(super) struct Query {
    /// Only what this account did, or a program with a key of it.
    #[schemars(with = "Option<Uuid>", example = "example_id")]
    actor: Option<String>,
    /// Only what was done to this account.
    #[schemars(with = "Option<Uuid>", example = "example_id")]
    subject: Option<String>,
    /// Only what was done under this name.
    #[schemars(schema_with = "actions", example = "example_action")]
    action: Option<String>,
    /// Only what was done at this time or later (RFC 3339).
    #[schemars(with = "Option<Timestamp>", example = "example_from")]
    from: Option<String>,
    /// Only what was done before this time (RFC 3339).
    #[schemars(with = "Option<Timestamp>", example = "example_to")]
    to: Option<String>,
    /// The most entries of a page; 100 when absent.
    #[schemars(with = "Option<u32>", range(min = 1, max = 500))]
    limit: Option<String>,
    /// Where the page begins: as in the `Link` of the page before.
    cursor: Option<String>,
}

/// A page that is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) filter: AuditFilter,
    pub(super) after: Option<AuditCursor>,
    pub(super) limit: u32,
}

impl Query {
    /// What is wanted, or all that is wrong with it.
    pub(super) fn read(&self) -> Result<Wanted, ApiError> {
        const LIMIT: Fault = Fault::new("range", "must be a whole number from 1 to 500");
        let mut faults = Faults::default();
        let actor = faults.take("actor", read_some(self.actor.as_deref(), read_user));
        let subject = faults.take("subject", read_some(self.subject.as_deref(), read_user));
        let action = faults.take("action", read_some(self.action.as_deref(), read_action));
        let from = faults.take("from", read_some(self.from.as_deref(), read_instant));
        let to = faults.take("to", read_some(self.to.as_deref(), read_instant));
        let limit = faults.take("limit", whole(self.limit.as_deref(), 1, 500, LIMIT));
        let after = faults.take("cursor", read_some(self.cursor.as_deref(), read_cursor));
        let wanted = (|| {
            Some(Wanted {
                filter: AuditFilter {
                    actor: actor?,
                    subject: subject?,
                    action: action?,
                    from: from?,
                    to: to?,
                },
                after: after?,
                limit: limit?.unwrap_or(DEFAULT_LIMIT),
            })
        })();
        faults.finish(wanted)
    }
}

/// A cursor as clients see it.
pub(super) fn write_cursor(cursor: AuditCursor) -> String {
    let AuditCursor { at, id } = cursor;
    encode_cursor(&format!("{},{id}", at.timestamp_millis()))
}

fn read_some<T>(text: Option<&str>, read: fn(&str) -> Result<T, Fault>) -> Result<Option<T>, Fault> {
    text.map(read).transpose()
}

fn read_cursor(text: &str) -> Result<AuditCursor, Fault> {
    const FAULT: Fault = Fault::new("format", "must be the cursor of a page of this log");
    let plain = decode_cursor(text).ok_or(FAULT)?;
    let (at, id) = plain.split_once(',').ok_or(FAULT)?;
    let at = at.parse().ok().and_then(from_epoch_millis).ok_or(FAULT)?;
    let id = AuditId(read_uuid(id).ok_or(FAULT)?);
    Ok(AuditCursor { at, id })
}

fn read_user(text: &str) -> Result<UserId, Fault> {
    const FAULT: Fault = Fault::new("format", "must be a UUID");
    user_id(text, FAULT)
}

/// The parser takes braces, URNs and forms without hyphens too; one id has one spelling here.
fn read_uuid(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| text.parse().ok()).flatten()
}

fn read_action(text: &str) -> Result<Action, Fault> {
    const FAULT: Fault = Fault::new("format", "must be the name of an action, such as session.started");
    text.parse().map_err(|_| FAULT)
}

/// An instant in RFC 3339 from the years that every store can hold, cut to milliseconds.
fn read_instant(text: &str) -> Result<Timestamp, Fault> {
    const FAULT: Fault = Fault::new(
        "format",
        "must be a time in RFC 3339 from the year 2000 on, such as 2026-03-01T08:15:00.000Z",
    );
    // No form of RFC 3339 with a fraction that means anything is longer; what is must not be parsed.
    let parsed = (text.len() <= 40).then(|| DateTime::parse_from_rfc3339(text).ok());
    let instant = parsed.flatten().ok_or(FAULT)?;
    let earliest = NaiveDate::from_ymd_opt(2000, 1, 1).unwrap_or_default();
    from_epoch_millis(instant.timestamp_millis())
        // A leap second is one that no other clock of the system can tell.
        .filter(|cut| cut.date_naive() >= earliest && instant.nanosecond() < 1_000_000_000)
        .ok_or(FAULT)
}

fn actions(_: &mut schemars::r#gen::SchemaGenerator) -> schemars::schema::Schema {
    let names: Vec<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
    one_of(&names)
}

fn example_id() -> &'static str {
    "01936f2a-6c1e-7d3a-9b5e-0c8f5a3e7b42"
}

fn example_action() -> &'static str {
    "session.started"
}

fn example_from() -> &'static str {
    "2026-03-01T00:00:00.000Z"
}

fn example_to() -> &'static str {
    "2026-04-01T00:00:00.000Z"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let cursor = AuditCursor {
            at: read_instant("2026-03-01T08:15:00.123Z").unwrap(),
            id: AuditId(Uuid::from_u128(7)),
        };
        assert_eq!(read_cursor(&write_cursor(cursor)), Ok(cursor));
    }

    #[test]
    fn threat_45_an_edited_cursor_is_refused() {
        for plain in [
            "",
            "1",
            "1,",
            ",01936f2a-6c1e-7d3a-9b5e-0c8f5a3e7b42",
            "1,x",
            "9223372036854775807,01936f2a-6c1e-7d3a-9b5e-0c8f5a3e7b42",
            "1,01936f2a6c1e7d3a9b5e0c8f5a3e7b42",
            "1';--,01936f2a-6c1e-7d3a-9b5e-0c8f5a3e7b42",
        ] {
            assert!(read_cursor(&encode_cursor(plain)).is_err(), "{plain}");
        }
        for text in ["0", "%%%", "ééé"] {
            assert!(read_cursor(text).is_err(), "{text}");
        }
    }

    #[test]
    fn threat_47_odd_times_are_refused_and_none_panics() {
        for text in [
            "2026-03-01",
            "2026-03-01T08:15:00",
            "1999-12-31T23:59:59Z",
            "2026-13-01T00:00:00Z",
            "2016-12-31T23:59:60Z",
            "-2026-03-01T00:00:00Z",
            "2026-03-01T00:00:00.000000000000000000000000Z",
            "now",
        ] {
            assert!(read_instant(text).is_err(), "{text}");
        }
        let there = read_instant("2026-03-01T08:15:00.1239+08:00").unwrap();
        assert_eq!(there.to_rfc3339(), "2026-03-01T00:15:00.123+00:00");
    }
}
