//! Listens by `POST /v1/speech-to-text`.

use async_trait::async_trait;
use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use parlance_domain::speech::{LanguageTag, Recognition, SpeechRecognizer, TimedWord, Transcript};
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Method};
use serde::Deserialize;

use crate::PROVIDER;
use crate::connection::{WithKey, ask};
use crate::failure::{self, error};

/// The longest answer, in bytes.
const LARGEST: usize = 1024 * 1024;

/// Listens by `ElevenLabs`.
pub struct ElevenLabsRecognizer {
    eleven: WithKey,
}

#[derive(Debug, thiserror::Error)]
#[error("the answer is not json of the form that the protocol has")]
struct Malformed;

#[derive(Deserialize)]
struct Answer {
    text: String,
    words: Option<Vec<Piece>>,
}

/// A word, or what is between words, with its times in seconds and the logarithm of how sure it is.
#[derive(Deserialize)]
struct Piece {
    text: String,
    #[serde(rename = "type")]
    kind: String,
    start: Option<f64>,
    end: Option<f64>,
    logprob: Option<f64>,
}

impl ElevenLabsRecognizer {
    pub(crate) const fn new(eleven: WithKey) -> Self {
        Self { eleven }
    }

    fn form(&self, recognition: &Recognition) -> Result<Form, ProviderError> {
        let Recognition { audio, language } = recognition;
        let length = audio.content.len() as u64;
        let file = Part::stream_with_length(Body::from(audio.content.clone()), length)
            .file_name(format!("recording.{}", audio.format.extension()))
            .mime_str(audio.format.content_type())
            .map_err(failure::of_transport)?;
        let form = Form::new()
            .text("model_id", self.eleven.config().transcription_model.clone())
            .text("timestamps_granularity", "word")
            .text("tag_audio_events", "false")
            .part("file", file);
        Ok(match language.as_ref().map(LanguageTag::language) {
            Some(language) => form.text("language_code", language.to_owned()),
            None => form,
        })
    }
}

#[async_trait]
impl SpeechRecognizer for ElevenLabsRecognizer {
    fn provider(&self) -> &'static str {
        PROVIDER
    }

    async fn recognize(&self, recognition: &Recognition) -> Result<Transcript, ProviderError> {
        let form = self.form(recognition)?;
        let request = self.eleven.call(Method::POST, "/v1/speech-to-text");
        read(&ask(request.multipart(form), LARGEST).await?)
    }
}

fn read(answer: &[u8]) -> Result<Transcript, ProviderError> {
    let invalid = || error(ProviderErrorKind::Invalid).caused_by(Malformed);
    let Answer { text, words } = serde_json::from_slice(answer).map_err(|_| invalid())?;
    let mut words = words.unwrap_or_default();
    words.retain(|piece| piece.kind == "word");
    let confidence = confidence(&words);
    let words = words.into_iter().map(timed);
    Ok(Transcript {
        transcript: text.trim().to_owned(),
        confidence,
        words: words.collect::<Option<_>>().ok_or_else(invalid)?,
    })
}

/// How sure it is of its words on the whole; 0 if it does not say.
fn confidence(words: &[Piece]) -> f64 {
    let sure = words
        .iter()
        .map(|word| word.logprob.map_or(0.0, |log| log.exp().clamp(0.0, 1.0)));
    #[expect(clippy::cast_precision_loss, reason = "a recording has few words")]
    let count = words.len().max(1) as f64;
    sure.sum::<f64>() / count
}

fn timed(piece: Piece) -> Option<TimedWord> {
    TimedWord::within_seconds(piece.text, piece.start?, piece.end?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_from_what_is_between_them() {
        let answer = br#"{"text":"how are","words":[{"text":"how","type":"word","start":0.0,"end":0.25,"logprob":0.0},
            {"text":" ","type":"spacing","start":0.25,"end":0.3},{"text":"are","type":"word","start":0.3,"end":0.5}]}"#;
        let heard = read(answer).unwrap();
        assert_eq!((heard.transcript.as_str(), heard.confidence), ("how are", 0.5));
        assert_eq!(heard.words.len(), 2);
        assert_eq!((heard.words[1].start_ms, heard.words[1].end_ms), (300, 500));
        assert!(read(br#"{"text":"x"}"#).unwrap().words.is_empty());
    }

    #[test]
    fn what_is_no_transcript_is_invalid() {
        for answer in [
            &b""[..],
            b"<html>",
            b"{}",
            br#"{"text":"x","words":[{"text":"x","type":"word"}]}"#,
            br#"{"text":"x","words":[{"text":"x","type":"word","start":-1,"end":0}]}"#,
        ] {
            assert_eq!(read(answer).unwrap_err().kind, ProviderErrorKind::Invalid);
        }
    }
}
