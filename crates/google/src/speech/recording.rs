//! What Speech-to-Text must be told of a recording, read out of its header.

use parlance_domain::speech::{Audio, AudioFormat};

/// The longest recording that is listened to at once.
const LONGEST_SECONDS: u64 = 60;
/// Opus is always 48 kHz to those who decode it.
const OPUS_RATE: u32 = 48_000;

/// What Google is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Description {
    /// Its name for the encoding.
    pub(super) encoding: &'static str,
    /// The sampling rate, where the recording does not tell it itself.
    pub(super) rate: Option<u32>,
    /// How many channels, if more than one.
    pub(super) channels: Option<u8>,
}

/// Why a recording is not listened to.
pub(super) type Unheard = &'static str;

const TOO_LONG: Unheard = "the recording is longer than 60 seconds";

/// Reads the header of a recording.
pub(super) fn describe(audio: &Audio) -> Result<Description, Unheard> {
    let content = &audio.content;
    if AudioFormat::of(content) != Some(audio.format) {
        return Err("the recording is not of the format that it is said to be");
    }
    let opus = |encoding| Description {
        encoding,
        rate: Some(OPUS_RATE),
        channels: None,
    };
    match audio.format {
        AudioFormat::Wav => wav(content).unwrap_or(Err("the header of the wav recording is incomplete")),
        AudioFormat::Flac => flac(content).unwrap_or(Err("the header of the flac recording is incomplete")),
        AudioFormat::Mp3 => mp3_rate(content)
            .map(|rate| Description {
                rate: Some(rate),
                ..opus("MP3")
            })
            .ok_or("the mp3 recording has no frame"),
        AudioFormat::Ogg if !holds(content, b"OpusHead") => Err("the ogg recording holds no opus"),
        AudioFormat::Ogg if ogg_seconds(content) > LONGEST_SECONDS => Err(TOO_LONG),
        AudioFormat::Ogg => Ok(opus("OGG_OPUS")),
        AudioFormat::Webm if !holds(content, b"A_OPUS") => Err("the webm recording holds no opus"),
        AudioFormat::Webm => Ok(opus("WEBM_OPUS")),
    }
}

/// Whether the beginning of a recording names this.
fn holds(content: &[u8], name: &[u8]) -> bool {
    let beginning = &content[..content.len().min(4_096)];
    beginning.windows(name.len()).any(|window| window == name)
}

fn u16_at(content: &[u8], place: usize) -> Option<u16> {
    Some(u16::from_le_bytes(
        content.get(place..place + 2)?.try_into().ok()?,
    ))
}

fn u32_at(content: &[u8], place: usize) -> Option<u32> {
    Some(u32::from_le_bytes(
        content.get(place..place + 4)?.try_into().ok()?,
    ))
}

/// The content of a chunk of this name, as far as it is there.
fn wav_chunk(content: &[u8], name: [u8; 4]) -> Option<&[u8]> {
    let mut place = 12;
    loop {
        let length = usize::try_from(u32_at(content, place + 4)?).ok()?;
        let begin = place + 8;
        if content.get(place..place + 4)? == name.as_slice() {
            return content.get(begin..content.len().min(begin.checked_add(length)?));
        }
        // Chunks begin at even places.
        place = begin.checked_add(length)?.checked_add(length % 2)?;
    }
}

fn wav(content: &[u8]) -> Option<Result<Description, Unheard>> {
    let format = wav_chunk(content, *b"fmt ")?;
    let data = wav_chunk(content, *b"data")?;
    let (mut tag, bits) = (u16_at(format, 0)?, u16_at(format, 14)?);
    if tag == 0xFFFE {
        tag = u16_at(format, 24)?;
    }
    let encoding = match (tag, bits) {
        (1, 16) => "LINEAR16",
        (6, 8) => "ALAW",
        (7, 8) => "MULAW",
        _ => return Some(Err("the wav recording must have 16 bits, or be a-law or mu-law")),
    };
    let channels = u8::try_from(u16_at(format, 2)?).ok()?;
    let per_second = u64::from(u32_at(format, 8)?);
    if data.is_empty() || channels == 0 || per_second == 0 {
        return None;
    }
    if data.len() as u64 > LONGEST_SECONDS * per_second {
        return Some(Err(TOO_LONG));
    }
    Some(Ok(Description {
        encoding,
        rate: None,
        channels: (channels > 1).then_some(channels),
    }))
}

/// The first block of a FLAC recording: 20 bits of rate, 3 of channels less one, 5 of depth, 36 of samples.
fn flac(content: &[u8]) -> Option<Result<Description, Unheard>> {
    let packed = content.get(18..26)?.try_into().ok().map(u64::from_be_bytes)?;
    let (rate, samples) = (packed >> 44, packed & 0xF_FFFF_FFFF);
    if rate == 0 {
        return None;
    }
    if samples > LONGEST_SECONDS * rate {
        return Some(Err(TOO_LONG));
    }
    let channels = u8::try_from((packed >> 41 & 0x7) + 1).ok()?;
    Some(Ok(Description {
        encoding: "FLAC",
        rate: None,
        channels: (channels > 1).then_some(channels),
    }))
}

/// The sampling rate of the first frame.
fn mp3_rate(content: &[u8]) -> Option<u32> {
    let frame = match content {
        // The length of a tag is four times seven bits.
        [b'I', b'D', b'3', _, _, _, lengths @ ..] => {
            let length = lengths
                .get(..4)?
                .iter()
                .fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7F));
            content.get(10 + length..)?
        }
        frame => frame,
    };
    // What comes after a tag is looked at as if nothing had come before.
    let is_frame = frame.first() == Some(&0xFF) && AudioFormat::of(frame) == Some(AudioFormat::Mp3);
    let (second, third) = (*frame.get(1)?, *frame.get(2)?);
    let base = match third >> 2 & 0x3 {
        0 => 44_100,
        1 => 48_000,
        _ => 32_000,
    };
    is_frame.then_some(if second & 0x08 == 0 { base / 2 } else { base })
}

/// How long an Ogg recording is by the position of its last page.
fn ogg_seconds(content: &[u8]) -> u64 {
    let last = content.windows(4).rposition(|window| window == b"OggS");
    let position = last
        .and_then(|place| content.get(place + 6..place + 14)?.try_into().ok())
        .map_or(0, u64::from_le_bytes);
    // All ones: nothing ends on the page.
    if position == u64::MAX {
        0
    } else {
        position / u64::from(OPUS_RATE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audio(format: AudioFormat, content: Vec<u8>) -> Audio {
        Audio {
            format,
            content: content.into(),
        }
    }

    /// A header of 16 bits and one or more channels, and as many bytes of sound.
    fn wav(tag: u16, bits: u16, channels: u16, data: usize) -> Audio {
        let frame = channels * bits / 8;
        let mut content = b"RIFF\xFF\xFF\xFF\xFFWAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
        content.extend(tag.to_le_bytes());
        content.extend(channels.to_le_bytes());
        content.extend(8_000_u32.to_le_bytes());
        content.extend((8_000 * u32::from(frame)).to_le_bytes());
        content.extend(frame.to_le_bytes());
        content.extend(bits.to_le_bytes());
        content.extend(b"data");
        content.extend(u32::try_from(data).unwrap().to_le_bytes());
        content.resize(content.len() + data, 1);
        audio(AudioFormat::Wav, content)
    }

    fn flac(rate: u64, channels: u64, samples: u64) -> Audio {
        let mut content = b"fLaC\x80\0\0\x22\x10\0\x10\0\0\0\0\0\0\0".to_vec();
        let packed = rate << 44 | (channels - 1) << 41 | 15 << 36 | samples;
        content.extend(packed.to_be_bytes());
        content.extend([0; 16]);
        audio(AudioFormat::Flac, content)
    }

    fn opus(seconds: u64) -> Audio {
        let mut content = b"OggS\0\x02\0\0\0\0\0\0\0\0serialnumberchecksum\x01\x13OpusHead".to_vec();
        content.extend(b"OggS\0\x04");
        content.extend((seconds * 48_000).to_le_bytes());
        audio(AudioFormat::Ogg, content)
    }

    #[test]
    fn recordings_are_described_by_their_headers() {
        let with = |encoding, rate, channels| {
            Ok(Description {
                encoding,
                rate,
                channels,
            })
        };
        let mp3 = |frame: [u8; 4]| describe(&audio(AudioFormat::Mp3, frame.to_vec()));
        let tagged = |frame: [u8; 4]| {
            let mut content = b"ID3\x04\0\0\0\0\x01\x02".to_vec();
            content.resize(10 + 130, 0);
            content.extend(frame);
            describe(&audio(AudioFormat::Mp3, content))
        };
        let webm = b"\x1A\x45\xDF\xA3\x9F\x86\x86A_OPUS".to_vec();
        assert_eq!(describe(&wav(1, 16, 1, 100)), with("LINEAR16", None, None));
        assert_eq!(describe(&wav(1, 16, 2, 100)), with("LINEAR16", None, Some(2)));
        assert_eq!(describe(&wav(6, 8, 1, 100)), with("ALAW", None, None));
        assert_eq!(describe(&wav(7, 8, 1, 100)), with("MULAW", None, None));
        assert_eq!(describe(&flac(44_100, 2, 1_000)), with("FLAC", None, Some(2)));
        assert_eq!(describe(&flac(16_000, 1, 0)), with("FLAC", None, None));
        assert_eq!(describe(&opus(59)), with("OGG_OPUS", Some(48_000), None));
        assert_eq!(
            describe(&audio(AudioFormat::Webm, webm)),
            with("WEBM_OPUS", Some(48_000), None)
        );
        assert_eq!(mp3([0xFF, 0xFB, 0x90, 0x64]), with("MP3", Some(44_100), None));
        assert_eq!(mp3([0xFF, 0xF3, 0x44, 0xC4]), with("MP3", Some(24_000), None));
        assert_eq!(tagged([0xFF, 0xFB, 0x94, 0x64]), with("MP3", Some(48_000), None));
    }

    #[test]
    fn recordings_of_more_than_a_minute_are_not_listened_to() {
        let second = 16_000;
        assert!(describe(&wav(1, 16, 1, 60 * second)).is_ok());
        assert_eq!(describe(&wav(1, 16, 1, 60 * second + 2)), Err(TOO_LONG));
        assert!(describe(&flac(8_000, 1, 480_000)).is_ok());
        assert_eq!(describe(&flac(8_000, 1, 480_001)), Err(TOO_LONG));
        assert_eq!(describe(&opus(61)), Err(TOO_LONG));
    }

    #[test]
    fn threat_40_recordings_that_lie_are_not_listened_to() {
        let vorbis = b"OggS\0\x02\0\0\0\0\0\0\0\0serialnumberchecksum\x01\x1E\x01vorbis".to_vec();
        let lies = [
            audio(AudioFormat::Wav, b"\x89PNG\r\n\x1A\n".to_vec()),
            audio(AudioFormat::Mp3, wav(1, 16, 1, 100).content.to_vec()),
            audio(AudioFormat::Wav, Vec::new()),
            audio(AudioFormat::Ogg, vorbis),
            audio(AudioFormat::Webm, b"\x1A\x45\xDF\xA3\x9FA_VORBIS".to_vec()),
            audio(AudioFormat::Mp3, b"ID3\x04\0\0\x7F\x7F\x7F\x7F".to_vec()),
            audio(AudioFormat::Mp3, b"ID3\x04\0\0\0\0\0\0<html>".to_vec()),
            wav(1, 16, 1, 0),
            wav(1, 16, 0, 100),
            wav(3, 32, 1, 100),
            wav(1, 24, 1, 100),
            flac(0, 1, 1_000),
        ];
        for lie in lies {
            assert!(describe(&lie).is_err(), "{lie:?}");
        }
    }

    #[test]
    fn no_header_that_is_cut_off_or_garbled_makes_it_panic() {
        let whole = [wav(1, 16, 1, 100), flac(8_000, 1, 100), opus(1)];
        for audio in whole {
            for length in 0..audio.content.len() {
                let mut content = audio.content[..length].to_vec();
                let _ = describe(&self::audio(audio.format, content.clone()));
                if let Some(last) = content.last_mut() {
                    *last = 0xFF;
                }
                content.resize(audio.content.len(), 0xFF);
                let _ = describe(&self::audio(audio.format, content));
            }
        }
    }
}
