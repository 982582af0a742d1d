//! Announcements that hold nobody up.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use parlance_domain::port::PortError;
use parlance_domain::pubsub::PubSub;

use crate::Breaker;

/// Publishes if that works, and does not wait for it while it does not.
///
/// A message that could not be sent is lost, as any message may be that nobody heard: what must not be missed is kept
/// elsewhere, and listeners look there. That messages are lost is in the log once, when the breaker opens.
pub struct GuardedPubSub {
    inner: Arc<dyn PubSub>,
    breaker: Arc<Breaker>,
}

impl GuardedPubSub {
    /// Sends nothing through `inner` while `breaker` is open.
    pub fn new(inner: Arc<dyn PubSub>, breaker: Arc<Breaker>) -> Self {
        Self { inner, breaker }
    }
}

#[async_trait]
impl PubSub for GuardedPubSub {
    async fn publish(&self, topic: &str, message: Bytes) -> Result<(), PortError> {
        let _ = self.breaker.call(self.inner.publish(topic, message)).await;
        Ok(())
    }

    /// Listens; a listener is told of every failure, so that it can look elsewhere meanwhile.
    async fn subscribe(&self, topic: &str) -> Result<BoxStream<'static, Bytes>, PortError> {
        self.inner.subscribe(topic).await
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::BreakerConfig;

    #[derive(Default)]
    struct Dead(AtomicU32);

    #[async_trait]
    impl PubSub for Dead {
        async fn publish(&self, _: &str, _: Bytes) -> Result<(), PortError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Err(PortError::unavailable("PubSub", io::Error::other("gone")))
        }

        async fn subscribe(&self, _: &str) -> Result<BoxStream<'static, Bytes>, PortError> {
            Err(PortError::unavailable("PubSub", io::Error::other("gone")))
        }
    }

    #[tokio::test]
    async fn publishing_never_fails_and_is_not_tried_for_long() {
        let dead = Arc::new(Dead::default());
        let breaker = Arc::new(Breaker::new(BreakerConfig::new("test")));
        let pubsub = GuardedPubSub::new(Arc::clone(&dead) as Arc<dyn PubSub>, breaker);
        for _ in 0..100 {
            pubsub.publish("topic", "message".into()).await.unwrap();
        }
        assert_eq!(dead.0.load(Ordering::Relaxed), 3);
        assert!(pubsub.subscribe("topic").await.is_err());
    }
}
