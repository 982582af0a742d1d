//! Small sounds that can be played, each text with its own.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Bytes that follow from a seed, none of them with its highest bit.
fn noise(seed: u64, length: usize) -> impl Iterator<Item = u8> {
    (0_u64..).map(move |number| byte(seed, number)).take(length)
}

fn byte(seed: u64, number: u64) -> u8 {
    let mut hasher = DefaultHasher::new();
    (seed, number).hash(&mut hasher);
    (hasher.finish() & 0x7F) as u8
}

/// What a sound is told from others by.
pub(crate) fn seed(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// A frame of MPEG-2, layer III: 32 kbit/s, 24 kHz, mono, 24 ms of silence in 96 bytes.
const FRAME: [u8; 4] = [0xFF, 0xF3, 0x44, 0xC4];
/// The side information of a frame that holds no sound.
const SIDE_INFORMATION: [u8; 9] = [0; 9];
const ANCILLARY: usize = 96 - FRAME.len() - SIDE_INFORMATION.len();

/// MP3: silence. What tells it from others is in the ancillary data, which decoders skip.
pub(crate) fn mp3(seed: u64, milliseconds: u64) -> Vec<u8> {
    let frames = (milliseconds / 24).max(4);
    let mut sound = Vec::new();
    for frame in 0..frames {
        sound.extend(FRAME);
        sound.extend(SIDE_INFORMATION);
        sound.extend(noise(seed ^ frame, ANCILLARY));
    }
    sound
}

const RATE: u32 = 8_000;

/// WAV: a tone, whose pitch follows from the seed.
pub(crate) fn wav(seed: u64, milliseconds: u64) -> Vec<u8> {
    let samples = milliseconds.max(100) * u64::from(RATE) / 1_000;
    let half_wave = 5 + seed % 30;
    let mut data: Vec<u8> = (0..samples)
        .flat_map(|number| {
            let sample: i16 = if (number / half_wave).is_multiple_of(2) {
                4_000
            } else {
                -4_000
            };
            sample.to_le_bytes()
        })
        .collect();
    // A pitch is one of few; the first samples tell the rest.
    let length = data.len().min(32);
    data.splice(..length, noise(seed, length));
    let length = u32::try_from(data.len()).unwrap_or_default();
    let mut sound = b"RIFF".to_vec();
    sound.extend((36 + length).to_le_bytes());
    sound.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    sound.extend(RATE.to_le_bytes());
    sound.extend((2 * RATE).to_le_bytes());
    sound.extend(b"\x02\0\x10\0data");
    sound.extend(length.to_le_bytes());
    sound.extend(data);
    sound
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sounds_follow_from_their_seeds() {
        for sound in [mp3, wav] {
            assert_eq!(sound(1, 500), sound(1, 500));
            assert_ne!(sound(1, 500), sound(2, 500));
            assert!(sound(1, 5_000).len() > sound(1, 500).len());
        }
    }

    #[test]
    fn every_frame_of_an_mp3_begins_where_the_one_before_ends() {
        let sound = mp3(7, 1_000);
        assert_eq!(sound.len() % 96, 0);
        assert!(sound.chunks(96).all(|frame| frame[..4] == FRAME));
        // Nothing inside looks like the beginning of one.
        assert!(sound.chunks(96).all(|frame| !frame[4..].contains(&0xFF)));
    }
}
