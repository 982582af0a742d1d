//! Tasks that work beside the requests: each is started again when it panics.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{FutureExt, StreamExt};
use parlance_domain::accounts::{SESSION_REVOKED, Sessions};
use parlance_domain::ids::SessionId;
use parlance_domain::port::PortError;
use parlance_domain::pubsub::PubSub;
use tokio::task::JoinSet;
use uuid::Uuid;

/// How often expired sessions are looked for.
const PURGE_EVERY: Duration = Duration::from_hours(1);
/// How often the store is asked what other copies ended: within a second, an ended session is ended everywhere.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A task that lived for so long has recovered from what ended it before.
const LONG_LIFE: Duration = Duration::from_secs(10);
/// How long a task that failed rests before it is started again.
const REST: Duration = Duration::from_secs(1);

/// The running tasks; dropped, they stop.
#[derive(Debug, Default)]
pub struct Workers {
    tasks: JoinSet<()>,
}

impl Workers {
    /// Starts every task; where the store is shared with other copies, it is asked what they ended.
    pub fn start(sessions: &Arc<Sessions>, pubsub: &Arc<dyn PubSub>, shared_store: bool) -> Self {
        let mut workers = Self::default();
        let purger = Arc::clone(sessions);
        workers.keep_running("purge of expired sessions", REST, move || {
            purge_for_ever(Arc::clone(&purger))
        });
        let (listener, pubsub) = (Arc::clone(sessions), Arc::clone(pubsub));
        workers.keep_running("listener for ended sessions", REST, move || {
            hear_of_ended_sessions(Arc::clone(&listener), Arc::clone(&pubsub))
        });
        if shared_store {
            let reader = Arc::clone(sessions);
            workers.keep_running("reader of ended sessions", REST, move || {
                read_ended_sessions(Arc::clone(&reader))
            });
        }
        workers
    }

    /// Runs a task, and runs it again whenever it ends, fails or panics.
    fn keep_running<F>(
        &mut self,
        name: &'static str,
        rest: Duration,
        task: impl Fn() -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = Result<(), PortError>> + Send,
    {
        self.tasks.spawn(async move {
            // One that fails again and again says so once, until it has lived for a while.
            let mut said = false;
            loop {
                let began = Instant::now();
                // What a panicking task leaves behind is not looked at again: a new one is made.
                let ended = AssertUnwindSafe(async { task().await }).catch_unwind().await;
                said &= began.elapsed() < LONG_LIFE;
                match ended {
                    Ok(_) if said => {}
                    Ok(Ok(())) => tracing::warn!(task = name, "task ended, is started again until it lives"),
                    Ok(Err(error)) => {
                        let cause = error.source.as_deref().map(ToString::to_string);
                        tracing::warn!(task = name, %error, cause, "task failed, is started again until it lives");
                    }
                    Err(_) => tracing::error!(task = name, "task panicked, is started again"),
                }
                said = true;
                tokio::time::sleep(rest).await;
            }
        });
    }
}

async fn purge_for_ever(sessions: Arc<Sessions>) -> Result<(), PortError> {
    let mut hours = tokio::time::interval(PURGE_EVERY);
    hours.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        hours.tick().await;
        let purged = sessions.purge_expired().await?;
        if purged > 0 {
            tracing::info!(purged, "deleted expired sessions");
        }
    }
}

/// Asks the store which sessions other copies ended, whether announcements come through or not.
///
/// An announcement may be lost on either side without anybody noticing: a cheap look each second means that none
/// keeps a session alive for longer.
async fn read_ended_sessions(sessions: Arc<Sessions>) -> Result<(), PortError> {
    let mut last = sessions.load_revoked().await?;
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        last = sessions.load_revoked_since(last).await?;
    }
}

async fn hear_of_ended_sessions(sessions: Arc<Sessions>, pubsub: Arc<dyn PubSub>) -> Result<(), PortError> {
    let mut ended = pubsub.subscribe(SESSION_REVOKED).await?;
    // Whatever was announced before the subscription is in the store.
    sessions.load_revoked().await?;
    while let Some(message) = ended.next().await {
        if let Ok(id) = message.as_ref().try_into().map(Uuid::from_bytes) {
            sessions.ended_elsewhere(SessionId(id));
        } else {
            tracing::warn!("a message about an ended session is unreadable");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn threat_70_a_task_that_panics_fails_or_ends_is_started_again() {
        let (started, mut starts) = mpsc::unbounded_channel();
        let runs = Arc::new(AtomicUsize::new(0));
        let mut workers = Workers::default();
        workers.keep_running("test", Duration::ZERO, move || {
            let run = runs.fetch_add(1, Ordering::Relaxed);
            let _ = started.send(run);
            async move {
                match run {
                    0 => panic!("on purpose"),
                    1 => Err(PortError::unavailable("Test", "on purpose")),
                    2 => Ok(()),
                    _ => std::future::pending().await,
                }
            }
        });
        for expected in 0..4 {
            assert_eq!(starts.recv().await, Some(expected));
        }
    }
}
