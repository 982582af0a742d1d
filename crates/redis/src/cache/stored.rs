//! What is stored under a key: the value, behind it nothing, before it the group that it belongs to.
//!
//! A value of no group begins with a 0. One of a group begins with a 1, the length of the group's name (four bytes,
//! the highest first), the name, and the 16 bytes of the generation in which it joined.

use bytes::Bytes;

const ALONE: u8 = 0;
const GROUPED: u8 = 1;

/// Which of the lives of a group it is: no two are the same.
pub(super) type Generation = [u8; 16];

/// A stored value, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) group: Option<(Bytes, Generation)>,
    pub(super) value: Bytes,
}

/// Bytes that nobody here has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a stored value has no well-formed head")]
pub(super) struct Malformed;

impl Stored {
    pub(super) fn write(value: &[u8], group: Option<(&str, Generation)>) -> Vec<u8> {
        let Some((group, generation)) = group else {
            return [&[ALONE], value].concat();
        };
        // A name of four gigabytes does not fit into Redis either.
        let length = u32::try_from(group.len()).unwrap_or(u32::MAX).to_be_bytes();
        [&[GROUPED], &length[..], group.as_bytes(), &generation, value].concat()
    }

    pub(super) fn read(mut stored: Bytes) -> Result<Self, Malformed> {
        let kind = take(&mut stored, 1)?;
        if kind[0] == ALONE {
            return Ok(Self {
                group: None,
                value: stored,
            });
        }
        let length: [u8; 4] = take(&mut stored, 4)?.as_ref().try_into().map_err(|_| Malformed)?;
        let length = usize::try_from(u32::from_be_bytes(length)).map_err(|_| Malformed)?;
        let group = take(&mut stored, length)?;
        let generation = take(&mut stored, 16)?;
        let generation = generation.as_ref().try_into().map_err(|_| Malformed)?;
        Ok(Self {
            group: Some((group, generation)),
            value: stored,
        })
    }
}

fn take(from: &mut Bytes, length: usize) -> Result<Bytes, Malformed> {
    if from.len() < length {
        return Err(Malformed);
    }
    Ok(from.split_to(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let generation = *b"0123456789abcdef";
        for value in [&b""[..], b"\0", b"\x01\0\0\0\x01", b"value"] {
            let alone = Stored::read(Stored::write(value, None).into()).unwrap();
            assert_eq!((alone.group, alone.value.as_ref()), (None, value));
            let group = Some(("wörter", generation));
            let grouped = Stored::read(Stored::write(value, group).into()).unwrap();
            assert_eq!(grouped.group, Some(("wörter".into(), generation)));
            assert_eq!(grouped.value, value);
        }
    }

    #[test]
    fn what_nobody_has_written_is_refused() {
        let grouped = Stored::write(b"", Some(("group", [0; 16])));
        for length in 0..grouped.len() {
            let cut = Bytes::copy_from_slice(&grouped[..length]);
            assert_eq!(Stored::read(cut), Err(Malformed), "{length}");
        }
    }
}
