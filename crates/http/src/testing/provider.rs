//! A provider of everything, which does as it is told.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use parlance_domain::conversations::{Brief, ConversationWriter, Draft};
use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use parlance_domain::speech::{
    Audio, AudioFormat, Gender, Recognition, SpeechRecognizer, SpeechSynthesizer, Synthesis, TimedWord,
    Transcript, Voice,
};
use serde_json::json;
use tokio::sync::Semaphore;

/// Speaks by naming the text, hears how many bytes it got, and writes the same dialogue about every word.
pub(crate) struct Provider {
    calls: AtomicUsize,
    failure: Mutex<Option<ProviderError>>,
    /// Is passed by everybody as long as it is open.
    pub(crate) gate: Semaphore,
    /// What is added to all sound.
    accent: Mutex<&'static str>,
}

impl Default for Provider {
    fn default() -> Self {
        Self {
            calls: AtomicUsize::default(),
            failure: Mutex::default(),
            gate: Semaphore::new(1),
            accent: Mutex::default(),
        }
    }
}

impl Provider {
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    pub(crate) fn fail(&self, failure: impl Into<Option<ProviderError>>) {
        *self.failure.lock().unwrap() = failure.into();
    }

    pub(crate) fn fail_with(&self, kind: ProviderErrorKind) {
        self.fail(ProviderError::new("test", kind).caused_by("key=secret"));
    }

    pub(crate) fn change_accent(&self, accent: &'static str) {
        *self.accent.lock().unwrap() = accent;
    }

    async fn call(&self) -> Result<(), ProviderError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        drop(self.gate.acquire().await.unwrap());
        let failure = self.failure.lock().unwrap().clone();
        failure.map_or(Ok(()), Err)
    }
}

#[async_trait]
impl SpeechSynthesizer for Provider {
    fn provider(&self) -> &'static str {
        "test"
    }

    async fn voices(&self) -> Result<Vec<Voice>, ProviderError> {
        let voices = [("ann", "en-US", Gender::Female), ("bao", "cmn-CN", Gender::Male)];
        Ok(voices
            .map(|(name, language, gender)| Voice {
                name: name.to_owned(),
                language: language.parse().unwrap(),
                gender,
            })
            .into())
    }

    async fn synthesize(&self, synthesis: &Synthesis) -> Result<(Audio, String), ProviderError> {
        self.call().await?;
        let voice = synthesis.voice.clone().unwrap_or_else(|| "bao".to_owned());
        if !["ann", "bao"].contains(&voice.as_str()) || synthesis.language.language() == "fr" {
            return Err(ProviderError::new("test", ProviderErrorKind::Refused));
        }
        let accent = *self.accent.lock().unwrap();
        let sound = format!("ID3\x04 {}{accent}", synthesis.text.as_str());
        let audio = Audio {
            format: AudioFormat::Mp3,
            content: Bytes::from(sound),
        };
        Ok((audio, voice))
    }
}

#[async_trait]
impl SpeechRecognizer for Provider {
    fn provider(&self) -> &'static str {
        "test"
    }

    async fn recognize(&self, recognition: &Recognition) -> Result<Transcript, ProviderError> {
        self.call().await?;
        let language = recognition
            .language
            .as_ref()
            .map_or("?", |language| language.as_str());
        let length = recognition.audio.content.len();
        let word = TimedWord {
            word: format!("{length}"),
            start_ms: 0,
            end_ms: 250,
        };
        Ok(Transcript {
            transcript: format!("{length} {language}"),
            confidence: 0.5,
            words: vec![word],
        })
    }
}

#[async_trait]
impl ConversationWriter for Provider {
    fn provider(&self) -> &'static str {
        "test"
    }

    async fn write(&self, brief: &Brief) -> Result<Draft, ProviderError> {
        self.call().await?;
        let turns = ["你好", "再见", "谢谢"].map(|text| {
            let chinese = format!("{}，{text}。", brief.word.as_str());
            json!({ "speaker": "A", "chinese": chinese, "pinyin": "nǐ hǎo", "english": "Hello." })
        });
        Ok(Draft {
            text: json!({ "turns": turns }).to_string(),
            tokens: Some(10),
        })
    }
}
