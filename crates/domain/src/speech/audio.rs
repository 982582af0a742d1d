//! Recorded and synthesised sound.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use sha2::{Digest, Sha256};

/// How sound is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AudioFormat {
    /// RIFF WAVE.
    Wav,
    /// MPEG audio, layer III.
    Mp3,
    /// Ogg, with Opus or Vorbis inside.
    Ogg,
    /// `WebM`, with Opus inside.
    Webm,
    /// FLAC.
    Flac,
}

impl AudioFormat {
    /// Every format.
    pub const ALL: [Self; 5] = [Self::Wav, Self::Mp3, Self::Ogg, Self::Webm, Self::Flac];

    /// The format that content has by its first bytes, whatever its name or declared type say.
    pub fn of(content: &[u8]) -> Option<Self> {
        match content {
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Some(Self::Wav),
            [b'O', b'g', b'g', b'S', 0, ..] => Some(Self::Ogg),
            [b'f', b'L', b'a', b'C', ..] => Some(Self::Flac),
            [0x1A, 0x45, 0xDF, 0xA3, ..] => Some(Self::Webm),
            // An ID3v2 tag, or a frame: eleven bits of synchronisation, MPEG 1 or 2, layer III, a bit rate and a sampling
            // rate that exist.
            [b'I', b'D', b'3', 2..=4, ..] => Some(Self::Mp3),
            [0xFF, second, third, ..]
                if second & 0xE6 == 0xE2
                    && third & 0xF0 != 0xF0
                    && third & 0xF0 != 0
                    && third & 0x0C != 0x0C =>
            {
                Some(Self::Mp3)
            }
            _ => None,
        }
    }

    /// Its media type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Wav => "audio/wav",
            Self::Mp3 => "audio/mpeg",
            Self::Ogg => "audio/ogg",
            Self::Webm => "audio/webm",
            Self::Flac => "audio/flac",
        }
    }

    /// How the names of its files end.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Mp3 => "mp3",
            Self::Ogg => "ogg",
            Self::Webm => "webm",
            Self::Flac => "flac",
        }
    }
}

/// Sound and how it is encoded.
#[derive(Clone, PartialEq, Eq)]
pub struct Audio {
    /// How it is encoded.
    pub format: AudioFormat,
    /// The encoded sound.
    pub content: Bytes,
}

impl Audio {
    /// What it is kept under.
    pub fn id(&self) -> AudioId {
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(&self.content));
        AudioId {
            digest,
            format: self.format,
        }
    }
}

impl fmt::Debug for Audio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Audio({}, {} bytes)",
            self.format.extension(),
            self.content.len()
        )
    }
}

/// Names audio by its content: base64url of its SHA-256, a dot, and the extension of its format.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AudioId {
    digest: String,
    format: AudioFormat,
}

/// A text that names no audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 43 characters of base64url, a dot, and the extension of an audio format")]
pub struct InvalidAudioId;

impl AudioId {
    /// How the audio is encoded.
    pub const fn format(&self) -> AudioFormat {
        self.format
    }

    /// The digest of the content, 43 characters out of `A-Za-z0-9_-`.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

impl fmt::Display for AudioId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.digest, self.format.extension())
    }
}

impl FromStr for AudioId {
    type Err = InvalidAudioId;

    fn from_str(text: &str) -> Result<Self, InvalidAudioId> {
        let (digest, extension) = text.split_once('.').ok_or(InvalidAudioId)?;
        let is_digest = digest.len() == 43
            && digest
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        let format = AudioFormat::ALL
            .into_iter()
            .find(|format| format.extension() == extension);
        match format {
            Some(format) if is_digest => Ok(Self {
                digest: digest.to_owned(),
                format,
            }),
            _ => Err(InvalidAudioId),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_content() {
        let formats: [(&[u8], _); 7] = [
            (b"RIFF\x24\0\0\0WAVEfmt ", AudioFormat::Wav),
            (b"OggS\0\x02", AudioFormat::Ogg),
            (b"fLaC\0\0\0\x22", AudioFormat::Flac),
            (b"\x1A\x45\xDF\xA3\x9F", AudioFormat::Webm),
            (b"ID3\x04\0\0", AudioFormat::Mp3),
            (b"\xFF\xFB\x90\x64", AudioFormat::Mp3),
            (b"\xFF\xF3\x40\xC4", AudioFormat::Mp3),
        ];
        for (content, format) in formats {
            assert_eq!(AudioFormat::of(content), Some(format), "{content:?}");
        }
    }

    #[test]
    fn threat_40_what_is_no_audio_is_no_format() {
        let others: [&[u8]; 9] = [
            b"",
            b"RIFF",
            b"RIFF\x24\0\0\0AVI LIST",
            b"\x89PNG\r\n\x1A\n",
            b"<svg xmlns=",
            b"<html>",
            b"\xFF\xFF\xFF",
            b"\xFF\xFB\xF0",
            b"OggX",
        ];
        for content in others {
            assert_eq!(AudioFormat::of(content), None, "{content:?}");
        }
    }

    #[test]
    fn audio_is_named_by_its_content() {
        let audio = Audio {
            format: AudioFormat::Mp3,
            content: Bytes::from_static(b"sound"),
        };
        let id = audio.id();
        assert_eq!(id, audio.clone().id());
        assert_eq!(id.to_string().parse::<AudioId>(), Ok(id.clone()));
        let other = Audio {
            content: Bytes::from_static(b"noise"),
            ..audio
        };
        assert_ne!(other.id(), id);
    }

    #[test]
    fn threat_39_a_path_names_no_audio() {
        let digest = "a".repeat(43);
        assert!(format!("{digest}.mp3").parse::<AudioId>().is_ok());
        let bad = [
            String::new(),
            digest.clone(),
            format!("{digest}."),
            format!("{digest}.exe"),
            format!("{digest}.mp3.mp3"),
            format!("../{digest}.mp3"),
            format!("{}/.mp3", &digest[1..]),
            format!("{}%2e.mp3", &digest[3..]),
            format!("{digest}a.mp3"),
            format!("{}\0.mp3", &digest[1..]),
        ];
        for text in bad {
            assert_eq!(text.parse::<AudioId>(), Err(InvalidAudioId), "{text:?}");
        }
    }
}
