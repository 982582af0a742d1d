//! Writes instants without allocating: a full list of progress has thousands of them.

use chrono::{Datelike, Timelike};
use parlance_domain::time::Timestamp;
use serde::Serializer;

const FORM: [u8; 24] = *b"0000-00-00T00:00:00.000Z";

/// Serializes an instant in RFC 3339, UTC, with milliseconds and `Z`.
pub(super) fn rfc3339_millis<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    let form = form(at);
    match form.as_ref().and_then(|form| std::str::from_utf8(form).ok()) {
        Some(text) => serializer.serialize_str(text),
        None => serializer.serialize_str(&crate::time::rfc3339_millis(*at)),
    }
}

/// The same as bytes; `None` outside the years that four digits can write.
pub(super) fn form(at: &Timestamp) -> Option<[u8; 24]> {
    let mut form = FORM;
    let at = at.naive_utc();
    let year = u32::try_from(at.year()).ok().filter(|year| *year <= 9999)?;
    put(&mut form[0..4], year);
    put(&mut form[5..7], at.month());
    put(&mut form[8..10], at.day());
    put(&mut form[11..13], at.hour());
    put(&mut form[14..16], at.minute());
    put(&mut form[17..19], at.second());
    put(&mut form[20..23], at.nanosecond() / 1_000_000 % 1_000);
    Some(form)
}

fn put(place: &mut [u8], mut number: u32) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Serialize)]
    struct At(#[serde(serialize_with = "rfc3339_millis")] Timestamp);

    #[test]
    fn it_writes_what_chrono_writes() {
        for millis in [
            0,
            999,
            951_782_400_000,
            1_700_000_000_001,
            253_402_300_799_999,
            253_402_300_800_000,
            -62_167_219_200_000,
            -62_167_219_200_001,
        ] {
            let at = Timestamp::from_timestamp_millis(millis).unwrap();
            let expected = format!("\"{}\"", crate::time::rfc3339_millis(at));
            assert_eq!(serde_json::to_string(&At(at)).unwrap(), expected);
        }
    }
}
