//! The providers of speech, and the store of audio.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::{Audio, AudioId, LanguageTag, SpeakingRate, SpokenText, Voice};
use crate::port::PortError;
use crate::providers::ProviderError;

/// What is to be spoken, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synthesis {
    /// What.
    pub text: SpokenText,
    /// In which language.
    pub language: LanguageTag,
    /// By which voice, one of [`SpeechSynthesizer::voices`]; the provider's choice for the language, if none is named.
    pub voice: Option<String>,
    /// How fast.
    pub rate: SpeakingRate,
}

/// Speaks.
#[async_trait]
pub trait SpeechSynthesizer: Send + Sync {
    /// Its name, as answers give it.
    fn provider(&self) -> &'static str;

    /// All voices that it has.
    async fn voices(&self) -> Result<Vec<Voice>, ProviderError>;

    /// The sound of a text, and the name of the voice that speaks.
    ///
    /// - The text is only ever text: nothing in it is taken for markup or an option.
    /// - Sound that is empty or of no known format is [`crate::providers::ProviderErrorKind::Invalid`].
    /// - A text that it never speaks, and a language or voice that it has not, is refused.
    async fn synthesize(&self, synthesis: &Synthesis) -> Result<(Audio, String), ProviderError>;
}

/// What somebody said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognition {
    /// The recording.
    pub audio: Audio,
    /// In which language; the provider's choice, if none is named.
    pub language: Option<LanguageTag>,
}

/// A word that was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimedWord {
    /// The word.
    pub word: String,
    /// When it begins, in milliseconds from the beginning of the recording.
    pub start_ms: u64,
    /// When it ends.
    pub end_ms: u64,
}

impl TimedWord {
    /// A word with its times in seconds; `None` where one of these is none, or before the beginning.
    pub fn within_seconds(word: String, start: f64, end: f64) -> Option<Self> {
        let milliseconds = |seconds| {
            let time = Duration::try_from_secs_f64(seconds).ok()?;
            u64::try_from(time.as_millis()).ok()
        };
        Some(Self {
            word,
            start_ms: milliseconds(start)?,
            end_ms: milliseconds(end)?,
        })
    }
}

/// What was heard.
#[derive(Debug, Clone, PartialEq)]
pub struct Transcript {
    /// All of it; empty if nothing was said.
    pub transcript: String,
    /// How sure the provider is, 0 to 1; 0 if it does not say.
    pub confidence: f64,
    /// The words one by one, in order, if the provider tells.
    pub words: Vec<TimedWord>,
}

/// Listens.
#[async_trait]
pub trait SpeechRecognizer: Send + Sync {
    /// Its name, as answers give it.
    fn provider(&self) -> &'static str;

    /// What is said in a recording.
    ///
    /// - A recording that it cannot make sense of is refused.
    async fn recognize(&self, recognition: &Recognition) -> Result<Transcript, ProviderError>;
}

/// Keeps audio under its content, and beside it how it was made.
#[async_trait]
pub trait AudioStore: Send + Sync {
    /// Looks whether audio can be kept, before somebody is paid for what is to be kept: an error if it cannot, as far as a
    /// cheap look tells.
    ///
    /// - A store that works is ready, whether it holds anything or not.
    async fn ready(&self) -> Result<(), PortError>;

    /// Keeps audio with the recipe by which it can be made again; what is there already is left as it is.
    ///
    /// - Whoever reads it sees all of it or nothing, even if this is broken off in the middle.
    async fn keep(&self, audio: &Audio, recipe: &Bytes) -> Result<AudioId, PortError>;

    /// Keeps audio that nobody but its owner has made again: without a recipe. What is there already is left as it is, as
    /// is its recipe.
    async fn keep_without_recipe(&self, audio: &Audio) -> Result<AudioId, PortError>;

    /// The audio of this id; never any other, whatever became of it where it is kept.
    async fn read(&self, id: &AudioId) -> Result<Option<Audio>, PortError>;

    /// The recipe of audio, which may be there when the audio itself is gone.
    async fn recipe(&self, id: &AudioId) -> Result<Option<Bytes>, PortError>;

    /// Where clients fetch audio themselves, if not through us: an absolute URL.
    fn public_url(&self, id: &AudioId) -> Option<String>;
}
