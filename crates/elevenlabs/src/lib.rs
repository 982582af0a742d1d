//! Speech by `ElevenLabs`.
//!
//! [`ElevenLabs`] is where it is asked and how; with a key it makes the adapters of the ports: [`ElevenLabsSpeech`] and
//! [`ElevenLabsRecognizer`]. None of them asks twice: that is for who calls to decide.

mod config;
mod connection;
mod failure;
mod recognizer;
mod synthesizer;
mod voices;

pub use config::{DEFAULT_BASE_URL, ElevenLabsConfig, InvalidConfig, is_endpoint, is_model, is_voice};
pub use connection::{ElevenLabs, WithKey};
pub use recognizer::ElevenLabsRecognizer;
pub use synthesizer::ElevenLabsSpeech;

/// What this is called in answers.
const PROVIDER: &str = "elevenlabs";
