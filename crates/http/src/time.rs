//! Times as they are written on the wire.

use chrono::SecondsFormat;
use parlance_domain::time::Timestamp;

/// An instant in RFC 3339, UTC, with milliseconds and `Z`.
pub fn rfc3339_millis(instant: Timestamp) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Millis, true)
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
}
