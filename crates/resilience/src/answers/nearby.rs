//! What of a cache is this copy's own, and how copies tell each other to forget it.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

/// The topic on which copies tell each other which groups were forgotten; a message is the name of one.
pub const CACHE_FORGOTTEN: &str = "cache.forgotten";

/// The tier of a cache that other copies neither see nor change.
#[async_trait]
pub trait Nearby: Send + Sync {
    /// The value of a key as all copies see it, kept nearby from now on; `None` if there is none for them to see.
    async fn renew(&self, key: &str) -> Option<Bytes>;

    /// The value of a key nearby; nobody is asked what all copies see.
    async fn get_nearby(&self, key: &str) -> Option<Bytes>;

    /// Keeps a value nearby for `lifetime`; nobody is told.
    async fn put_nearby(&self, key: &str, value: Bytes, lifetime: Duration, group: Option<&str>);

    /// Lets all copies see a value that is nearby, if they can; unless it was forgotten or replaced meanwhile. Where they
    /// can, it is nearby no longer than anything else that all see.
    async fn share(&self, key: &str, value: Bytes, lifetime: Duration, group: Option<&str>);

    /// Forgets the values of a group nearby; what all copies see is left as it is.
    async fn forget_nearby(&self, group: &str);
}
