//! Speaks by `POST {base}/audio/speech`.

use std::sync::Arc;

use async_trait::async_trait;
use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use parlance_domain::speech::{Audio, AudioFormat, SpeechSynthesizer, Synthesis, Voice};
use serde_json::json;

use super::voices;
use crate::PROVIDER;
use crate::connection::{Connection, OpenAi, ask};
use crate::failure::error;

/// The longest sound, in bytes.
const LARGEST: usize = 16 * 1024 * 1024;

/// Speaks by a model behind the protocol of `OpenAI`.
pub struct OpenAiSpeech {
    openai: Arc<Connection>,
}

/// Why there is no sound.
#[derive(Debug, thiserror::Error)]
enum NoSound {
    #[error("no voice has such a name")]
    Voice,
    #[error("no voice speaks the language")]
    Language,
    #[error("the sound is empty, or no mp3")]
    Form,
}

impl OpenAiSpeech {
    pub(crate) fn new(openai: &OpenAi) -> Self {
        Self {
            openai: Arc::clone(&openai.0),
        }
    }
}

#[async_trait]
impl SpeechSynthesizer for OpenAiSpeech {
    fn provider(&self) -> &'static str {
        PROVIDER
    }

    async fn voices(&self) -> Result<Vec<Voice>, ProviderError> {
        Ok(voices::all())
    }

    async fn synthesize(&self, synthesis: &Synthesis) -> Result<(Audio, String), ProviderError> {
        let refused = |why| error(ProviderErrorKind::Refused).caused_by(why);
        if !voices::speak(&synthesis.language) {
            return Err(refused(NoSound::Language));
        }
        let name = synthesis.voice.clone();
        let name = name.unwrap_or_else(|| voices::usual(&synthesis.language));
        let voice = voices::of_name(&name).ok_or_else(|| refused(NoSound::Voice))?;
        let body = json!({
            "model": self.openai.config.speech_model,
            "input": synthesis.text.as_str(),
            "voice": voice,
            "response_format": "mp3",
            "speed": synthesis.rate.factor(),
        });
        let content = ask(self.openai.post("audio/speech").json(&body), LARGEST).await?;
        if AudioFormat::of(&content) != Some(AudioFormat::Mp3) {
            return Err(error(ProviderErrorKind::Invalid).caused_by(NoSound::Form));
        }
        let audio = Audio {
            format: AudioFormat::Mp3,
            content: content.into(),
        };
        Ok((audio, name))
    }
}
