//! Commits writes in groups: whatever waits while others are written goes together.
//!
//! A write is optimistic. Its group is read without locks, each member is decided on, and one statement, a transaction
//! of its own, writes all whose heads have not moved since. A head that has moved means that another copy of the
//! program wrote for this learner; that member alone is read, decided on and written again.
//!
//! Whatever becomes of the connection, each write takes effect at most once: a statement whose answer was lost can only
//! be committed while the head is where it was, and so can its repetition, so that of the two one is. If the head has
//! moved when a write comes round again, the places behind the old head tell whether it was by the lost statement, for
//! the ids of its events are known. The caller is answered when that is known, or is told that it is not.
//!
//! Two things keep the learner's order: in a process, writes of the same learner are one behind the other; among
//! copies, the head decides.

mod entry;
mod facts;
mod logs;
mod pairs;
mod places;
mod queue;
mod stats;
#[cfg(test)]
mod tests;
mod write;
mod writer;

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use futures_util::future::select;
use parlance_domain::ids::UserId;
use parlance_domain::progress::{AppendError, Submission};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use self::entry::{Answer, Entry};
use self::queue::Queue;
pub use self::stats::WriteStats;
use self::writer::Writer;
use super::PORT;
use crate::database::{PgDatabase, StoreError};

/// How much longer than a statement may take a caller waits to be told what became of a write.
const GRACE: Duration = Duration::from_secs(1);

/// The writers, in a thread of their own, and what waits for them.
///
/// The connections live in that thread: a statement wakes no other one, and the callers' threads do nothing but wait.
pub(super) struct Committer {
    database: PgDatabase,
    queue: Arc<Queue>,
    is_running: Arc<AtomicBool>,
}

impl Committer {
    /// Writers that begin with the first write.
    pub(super) fn new(database: PgDatabase) -> Self {
        let queue = Arc::new(Queue::new(database.config().queue));
        Self {
            database,
            queue,
            is_running: Arc::default(),
        }
    }

    /// What became of the writes so far, and how many wait.
    pub(super) fn stats(&self) -> WriteStats {
        self.queue.stats()
    }

    /// Appends in a group with others; goes on to its end, once it is begun, even if the caller goes away.
    pub(super) async fn append(&self, user: UserId, submission: &Submission) -> Answer {
        if self.database.is_closed() {
            return Err(refuse(StoreError::Closed));
        }
        self.run().map_err(refuse)?;
        let (now, longest) = (Instant::now(), self.database.config().statement_timeout);
        let (reply, answer) = oneshot::channel();
        // Begun within less than a statement may take, it is answered in hardly more than that.
        let entry = Entry::new(user, submission.clone(), longest / 2, reply);
        self.queue.push(entry).map_err(refuse)?;
        match timeout_at(now + longest + GRACE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(refuse(StoreError::Panicked)),
            Err(_) => Err(refuse(StoreError::Timeout)),
        }
    }

    /// Sees to it that the writers run.
    fn run(&self) -> Result<(), StoreError> {
        if self.is_running.load(Ordering::Relaxed) || self.is_running.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let (database, queue) = (self.database.clone(), Arc::clone(&self.queue));
        let end = End(Arc::clone(&self.is_running));
        let started = thread::Builder::new().name("progress".to_owned()).spawn(move || {
            let _end = end;
            write_all(&database, &queue);
        });
        if let Err(error) = started {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "no thread to write progress"
            );
            return Err(StoreError::Closed);
        }
        Ok(())
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// Notes the end of the thread, however it ends.
struct End(Arc<AtomicBool>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

fn refuse(error: StoreError) -> AppendError {
    error.into_port(PORT).into()
}

/// Runs the writers until nothing will come any more.
fn write_all(database: &PgDatabase, queue: &Arc<Queue>) {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "no runtime to write progress"
            );
            return;
        }
    };
    // Dropped at the end: the database is closed when nobody watches this any more.
    let mut closing = database.closing();
    runtime.block_on(async {
        let closed = async {
            if closing.wait_for(|is_closed| *is_closed).await.is_ok() {
                queue.close();
            }
            pending::<()>().await;
        };
        select(pin!(closed), pin!(keep_writing(database, queue))).await;
    });
}

async fn keep_writing(database: &PgDatabase, queue: &Arc<Queue>) {
    let writer = || Writer::new(database.clone(), Arc::clone(queue)).run();
    let mut writers = JoinSet::new();
    for _ in 0..database.config().writers.max(1) {
        writers.spawn(writer());
    }
    while let Some(ended) = writers.join_next().await {
        if let Err(error) = ended {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a writer panicked and is replaced"
            );
            writers.spawn(writer());
        }
    }
}
