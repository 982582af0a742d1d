//! Listens by Speech-to-Text.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parlance_domain::providers::ProviderError;
use parlance_domain::speech::{Recognition, SpeechRecognizer, TimedWord, Transcript};
use serde::Deserialize;
use serde_json::{Value, json};

use super::PROVIDER;
use super::recording::{self, Description};
use crate::connection::{Call, Connection, Google};
use crate::{failure, language};

/// The longest request that Google takes, in bytes.
const LARGEST_REQUEST: usize = 10 * 1024 * 1024;
/// The longest answer, in bytes.
const LARGEST: usize = 256 * 1024;

/// Speech-to-Text.
pub struct GoogleRecognizer {
    google: Arc<Connection>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    results: Vec<Part>,
}

/// A part of a recording, with what it may say, the most probable first.
#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    alternatives: Vec<Heard>,
}

#[derive(Deserialize)]
struct Heard {
    #[serde(default)]
    transcript: String,
    #[serde(default)]
    confidence: f64,
    #[serde(default)]
    words: Vec<HeardWord>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeardWord {
    #[serde(default)]
    word: String,
    #[serde(default)]
    start_time: String,
    #[serde(default)]
    end_time: String,
}

impl GoogleRecognizer {
    pub(crate) fn new(google: &Google) -> Self {
        Self {
            google: Arc::clone(&google.0),
        }
    }
}

#[async_trait]
impl SpeechRecognizer for GoogleRecognizer {
    fn provider(&self) -> &'static str {
        PROVIDER
    }

    async fn recognize(&self, recognition: &Recognition) -> Result<Transcript, ProviderError> {
        let description =
            recording::describe(&recognition.audio).map_err(|because| failure::refused(PROVIDER, because))?;
        let language = recognition
            .language
            .as_ref()
            .unwrap_or(&self.google.config.language);
        let body = json!({
            "config": config(&description, &language::for_recognition(language)),
            "audio": { "content": STANDARD.encode(&recognition.audio.content) },
        });
        let url = format!(
            "{}/v1/speech:recognize",
            self.google.config.endpoints.speech_to_text
        );
        let call = Call::post(PROVIDER, url, &body)?;
        if call.length() > LARGEST_REQUEST {
            return Err(failure::refused(
                PROVIDER,
                "the recording is longer than a request of 10 MB can hold",
            ));
        }
        let answer = self.google.ask(call, LARGEST).await?;
        serde_json::from_slice::<Answer>(&answer)
            .ok()
            .and_then(transcript)
            .ok_or_else(|| failure::invalid(PROVIDER, "the answer is no json of the published form"))
    }
}

fn config(description: &Description, language: &str) -> Value {
    let mut config = json!({
        "encoding": description.encoding,
        "languageCode": language,
        "enableWordTimeOffsets": true,
        "enableAutomaticPunctuation": true,
    });
    if let Some(rate) = description.rate {
        config["sampleRateHertz"] = rate.into();
    }
    if let Some(channels) = description.channels {
        config["audioChannelCount"] = channels.into();
    }
    config
}

/// What was heard in all parts, one after the other.
fn transcript(answer: Answer) -> Option<Transcript> {
    let parts = answer.results.into_iter();
    let heard: Vec<Heard> = parts
        .filter_map(|part| part.alternatives.into_iter().next())
        .collect();
    let text: String = heard.iter().map(|part| part.transcript.as_str()).collect();
    let sure: f64 = heard.iter().map(|part| part.confidence.clamp(0.0, 1.0)).sum();
    let words = heard.iter().flat_map(|part| &part.words).map(timed);
    Some(Transcript {
        transcript: text.trim().to_owned(),
        #[expect(clippy::cast_precision_loss, reason = "a minute has few parts")]
        confidence: sure / heard.len().max(1) as f64,
        words: words.collect::<Option<_>>()?,
    })
}

fn timed(word: &HeardWord) -> Option<TimedWord> {
    TimedWord::within_seconds(
        word.word.clone(),
        seconds(&word.start_time)?,
        seconds(&word.end_time)?,
    )
}

/// Seconds of a time such as `1.300s`; the beginning is sometimes left out.
fn seconds(time: &str) -> Option<f64> {
    if time.is_empty() {
        return Some(0.0);
    }
    time.strip_suffix('s')?.parse().ok()
}
