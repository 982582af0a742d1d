//! A cache that all copies share.
//!
//! A group has a generation, a value of 16 bytes that no other generation ever had, and each value of the group holds
//! the one in which it joined. To forget a group is to delete its generation: whatever joined it is then as if it were
//! not there, and expires in its time. There is no list of what belongs to a group, nothing is scanned, and where
//! Redis evicts a generation for want of memory, its values are forgotten rather than brought back.
//!
//! A look is one round trip. In a Cluster, where a script sees only keys of one slot, it is two for a value of a group.

mod stored;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use deadpool_redis::redis::{Script, cmd};
use parlance_domain::cache::Cache;
use parlance_domain::port::PortError;

use self::stored::{Generation, Stored};
use crate::failure::Failure;
use crate::link::RedisLink;

const PORT: &str = "Cache";
/// Nothing is kept for longer: Redis refuses what it cannot add to the time.
const LONGEST: Duration = Duration::from_hours(24 * 365);

static GET: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("get.lua")));
static JOIN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("join.lua")));
static REPLACE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("replace.lua")));

/// A value, and the generation of its group as it is now.
type Found = Option<(Vec<u8>, Option<Vec<u8>>)>;

/// Keeps values in Redis.
pub struct RedisCache {
    link: RedisLink,
    /// What this cache's generations begin with, unlike those of other copies.
    seed: u64,
    generations: AtomicU64,
}

impl RedisCache {
    /// A cache over a link.
    pub fn new(link: RedisLink) -> Self {
        Self {
            link,
            seed: RandomState::new().build_hasher().finish(),
            generations: AtomicU64::new(RandomState::new().build_hasher().finish()),
        }
    }

    fn key(&self, key: &str) -> String {
        format!("{}cache:{key}", self.link.prefix())
    }

    fn groups(&self) -> String {
        format!("{}group:", self.link.prefix())
    }

    /// One that no copy has ever made.
    fn new_generation(&self) -> Generation {
        let count = self.generations.fetch_add(1, Ordering::Relaxed);
        ((u128::from(self.seed) << 64) | u128::from(count)).to_be_bytes()
    }

    async fn find(&self, key: &str) -> Result<Found, Failure> {
        let (key, groups) = (self.key(key), self.groups());
        let in_one = !self.link.is_cluster();
        self.link
            .call(|mut wire| async move {
                if in_one {
                    return GET.key(key).arg(groups).invoke_async(&mut *wire).await;
                }
                let value: Option<Vec<u8>> = cmd("GET").arg(key).query_async(&mut *wire).await?;
                let Some(value) = value else { return Ok(None) };
                let generation = match group_of(&value) {
                    Some(group) => {
                        let key = [groups.as_bytes(), &group].concat();
                        cmd("GET").arg(key).query_async(&mut *wire).await?
                    }
                    None => None,
                };
                Ok(Some((value, generation)))
            })
            .await
    }

    async fn keep(
        &self,
        key: &str,
        value: Bytes,
        lifetime: Duration,
        group: Option<&str>,
    ) -> Result<(), Failure> {
        // At least a millisecond: less is nothing.
        let lifetime = lifetime.clamp(Duration::from_millis(1), LONGEST).as_millis();
        let lifetime = u64::try_from(lifetime).unwrap_or(u64::MAX);
        let key = self.key(key);
        let group = group.map(|group| (group.to_owned(), format!("{}{group}", self.groups())));
        let new = self.new_generation();
        self.link
            .call(|mut wire| async move {
                let stored = match &group {
                    Some((group, group_key)) => {
                        let mut join = JOIN.key(group_key);
                        let join = join.arg(&new[..]).arg(lifetime);
                        let generation: Vec<u8> = join.invoke_async(&mut *wire).await?;
                        let generation = Generation::try_from(generation).unwrap_or(new);
                        Stored::write(&value, Some((group, generation)))
                    }
                    None => Stored::write(&value, None),
                };
                let mut set = cmd("SET");
                set.arg(key).arg(stored).arg("PX").arg(lifetime);
                set.query_async::<()>(&mut *wire).await
            })
            .await
    }

    async fn delete(&self, key: String) -> Result<(), PortError> {
        let deleted = self
            .link
            .call(|mut wire| async move { cmd("UNLINK").arg(key).query_async::<()>(&mut *wire).await });
        deleted.await.map_err(|failure| failure.into_port(PORT))
    }
}

/// The group that a stored value names, whether it still belongs to it or not.
fn group_of(stored: &[u8]) -> Option<Bytes> {
    let stored = Stored::read(Bytes::copy_from_slice(stored)).ok()?;
    stored.group.map(|(group, _)| group)
}

#[async_trait]
impl Cache for RedisCache {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, PortError> {
        let found = self.find(key).await.map_err(|failure| failure.into_port(PORT))?;
        let Some((stored, now)) = found else {
            return Ok(None);
        };
        let stored = Stored::read(stored.into()).map_err(|cause| PortError::corrupt(PORT, cause))?;
        let forgotten = stored
            .group
            .is_some_and(|(_, joined)| now.as_deref() != Some(&joined[..]));
        Ok((!forgotten).then_some(stored.value))
    }

    async fn put(
        &self,
        key: &str,
        value: Bytes,
        lifetime: Duration,
        group: Option<&str>,
    ) -> Result<(), PortError> {
        if lifetime.is_zero() {
            return self.forget(key).await;
        }
        let kept = self.keep(key, value, lifetime, group).await;
        kept.map_err(|failure| failure.into_port(PORT))
    }

    async fn replace(&self, key: &str, old: &[u8], new: Bytes) -> Result<bool, PortError> {
        let mut replace = REPLACE.prepare_invoke();
        replace.key(self.key(key)).arg(old).arg(&new[..]);
        let replaced = self
            .link
            .call(|mut wire| async move { replace.invoke_async::<bool>(&mut *wire).await });
        replaced.await.map_err(|failure| failure.into_port(PORT))
    }

    async fn forget(&self, key: &str) -> Result<(), PortError> {
        self.delete(self.key(key)).await
    }

    async fn forget_group(&self, group: &str) -> Result<(), PortError> {
        self.delete(format!("{}{group}", self.groups())).await
    }
}
