//! One connection with subscriptions, and the task that looks after it.

use std::collections::HashMap;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{PushInfo, PushKind, RedisResult, Value, cmd};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use parking_lot::Mutex;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_stream::wrappers::BroadcastStream;

use crate::failure::Failure;
use crate::link::RedisLink;

/// How many messages of a topic are held for its slowest listener.
const BACKLOG: usize = 1_024;
/// How often Redis is asked whether it is still there.
const BEAT: Duration = Duration::from_secs(1);
/// How long it may take to answer; with the beat, what hangs is noticed within two seconds.
const ANSWER: Duration = Duration::from_secs(1);
/// How many listeners may wait to be let in.
const QUEUE: usize = 64;

/// A way to the task that owns the connection.
#[derive(Clone)]
pub(super) struct Ear(mpsc::Sender<Wish>);

/// Somebody wants to listen to a channel.
struct Wish {
    channel: String,
    granted: oneshot::Sender<Result<Listener, Failure>>,
}

type Listener = broadcast::Receiver<Bytes>;

/// The listeners of each channel; `None` once the connection is lost.
type Channels = Arc<Mutex<Option<HashMap<String, broadcast::Sender<Bytes>>>>>;

impl Ear {
    /// Connects, and starts the task on the runtime of the link.
    pub(super) async fn open(link: &RedisLink) -> Result<Self, Failure> {
        let channels: Channels = Arc::new(Mutex::new(Some(HashMap::new())));
        let heard = Arc::clone(&channels);
        let connection = link.listen(move |push| hear(&heard, push)).await?;
        let (sender, wishes) = mpsc::channel(QUEUE);
        link.runtime().spawn(
            Listening {
                connection,
                channels,
                wishes,
            }
            .run(),
        );
        Ok(Self(sender))
    }

    /// Whether the connection is there, as far as is known.
    pub(super) fn hears(&self) -> bool {
        !self.0.is_closed()
    }

    pub(super) async fn subscribe(&self, channel: String) -> Result<BoxStream<'static, Bytes>, Failure> {
        let (granted, answer) = oneshot::channel();
        let wish = Wish { channel, granted };
        self.0.send(wish).await.map_err(|_| lost())?;
        let receiver = answer.await.map_err(|_| lost())??;
        // An error says that messages were lost to a listener that fell behind; the next ones are there.
        Ok(BroadcastStream::new(receiver)
            .filter_map(|message| ready(message.ok()))
            .boxed())
    }
}

/// Passes a message on to those who listen to its channel; runs where the connection is read.
fn hear(channels: &Channels, push: PushInfo) {
    match push.kind {
        PushKind::Disconnection => drop(channels.lock().take()),
        PushKind::Message => {
            let mut data = push.data.into_iter();
            if let (Some(Value::BulkString(channel)), Some(Value::BulkString(message))) =
                (data.next(), data.next())
                && let Ok(channel) = std::str::from_utf8(&channel)
                && let Some(listeners) = channels.lock().as_ref().and_then(|all| all.get(channel))
            {
                // Nobody listening is no error.
                let _ = listeners.send(message.into());
            }
        }
        _ => {}
    }
}

/// The task that owns the connection.
struct Listening {
    connection: MultiplexedConnection,
    channels: Channels,
    wishes: mpsc::Receiver<Wish>,
}

impl Listening {
    /// Ends when the connection is lost, nobody listens any more, or nobody can wish for anything.
    async fn run(mut self) {
        let mut beats = interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first is at once.
        beats.tick().await;
        let mut idle = false;
        loop {
            let goes_on = tokio::select! {
                wish = self.wishes.recv() => match wish {
                    Some(wish) => {
                        idle = false;
                        self.grant(wish).await
                    }
                    None => false,
                },
                _ = beats.tick() => {
                    let was_idle = std::mem::replace(&mut idle, !self.has_listeners());
                    !(was_idle && idle) && self.beat().await
                }
            };
            if !goes_on {
                break;
            }
        }
        // The streams end even if the connection lives on for a moment.
        self.channels.lock().take();
    }

    /// Lets somebody listen; says whether the connection still works.
    async fn grant(&mut self, Wish { channel, granted }: Wish) -> bool {
        let listener = match self.join(&channel) {
            Some(listener) => answered(self.connection.subscribe(&channel))
                .await
                .map(|()| listener),
            // What was said before is heard before the answer, and by those who listen already.
            None => match self.ping().await {
                Ok(()) => self.join_others(&channel),
                Err(failure) => Err(failure),
            },
        };
        let goes_on = listener.is_ok();
        // Who wished may be gone.
        let _ = granted.send(listener);
        goes_on
    }

    /// A listener to a channel that Redis does not know of yet, so that no message comes too early for it.
    fn join(&self, channel: &str) -> Option<Listener> {
        let mut channels = self.channels.lock();
        let channels = channels.as_mut()?;
        if channels.contains_key(channel) {
            return None;
        }
        let (listeners, listener) = broadcast::channel(BACKLOG);
        channels.insert(channel.to_owned(), listeners);
        Some(listener)
    }

    fn join_others(&self, channel: &str) -> Result<Listener, Failure> {
        let channels = self.channels.lock();
        let listeners = channels.as_ref().and_then(|channels| channels.get(channel));
        listeners.map(broadcast::Sender::subscribe).ok_or_else(lost)
    }

    async fn ping(&mut self) -> Result<(), Failure> {
        answered(cmd("PING").query_async(&mut self.connection)).await
    }

    fn has_listeners(&self) -> bool {
        let channels = self.channels.lock();
        let mut listeners = channels.iter().flat_map(HashMap::values);
        listeners.any(|listeners| listeners.receiver_count() > 0)
    }

    /// Asks whether Redis is there, and leaves the channels that nobody listens to; says whether it is.
    async fn beat(&mut self) -> bool {
        let left = {
            let mut channels = self.channels.lock();
            let Some(channels) = channels.as_mut() else {
                return false;
            };
            let unheard = channels.extract_if(|_, listeners| listeners.receiver_count() == 0);
            unheard.map(|(channel, _)| channel).collect::<Vec<_>>()
        };
        if !left.is_empty() && answered(self.connection.unsubscribe(left)).await.is_err() {
            return false;
        }
        self.ping().await.is_ok()
    }
}

fn lost() -> Failure {
    Failure::Connection("it was lost".to_owned())
}

async fn answered(asked: impl Future<Output = RedisResult<()>>) -> Result<(), Failure> {
    Ok(timeout(ANSWER, asked).await.map_err(|_| Failure::Timeout)??)
}
