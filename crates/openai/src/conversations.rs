//! Writes dialogues by `POST {base}/chat/completions`.

use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use parlance_domain::conversations::{Brief, ConversationWriter, Draft};
use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use reqwest::header::AUTHORIZATION;
use reqwest::{Client, Response, StatusCode, redirect};

use crate::config::{OpenAiConfig, authorization};
use crate::failure::{self, error};
use crate::request::{Complaint, Dialect};
use crate::{PROVIDER, answer};

/// How long it may take until somebody is there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How many bytes an answer may have. A dialogue has two thousand.
const LARGEST: usize = 256 * 1024;

/// Writes dialogues by a model behind the protocol of `OpenAI`.
///
/// A server that does not understand a part of the request, and says so by 400, is asked again without it, and from then
/// on like that at once.
pub struct OpenAiWriter {
    client: Client,
    config: OpenAiConfig,
    dialect: Mutex<Dialect>,
}

#[derive(Debug, thiserror::Error)]
#[error("the answer has more than {LARGEST} bytes")]
struct TooLarge;

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
#[error("no http client can be made")]
pub struct NoClient(#[source] reqwest::Error);

/// How a server took a request.
enum Reply {
    Answer(Vec<u8>),
    NotUnderstood(Dialect),
}

impl OpenAiWriter {
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
        Ok(Self {
            client,
            config,
            dialect: Mutex::new(Dialect::USUAL),
        })
    }

    async fn ask(&self, dialect: Dialect, brief: &Brief) -> Result<Reply, ProviderError> {
        let body = dialect.request(&self.config.model, brief);
        let mut request = self.client.post(self.config.endpoint.clone()).json(&body);
        if let Some(header) = self.config.key.as_ref().and_then(authorization) {
            request = request.header(AUTHORIZATION, header);
        }
        let response = request.send().await.map_err(failure::of_transport)?;
        let Some(refusal) = failure::of_status(&response) else {
            return Ok(Reply::Answer(content(response).await?));
        };
        if response.status() != StatusCode::BAD_REQUEST {
            return Err(refusal);
        }
        // What it says is for this decision only: it may repeat what it was sent.
        let complaint = Complaint::read(&content(response).await.unwrap_or_default());
        let simpler = dialect.without(&complaint).ok_or(refusal)?;
        Ok(Reply::NotUnderstood(simpler))
    }
}

#[async_trait]
impl ConversationWriter for OpenAiWriter {
    fn provider(&self) -> &'static str {
        PROVIDER
    }

    async fn write(&self, brief: &Brief) -> Result<Draft, ProviderError> {
        let usual = *self.dialect.lock();
        let mut dialect = usual;
        let body = loop {
            match self.ask(dialect, brief).await? {
                Reply::Answer(body) => break body,
                // Ends: each dialect has less than the one before.
                Reply::NotUnderstood(simpler) => dialect = simpler,
            }
        };
        if dialect != usual {
            tracing::info!(?dialect, "the server understands a part of the protocol");
            *self.dialect.lock() = dialect;
        }
        answer::read(&body).map_err(|none| error(none.kind()).caused_by(none))
    }
}

/// All of an answer, unless it is too large.
async fn content(mut response: Response) -> Result<Vec<u8>, ProviderError> {
    let too_large = || error(ProviderErrorKind::Invalid).caused_by(TooLarge);
    let mut content = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failure::of_transport)? {
        if content.len() + chunk.len() > LARGEST {
            return Err(too_large());
        }
        content.extend_from_slice(&chunk);
    }
    Ok(content)
}
