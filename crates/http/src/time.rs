//! Times as they are written on the wire.

use std::time::Duration;

use chrono::SecondsFormat;
use parlance_domain::time::Timestamp;

/// An instant in RFC 3339, UTC, with milliseconds and `Z`.
pub fn rfc3339_millis(instant: Timestamp) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Whole seconds to wait: rounded up, so that who waits that long gets in.
pub(crate) fn whole_seconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn milliseconds_are_always_there() {
        let instant = DateTime::from_timestamp_millis(1_700_000_000_000).unwrap();
        assert_eq!(rfc3339_millis(instant), "2023-11-14T22:13:20.000Z");
    }

    #[test]
    fn a_wait_is_rounded_up() {
        for (millis, seconds) in [(0, 0), (1, 1), (1_000, 1), (1_001, 2), (u64::MAX, u32::MAX)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds);
        }
    }
}
