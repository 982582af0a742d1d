//! Conversations: short dialogues around a word, written by a model and checked before anybody reads them.

mod brief;
mod conversation;
mod draft;
mod ports;

pub use brief::{Brief, InvalidWord, RESPONSE_SCHEMA, SubjectWord};
pub use conversation::{Conversation, GeneratorVersion, Turn, UnknownVersion};
pub use draft::{InvalidDraft, read_turns};
pub use ports::{ConversationWriter, Draft};
