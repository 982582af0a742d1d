//! Conversations and speech by whatever speaks the protocol of `OpenAI`: its own service, or a model that a team runs.
//!
//! [`OpenAi`] is who asks and how; it makes the adapters of the ports: [`OpenAiWriter`], [`OpenAiSpeech`] and
//! [`OpenAiRecognizer`].

mod answer;
mod config;
mod connection;
mod conversations;
mod failure;
mod request;
mod speech;

pub use config::{DEFAULT_BASE_URL, InvalidConfig, OpenAiConfig, PlainHttp};
pub use connection::{NoClient, OpenAi};
pub use conversations::OpenAiWriter;
pub use speech::{OpenAiRecognizer, OpenAiSpeech};

/// What this is called in answers.
const PROVIDER: &str = "openai";
