//! Requests to the server and the reading of what it answers, within bounds of size and time.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use reqwest::header::AUTHORIZATION;
use reqwest::{Client, RequestBuilder, Response, redirect};
use secrecy::SecretString;

use crate::config::{InvalidConfig, OpenAiConfig, authorization};
use crate::failure::{self, error};
use crate::request::Dialect;
use crate::{OpenAiRecognizer, OpenAiSpeech, OpenAiWriter};

/// How long it may take until somebody is there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Who asks the server, and how.
#[derive(Clone)]
pub struct OpenAi(pub(crate) Arc<Connection>);

/// What all adapters share.
pub(crate) struct Connection {
    client: Client,
    pub(crate) config: OpenAiConfig,
    /// What of the protocol the server understands, whoever asks.
    pub(crate) dialect: Arc<Mutex<Dialect>>,
}

#[derive(Debug, thiserror::Error)]
#[error("the answer has more than {0} bytes")]
struct TooLarge(usize);

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
#[error("no http client can be made")]
pub struct NoClient(#[source] reqwest::Error);

impl OpenAi {
    /// Over a client of its own, which follows no redirection and uses no proxy of the environment.
    pub fn new(config: OpenAiConfig) -> Result<Self, NoClient> {
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT.min(config.timeout))
            .timeout(config.timeout)
            .build()
            .map_err(NoClient)?;
        Ok(Self(Arc::new(Connection {
            client,
            config,
            dialect: Arc::new(Mutex::new(Dialect::USUAL)),
        })))
    }

    /// The same asked by whoever has this key, over the same connections.
    pub fn with_key(&self, key: SecretString) -> Result<Self, InvalidConfig> {
        let Connection {
            client,
            config,
            dialect,
        } = &*self.0;
        Ok(Self(Arc::new(Connection {
            client: client.clone(),
            config: config.clone().with_key(key)?,
            dialect: Arc::clone(dialect),
        })))
    }

    /// Who writes.
    pub fn writer(&self) -> OpenAiWriter {
        OpenAiWriter::new(self)
    }

    /// Who speaks.
    pub fn speech(&self) -> OpenAiSpeech {
        OpenAiSpeech::new(self)
    }

    /// Who listens.
    pub fn recognizer(&self) -> OpenAiRecognizer {
        OpenAiRecognizer::new(self)
    }
}

impl Connection {
    /// A call, such as `chat/completions`, by whoever has the key.
    pub(crate) fn post(&self, call: &str) -> RequestBuilder {
        let request = self.client.post(self.config.endpoint(call));
        match self.config.key.as_ref().and_then(authorization) {
            Some(header) => request.header(AUTHORIZATION, header),
            None => request,
        }
    }
}

/// Sends a request, and reads all of an answer that is one of success.
pub(crate) async fn ask(request: RequestBuilder, largest: usize) -> Result<Vec<u8>, ProviderError> {
    let response = request.send().await.map_err(failure::of_transport)?;
    match failure::of_status(&response) {
        Some(refusal) => Err(refusal),
        None => content(response, largest).await,
    }
}

/// All of an answer, unless it is too large.
pub(crate) async fn content(mut response: Response, largest: usize) -> Result<Vec<u8>, ProviderError> {
    let mut content = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failure::of_transport)? {
        if content.len() + chunk.len() > largest {
            return Err(error(ProviderErrorKind::Invalid).caused_by(TooLarge(largest)));
        }
        content.extend_from_slice(&chunk);
    }
    Ok(content)
}
