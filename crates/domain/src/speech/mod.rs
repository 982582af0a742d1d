//! Speech: what is written is spoken, what is said is written down.

mod audio;
mod ports;
mod record;
mod service;
mod text;
mod voice;

pub use audio::{Audio, AudioFormat, AudioId, InvalidAudioId};
pub use ports::{
    AudioStore, Recognition, SpeechRecognizer, SpeechSynthesizer, Synthesis, TimedWord, Transcript,
};
pub use service::{Heard, Speak, SpeakError, Speech, SpeechPorts, Spoken, Voices};
pub use text::{InvalidText, SpokenText, is_han};
pub use voice::{
    Gender, InvalidLanguage, InvalidRate, InvalidVoice, LanguageTag, SpeakingRate, Voice, VoiceName,
};
