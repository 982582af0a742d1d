//! Writes dialogues by `POST {base}/chat/completions`.

use std::sync::Arc;

use async_trait::async_trait;
use parlance_domain::conversations::{Brief, ConversationWriter, Draft};
use parlance_domain::providers::ProviderError;
use reqwest::StatusCode;

use crate::connection::{Connection, OpenAi, content};
use crate::failure::{self, error};
use crate::request::{Complaint, Dialect};
use crate::{PROVIDER, answer};

/// How many bytes an answer may have. A dialogue has two thousand.
const LARGEST: usize = 256 * 1024;

/// Writes dialogues by a model behind the protocol of `OpenAI`.
///
/// A server that does not understand a part of the request, and says so by 400, is asked again without it, and from then
/// on like that at once.
pub struct OpenAiWriter {
    openai: Arc<Connection>,
}

/// How a server took a request.
enum Reply {
    Answer(Vec<u8>),
    NotUnderstood(Dialect),
}

impl OpenAiWriter {
    pub(crate) fn new(openai: &OpenAi) -> Self {
        Self {
            openai: Arc::clone(&openai.0),
        }
    }

    async fn ask(&self, dialect: Dialect, brief: &Brief) -> Result<Reply, ProviderError> {
        let body = dialect.request(&self.openai.config.model, brief);
        let request = self.openai.post("chat/completions").json(&body);
        let response = request.send().await.map_err(failure::of_transport)?;
        let Some(refusal) = failure::of_status(&response) else {
            return Ok(Reply::Answer(content(response, LARGEST).await?));
        };
        if response.status() != StatusCode::BAD_REQUEST {
            return Err(refusal);
        }
        // What it says is for this decision only: it may repeat what it was sent.
        let complaint = Complaint::read(&content(response, LARGEST).await.unwrap_or_default());
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
        let usual = *self.openai.dialect.lock();
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
            *self.openai.dialect.lock() = dialect;
        }
        answer::read(&body).map_err(|none| error(none.kind()).caused_by(none))
    }
}
