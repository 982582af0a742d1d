//! Sound that was streamed, as a file whose header says how long it is.

use bytes::Bytes;

/// What is before the first chunk: `RIFF`, a size, `WAVE`.
const FORM: usize = 12;
/// What is before the content of a chunk: four letters and a size.
const CHUNK: usize = 8;

/// Why something is no sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoSound {
    /// It is nothing that this program would write.
    #[error("the output is no wave file")]
    Malformed,
    /// It ends before any sound begins.
    #[error("the output holds no sound")]
    Empty,
    /// There is nothing to be heard in it.
    #[error("the output is silence")]
    Silence,
}

/// Sets the sizes in the header of a file that was written before its length was known.
///
/// The last chunk is that of the sound and goes on to the end, which is what a program writes that cannot go back.
pub(super) fn finished(mut file: Vec<u8>) -> Result<Bytes, NoSound> {
    let start = sound(&file)?;
    // A frame is two bytes: 16 bits, one channel. Half a frame is no sound.
    let length = (file.len() - start) & !1;
    file.truncate(start + length);
    if length == 0 {
        return Err(NoSound::Empty);
    }
    if file[start..].iter().all(|&byte| byte == 0) {
        return Err(NoSound::Silence);
    }
    let (whole, length) = (size(start + length - CHUNK)?, size(length)?);
    file[4..8].copy_from_slice(&whole);
    file[start - 4..start].copy_from_slice(&length);
    Ok(file.into())
}

/// Where the sound begins.
fn sound(file: &[u8]) -> Result<usize, NoSound> {
    if file.is_empty() {
        return Err(NoSound::Empty);
    }
    if !(file.starts_with(b"RIFF") && file.get(8..FORM) == Some(b"WAVE")) {
        return Err(NoSound::Malformed);
    }
    let mut start = FORM;
    while let Some(header) = file.get(start..start + CHUNK) {
        start += CHUNK;
        if header.starts_with(b"data") {
            return Ok(start);
        }
        let [.., a, b, c, d] = *header else {
            return Err(NoSound::Malformed);
        };
        let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).map_err(|_| NoSound::Malformed)?;
        // Chunks begin at even places.
        start = start
            .checked_add(length)
            .and_then(|end| end.checked_next_multiple_of(2))
            .ok_or(NoSound::Malformed)?;
    }
    Err(NoSound::Malformed)
}

fn size(bytes: usize) -> Result<[u8; 4], NoSound> {
    u32::try_from(bytes)
        .map(u32::to_le_bytes)
        .map_err(|_| NoSound::Malformed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As `espeak-ng` begins: 22,050 frames a second, and sizes that say nothing.
    fn streamed(sound: &[u8]) -> Vec<u8> {
        let mut file = b"RIFF\x24\xF0\xFF\x7FWAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        file.extend(22_050u32.to_le_bytes());
        file.extend(44_100u32.to_le_bytes());
        file.extend(b"\x02\0\x10\0data\0\xF0\xFF\x7F");
        file.extend(sound);
        file
    }

    #[test]
    fn the_header_says_how_long_the_file_and_the_sound_are() {
        let file = finished(streamed(&[1, 2, 3, 4])).unwrap();
        assert_eq!(file.len(), 48);
        assert_eq!(file[4..8], 40u32.to_le_bytes());
        assert_eq!(file[40..44], 4u32.to_le_bytes());
        assert_eq!(file[44..], [1, 2, 3, 4]);
    }

    #[test]
    fn half_a_frame_at_the_end_is_left_out() {
        let file = finished(streamed(&[1, 2, 3])).unwrap();
        assert_eq!(file[40..44], 2u32.to_le_bytes());
        assert_eq!(file.len(), 46);
    }

    #[test]
    fn chunks_before_the_sound_are_passed_over() {
        let mut file = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0data\0\0\0\0".to_vec();
        file.extend([7, 7]);
        let file = finished(file).unwrap();
        assert_eq!(file[4..8], 26u32.to_le_bytes());
        assert_eq!(file[28..32], 2u32.to_le_bytes());
    }

    #[test]
    fn what_holds_no_sound_is_refused() {
        let no_sound: [(Vec<u8>, _); 7] = [
            (Vec::new(), NoSound::Empty),
            (streamed(&[]), NoSound::Empty),
            (streamed(&[1]), NoSound::Empty),
            (streamed(&[0; 400]), NoSound::Silence),
            (b"RIFF".to_vec(), NoSound::Malformed),
            (b"an error message instead of sound".to_vec(), NoSound::Malformed),
            (streamed(&[])[..40].to_vec(), NoSound::Malformed),
        ];
        for (file, expected) in no_sound {
            assert_eq!(finished(file.clone()), Err(expected), "{file:?}");
        }
    }

    proptest! {
        #[test]
        fn no_output_makes_it_panic(tail in prop::collection::vec(any::<u8>(), 0..64), kept in 0usize..60) {
            let mut file = streamed(&tail);
            file.truncate(kept.max(12));
            file.extend(&tail);
            let _ = finished(file);
            let _ = finished(tail);
        }
    }
}
