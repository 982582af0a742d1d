//! What speech looks like outside.

use apistos::ApiComponent;
use parlance_domain::speech::{AudioId, Heard, Spoken, TimedWord, Transcript, Voice};
use schemars::JsonSchema;
use serde::Serialize;

/// Where audio is fetched that clients fetch through us.
pub(crate) fn audio_url(id: &AudioId) -> String {
    format!("/api/v1/audio/{id}")
}

/// Something that was spoken.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Spoken")]
pub(super) struct SpokenView {
    /// Where to hear it: a path of this server, or an absolute URL. It needs no token.
    audio_url: String,
    /// Whether it was there already.
    cached: bool,
    /// Who speaks.
    voice: String,
    /// Who made it.
    provider: String,
    /// The media type of the audio.
    content_type: &'static str,
}

impl From<Spoken> for SpokenView {
    fn from(spoken: Spoken) -> Self {
        let Spoken {
            audio,
            public_url,
            voice,
            provider,
            made_at: _,
            cached,
            own: _,
        } = spoken;
        Self {
            audio_url: public_url.unwrap_or_else(|| audio_url(&audio)),
            cached,
            voice,
            provider,
            content_type: audio.format().content_type(),
        }
    }
}

/// A voice.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[schemars(rename = "Voice")]
pub(super) struct VoiceView {
    /// Its name, for `voice` of `POST /tts`.
    name: String,
    /// The language that it speaks (BCP 47).
    language: String,
    /// `female`, `male` or `neutral`.
    gender: &'static str,
    /// Whose it is.
    provider: &'static str,
}

impl VoiceView {
    pub(super) fn of(voice: Voice, provider: &'static str) -> Self {
        let Voice {
            name,
            language,
            gender,
        } = voice;
        Self {
            name,
            language: language.to_string(),
            gender: gender.as_str(),
            provider,
        }
    }
}

/// What was heard.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[schemars(rename = "Transcript")]
pub(super) struct TranscriptView {
    /// All of it; empty if nothing was said.
    transcript: String,
    /// How sure the provider is, 0 to 1; 0 if it does not say.
    confidence: f64,
    /// The words one by one, if the provider tells.
    words: Vec<TimedWordView>,
    /// Who listened.
    provider: &'static str,
}

/// A word that was heard.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TimedWord")]
struct TimedWordView {
    /// The word.
    word: String,
    /// When it begins, in milliseconds from the beginning of the recording.
    start_ms: u64,
    /// When it ends.
    end_ms: u64,
}

impl From<Heard> for TranscriptView {
    fn from(heard: Heard) -> Self {
        let Heard { transcript, provider } = heard;
        let Transcript {
            transcript,
            confidence,
            words,
        } = transcript;
        Self {
            transcript,
            confidence,
            words: words.into_iter().map(TimedWordView::from).collect(),
            provider,
        }
    }
}

impl From<TimedWord> for TimedWordView {
    fn from(word: TimedWord) -> Self {
        let TimedWord {
            word,
            start_ms,
            end_ms,
        } = word;
        Self {
            word,
            start_ms,
            end_ms,
        }
    }
}
