//! A cache that is asked once for all who ask for the same at the same time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use parking_lot::{Mutex, MutexGuard};
use parlance_domain::cache::Cache;
use parlance_domain::port::PortError;

type Found = Result<Option<Bytes>, Arc<PortError>>;
type Look = BoxFuture<'static, Found>;

/// Looks into another cache, one look at a time for each key.
///
/// Five hundred who ask for what is not there would otherwise be more than a far cache answers in time, and each would
/// go on as if there were none.
pub struct CoalescedCache {
    inner: Arc<dyn Cache>,
    looks: Mutex<HashMap<String, WeakShared<Look>>>,
}

impl CoalescedCache {
    /// Looks into this cache.
    pub fn new(inner: Arc<dyn Cache>) -> Self {
        Self {
            inner,
            looks: Mutex::default(),
        }
    }

    /// The look for a key that is under way, or a new one.
    fn look(&self, key: &str) -> Shared<Look> {
        let mut looks = self.looks();
        // One that everybody gave up on is gone.
        if let Some(look) = looks.get(key).and_then(WeakShared::upgrade) {
            return look;
        }
        let (inner, name) = (Arc::clone(&self.inner), key.to_owned());
        let look = async move { inner.get(&name).await.map_err(Arc::new) }
            .boxed()
            .shared();
        if let Some(weak) = look.downgrade() {
            looks.insert(key.to_owned(), weak);
        }
        look
    }

    fn looks(&self) -> MutexGuard<'_, HashMap<String, WeakShared<Look>>> {
        self.looks.lock()
    }
}

/// Dropped, whoever comes from then on looks anew.
struct Over<'a>(&'a CoalescedCache, &'a str);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.looks().remove(self.1);
    }
}

#[async_trait]
impl Cache for CoalescedCache {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, PortError> {
        let _over = Over(self, key);
        let found = self.look(key).await;
        found.map_err(|error| PortError::new("Cache", error.kind, error))
    }

    async fn put(
        &self,
        key: &str,
        value: Bytes,
        lifetime: Duration,
        group: Option<&str>,
    ) -> Result<(), PortError> {
        // What was looked for before it was there is not for those who ask afterwards.
        let _over = Over(self, key);
        self.inner.put(key, value, lifetime, group).await
    }

    async fn replace(&self, key: &str, old: &[u8], new: Bytes) -> Result<bool, PortError> {
        let _over = Over(self, key);
        self.inner.replace(key, old, new).await
    }

    async fn forget(&self, key: &str) -> Result<(), PortError> {
        let _over = Over(self, key);
        self.inner.forget(key).await
    }

    async fn forget_group(&self, group: &str) -> Result<(), PortError> {
        let forgotten = self.inner.forget_group(group).await;
        self.looks().clear();
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use tokio::sync::Notify;

    use super::*;
    use crate::tests::MapCache;

    parlance_contract::cache_contract!(Arc::new(CoalescedCache::new(Arc::new(MapCache::default()))));

    /// Answers when it is told to.
    #[derive(Default)]
    struct Slow {
        asked: AtomicUsize,
        go_on: Notify,
    }

    #[async_trait]
    impl Cache for Slow {
        async fn get(&self, _: &str) -> Result<Option<Bytes>, PortError> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            self.go_on.notified().await;
            Ok(Some(Bytes::from_static(b"value")))
        }

        async fn put(&self, _: &str, _: Bytes, _: Duration, _: Option<&str>) -> Result<(), PortError> {
            Ok(())
        }

        async fn replace(&self, _: &str, _: &[u8], _: Bytes) -> Result<bool, PortError> {
            Ok(false)
        }

        async fn forget(&self, _: &str) -> Result<(), PortError> {
            Ok(())
        }

        async fn forget_group(&self, _: &str) -> Result<(), PortError> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn threat_55_of_all_who_ask_at_once_one_looks() {
        let slow = Arc::new(Slow::default());
        let together = CoalescedCache::new(Arc::clone(&slow) as Arc<dyn Cache>);
        let all = join_all((0..500).map(|_| together.get("key")));
        let told = async {
            tokio::task::yield_now().await;
            slow.go_on.notify_one();
        };
        let (found, ()) = tokio::join!(all, told);
        assert!(found.into_iter().all(|found| found.unwrap().unwrap() == "value"));
        assert_eq!(slow.asked.load(Ordering::Relaxed), 1);
        assert!(together.looks().is_empty());
    }

    #[tokio::test]
    async fn who_asks_after_a_change_looks_anew() {
        let slow = Arc::new(Slow::default());
        let together = CoalescedCache::new(Arc::clone(&slow) as Arc<dyn Cache>);
        let mut before = Box::pin(together.get("key"));
        assert!(futures_util::poll!(&mut before).is_pending());
        together
            .put("key", Bytes::new(), Duration::from_secs(1), None)
            .await
            .unwrap();
        let mut after = Box::pin(together.get("key"));
        assert!(futures_util::poll!(&mut after).is_pending());
        assert_eq!(slow.asked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn a_look_that_all_gave_up_on_is_forgotten() {
        let slow = Arc::new(Slow::default());
        let together = CoalescedCache::new(Arc::clone(&slow) as Arc<dyn Cache>);
        let mut given_up = Box::pin(together.get("key"));
        assert!(futures_util::poll!(&mut given_up).is_pending());
        drop(given_up);
        assert!(together.looks().is_empty());
    }
}
