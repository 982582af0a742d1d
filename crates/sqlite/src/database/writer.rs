//! The thread that writes: whatever waits is committed as one group.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crossbeam_channel::Receiver;
use diesel::{RunQueryDsl, SqliteConnection};
use tokio::sync::oneshot;

use super::stats::Counters;
use super::{Fail, StoreError};
use crate::statement::statement;

statement!(Begin() = "BEGIN IMMEDIATE");
statement!(Commit() = "COMMIT");
statement!(Rollback() = "ROLLBACK");
statement!(Savepoint() = "SAVEPOINT member");
statement!(Release() = "RELEASE member");
statement!(RollbackToSavepoint() = "ROLLBACK TO member");

/// What the writer is told.
pub(super) enum Message {
    /// To do this.
    Write(Box<dyn Member>),
    /// To finish what waits and to end.
    Close,
}

/// One caller's write. It may be run more than once; only what the last run did is kept.
pub(super) trait Member: Send {
    /// Whether nobody waits for it any more.
    fn is_abandoned(&self) -> bool;

    /// Runs it; whether what it did may stay.
    fn run(&mut self, connection: &mut SqliteConnection) -> bool;

    /// Tells the caller what came of the last run, now that it is committed, or why it is not.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

/// A write as its caller describes it, with where to send what comes of it.
pub(super) struct Write<T, R, F> {
    work: F,
    outcome: Option<Result<T, Fail<R>>>,
    reply: oneshot::Sender<Result<T, Fail<R>>>,
}

impl<T, R, F> Write<T, R, F> {
    pub(super) fn new(work: F, reply: oneshot::Sender<Result<T, Fail<R>>>) -> Self {
        Self {
            work,
            outcome: None,
            reply,
        }
    }
}

impl<T, R, F> Member for Write<T, R, F>
where
    T: Send,
    R: Send,
    F: FnMut(&mut SqliteConnection) -> Result<T, Fail<R>> + Send,
{
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self, connection: &mut SqliteConnection) -> bool {
        // What a panic leaves half done in the database is rolled back, and the work is not run again.
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.work)(connection)));
        let outcome = outcome.unwrap_or(Err(Fail::Store(StoreError::Panicked)));
        let keep = outcome.is_ok();
        self.outcome = Some(outcome);
        keep
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let answer = match committed {
            Ok(()) => self.outcome.unwrap_or(Err(Fail::Store(StoreError::Closed))),
            Err(error) => Err(Fail::Store(error)),
        };
        // A caller that has gone meanwhile needs no answer.
        let _ = self.reply.send(answer);
    }
}

/// The writer.
pub(super) struct Writer {
    pub(super) connection: SqliteConnection,
    pub(super) messages: Receiver<Message>,
    pub(super) group_limit: usize,
    pub(super) counters: Arc<Counters>,
}

impl Writer {
    /// Writes until it is told to end, or until nobody is left who could tell it anything.
    pub(super) fn run(mut self) {
        let _end = EndGuard(Arc::clone(&self.counters));
        let mut closing = false;
        while !closing {
            let Ok(first) = self.messages.recv() else { break };
            let mut group = Vec::new();
            closing = self.take(first, &mut group);
            closing |= self.take_waiting(&mut group, closing);
            if !group.is_empty() {
                self.write(group);
            }
        }
        self.checkpoint();
    }

    /// Adds a message's write to the group, unless nobody waits for it; whether it asked to end.
    fn take(&self, message: Message, group: &mut Vec<Box<dyn Member>>) -> bool {
        match message {
            Message::Close => return true,
            Message::Write(member) if member.is_abandoned() => self.counters.abandoned(),
            Message::Write(member) => group.push(member),
        }
        false
    }

    /// Adds what waits already, up to the limit; all of it when it is the last group.
    fn take_waiting(&self, group: &mut Vec<Box<dyn Member>>, last: bool) -> bool {
        let mut closing = last;
        while closing || group.len() < self.group_limit {
            let Ok(message) = self.messages.try_recv() else {
                break;
            };
            closing |= self.take(message, group);
        }
        closing
    }

    fn write(&mut self, mut group: Vec<Box<dyn Member>>) {
        match self.commit(&mut group) {
            Ok(()) => group.into_iter().for_each(|member| member.answer(Ok(()))),
            Err(error) if group.len() == 1 => answer_all(group, error),
            Err(error) => {
                tracing::warn!(error = %error, members = group.len(), "a group of writes failed and is tried one by one");
                self.counters.group_retried();
                self.write_singly(group);
            }
        }
    }

    /// Writes each member in a transaction of its own. When not even one can be begun, none can.
    fn write_singly(&mut self, group: Vec<Box<dyn Member>>) {
        let mut members = group.into_iter();
        while let Some(member) = members.next() {
            if let Err(error) = self.begin() {
                member.answer(Err(error));
                return members.for_each(|member| member.answer(Err(StoreError::Closed)));
            }
            let mut alone = vec![member];
            let committed = self.finish(&mut alone);
            match committed {
                Ok(()) => alone.into_iter().for_each(|member| member.answer(Ok(()))),
                Err(error) => answer_all(alone, error),
            }
        }
    }

    fn commit(&mut self, group: &mut [Box<dyn Member>]) -> Result<(), StoreError> {
        self.begin()?;
        self.finish(group)
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        Begin::new().execute(&mut self.connection)?;
        Ok(())
    }

    /// Runs the members in the transaction that was begun and commits it; rolls it back when that fails.
    fn finish(&mut self, group: &mut [Box<dyn Member>]) -> Result<(), StoreError> {
        let done = self.run_members(group).and_then(|kept| {
            Commit::new().execute(&mut self.connection)?;
            Ok(kept)
        });
        match done {
            Ok(kept) => {
                self.counters.group_committed(kept);
                Ok(())
            }
            Err(error) => {
                // After some failures SQLite has rolled back by itself; then this one fails, which is as well.
                let _ = Rollback::new().execute(&mut self.connection);
                Err(error)
            }
        }
    }

    fn run_members(&mut self, group: &mut [Box<dyn Member>]) -> Result<usize, StoreError> {
        let mut kept = 0;
        for member in group {
            // Nobody waits any more for one whose turn comes too late.
            if member.is_abandoned() {
                self.counters.abandoned();
                continue;
            }
            Savepoint::new().execute(&mut self.connection)?;
            if member.run(&mut self.connection) {
                kept += 1;
            } else {
                RollbackToSavepoint::new().execute(&mut self.connection)?;
            }
            Release::new().execute(&mut self.connection)?;
        }
        Ok(kept)
    }

    fn checkpoint(&mut self) {
        use diesel::connection::SimpleConnection;
        if let Err(error) = self.connection.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)") {
            tracing::warn!(error = %error, "the write-ahead log was not emptied at the end");
        }
    }
}

/// Answers a group whose only error there is one of.
fn answer_all(group: Vec<Box<dyn Member>>, error: StoreError) {
    let mut error = Some(error);
    for member in group {
        member.answer(Err(error.take().unwrap_or(StoreError::Closed)));
    }
}

/// Notes the end of the thread, however it ends.
struct EndGuard(Arc<Counters>);

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.0.writer_ended();
    }
}
