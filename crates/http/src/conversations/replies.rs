//! Answers to who asks for a conversation that was there already, each written once and not with every request.

use bytes::Bytes;
use moka::sync::Cache;
use parlance_domain::conversations::WrittenConversation;

use super::view::ConversationView;
use crate::error::ApiError;
use crate::reply::write;

/// How many bytes of answers are remembered, and as many of conversations; those that nobody asked for long go first.
const MOST_BYTES: u64 = 4 << 20;

/// The answers, by the conversations that they give. One in which something was noted since is another.
pub(crate) struct Replies(Cache<WrittenConversation, Bytes>);

impl Replies {
    /// The answer that gives this conversation and says that it was there.
    pub(super) fn kept(&self, conversation: &WrittenConversation) -> Result<Bytes, ApiError> {
        if let Some(reply) = self.0.get(conversation) {
            return Ok(reply);
        }
        let reply = write(&ConversationView::new(conversation.read()?, true))?;
        self.0.insert(conversation.clone(), reply.clone());
        Ok(reply)
    }
}

impl Default for Replies {
    fn default() -> Self {
        let size = |_: &WrittenConversation, reply: &Bytes| u32::try_from(reply.len()).unwrap_or(u32::MAX);
        Self(Cache::builder().max_capacity(MOST_BYTES).weigher(size).build())
    }
}
