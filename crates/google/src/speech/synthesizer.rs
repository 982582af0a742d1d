//! Speaks by Cloud Text-to-Speech.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use parlance_domain::providers::ProviderError;
use parlance_domain::speech::{Audio, AudioFormat, SpeechSynthesizer, Synthesis, Voice};
use serde::Deserialize;
use serde_json::json;

use super::{PROVIDER, voices};
use crate::config::is_name;
use crate::connection::{Call, Connection, Google};
use crate::{failure, language};

/// The longest sound, in bytes.
const LARGEST: usize = 16 * 1024 * 1024;
/// The same in base64, with the JSON around it.
const LARGEST_ANSWER: usize = LARGEST / 3 * 4 + 64 * 1024;
/// Google speaks no faster; who wants more gets that, kept and paid for under the rate that was asked for.
const FASTEST: f64 = 2.0;

/// Cloud Text-to-Speech.
pub struct GoogleSpeech {
    google: Arc<Connection>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    audio_content: String,
}

impl GoogleSpeech {
    pub(crate) fn new(google: &Google) -> Self {
        Self {
            google: Arc::clone(&google.0),
        }
    }

    /// What Google calls the language, and the voice.
    async fn speaker(&self, synthesis: &Synthesis) -> Result<(String, String), ProviderError> {
        let configured = || {
            let mut voices = self.google.config.voices.iter();
            let found = voices.find(|(language, _)| language.serves(&synthesis.language));
            found.map(|(_, name)| name)
        };
        if let Some(name) = synthesis.voice.as_ref().or_else(configured) {
            if !is_name(name) {
                return Err(failure::refused(PROVIDER, "no voice has such a name"));
            }
            // The code must be that of the voice, not only one that it serves.
            let language = language::of_voice(name).unwrap_or_else(|| synthesis.language.clone());
            return Ok((language::for_synthesis(&language), name.clone()));
        }
        let voice = self
            .google
            .chosen
            .voice(&self.google, &synthesis.language)
            .await?;
        Ok((voice.language.to_string(), voice.name))
    }
}

#[async_trait]
impl SpeechSynthesizer for GoogleSpeech {
    fn provider(&self) -> &'static str {
        PROVIDER
    }

    async fn voices(&self) -> Result<Vec<Voice>, ProviderError> {
        voices::list(&self.google, None).await
    }

    async fn synthesize(&self, synthesis: &Synthesis) -> Result<(Audio, String), ProviderError> {
        let (language, voice) = self.speaker(synthesis).await?;
        let body = json!({
            // Never as `ssml`: what looks like markup is read out.
            "input": { "text": synthesis.text.as_str() },
            "voice": { "languageCode": language, "name": voice },
            "audioConfig": {
                "audioEncoding": "MP3",
                "speakingRate": synthesis.rate.factor().min(FASTEST),
            },
        });
        let url = format!(
            "{}/v1/text:synthesize",
            self.google.config.endpoints.text_to_speech
        );
        let call = Call::post(PROVIDER, url, &body)?;
        let answer = self.google.ask(call, LARGEST_ANSWER).await?;
        Ok((read(&answer)?, voice))
    }
}

/// The sound in an answer.
fn read(answer: &[u8]) -> Result<Audio, ProviderError> {
    let answer: Answer = serde_json::from_slice(answer)
        .map_err(|_| failure::invalid(PROVIDER, "the answer is no json of the published form"))?;
    let content = STANDARD
        .decode(answer.audio_content)
        .map_err(|_| failure::invalid(PROVIDER, "the sound is not base64"))?;
    if content.is_empty() {
        return Err(failure::invalid(PROVIDER, "the sound is empty"));
    }
    if content.len() > LARGEST || AudioFormat::of(&content) != Some(AudioFormat::Mp3) {
        return Err(failure::invalid(PROVIDER, "the sound is not mp3, or too long"));
    }
    Ok(Audio {
        format: AudioFormat::Mp3,
        content: Bytes::from(content),
    })
}
