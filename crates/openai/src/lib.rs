//! Conversations by whatever speaks the protocol of OpenAI.
