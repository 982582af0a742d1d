//! Speech by `espeak-ng`.

mod espeak;
mod program;
mod recognizer;
mod voices;
mod wav;

pub use espeak::EspeakSpeech;
pub use program::EspeakConfig;
pub use recognizer::MissingRecognizer;
