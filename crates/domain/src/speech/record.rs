//! How speech is written down where it is cached.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{AudioId, Gender, SpeakingRate, Synthesis, Voice};
use crate::port::PortError;
use crate::time::{Timestamp, from_epoch_millis};

const PORT: &str = "Answers";

/// Something that was spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SpokenRecord {
    pub(super) audio: AudioId,
    pub(super) voice: String,
    pub(super) provider: String,
    pub(super) made_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Written<'a> {
    audio: String,
    #[serde(borrow)]
    voice: Cow<'a, str>,
    #[serde(borrow)]
    provider: Cow<'a, str>,
    made_at: i64,
}

#[derive(Serialize, Deserialize)]
struct Recipe {
    text: String,
    language: String,
    voice: Option<String>,
    rate: f64,
}

#[derive(Serialize, Deserialize)]
struct VoiceRecord {
    name: String,
    language: String,
    gender: String,
}

impl SpokenRecord {
    pub(super) fn write(&self) -> Result<Bytes, PortError> {
        write(&Written {
            audio: self.audio.to_string(),
            voice: self.voice.as_str().into(),
            provider: self.provider.as_str().into(),
            made_at: self.made_at.timestamp_millis(),
        })
    }

    pub(super) fn read(written: &[u8]) -> Result<Self, PortError> {
        let record: Written = read(written)?;
        Ok(Self {
            audio: record.audio.parse().map_err(corrupt)?,
            voice: record.voice.into_owned(),
            provider: record.provider.into_owned(),
            made_at: from_epoch_millis(record.made_at).ok_or_else(|| corrupt("a time out of range"))?,
        })
    }
}

/// How audio is made again.
pub(super) fn write_recipe(synthesis: &Synthesis) -> Result<Bytes, PortError> {
    write(&Recipe {
        text: synthesis.text.as_str().to_owned(),
        language: synthesis.language.to_string(),
        voice: synthesis.voice.clone(),
        rate: synthesis.rate.factor(),
    })
}

/// What a recipe says.
pub(super) fn read_recipe(written: &[u8]) -> Result<Synthesis, PortError> {
    let recipe: Recipe = read(written)?;
    Ok(Synthesis {
        text: recipe.text.parse().map_err(corrupt)?,
        language: recipe.language.parse().map_err(corrupt)?,
        voice: recipe.voice,
        rate: SpeakingRate::try_from(recipe.rate).map_err(corrupt)?,
    })
}

/// Voices, in their order.
pub(super) fn write_voices(voices: &[Voice]) -> Result<Bytes, PortError> {
    let records = voices.iter().map(|voice| VoiceRecord {
        name: voice.name.clone(),
        language: voice.language.to_string(),
        gender: voice.gender.as_str().to_owned(),
    });
    write(&records.collect::<Vec<_>>())
}

/// The voices that were written.
pub(super) fn read_voices(written: &[u8]) -> Result<Vec<Voice>, PortError> {
    let records: Vec<VoiceRecord> = read(written)?;
    let voices = records.into_iter().map(|record| {
        Ok(Voice {
            language: record.language.parse().map_err(corrupt)?,
            gender: Gender::named(&record.gender),
            name: record.name,
        })
    });
    voices.collect()
}

fn write(record: &impl Serialize) -> Result<Bytes, PortError> {
    serde_json::to_vec(record).map(Bytes::from).map_err(corrupt)
}

fn read<'a, T: Deserialize<'a>>(written: &'a [u8]) -> Result<T, PortError> {
    serde_json::from_slice(written).map_err(corrupt)
}

fn corrupt(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PortError {
    PortError::corrupt(PORT, error)
}
