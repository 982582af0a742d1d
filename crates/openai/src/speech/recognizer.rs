//! Listens by `POST {base}/audio/transcriptions`.

use std::sync::Arc;

use async_trait::async_trait;
use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use parlance_domain::speech::{LanguageTag, Recognition, SpeechRecognizer, TimedWord, Transcript};
use reqwest::Body;
use reqwest::multipart::{Form, Part};
use serde::Deserialize;

use crate::PROVIDER;
use crate::connection::{Connection, OpenAi, ask};
use crate::failure::{self, error};

/// The longest answer, in bytes.
const LARGEST: usize = 256 * 1024;

/// Listens by a model behind the protocol of `OpenAI`.
pub struct OpenAiRecognizer {
    openai: Arc<Connection>,
}

#[derive(Debug, thiserror::Error)]
#[error("the answer is not json of the form that the protocol has")]
struct Malformed;

/// Words are left out by models that do not know their times.
#[derive(Deserialize)]
struct Answer {
    text: String,
    words: Option<Vec<HeardWord>>,
}

/// A word, with its times in seconds.
#[derive(Deserialize)]
struct HeardWord {
    word: String,
    start: f64,
    end: f64,
}

impl OpenAiRecognizer {
    pub(crate) fn new(openai: &OpenAi) -> Self {
        Self {
            openai: Arc::clone(&openai.0),
        }
    }

    fn form(&self, recognition: &Recognition) -> Result<Form, ProviderError> {
        let Recognition { audio, language } = recognition;
        // The format is known by the name of the file.
        let length = audio.content.len() as u64;
        let file = Part::stream_with_length(Body::from(audio.content.clone()), length)
            .file_name(format!("recording.{}", audio.format.extension()))
            .mime_str(audio.format.content_type())
            .map_err(failure::of_transport)?;
        let form = Form::new()
            .text("model", self.openai.config.transcription_model.clone())
            .text("response_format", "verbose_json")
            .text("timestamp_granularities[]", "word")
            .part("file", file);
        // Only languages of two letters have a name here; of others the model finds out.
        let language = language.as_ref().map(LanguageTag::language);
        Ok(match language.filter(|language| language.len() == 2) {
            Some(language) => form.text("language", language.to_owned()),
            None => form,
        })
    }
}

#[async_trait]
impl SpeechRecognizer for OpenAiRecognizer {
    fn provider(&self) -> &'static str {
        PROVIDER
    }

    async fn recognize(&self, recognition: &Recognition) -> Result<Transcript, ProviderError> {
        let form = self.form(recognition)?;
        let request = self.openai.post("audio/transcriptions").multipart(form);
        read(&ask(request, LARGEST).await?)
    }
}

fn read(answer: &[u8]) -> Result<Transcript, ProviderError> {
    let invalid = || error(ProviderErrorKind::Invalid).caused_by(Malformed);
    let Answer { text, words } = serde_json::from_slice(answer).map_err(|_| invalid())?;
    let words = words.unwrap_or_default().into_iter().map(timed);
    Ok(Transcript {
        transcript: text.trim().to_owned(),
        // It does not say.
        confidence: 0.0,
        words: words.collect::<Option<_>>().ok_or_else(invalid)?,
    })
}

fn timed(heard: HeardWord) -> Option<TimedWord> {
    let HeardWord { word, start, end } = heard;
    TimedWord::within_seconds(word, start, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_is_read_with_its_words_or_without() {
        let answer = br#"{"text":" How are ","words":[{"word":"How","start":0.0,"end":0.32}]}"#;
        let heard = read(answer).unwrap();
        assert_eq!((heard.transcript.as_str(), heard.confidence), ("How are", 0.0));
        assert_eq!((heard.words[0].start_ms, heard.words[0].end_ms), (0, 320));
        assert!(read(br#"{"text":"x"}"#).unwrap().words.is_empty());
        assert!(read(br#"{"text":"","words":null}"#).unwrap().words.is_empty());
    }

    #[test]
    fn what_is_no_transcript_is_invalid() {
        for answer in [
            &b""[..],
            b"<html>",
            b"{}",
            br#"{"text":5}"#,
            br#"{"text":"x","words":[{"word":"x","start":-1,"end":0}]}"#,
            br#"{"text":"x","words":[{"word":"x","start":1e300,"end":0}]}"#,
        ] {
            assert_eq!(read(answer).unwrap_err().kind, ProviderErrorKind::Invalid);
        }
    }
}
