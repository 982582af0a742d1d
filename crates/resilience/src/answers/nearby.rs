//! What of a cache is this copy's own, and how copies tell each other to forget it.

use async_trait::async_trait;
use bytes::Bytes;

/// The topic on which copies tell each other which groups were forgotten; a message is the name of one.
pub const CACHE_FORGOTTEN: &str = "cache.forgotten";

/// The tier of a cache that other copies neither see nor change.
#[async_trait]
pub trait Nearby: Send + Sync {
    /// The value of a key as all copies see it, kept nearby from now on; `None` if there is none for them to see.
    async fn renew(&self, key: &str) -> Option<Bytes>;

    /// Forgets the values of a group nearby; what all copies see is left as it is.
    async fn forget_nearby(&self, group: &str);
}
