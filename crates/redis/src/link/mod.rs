//! The one way to Redis: connections for calls, each call within one deadline.
//!
//! The connections are kept by `deadpool`, with a manager of our own in the place of those of `deadpool-redis`. Those
//! send a `PING` before each use, which makes two round trips of one; they trust no other certificates for Sentinel
//! and Cluster than the system's; and their dialing ends with the call that asked for it, so that where a handshake
//! takes longer than a call may, there would never be a connection. Here a connection is known to be closed because
//! its driver says so, and a dial goes on when its caller is gone.

mod dialer;
mod pace;
mod target;
mod wire;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use deadpool::managed::{Object, Pool, PoolConfig, QueueMode};
use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{PushInfo, RedisResult, cmd};
use parlance_domain::health::Probe;
use parlance_domain::port::PortError;
use tokio::runtime::Handle;
use tokio::time::timeout;

use self::dialer::{Dialer, Dialing};
use self::target::Target;
use crate::address::{Address, Layout};
use crate::config::{RedisConfig, RedisConfigError};
use crate::failure::{Failure, breaks_connection};

pub(crate) use self::pace::Backoff;

/// A connection of the pool, given back when it is dropped.
pub(crate) type Lease = Object<Dialer>;

/// The generation of no connection: generations are counted from 1.
const NONE: u64 = 0;

/// The way to Redis that all adapters of this crate share; cheap to clone.
///
/// It connects when it is first used, and again by itself whenever the connection is lost.
#[derive(Clone)]
pub struct RedisLink {
    inner: Arc<Inner>,
    deadline: Duration,
}

struct Inner {
    pool: Pool<Dialer>,
    dialing: Arc<Dialing>,
    prefix: String,
    is_cluster: bool,
    runtime: Handle,
}

impl RedisLink {
    /// A link as it is described; whether Redis is there is not asked.
    ///
    /// Connections live on the tokio runtime within which this is called, whoever uses them.
    ///
    /// # Errors
    ///
    /// A URL that says nothing, a file of certificates that cannot be read, or no runtime.
    pub fn new(config: RedisConfig) -> Result<Self, RedisConfigError> {
        let runtime = Handle::try_current().map_err(|_| RedisConfigError::NoRuntime)?;
        if config.connections == 0 {
            return Err(RedisConfigError::Connections);
        }
        let address = Address::parse(&config.url)?;
        let is_cluster = address.layout == Layout::Cluster;
        let target = Target::new(&address, &config)?;
        let dialing = Dialing::new(target, runtime.clone());
        let pool = Pool::builder(Dialer(Arc::clone(&dialing)))
            .config(PoolConfig::new(config.connections))
            .queue_mode(QueueMode::Lifo)
            .build()
            .map_err(|_| RedisConfigError::NoRuntime)?;
        let inner = Inner {
            pool,
            dialing,
            prefix: config.prefix,
            is_cluster,
            runtime,
        };
        Ok(Self {
            inner: Arc::new(inner),
            deadline: config.deadline,
        })
    }

    /// The same way, with the same connections, for those who can wait: a call may take so many times as long.
    pub fn patient(&self, times: u32) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            deadline: self.deadline.saturating_mul(times),
        }
    }

    /// How many connections for calls there are now.
    pub fn connections(&self) -> usize {
        self.inner.pool.status().size
    }

    /// What the name of every key and channel begins with.
    pub(crate) fn prefix(&self) -> &str {
        &self.inner.prefix
    }

    /// Whether a script sees only the keys that share a slot.
    pub(crate) fn is_cluster(&self) -> bool {
        self.inner.is_cluster
    }

    /// The runtime on which connections live.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.inner.runtime
    }

    /// Does some work with a connection, all of it within the deadline.
    ///
    /// A connection that fails, or does not answer in time, is given up with all others of its age: what befell one
    /// has most likely befallen them. An answer that is an error is none of the connection's.
    pub(crate) async fn call<T, Work>(&self, work: impl FnOnce(Lease) -> Work + Send) -> Result<T, Failure>
    where
        T: Send,
        Work: Future<Output = RedisResult<T>> + Send,
    {
        let Inner { pool, dialing, .. } = &*self.inner;
        let used = AtomicU64::new(NONE);
        let done = timeout(self.deadline, async {
            let lease = pool.get().await?;
            used.store(lease.generation(), Ordering::Relaxed);
            work(lease).await.map_err(|error| {
                if breaks_connection(&error) {
                    dialing.retire(used.load(Ordering::Relaxed));
                }
                Failure::from(error)
            })
        });
        done.await.unwrap_or_else(|_| {
            dialing.retire(used.load(Ordering::Relaxed));
            Err(Failure::Timeout)
        })
    }

    /// A connection for subscriptions alone, once there may be another.
    ///
    /// `hear` gets every message, and at last that the connection is lost; it must not block.
    pub(crate) async fn listen(
        &self,
        hear: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Result<MultiplexedConnection, Failure> {
        self.inner.dialing.listen(hear).await
    }
}

#[async_trait]
impl Probe for RedisLink {
    /// Redis answers within the deadline of a call; of a Cluster, each master does.
    async fn check(&self) -> Result<(), PortError> {
        let answered = self.call(|mut wire| async move { cmd("PING").query_async::<()>(&mut *wire).await });
        answered.await.map_err(|failure| failure.into_port("Redis"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_link_is_made_whether_redis_is_there_or_not() {
        // Nothing listens on the port of discard.
        let link = RedisLink::new(RedisConfig::new("redis://127.0.0.1:9")).unwrap();
        assert_eq!(link.connections(), 0);
        assert!(link.check().await.is_err());
    }

    #[test]
    fn a_link_is_refused_where_it_could_not_live() {
        let refused = RedisLink::new(RedisConfig::new("redis://127.0.0.1"));
        assert!(matches!(refused.err(), Some(RedisConfigError::NoRuntime)));
    }
}
