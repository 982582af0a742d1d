//! A caller's write, from when it is queued to its answer.

use std::sync::Arc;
use std::time::Duration;

use parlance_domain::ids::{EventId, UserId};
use parlance_domain::port::PortError;
use parlance_domain::progress::{AppendError, Appended, Changes, Submission};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::database::StoreError;
use crate::progress::PORT;

/// What a caller is told.
pub(super) type Answer = Result<Appended, AppendError>;

/// A caller's write.
pub(super) struct Entry {
    pub(super) user: UserId,
    pub(super) submission: Submission,
    /// Its place among all that came, given by the queue.
    pub(super) number: u64,
    /// When it is given up.
    deadline: Instant,
    /// Until when it is tried even if it would be done too late.
    tried_until: Instant,
    reply: oneshot::Sender<Answer>,
    /// How often the database refused it.
    pub(super) failures: u32,
    /// How often another copy of the program was faster.
    pub(super) overtaken: u32,
    /// Whether it must go alone: what takes something back, and what failed together with others.
    pub(super) alone: bool,
    /// The last attempt to write it that failed, unless it is known to have had no effect.
    pub(super) attempt: Option<Attempt>,
    /// Why it is not done yet.
    pub(super) why: Option<Arc<StoreError>>,
}

/// A write that failed and yet may have been committed.
pub(super) struct Attempt {
    /// Where the log ended when it was decided on.
    pub(super) behind: u64,
    /// The events that it would have put there, in order.
    pub(super) events: Vec<EventId>,
    /// The answer, if it was committed after all.
    pub(super) appended: Appended,
    /// Whether the database did not say that it failed.
    pub(super) uncertain: bool,
}

impl Entry {
    /// A write that is to be done within this time.
    pub(super) fn new(
        user: UserId,
        submission: Submission,
        time: Duration,
        reply: oneshot::Sender<Answer>,
    ) -> Self {
        let now = Instant::now();
        let is_undo = matches!(submission.changes, Changes::Undo { .. });
        Self {
            user,
            submission,
            number: 0,
            deadline: now + time,
            tried_until: now + time / 2,
            reply,
            failures: 0,
            overtaken: 0,
            alone: is_undo,
            attempt: None,
            why: None,
        }
    }

    /// How much work it is.
    pub(super) fn weight(&self) -> usize {
        match &self.submission.changes {
            Changes::Reviews(reviews) => reviews.len(),
            Changes::Sets(sets) => sets.len(),
            Changes::Merge(items) => items.len(),
            Changes::Forget(_) | Changes::Undo { .. } => 1,
        }
    }

    /// Whether nobody waits for it any more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    /// Whether its time would be over when another `round` is.
    ///
    /// Nothing is lost by telling its caller at once. One that was not overtaken yet has a try for half of its time, however
    /// long a round takes: how long is known from those that are tried alone.
    pub(super) fn is_expired(&self, now: Instant, round: Duration) -> bool {
        let is_late = self.deadline <= now + round;
        is_late && (self.overtaken > 0 || self.tried_until <= now)
    }

    /// Tells the caller.
    pub(super) fn answer(self, answer: Answer) {
        // A caller that has gone meanwhile needs no answer.
        let _ = self.reply.send(answer);
    }

    /// Tells the caller that it failed.
    pub(super) fn fail(self, error: Arc<StoreError>) {
        self.answer(Err(PortError::new(PORT, error.kind(), error).into()));
    }

    /// Tells the caller that its time is over.
    pub(super) fn expire(mut self) {
        let why = self.why.take().unwrap_or(Arc::new(StoreError::Full));
        let uncertain = self.attempt.as_ref().is_some_and(|attempt| attempt.uncertain);
        self.fail(if uncertain {
            Arc::new(StoreError::Timeout)
        } else {
            why
        });
    }
}
