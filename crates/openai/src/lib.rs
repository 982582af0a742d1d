//! Conversations by whatever speaks the protocol of `OpenAI`: its own service, or a model that a team runs.

mod answer;
mod config;
mod conversations;
mod failure;
mod request;

pub use config::{DEFAULT_BASE_URL, InvalidConfig, OpenAiConfig, PlainHttp};
pub use conversations::{NoClient, OpenAiWriter};

/// What this is called in answers.
const PROVIDER: &str = "openai";
