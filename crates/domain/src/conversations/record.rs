//! How conversations are written down where they are cached.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Conversation, Turn};
use crate::port::PortError;
use crate::time::from_epoch_millis;

#[derive(Serialize, Deserialize)]
struct ConversationRecord {
    id: String,
    word_id: String,
    word: String,
    version: String,
    turns: Vec<TurnRecord>,
    generated_at: i64,
    provider: String,
}

#[derive(Serialize, Deserialize)]
struct TurnRecord {
    speaker: String,
    chinese: String,
    pinyin: String,
    english: String,
    audio: Option<String>,
}

/// A conversation as it is kept. Two that are equal are the same to the letter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WrittenConversation(Bytes);

impl WrittenConversation {
    /// What was kept.
    pub(super) fn kept(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// What is to be kept.
    pub(super) fn into_bytes(self) -> Bytes {
        self.0
    }

    /// Writes a conversation down.
    pub(super) fn of(conversation: &Conversation) -> Result<Self, PortError> {
        let record = ConversationRecord {
            id: conversation.id.clone(),
            word_id: conversation.word_id.to_string(),
            word: conversation.word.clone(),
            version: conversation.version.to_string(),
            turns: conversation.turns.iter().map(TurnRecord::of).collect(),
            generated_at: conversation.generated_at.timestamp_millis(),
            provider: conversation.provider.clone(),
        };
        let bytes = serde_json::to_vec(&record).map_err(corrupt)?;
        Ok(Self(bytes.into()))
    }

    /// The conversation; an error where another program wrote what was kept.
    pub fn read(&self) -> Result<Conversation, PortError> {
        let record: ConversationRecord = serde_json::from_slice(&self.0).map_err(corrupt)?;
        let turns = record.turns.into_iter().map(TurnRecord::into_turn);
        Ok(Conversation {
            id: record.id,
            word_id: record.word_id.parse().map_err(corrupt)?,
            word: record.word,
            version: record.version.parse().map_err(corrupt)?,
            turns: turns.collect::<Result<_, _>>()?,
            generated_at: from_epoch_millis(record.generated_at)
                .ok_or_else(|| corrupt("a time out of range"))?,
            provider: record.provider,
        })
    }
}

impl TurnRecord {
    fn of(turn: &Turn) -> Self {
        let Turn {
            speaker,
            chinese,
            pinyin,
            english,
            audio,
        } = turn.clone();
        Self {
            speaker,
            chinese,
            pinyin,
            english,
            audio: audio.map(|id| id.to_string()),
        }
    }

    fn into_turn(self) -> Result<Turn, PortError> {
        let Self {
            speaker,
            chinese,
            pinyin,
            english,
            audio,
        } = self;
        Ok(Turn {
            speaker,
            chinese,
            pinyin,
            english,
            audio: audio.map(|id| id.parse().map_err(corrupt)).transpose()?,
        })
    }
}

fn corrupt(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PortError {
    PortError::corrupt("Answers", error)
}
