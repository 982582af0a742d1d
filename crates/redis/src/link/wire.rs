//! One connection, to a server or to a cluster.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use deadpool_redis::redis::aio::{ConnectionLike, MultiplexedConnection};
use deadpool_redis::redis::cluster_async::ClusterConnection;
use deadpool_redis::redis::{Cmd, Pipeline, RedisFuture, Value};

/// A connection and what is known of it.
pub(crate) struct Wire {
    connection: Connection,
    generation: u64,
    closed: Closed,
}

/// Set once the connection is closed.
#[derive(Clone, Default)]
pub(super) struct Closed(Arc<AtomicBool>);

pub(super) enum Connection {
    Server(MultiplexedConnection),
    /// Mends itself: it is never closed, only given up.
    Cluster(ClusterConnection),
}

impl Closed {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Wire {
    pub(super) fn new(connection: Connection, generation: u64, closed: Closed) -> Self {
        Self {
            connection,
            generation,
            closed,
        }
    }

    /// Which connections it is of one age with.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn is_open(&self) -> bool {
        !self.closed.0.load(Ordering::Relaxed)
    }
}

impl ConnectionLike for Wire {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match &mut self.connection {
            Connection::Server(connection) => connection.req_packed_command(command),
            Connection::Cluster(connection) => connection.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match &mut self.connection {
            Connection::Server(connection) => connection.req_packed_commands(commands, offset, count),
            Connection::Cluster(connection) => connection.req_packed_commands(commands, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match &self.connection {
            Connection::Server(connection) => connection.get_db(),
            Connection::Cluster(connection) => connection.get_db(),
        }
    }
}
