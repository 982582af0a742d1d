//! Cloud Text-to-Speech, Speech-to-Text and Gemini.
//!
//! [`Google`] is who asks and how; it makes the adapters of the ports: [`GoogleSpeech`], [`GoogleRecognizer`] and
//! [`GeminiWriter`]. None of them asks twice: that is for who calls to decide.

mod access;
mod account;
mod config;
mod connection;
mod conversations;
mod failure;
mod language;
mod speech;
mod tokens;

pub use config::{
    Credentials, Endpoints, GeminiConfig, GoogleConfig, GoogleConfigError, Timeouts, is_endpoint,
};
pub use connection::Google;
pub use conversations::GeminiWriter;
pub use speech::{GoogleRecognizer, GoogleSpeech};
