//! The threads that read, each with a connection of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crossbeam_channel::Receiver;
use diesel::{RunQueryDsl, SqliteConnection};
use tokio::sync::oneshot;

use super::stats::Counters;
use super::{Fail, StoreError};
use crate::statement::statement;

statement!(Begin() = "BEGIN");
statement!(End() = "ROLLBACK");

/// What a reader is told.
pub(super) enum Message {
    /// To do this.
    Read(Box<dyn Task>),
    /// To end.
    Close,
}

/// One caller's read.
pub(super) trait Task: Send {
    /// Whether nobody waits for it any more.
    fn is_abandoned(&self) -> bool;

    /// Runs it and tells the caller.
    fn run(self: Box<Self>, connection: &mut SqliteConnection);
}

/// A read as its caller describes it, with where to send what comes of it.
pub(super) struct Read<T, R, F> {
    pub(super) work: F,
    pub(super) reply: oneshot::Sender<Result<T, Fail<R>>>,
}

impl<T, R, F> Task for Read<T, R, F>
where
    T: Send,
    R: Send,
    F: FnOnce(&mut SqliteConnection) -> Result<T, Fail<R>> + Send,
{
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(self: Box<Self>, connection: &mut SqliteConnection) {
        let Self { work, reply } = *self;
        let outcome = catch_unwind(AssertUnwindSafe(|| in_snapshot(connection, work)));
        let outcome = outcome.unwrap_or_else(|_| {
            // The panic may have left the snapshot open.
            let _ = End::new().execute(connection);
            Err(Fail::Store(StoreError::Panicked))
        });
        let _ = reply.send(outcome);
    }
}

/// Lets all statements of a piece of work see the same state.
fn in_snapshot<T, R>(
    connection: &mut SqliteConnection,
    work: impl FnOnce(&mut SqliteConnection) -> Result<T, Fail<R>>,
) -> Result<T, Fail<R>> {
    Begin::new().execute(connection)?;
    let outcome = work(connection);
    End::new().execute(connection)?;
    outcome
}

/// Reads until it is told to end, or until nobody is left who could tell it anything.
pub(super) fn run(mut connection: SqliteConnection, messages: &Receiver<Message>, counters: &Arc<Counters>) {
    while let Ok(Message::Read(task)) = messages.recv() {
        if task.is_abandoned() {
            counters.abandoned();
            continue;
        }
        counters.reader_began();
        task.run(&mut connection);
        counters.reader_ended();
    }
}
