//! Writing dialogues.

mod answer;
mod events;
mod schema;
mod writer;

pub use writer::GeminiWriter;

/// The name of the provider, as answers give it.
const PROVIDER: &str = "gemini";
