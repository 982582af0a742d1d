//! Speaking and listening.

mod chosen;
mod recognizer;
mod recording;
mod synthesizer;
mod voices;

pub(crate) use chosen::Chosen;
pub use recognizer::GoogleRecognizer;
pub use synthesizer::GoogleSpeech;

/// The name of the provider, as answers give it.
const PROVIDER: &str = "google";
