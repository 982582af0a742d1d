//! Requests to `ElevenLabs` and the reading of what it answers, within bounds of size and time.

use std::sync::Arc;
use std::time::Duration;

use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, redirect};
use secrecy::{ExposeSecret, SecretString};

use crate::config::{ElevenLabsConfig, InvalidConfig};
use crate::failure::{self, error};
use crate::{ElevenLabsRecognizer, ElevenLabsSpeech};

/// Where a key goes; never into a URL, which others log.
const API_KEY: HeaderName = HeaderName::from_static("xi-api-key");
/// How long it may take until somebody is there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where `ElevenLabs` is asked, and how, by nobody yet.
#[derive(Clone)]
pub struct ElevenLabs {
    client: Client,
    config: Arc<ElevenLabsConfig>,
}

/// `ElevenLabs` asked by whoever has a key.
#[derive(Clone)]
pub struct WithKey {
    place: ElevenLabs,
    key: HeaderValue,
}

#[derive(Debug, thiserror::Error)]
#[error("the answer has more than {0} bytes")]
struct TooLarge(usize);

impl ElevenLabs {
    /// Over a client of its own, which follows no redirection and uses no proxy of the environment.
    pub fn new(config: ElevenLabsConfig) -> Result<Self, InvalidConfig> {
        let config = config.checked()?;
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT.min(config.timeout))
            .timeout(config.timeout)
            .build()
            .map_err(InvalidConfig::Client)?;
        Ok(Self {
            client,
            config: Arc::new(config),
        })
    }

    /// Asked by whoever has this key, over connections that all share.
    pub fn with_key(&self, key: &SecretString) -> Result<WithKey, InvalidConfig> {
        let key = key.expose_secret();
        let is_visible = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
        let mut header = HeaderValue::from_str(key).map_err(|_| InvalidConfig::Key)?;
        header.set_sensitive(true);
        let with_key = WithKey {
            place: self.clone(),
            key: header,
        };
        is_visible.then_some(with_key).ok_or(InvalidConfig::Key)
    }
}

impl WithKey {
    /// Who speaks.
    pub fn speech(&self) -> ElevenLabsSpeech {
        ElevenLabsSpeech::new(self.clone())
    }

    /// Who listens.
    pub fn recognizer(&self) -> ElevenLabsRecognizer {
        ElevenLabsRecognizer::new(self.clone())
    }

    pub(crate) fn config(&self) -> &ElevenLabsConfig {
        &self.place.config
    }

    /// A call of a path, such as `/v1/voices`.
    pub(crate) fn call(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.place.config.base_url);
        self.place
            .client
            .request(method, url)
            .header(API_KEY, self.key.clone())
    }
}

/// Sends a request, and reads all of an answer that is one of success, unless it is too large.
pub(crate) async fn ask(request: RequestBuilder, largest: usize) -> Result<Vec<u8>, ProviderError> {
    let mut response = request.send().await.map_err(failure::of_transport)?;
    if let Some(refusal) = failure::of_status(&response) {
        return Err(refusal);
    }
    let mut content = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failure::of_transport)? {
        if content.len() + chunk.len() > largest {
            return Err(error(ProviderErrorKind::Invalid).caused_by(TooLarge(largest)));
        }
        content.extend_from_slice(&chunk);
    }
    Ok(content)
}
