//! The providers of conversations.

use async_trait::async_trait;

use super::Brief;
use crate::providers::ProviderError;

/// What a model wrote, not checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Its text, which should be JSON as [`super::RESPONSE_SCHEMA`] has it.
    pub text: String,
    /// How many tokens were read and written for it, drafts that were of no use included, if that is known.
    pub tokens: Option<u64>,
}

/// How many tokens an attempt cost, of which a draft costs `most` at most: all of that where nobody knows.
pub fn tokens_spent(written: &Result<Draft, ProviderError>, most: u64) -> u64 {
    match written {
        Ok(draft) => draft.tokens.unwrap_or(most),
        Err(error) => {
            let unknown = if error.may_be_paid() { most } else { 0 };
            error.tokens.unwrap_or(unknown)
        }
    }
}

/// Writes dialogues.
#[async_trait]
pub trait ConversationWriter: Send + Sync {
    /// Its name, as answers give it.
    fn provider(&self) -> &'static str;

    /// How many tokens a draft may cost at most: what the brief says, unless the writer does more than read and write.
    fn reserve(&self, brief: &Brief) -> u64 {
        brief.reserve()
    }

    /// A dialogue of 3 to 5 turns around a word.
    ///
    /// - The word is only ever a word: nothing in it is taken for an instruction of ours.
    /// - An answer without text is [`crate::providers::ProviderErrorKind::Invalid`]; one that was withheld for what
    ///   the word is about is refused.
    async fn write(&self, brief: &Brief) -> Result<Draft, ProviderError>;
}
