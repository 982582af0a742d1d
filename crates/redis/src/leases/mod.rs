//! Leases that all copies share.
//!
//! A lease is a key that only one can set, with a time to live: a holder that dies, and a Redis that forgets, block
//! nobody for longer. Where a failover loses a lease, two may hold it: what is made twice then costs twice, no more.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use deadpool_redis::redis::{Script, cmd};
use parlance_domain::caching::{Lease, Leases};
use parlance_domain::port::PortError;

use crate::link::RedisLink;

const PORT: &str = "Leases";
/// Nothing is lent for longer: Redis refuses what it cannot add to the time.
const LONGEST: Duration = Duration::from_hours(24 * 365);

static PROLONG: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("prolong.lua")));
static GIVE_BACK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("give_back.lua")));

/// Lends keys in Redis.
pub struct RedisLeases {
    link: RedisLink,
    /// What this copy's tokens begin with, unlike those of others.
    seed: u64,
    tokens: AtomicU64,
}

impl RedisLeases {
    /// Leases over a link.
    pub fn new(link: RedisLink) -> Self {
        Self {
            link,
            seed: RandomState::new().build_hasher().finish(),
            tokens: AtomicU64::new(RandomState::new().build_hasher().finish()),
        }
    }

    fn key(&self, key: &str) -> String {
        format!("{}lease:{key}", self.link.prefix())
    }

    /// One that no copy has ever made.
    fn new_token(&self) -> String {
        let count = self.tokens.fetch_add(1, Ordering::Relaxed);
        format!("{:016x}{count:016x}", self.seed)
    }
}

/// At least one: Redis takes no less.
fn millis(lifetime: Duration) -> u64 {
    let lifetime = lifetime.clamp(Duration::from_millis(1), LONGEST).as_millis();
    u64::try_from(lifetime).unwrap_or(u64::MAX)
}

#[async_trait]
impl Leases for RedisLeases {
    async fn take(&self, key: &str, lifetime: Duration) -> Result<Option<Lease>, PortError> {
        let token = self.new_token();
        let mut set = cmd("SET");
        set.arg(self.key(key)).arg(&token).arg("NX").arg("PX");
        set.arg(millis(lifetime));
        let answer = self
            .link
            .call(|mut wire| async move { set.query_async::<Option<String>>(&mut *wire).await });
        let answer = answer.await.map_err(|failure| failure.into_port(PORT))?;
        Ok(answer.map(|_| Lease {
            key: key.to_owned(),
            token,
        }))
    }

    async fn prolong(&self, lease: &Lease, lifetime: Duration) -> Result<bool, PortError> {
        let mut prolong = PROLONG.prepare_invoke();
        prolong.key(self.key(&lease.key)).arg(&lease.token);
        prolong.arg(millis(lifetime));
        let prolonged = self
            .link
            .call(|mut wire| async move { prolong.invoke_async::<bool>(&mut *wire).await });
        prolonged.await.map_err(|failure| failure.into_port(PORT))
    }

    async fn give_back(&self, lease: &Lease) -> Result<(), PortError> {
        let mut give_back = GIVE_BACK.prepare_invoke();
        give_back.key(self.key(&lease.key)).arg(&lease.token);
        let given = self
            .link
            .call(|mut wire| async move { give_back.invoke_async::<()>(&mut *wire).await });
        given.await.map_err(|failure| failure.into_port(PORT))
    }
}
