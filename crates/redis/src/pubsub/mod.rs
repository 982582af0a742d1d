//! Publish-subscribe between all copies.
//!
//! All listeners of the process share one connection, apart from those for calls. When it is lost, or Redis does not
//! answer on it, every stream ends: whoever listened reads what it may have missed where it is kept, and subscribes
//! again. A stream that went on by itself would hide the gap.

mod ear;

use async_trait::async_trait;
use bytes::Bytes;
use deadpool_redis::redis::cmd;
use futures_util::stream::BoxStream;
use parlance_domain::port::PortError;
use parlance_domain::pubsub::PubSub;
use tokio::sync::Mutex;
use tokio::time::{Duration, Instant, sleep_until};

use self::ear::Ear;
use crate::failure::Failure;
use crate::link::{Backoff, RedisLink};

const PORT: &str = "PubSub";
/// A connection that lasted so long was a good one.
const GOOD_AFTER: Duration = Duration::from_secs(5);

/// Carries messages through Redis.
///
/// In a Cluster a message travels between the servers: one published just before somebody began to listen may still be
/// heard. When this is dropped, its streams end.
pub struct RedisPubSub {
    link: RedisLink,
    line: Mutex<Line>,
}

/// The connection that hears, and when there may be another.
struct Line {
    ear: Option<Ear>,
    heard_since: Instant,
    not_before: Instant,
    backoff: Backoff,
}

impl RedisPubSub {
    /// Publish-subscribe over a link.
    pub fn new(link: RedisLink) -> Self {
        let now = Instant::now();
        Self {
            link,
            line: Mutex::new(Line {
                ear: None,
                heard_since: now,
                not_before: now,
                backoff: Backoff::default(),
            }),
        }
    }

    fn channel(&self, topic: &str) -> String {
        format!("{}topic:{topic}", self.link.prefix())
    }

    async fn listen(&self, topic: &str) -> Result<BoxStream<'static, Bytes>, Failure> {
        let channel = self.channel(topic);
        let (ear, is_new) = self.line.lock().await.ear(&self.link).await?;
        let listening = ear.subscribe(channel.clone()).await;
        if is_new || listening.is_ok() {
            return listening;
        }
        // It was lost, or closed because nobody listened, since it was last looked at.
        let (ear, _) = self.line.lock().await.ear(&self.link).await?;
        ear.subscribe(channel).await
    }
}

impl Line {
    /// The connection that hears; a new one when there is none, in its turn. Says whether it is new.
    async fn ear(&mut self, link: &RedisLink) -> Result<(Ear, bool), Failure> {
        if let Some(ear) = &self.ear {
            if ear.hears() {
                return Ok((ear.clone(), false));
            }
            self.ear = None;
            if self.heard_since.elapsed() >= GOOD_AFTER {
                self.backoff.reset();
            }
            self.not_before = Instant::now() + self.backoff.rest();
        }
        sleep_until(self.not_before).await;
        match Ear::open(link).await {
            Ok(ear) => {
                self.heard_since = Instant::now();
                self.ear = Some(ear.clone());
                Ok((ear, true))
            }
            Err(failure) => {
                self.not_before = Instant::now() + self.backoff.rest();
                Err(failure)
            }
        }
    }
}

#[async_trait]
impl PubSub for RedisPubSub {
    async fn publish(&self, topic: &str, message: Bytes) -> Result<(), PortError> {
        let channel = self.channel(topic);
        let published = self.link.call(|mut wire| async move {
            let mut publish = cmd("PUBLISH");
            publish.arg(channel).arg(&message[..]);
            publish.query_async::<()>(&mut *wire).await
        });
        published.await.map_err(|failure| failure.into_port(PORT))
    }

    /// Listens to a topic once Redis has confirmed it.
    ///
    /// While Redis cannot be reached this fails, each time after a rest that grows to a second: it may be called
    /// again at once. The stream ends when the connection is lost or Redis is silent for two seconds.
    async fn subscribe(&self, topic: &str) -> Result<BoxStream<'static, Bytes>, PortError> {
        self.listen(topic)
            .await
            .map_err(|failure| failure.into_port(PORT))
    }
}
