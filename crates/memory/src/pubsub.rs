//! Publish-subscribe between the tasks of one process.

use std::collections::HashMap;
use std::future::ready;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use parking_lot::Mutex;
use parlance_domain::port::PortError;
use parlance_domain::pubsub::PubSub;
use tokio::sync::broadcast::{self, Sender};
use tokio_stream::wrappers::BroadcastStream;

/// How many messages a topic holds for its slowest listener.
const DEFAULT_BACKLOG: usize = 1_024;
/// Below so many topics it is not worth looking for those that nobody listens to.
const FEW_TOPICS: usize = 64;

/// A broadcast channel for each topic that somebody listens to.
pub struct MemoryPubSub {
    backlog: usize,
    topics: Mutex<Topics>,
}

struct Topics {
    senders: HashMap<String, Sender<Bytes>>,
    sweep_at: usize,
}

impl MemoryPubSub {
    /// Holds this many messages for a listener that falls behind, before it loses the oldest.
    pub fn with_backlog(backlog: usize) -> Self {
        Self {
            backlog: backlog.max(1),
            topics: Mutex::new(Topics {
                senders: HashMap::new(),
                sweep_at: FEW_TOPICS,
            }),
        }
    }
}

impl Default for MemoryPubSub {
    fn default() -> Self {
        Self::with_backlog(DEFAULT_BACKLOG)
    }
}

impl Topics {
    /// Drops the topics that nobody listens to any more, once they may be half of all.
    fn sweep(&mut self) {
        if self.senders.len() >= self.sweep_at {
            self.senders.retain(|_, sender| sender.receiver_count() > 0);
            self.sweep_at = FEW_TOPICS.max(2 * self.senders.len());
        }
    }
}

#[async_trait]
impl PubSub for MemoryPubSub {
    async fn publish(&self, topic: &str, message: Bytes) -> Result<(), PortError> {
        let mut topics = self.topics.lock();
        if let Some(sender) = topics.senders.get(topic)
            && sender.send(message).is_err()
        {
            topics.senders.remove(topic);
        }
        Ok(())
    }

    async fn subscribe(&self, topic: &str) -> Result<BoxStream<'static, Bytes>, PortError> {
        let mut topics = self.topics.lock();
        topics.sweep();
        let receiver = if let Some(sender) = topics.senders.get(topic) {
            sender.subscribe()
        } else {
            let (sender, receiver) = broadcast::channel(self.backlog);
            topics.senders.insert(topic.to_owned(), sender);
            receiver
        };
        // An error says that messages were lost; the port allows it, and the next ones are there.
        Ok(BroadcastStream::new(receiver)
            .filter_map(|message| ready(message.ok()))
            .boxed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    parlance_contract::pubsub_contract!(MemoryPubSub::default());

    #[tokio::test]
    async fn a_listener_that_falls_behind_loses_the_oldest() {
        let pubsub = MemoryPubSub::with_backlog(2);
        let mut listener = pubsub.subscribe("topic").await.unwrap();
        for message in ["one", "two", "three", "four"] {
            pubsub.publish("topic", message.into()).await.unwrap();
        }
        assert_eq!(listener.next().await.unwrap(), "three");
        assert_eq!(listener.next().await.unwrap(), "four");
    }

    #[tokio::test]
    async fn topics_that_nobody_listens_to_are_not_kept() {
        let pubsub = MemoryPubSub::default();
        let _kept = pubsub.subscribe("kept").await.unwrap();
        for number in 0..10_000 {
            drop(pubsub.subscribe(&number.to_string()).await.unwrap());
        }
        let topics = pubsub.topics.lock();
        assert!(topics.senders.len() <= FEW_TOPICS);
        assert!(topics.senders.contains_key("kept"));
    }
}
