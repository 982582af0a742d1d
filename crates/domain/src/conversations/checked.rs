//! A writer whose drafts are dialogues.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Brief, ConversationWriter, Draft, read_turns};
use crate::providers::{ProviderError, ProviderErrorKind};

/// Refuses drafts of another writer that are no dialogues, so that whoever counts its failures counts those too.
pub struct CheckedWriter(Arc<dyn ConversationWriter>);

impl CheckedWriter {
    /// Checks what this writer writes.
    pub fn new(writer: Arc<dyn ConversationWriter>) -> Self {
        Self(writer)
    }
}

#[async_trait]
impl ConversationWriter for CheckedWriter {
    fn provider(&self) -> &'static str {
        self.0.provider()
    }

    fn reserve(&self, brief: &Brief) -> u64 {
        self.0.reserve(brief)
    }

    async fn write(&self, brief: &Brief) -> Result<Draft, ProviderError> {
        let draft = self.0.write(brief).await?;
        match read_turns(&draft.text, &brief.word) {
            Ok(_) => Ok(draft),
            Err(error) => {
                let invalid = ProviderError::new(self.provider(), ProviderErrorKind::Invalid);
                Err(invalid.caused_by(error).costing(draft.tokens))
            }
        }
    }
}
