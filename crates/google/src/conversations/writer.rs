//! Writes by Gemini.

use std::sync::Arc;

use async_trait::async_trait;
use parlance_domain::conversations::{Brief, ConversationWriter, Draft, RESPONSE_SCHEMA};
use parlance_domain::providers::ProviderError;
use serde_json::{Value, json};

use super::answer::Answer;
use super::events::Events;
use super::{PROVIDER, schema};
use crate::connection::{Body, Call, Connection, Google};

/// The longest answer, in bytes.
const LARGEST: usize = 256 * 1024;
/// How freely it writes: everyday sentences, not always the same.
const TEMPERATURE: f64 = 0.7;

/// Gemini.
pub struct GeminiWriter {
    google: Arc<Connection>,
    /// What an answer looks like, in Gemini's words.
    schema: Value,
}

impl GeminiWriter {
    pub(crate) fn new(google: &Google) -> Self {
        // The schema is a constant, and a test says that it is JSON.
        let schema = serde_json::from_str(RESPONSE_SCHEMA).unwrap_or_default();
        Self {
            google: Arc::clone(&google.0),
            schema: schema::convert(&schema),
        }
    }

    /// How many tokens it may think.
    fn thoughts(&self) -> u32 {
        self.google.config.gemini.thinking_budget.unwrap_or_default()
    }

    fn call(&self, brief: &Brief) -> Result<Call, ProviderError> {
        let config = &self.google.config;
        let verb = if config.gemini.stream {
            "streamGenerateContent?alt=sse"
        } else {
            "generateContent"
        };
        let url = format!(
            "{}/v1beta/models/{}:{verb}",
            config.endpoints.gemini, config.gemini.model
        );
        let mut body = json!({
            "systemInstruction": { "parts": [{ "text": Brief::INSTRUCTIONS }] },
            "contents": [{ "role": "user", "parts": [{ "text": brief.data() }] }],
            "generationConfig": {
                "responseMimeType": "application/json",
                "responseSchema": self.schema,
                // Thoughts are output too: without room for them the dialogue would be cut off.
                "maxOutputTokens": brief.most_tokens().saturating_add(self.thoughts()),
                "temperature": TEMPERATURE,
            },
        });
        if let Some(budget) = config.gemini.thinking_budget {
            body["generationConfig"]["thinkingConfig"] = json!({ "thinkingBudget": budget });
        }
        Call::post(PROVIDER, url, &body)
    }

    /// Takes an answer in as it is written.
    async fn stream(&self, call: &Call) -> Result<Answer, ProviderError> {
        let response = self.google.send(call).await?;
        let mut events = Events::new(Body::new(PROVIDER, response, LARGEST));
        let mut answer = Answer::default();
        while let Some(data) = events.next().await? {
            answer.add(&data)?;
        }
        Ok(answer)
    }
}

#[async_trait]
impl ConversationWriter for GeminiWriter {
    fn provider(&self) -> &'static str {
        PROVIDER
    }

    fn reserve(&self, brief: &Brief) -> u64 {
        brief.reserve() + u64::from(self.thoughts())
    }

    async fn write(&self, brief: &Brief) -> Result<Draft, ProviderError> {
        let call = self.call(brief)?;
        if self.google.config.gemini.stream {
            return self.google.within(PROVIDER, self.stream(&call)).await?.finish();
        }
        let mut answer = Answer::default();
        answer.add(&self.google.ask(call, LARGEST).await?)?;
        answer.finish()
    }
}
