//! What conversations look like outside.

use apistos::ApiComponent;
use parlance_domain::conversations::{Conversation, SpokenTurn, Turn};
use parlance_domain::speech::Spoken;
use schemars::JsonSchema;
use serde::Serialize;

use crate::speech::audio_url;
use crate::time::rfc3339_millis;

/// A dialogue around a word.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Conversation")]
pub(super) struct ConversationView {
    /// The word's id, a hyphen, and a digest of all that it was made from.
    id: String,
    /// The word's id.
    word_id: String,
    /// The word.
    word: String,
    /// By which rules it was made.
    generator_version: &'static str,
    /// What is said: 3 to 5 turns.
    turns: Vec<TurnView>,
    /// When it was made.
    generated_at: String,
    /// Whether it was there already.
    cached: bool,
    /// Who made it.
    provider: String,
}

/// One thing that somebody says.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Turn")]
struct TurnView {
    /// Who.
    speaker: String,
    /// What, in Chinese characters.
    chinese: String,
    /// How it is read, with tone marks.
    pinyin: String,
    /// What it means.
    english: String,
    /// Where to hear it; empty until it was spoken.
    audio_url: String,
}

impl ConversationView {
    /// What a conversation looks like that was there already, or was not.
    pub(super) fn new(conversation: Conversation, cached: bool) -> Self {
        let Conversation {
            id,
            word_id,
            word,
            version,
            turns,
            generated_at,
            provider,
        } = conversation;
        Self {
            id,
            word_id: word_id.to_string(),
            word,
            generator_version: version.as_str(),
            turns: turns.into_iter().map(TurnView::from).collect(),
            generated_at: rfc3339_millis(generated_at),
            cached,
            provider,
        }
    }
}

impl From<Turn> for TurnView {
    fn from(turn: Turn) -> Self {
        let Turn {
            speaker,
            chinese,
            pinyin,
            english,
            audio,
        } = turn;
        Self {
            speaker,
            chinese,
            pinyin,
            english,
            audio_url: audio.as_ref().map(audio_url).unwrap_or_default(),
        }
    }
}

/// A turn that was spoken.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SpokenTurn")]
pub(super) struct SpokenTurnView {
    /// The conversation's id.
    conversation_id: String,
    /// The place of the turn, from 0.
    turn_index: usize,
    /// Where to hear it. It needs no token.
    audio_url: String,
    /// Who speaks.
    voice: String,
    /// Whether it was there already.
    cached: bool,
    /// When it was made.
    generated_at: String,
}

impl From<SpokenTurn> for SpokenTurnView {
    fn from(turn: SpokenTurn) -> Self {
        let SpokenTurn {
            conversation_id,
            turn_index,
            spoken,
        } = turn;
        let Spoken {
            audio,
            public_url,
            voice,
            provider: _,
            made_at,
            cached,
            own: _,
        } = spoken;
        Self {
            conversation_id,
            turn_index,
            audio_url: public_url.unwrap_or_else(|| audio_url(&audio)),
            voice,
            cached,
            generated_at: rfc3339_millis(made_at),
        }
    }
}
