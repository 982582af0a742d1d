//! What is kept far away: the value, and what is needed to keep it nearby as well.
//!
//! One byte says which form it is, 1. Then, numbers with the highest byte first: when it expires, eight bytes of
//! milliseconds since the Unix epoch; the length of the group's name, four bytes, all ones when there is no group; the
//! name; the value.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use parlance_domain::time::{Timestamp, from_epoch_millis};

const FORM: u8 = 1;
const HEAD: usize = 1 + 8 + 4;
const NO_GROUP: u32 = u32::MAX;
/// Whatever is to live for longer lives for so long.
const LONGEST: Duration = Duration::from_hours(24 * 365);

/// An entry, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) expires_at: Timestamp,
    pub(super) group: Option<String>,
    pub(super) value: Bytes,
}

/// When what is put now expires.
pub(super) fn expiry(now: Timestamp, lifetime: Duration) -> Timestamp {
    now + lifetime.min(LONGEST)
}

impl Entry {
    pub(super) fn write(value: &[u8], expires_at: Timestamp, group: Option<&str>) -> Bytes {
        let name = group.unwrap_or_default();
        let length = group.map_or(NO_GROUP, |name| u32::try_from(name.len()).unwrap_or(NO_GROUP));
        let mut written = BytesMut::with_capacity(HEAD + name.len() + value.len());
        written.put_u8(FORM);
        written.put_i64(expires_at.timestamp_millis());
        written.put_u32(length);
        written.put_slice(name.as_bytes());
        written.put_slice(value);
        written.freeze()
    }

    /// `None` when it is of another form, such as that of another version of the program.
    pub(super) fn read(mut from: Bytes) -> Option<Self> {
        if from.len() < HEAD || from.get_u8() != FORM {
            return None;
        }
        let expires_at = from_epoch_millis(from.get_i64())?;
        let group = match from.get_u32() {
            NO_GROUP => None,
            length => {
                let length = usize::try_from(length)
                    .ok()
                    .filter(|length| *length <= from.len())?;
                Some(String::from_utf8(from.split_to(length).to_vec()).ok()?)
            }
        };
        Some(Self {
            expires_at,
            group,
            value: from,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLIS: i64 = 1_772_366_400_123;

    #[test]
    fn what_is_written_is_read() {
        let expires_at = from_epoch_millis(MILLIS).unwrap();
        for group in [None, Some(""), Some("字")] {
            for value in [&b""[..], b"\0", b"value"] {
                let entry = Entry {
                    expires_at,
                    group: group.map(str::to_owned),
                    value: Bytes::copy_from_slice(value),
                };
                let written = Entry::write(value, expires_at, group);
                assert_eq!(Entry::read(written), Some(entry));
            }
        }
    }

    #[test]
    fn what_is_of_another_form_is_not_read() {
        let expires_at = from_epoch_millis(MILLIS).unwrap();
        let whole = Entry::write(b"", expires_at, Some("group"));
        for length in 0..whole.len() {
            assert_eq!(Entry::read(whole.slice(..length)), None, "{length}");
        }
        for other in [&[0][..], &[2; 40], &[255; 40]] {
            assert_eq!(Entry::read(Bytes::copy_from_slice(other)), None);
        }
    }

    #[test]
    fn a_lifetime_beyond_all_measure_is_a_year() {
        let now = from_epoch_millis(MILLIS).unwrap();
        let expires_at = expiry(now, Duration::MAX);
        assert_eq!((expires_at - now).num_days(), 365);
    }
}
