//! Stands in for providers that are not set up, and for the store of what they would make.

use async_trait::async_trait;
use bytes::Bytes;
use parlance_domain::conversations::{Brief, ConversationWriter, Draft};
use parlance_domain::port::PortError;
use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use parlance_domain::speech::{
    Audio, AudioId, AudioStore, Recognition, SpeechRecognizer, SpeechSynthesizer, Synthesis, Transcript,
    Voice,
};

/// What nobody is called.
const NAME: &str = "none";

/// Neither speaks nor listens nor writes, and says so.
pub(crate) struct Nobody;

const fn missing() -> ProviderError {
    ProviderError::new(NAME, ProviderErrorKind::Missing)
}

#[async_trait]
impl SpeechSynthesizer for Nobody {
    fn provider(&self) -> &'static str {
        NAME
    }

    async fn voices(&self) -> Result<Vec<Voice>, ProviderError> {
        Err(missing())
    }

    async fn synthesize(&self, _: &Synthesis) -> Result<(Audio, String), ProviderError> {
        Err(missing())
    }
}

#[async_trait]
impl SpeechRecognizer for Nobody {
    fn provider(&self) -> &'static str {
        NAME
    }

    async fn recognize(&self, _: &Recognition) -> Result<Transcript, ProviderError> {
        Err(missing())
    }
}

#[async_trait]
impl ConversationWriter for Nobody {
    fn provider(&self) -> &'static str {
        NAME
    }

    async fn write(&self, _: &Brief) -> Result<Draft, ProviderError> {
        Err(missing())
    }
}

#[async_trait]
impl AudioStore for Nobody {
    /// Nobody is paid: that nobody speaks is for the provider to say, with what is to be set.
    async fn ready(&self) -> Result<(), PortError> {
        Ok(())
    }

    async fn keep(&self, _: &Audio, _: &Bytes) -> Result<AudioId, PortError> {
        Err(PortError::unavailable("AudioStore", missing()))
    }

    async fn keep_without_recipe(&self, _: &Audio) -> Result<AudioId, PortError> {
        Err(PortError::unavailable("AudioStore", missing()))
    }

    async fn read(&self, _: &AudioId) -> Result<Option<Audio>, PortError> {
        Ok(None)
    }

    async fn recipe(&self, _: &AudioId) -> Result<Option<Bytes>, PortError> {
        Ok(None)
    }

    fn public_url(&self, _: &AudioId) -> Option<String> {
        None
    }
}
