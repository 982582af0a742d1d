//! Speaks by `POST /v1/text-to-speech/{voice}`.

use async_trait::async_trait;
use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use parlance_domain::speech::{Audio, AudioFormat, SpeakingRate, SpeechSynthesizer, Synthesis, Voice};
use reqwest::Method;
use serde_json::{Value, json};

use crate::connection::{WithKey, ask};
use crate::failure::error;
use crate::{PROVIDER, voices};

/// The longest sound, in bytes.
const LARGEST: usize = 16 * 1024 * 1024;
/// It speaks neither slower nor faster; who wants more gets that.
const SLOWEST: f64 = 0.7;
const FASTEST: f64 = 1.2;

/// Speaks by `ElevenLabs`.
pub struct ElevenLabsSpeech {
    eleven: WithKey,
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

impl ElevenLabsSpeech {
    pub(crate) const fn new(eleven: WithKey) -> Self {
        Self { eleven }
    }

    fn request(&self, synthesis: &Synthesis) -> Value {
        let mut body = json!({
            "text": synthesis.text.as_str(),
            "model_id": self.eleven.config().speech_model,
        });
        // What is not said is as the owner of the voice has it.
        if synthesis.rate != SpeakingRate::USUAL {
            let speed = synthesis.rate.factor().clamp(SLOWEST, FASTEST);
            body["voice_settings"] = json!({ "speed": speed });
        }
        body
    }
}

#[async_trait]
impl SpeechSynthesizer for ElevenLabsSpeech {
    fn provider(&self) -> &'static str {
        PROVIDER
    }

    async fn voices(&self) -> Result<Vec<Voice>, ProviderError> {
        voices::list(&self.eleven).await
    }

    async fn synthesize(&self, synthesis: &Synthesis) -> Result<(Audio, String), ProviderError> {
        let refused = |why| error(ProviderErrorKind::Refused).caused_by(why);
        if !voices::speak(&synthesis.language) {
            return Err(refused(NoSound::Language));
        }
        let usual = || format!("{}:{}", self.eleven.config().voice, synthesis.language.language());
        let name = synthesis.voice.clone().unwrap_or_else(usual);
        let id = voices::id_of(&name).ok_or_else(|| refused(NoSound::Voice))?;
        let path = format!("/v1/text-to-speech/{id}?output_format=mp3_44100_128");
        let request = self.eleven.call(Method::POST, &path);
        let content = ask(request.json(&self.request(synthesis)), LARGEST).await?;
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
