//! A cache within the process, bounded by bytes.

mod groups;

use std::future::ready;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use moka::Expiry;
use moka::future::Cache as Entries;
use moka::ops::compute::{CompResult, Op};
use parlance_domain::cache::Cache;
use parlance_domain::port::PortError;

use self::groups::{Groups, Membership};

/// How much is kept unless told otherwise.
const DEFAULT_MAX_BYTES: u64 = 64 << 20;
/// About what an entry takes besides its key and its value.
const OVERHEAD: usize = 200;

/// Keeps values in the process, as many as a number of bytes allows.
///
/// When there is no more room, what is asked for least gives way; that may be the newest value.
pub struct MemoryCache {
    entries: Entries<Box<str>, Entry>,
    groups: Groups,
}

#[derive(Clone)]
struct Entry {
    value: Bytes,
    /// As long as the one before it would have lived, if nothing else is said.
    lifetime: Option<Duration>,
    membership: Option<Membership>,
}

impl MemoryCache {
    /// A cache that takes about this many bytes at most, keys and bookkeeping included.
    pub fn with_max_bytes(max_bytes: u64) -> Self {
        let entries = Entries::builder()
            .max_capacity(max_bytes)
            .weigher(weight)
            .expire_after(OwnLifetime)
            .build();
        Self {
            entries,
            groups: Groups::default(),
        }
    }

    /// Whether it was not forgotten with its group.
    fn holds(&self, entry: &Entry) -> bool {
        entry.membership.is_none_or(|of| self.groups.holds(of))
    }

    /// About how many bytes are taken, those of values that have expired lately among them.
    pub fn bytes(&self) -> u64 {
        self.entries.weighted_size()
    }
}

impl Default for MemoryCache {
    fn default() -> Self {
        Self::with_max_bytes(DEFAULT_MAX_BYTES)
    }
}

// The signatures that the builder asks for.
#[expect(
    clippy::borrowed_box,
    reason = "a weigher is given a reference to the key as it is kept"
)]
fn weight(key: &Box<str>, entry: &Entry) -> u32 {
    let bytes = key.len() + entry.value.len() + OVERHEAD;
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// Each entry lives as long as it was given when it was put.
struct OwnLifetime;

impl Expiry<Box<str>, Entry> for OwnLifetime {
    fn expire_after_create(&self, _: &Box<str>, entry: &Entry, _: Instant) -> Option<Duration> {
        // What is to live as long as one that is gone by now is gone too.
        Some(entry.lifetime.unwrap_or_default())
    }

    fn expire_after_update(
        &self,
        _: &Box<str>,
        entry: &Entry,
        _: Instant,
        left: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.lifetime.or(left).unwrap_or_default())
    }
}

#[async_trait]
impl Cache for MemoryCache {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, PortError> {
        let entry = self.entries.get(key).await;
        let there = entry.filter(|entry| self.holds(entry));
        Ok(there.map(|entry| entry.value))
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
        let entry = Entry {
            // A part of a larger buffer would keep all of it alive.
            value: Bytes::copy_from_slice(&value),
            lifetime: Some(lifetime),
            membership: group.map(|group| self.groups.join(group)),
        };
        // Not an insertion, which would not wait for a replacement under way and get lost in it.
        let kept = self.entries.entry(key.into()).and_upsert_with(|_| ready(entry));
        kept.await;
        Ok(())
    }

    async fn replace(&self, key: &str, old: &[u8], new: Bytes) -> Result<bool, PortError> {
        let is_old = |there: &Entry| there.value == old && self.holds(there);
        let replace = |there: Entry| {
            Op::Put(Entry {
                value: Bytes::copy_from_slice(&new),
                lifetime: None,
                ..there
            })
        };
        let entry = self.entries.entry(key.into());
        let outcome = entry.and_compute_with(|there| {
            let there = there.map(moka::Entry::into_value).filter(is_old);
            ready(there.map_or(Op::Nop, replace))
        });
        Ok(matches!(outcome.await, CompResult::ReplacedWith(_)))
    }

    async fn forget(&self, key: &str) -> Result<(), PortError> {
        self.entries.invalidate(key).await;
        Ok(())
    }

    async fn forget_group(&self, group: &str) -> Result<(), PortError> {
        self.groups.forget(group);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    parlance_contract::cache_contract!(Arc::new(MemoryCache::default()));

    const HOUR: Duration = Duration::from_hours(1);

    #[tokio::test]
    async fn no_more_is_kept_than_there_is_room_for() {
        let cache = MemoryCache::with_max_bytes(1 << 20);
        for number in 0..10_000 {
            let value = Bytes::from(vec![0; 1_000]);
            cache.put(&number.to_string(), value, HOUR, None).await.unwrap();
        }
        cache.entries.run_pending_tasks().await;
        assert!((500_000..=1 << 20).contains(&cache.bytes()), "{}", cache.bytes());
    }

    #[tokio::test]
    async fn empty_values_take_room_too() {
        let cache = MemoryCache::with_max_bytes(100_000);
        for number in 0..10_000 {
            cache
                .put(&number.to_string(), Bytes::new(), HOUR, None)
                .await
                .unwrap();
        }
        cache.entries.run_pending_tasks().await;
        assert!(cache.entries.entry_count() <= 500);
    }

    #[tokio::test]
    async fn a_value_larger_than_the_cache_is_not_kept() {
        let cache = MemoryCache::with_max_bytes(1_000);
        let value = Bytes::from(vec![0; 2_000]);
        cache.put("key", value, HOUR, None).await.unwrap();
        cache.entries.run_pending_tasks().await;
        assert_eq!(cache.get("key").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_part_of_a_buffer_does_not_keep_the_whole() {
        let cache = MemoryCache::default();
        let whole = Bytes::from(vec![7; 1 << 20]);
        cache.put("key", whole.slice(10..20), HOUR, None).await.unwrap();
        assert!(whole.is_unique());
    }
}
