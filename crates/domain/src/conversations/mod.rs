//! Conversations: short dialogues around a word, written by a model and checked before anybody reads them.

mod brief;
mod checked;
mod conversation;
mod draft;
mod ports;
mod record;
mod service;

pub use brief::{Brief, InvalidWord, RESPONSE_SCHEMA, SubjectWord};
pub use checked::CheckedWriter;
pub use conversation::{Conversation, GeneratorVersion, Turn, UnknownVersion};
pub use draft::{InvalidDraft, read_turns};
pub use ports::{ConversationWriter, Draft, tokens_spent};
pub use record::WrittenConversation;
pub use service::{
    ConversationPorts, Conversations, Generate, Generated, SpeakTurn, SpeakTurnError, SpokenTurn,
};
