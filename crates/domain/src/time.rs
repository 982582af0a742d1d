//! Time as the domain sees it: UTC instants of whole milliseconds, days in a time zone.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, SubsecRound, TimeDelta, Utc};
use chrono_tz::Tz;

/// An instant in UTC; every instant the domain keeps is cut to whole milliseconds.
pub type Timestamp = DateTime<Utc>;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The present instant, in whole milliseconds.
    fn now(&self) -> Timestamp;
}

/// Cuts an instant to whole milliseconds.
pub fn to_millis(instant: Timestamp) -> Timestamp {
    instant.trunc_subsecs(3)
}

/// The instant this many milliseconds after the Unix epoch, if chrono can hold it.
pub fn from_epoch_millis(millis: i64) -> Option<Timestamp> {
    DateTime::from_timestamp_millis(millis)
}

/// One millisecond: the smallest step between two events.
pub const MILLISECOND: TimeDelta = TimeDelta::milliseconds(1);

/// A time zone by its IANA name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeZone(Tz);

impl TimeZone {
    /// Coordinated Universal Time, the default of a new account.
    pub const UTC: Self = Self(Tz::UTC);

    /// The zone's IANA name.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The calendar day on which an instant falls in this zone.
    pub fn day_of(self, instant: Timestamp) -> NaiveDate {
        instant.with_timezone(&self.0).date_naive()
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is not in the IANA time zone database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an IANA time zone name")]
pub struct UnknownTimeZone;

impl FromStr for TimeZone {
    type Err = UnknownTimeZone;

    fn from_str(name: &str) -> Result<Self, UnknownTimeZone> {
        name.parse().map(Self).map_err(|_| UnknownTimeZone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_cut_not_rounded() {
        let instant: Timestamp = "2026-03-01T12:00:00.999999Z".parse().unwrap();
        assert_eq!(to_millis(instant).to_rfc3339(), "2026-03-01T12:00:00.999+00:00");
    }

    #[test]
    fn only_iana_names_are_time_zones() {
        assert_eq!(
            "Asia/Shanghai".parse::<TimeZone>().unwrap().name(),
            "Asia/Shanghai"
        );
        for bad in ["", "Mars/Base", "+08:00", "UTC\0", "../etc/passwd"] {
            assert_eq!(bad.parse::<TimeZone>(), Err(UnknownTimeZone), "{bad:?}");
        }
    }
}
