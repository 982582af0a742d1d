//! Recognition of speech, which nothing here can do.

use async_trait::async_trait;
use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use parlance_domain::speech::{Recognition, SpeechRecognizer, Transcript};

use crate::PROVIDER;

/// A recogniser that is never there, and says what to set to have one.
#[derive(Debug, Clone, Copy, Default)]
pub struct MissingRecognizer;

#[derive(Debug, thiserror::Error)]
#[error("nothing here recognises speech: set GOOGLE_API_KEY or GOOGLE_APPLICATION_CREDENTIALS")]
struct NoRecognizer;

#[async_trait]
impl SpeechRecognizer for MissingRecognizer {
    fn provider(&self) -> &'static str {
        PROVIDER
    }

    async fn recognize(&self, _recognition: &Recognition) -> Result<Transcript, ProviderError> {
        Err(ProviderError::new(PROVIDER, ProviderErrorKind::Missing).caused_by(NoRecognizer))
    }
}
