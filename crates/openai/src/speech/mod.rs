//! Speaking and listening.

mod recognizer;
mod synthesizer;
mod voices;

pub use recognizer::OpenAiRecognizer;
pub use synthesizer::OpenAiSpeech;
