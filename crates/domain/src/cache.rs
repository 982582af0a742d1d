//! The port of a cache: bytes under a key, for a while.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::port::PortError;

/// Keeps values for a while, where all copies of the program find them or in the process alone.
///
/// It may forget anything at any time; it never makes anything up.
#[async_trait]
pub trait Cache: Send + Sync {
    /// The value of a key, if it is there and has not expired.
    async fn get(&self, key: &str) -> Result<Option<Bytes>, PortError>;

    /// Keeps a value under a key for `lifetime`, in the place of one that is there.
    ///
    /// - A lifetime of zero keeps nothing, and forgets what was there.
    /// - With a `group`, [`Cache::forget_group`] of that name forgets it together with the others of the group.
    async fn put(
        &self,
        key: &str,
        value: Bytes,
        lifetime: Duration,
        group: Option<&str>,
    ) -> Result<(), PortError>;

    /// Puts a value in the place of `old`, if that is still the value of the key; whether it was.
    ///
    /// - It lives no longer than the value before it would have.
    /// - It is of the same group: what is forgotten with the group meanwhile stays forgotten.
    async fn replace(&self, key: &str, old: &[u8], new: Bytes) -> Result<bool, PortError>;

    /// Forgets the value of a key.
    async fn forget(&self, key: &str) -> Result<(), PortError>;

    /// Forgets every value that was kept under this group, on every copy that shares the cache.
    async fn forget_group(&self, group: &str) -> Result<(), PortError>;
}
