//! A dialogue of a few turns around a word.

use std::fmt;
use std::str::FromStr;

use crate::ids::WordId;
use crate::speech::AudioId;
use crate::time::Timestamp;

/// One thing that somebody says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Who.
    pub speaker: String,
    /// What, in Chinese characters.
    pub chinese: String,
    /// How it is read, with tone marks.
    pub pinyin: String,
    /// What it means.
    pub english: String,
    /// What it sounds like, once it was spoken.
    pub audio: Option<AudioId>,
}

/// A dialogue around a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// The word's id, a hyphen, and a digest of all that it was made from.
    pub id: String,
    /// The word's id.
    pub word_id: WordId,
    /// The word.
    pub word: String,
    /// By which rules it was made.
    pub version: GeneratorVersion,
    /// What is said: 3 to 5 turns.
    pub turns: Vec<Turn>,
    /// When it was made.
    pub generated_at: Timestamp,
    /// Who made it.
    pub provider: String,
}

/// The rules by which conversations are made; a change of prompt or checks is a new version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GeneratorVersion {
    /// The first.
    #[default]
    V1,
}

/// A text that names no version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be v1")]
pub struct UnknownVersion;

impl GeneratorVersion {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
        }
    }
}

impl fmt::Display for GeneratorVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for GeneratorVersion {
    type Err = UnknownVersion;

    fn from_str(text: &str) -> Result<Self, UnknownVersion> {
        match text {
            "v1" => Ok(Self::V1),
            _ => Err(UnknownVersion),
        }
    }
}
