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

/// A conversation as it is kept.
pub(super) fn write(conversation: &Conversation) -> Result<Bytes, PortError> {
    let record = ConversationRecord {
        id: conversation.id.clone(),
        word_id: conversation.word_id.to_string(),
        word: conversation.word.clone(),
        version: conversation.version.to_string(),
        turns: conversation.turns.iter().map(TurnRecord::of).collect(),
        generated_at: conversation.generated_at.timestamp_millis(),
        provider: conversation.provider.clone(),
    };
    serde_json::to_vec(&record).map(Bytes::from).map_err(corrupt)
}

/// A conversation that was kept.
pub(super) fn read(written: &[u8]) -> Result<Conversation, PortError> {
    let record: ConversationRecord = serde_json::from_slice(written).map_err(corrupt)?;
    let turns = record.turns.into_iter().map(TurnRecord::into_turn);
    Ok(Conversation {
        id: record.id,
        word_id: record.word_id.parse().map_err(corrupt)?,
        word: record.word,
        version: record.version.parse().map_err(corrupt)?,
        turns: turns.collect::<Result<_, _>>()?,
        generated_at: from_epoch_millis(record.generated_at).ok_or_else(|| corrupt("a time out of range"))?,
        provider: record.provider,
    })
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
