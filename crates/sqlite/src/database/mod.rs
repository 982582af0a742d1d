//! The database file: one connection that writes, a few that read, each owned by a thread.

mod backup;
mod connection;
mod error;
mod migrations;
mod readers;
mod stats;
#[cfg(test)]
mod tests;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use diesel::sql_types::Integer;
use diesel::{RunQueryDsl, SqliteConnection};
use parking_lot::Mutex;
use parlance_domain::health::Probe;
use parlance_domain::port::PortError;
use tokio::sync::oneshot;

pub use backup::{BackupError, RestoreError};
pub(crate) use error::{Fail, NoRefusal, StoreError};
pub use error::{MigrateError, OpenError};
use stats::Counters;
pub use stats::DatabaseStats;

use crate::statement::statement;

statement!(One() -> (Integer) = "SELECT 1");

/// Where the database is and how much it may do at once.
#[derive(Debug, Clone)]
pub struct SqliteConfig {
    /// The file; made when it is missing, with its directory.
    pub path: PathBuf,
    /// How many threads read.
    pub readers: usize,
    /// How many writes may wait, and how many reads; what comes on top is refused as unavailable.
    pub queue: usize,
    /// How many writes are committed together at most.
    pub group_limit: usize,
    /// How long a caller waits for what it asked.
    pub deadline: Duration,
    /// Whether opening applies the pending migrations.
    pub migrate: bool,
}

impl SqliteConfig {
    /// The usual measures for a file, migrations included.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            readers: 4,
            queue: 1024,
            group_limit: 256,
            deadline: Duration::from_secs(5),
            migrate: true,
        }
    }
}

/// An open database; clones are the same one.
///
/// Its threads end after [`SqliteDatabase::close`], or once the last clone is dropped.
#[derive(Clone)]
pub struct SqliteDatabase {
    inner: Arc<Inner>,
}

struct Inner {
    config: SqliteConfig,
    writes: Sender<writer::Message>,
    reads: Sender<readers::Message>,
    counters: Arc<Counters>,
    threads: Mutex<Threads>,
}

#[derive(Default)]
struct Threads {
    writer: Option<JoinHandle<()>>,
    readers: Vec<JoinHandle<()>>,
}

impl SqliteDatabase {
    /// Opens the database and starts its threads.
    ///
    /// A database that holds migrations which this program does not know is refused. Blocks, for as long as the
    /// migrations take when they are applied.
    pub fn open(mut config: SqliteConfig) -> Result<Self, OpenError> {
        config.path = std::path::absolute(&config.path).map_err(|source| OpenError::File {
            path: config.path.clone(),
            source,
        })?;
        connection::create_file(&config.path)?;
        let mut connection = connection::writer(&config.path)?;
        let unknown = migrations::state(&mut connection)?.unknown;
        if !unknown.is_empty() {
            return Err(OpenError::NewerSchema(unknown));
        }
        if config.migrate {
            migrations::run(&mut connection)?;
        }
        Self::start(connection, config)
    }

    fn start(connection: SqliteConnection, config: SqliteConfig) -> Result<Self, OpenError> {
        let queue = config.queue.max(1);
        let counters = Arc::new(Counters::default());
        let (writes, write_messages) = bounded(queue);
        let (reads, read_messages) = bounded(queue);
        let mut threads = Threads::default();
        for _ in 0..config.readers.max(1) {
            let reader = spawn_reader(&config.path, &read_messages, &counters)?;
            threads.readers.push(reader);
        }
        let thread = writer::Writer {
            connection,
            messages: write_messages,
            group_limit: config.group_limit.max(1),
            counters: Arc::clone(&counters),
        };
        threads.writer = Some(spawn("sqlite-writer", move || thread.run())?);
        let inner = Inner {
            config,
            writes,
            reads,
            counters,
            threads: Mutex::new(threads),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Applies the pending migrations; says which they were. Blocks.
    pub fn migrate(&self) -> Result<Vec<String>, MigrateError> {
        let mut connection = self.own_connection()?;
        migrations::run(&mut connection)
    }

    /// The migrations that are still to be applied, by version. Blocks.
    pub fn pending_migrations(&self) -> Result<Vec<String>, MigrateError> {
        let mut connection = self.own_connection()?;
        Ok(migrations::state(&mut connection)?.pending)
    }

    /// What the database is doing and has done.
    pub fn stats(&self) -> DatabaseStats {
        DatabaseStats {
            writes_waiting: self.inner.writes.len(),
            reads_waiting: self.inner.reads.len(),
            readers: self.inner.config.readers.max(1),
            ..self.inner.counters.read()
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.inner.config.path
    }

    /// Finishes the reads and writes that wait, ends the threads and empties the write-ahead log into the file.
    ///
    /// What is asked of the database afterwards is refused as unavailable.
    pub async fn close(&self) {
        let inner = Arc::clone(&self.inner);
        let closed = tokio::task::spawn_blocking(move || inner.close()).await;
        if closed.is_err() {
            tracing::error!("closing the database panicked");
        }
    }

    /// Does a piece of work in the next group of writes and answers when it is committed.
    ///
    /// The work may be run again when its group failed. An error rolls back what this work did, and nothing else.
    /// A caller that goes away leaves nothing half done: the work is then done as a whole, or not begun.
    pub(crate) async fn write<T, R, F>(&self, work: F) -> Result<T, Fail<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: FnMut(&mut SqliteConnection) -> Result<T, Fail<R>> + Send + 'static,
    {
        self.write_within(self.inner.config.deadline, work).await
    }

    /// As [`SqliteDatabase::write`], with a deadline of its own.
    pub(crate) async fn write_within<T, R, F>(&self, deadline: Duration, work: F) -> Result<T, Fail<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: FnMut(&mut SqliteConnection) -> Result<T, Fail<R>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let member = Box::new(writer::Write::new(work, reply));
        send(&self.inner.writes, writer::Message::Write(member))?;
        wait(deadline, answer).await
    }

    /// Does a piece of work on a connection that only reads; all its statements see the same state.
    pub(crate) async fn read<T, R, F>(&self, work: F) -> Result<T, Fail<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: FnOnce(&mut SqliteConnection) -> Result<T, Fail<R>> + Send + 'static,
    {
        self.read_within(self.inner.config.deadline, work).await
    }

    /// As [`SqliteDatabase::read`], with a deadline of its own.
    pub(crate) async fn read_within<T, R, F>(&self, deadline: Duration, work: F) -> Result<T, Fail<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: FnOnce(&mut SqliteConnection) -> Result<T, Fail<R>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let task = Box::new(readers::Read { work, reply });
        send(&self.inner.reads, readers::Message::Read(task))?;
        wait(deadline, answer).await
    }

    fn own_connection(&self) -> Result<SqliteConnection, MigrateError> {
        connection::writer(&self.inner.config.path).map_err(|error| match error {
            OpenError::Connection(error) => error.into(),
            OpenError::Setup(error) => error.into(),
            other => MigrateError::Migration(Box::new(other)),
        })
    }
}

impl Inner {
    fn close(&self) {
        let threads = std::mem::take(&mut *self.threads.lock());
        // The readers end first, so that none holds back the checkpoint with which the writer ends.
        for _ in &threads.readers {
            let _ = self.reads.send(readers::Message::Close);
        }
        for reader in threads.readers {
            let _ = reader.join();
        }
        if let Some(writer) = threads.writer {
            let _ = self.writes.send(writer::Message::Close);
            let _ = writer.join();
        }
    }
}

#[async_trait]
impl Probe for SqliteDatabase {
    /// Reads, and sees to it that the schema is current and the writer lives.
    async fn check(&self) -> Result<(), PortError> {
        let checked: Result<(), NoRefusal> = self
            .read(|connection| {
                One::new().execute(connection)?;
                let state = migrations::state(connection).map_err(|error| match error {
                    MigrateError::Read(error) => StoreError::from(error),
                    _ => StoreError::Closed,
                })?;
                if state.pending.is_empty() {
                    return Ok(());
                }
                Err(StoreError::PendingMigrations(state.pending).into())
            })
            .await;
        let alive = self.inner.counters.writer_is_alive();
        checked
            .and_then(|()| alive.then_some(()).ok_or_else(|| StoreError::Closed.into()))
            .map_err(|error| error.into_port("Probe"))
    }
}

async fn wait<T, R>(deadline: Duration, answer: oneshot::Receiver<Result<T, Fail<R>>>) -> Result<T, Fail<R>> {
    match tokio::time::timeout(deadline, answer).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(StoreError::Closed.into()),
        Err(_) => Err(StoreError::Timeout.into()),
    }
}

fn send<M>(queue: &Sender<M>, message: M) -> Result<(), StoreError> {
    queue.try_send(message).map_err(|error| match error {
        TrySendError::Full(_) => StoreError::Full,
        TrySendError::Disconnected(_) => StoreError::Closed,
    })
}

fn spawn_reader(
    path: &Path,
    messages: &Receiver<readers::Message>,
    counters: &Arc<Counters>,
) -> Result<JoinHandle<()>, OpenError> {
    let connection = connection::reader(path)?;
    let (messages, counters) = (messages.clone(), Arc::clone(counters));
    spawn("sqlite-reader", move || {
        readers::run(connection, &messages, &counters);
    })
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(OpenError::Thread)
}
