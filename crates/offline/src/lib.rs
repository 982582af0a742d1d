//! Speech and conversations without any account or network: what works when nothing is configured.
//!
//! Speech comes from the program `espeak-ng`, if it is installed; dialogues from templates. Both are for trying and for
//! developing: understandable, not beautiful.

mod conversations;
mod speech;

pub use conversations::TemplateWriter;
pub use speech::{EspeakConfig, EspeakSpeech, MissingRecognizer};

/// What all of this is called in answers.
const PROVIDER: &str = "offline";
