//! The port by which copies of the program tell each other what happened.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::port::PortError;

/// Carries short messages to every listener of a topic, at most once each.
#[async_trait]
pub trait PubSub: Send + Sync {
    /// Sends a message to whoever listens to the topic now; nobody listening is no error.
    async fn publish(&self, topic: &str, message: Bytes) -> Result<(), PortError>;

    /// Listens to a topic from now on. A listener that falls behind loses the oldest messages.
    async fn subscribe(&self, topic: &str) -> Result<BoxStream<'static, Bytes>, PortError>;
}
