//! Requests with an `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): done once, answered alike.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::ids::UserId;
use crate::port::PortError;
use crate::time::Timestamp;

/// How long an answer is kept to be given again.
pub const KEPT_FOR: Duration = Duration::from_hours(24);
/// After how long a request that was begun and never ended may be begun again.
pub const GIVEN_UP_AFTER: Duration = Duration::from_mins(1);

/// A key that a client chose for a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

/// A text that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 255 visible ASCII characters")]
pub struct InvalidIdempotencyKey;

impl IdempotencyKey {
    /// The key itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for IdempotencyKey {
    type Err = InvalidIdempotencyKey;

    fn from_str(text: &str) -> Result<Self, InvalidIdempotencyKey> {
        let fits = (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.to_owned())).ok_or(InvalidIdempotencyKey)
    }
}

/// What a request is told from others by: SHA-256 over its route and its content.
pub type Fingerprint = [u8; 32];

/// An answer that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenAnswer {
    /// Its HTTP status.
    pub status: u16,
    /// Its media type.
    pub content_type: String,
    /// Its content.
    pub body: Bytes,
}

/// How a request with a key goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beginning {
    /// It is new: do it, then finish or abandon it.
    New,
    /// It was done: give this answer again.
    Done(GivenAnswer),
    /// It is being done.
    InProgress,
    /// The key was used for another request.
    Reused,
}

/// Keeps requests with keys, and what was answered to them.
#[async_trait]
pub trait IdempotencyStore: Send + Sync {
    /// Begins a request of a user under a key.
    ///
    /// - As many parallel calls as there may be, one is new.
    /// - One that was begun [`GIVEN_UP_AFTER`] ago or earlier and never ended is new again; one that was answered, and
    ///   begun [`KEPT_FOR`] ago or earlier, too. Its key is then free for any request.
    /// - Keys of different users do not influence each other.
    async fn begin(
        &self,
        user: UserId,
        key: &IdempotencyKey,
        fingerprint: &Fingerprint,
        now: Timestamp,
    ) -> Result<Beginning, PortError>;

    /// Keeps the answer to a request that was begun with this fingerprint, unless it has one.
    async fn finish(
        &self,
        user: UserId,
        key: &IdempotencyKey,
        fingerprint: &Fingerprint,
        answer: &GivenAnswer,
    ) -> Result<(), PortError>;

    /// Forgets a request that was begun with this fingerprint and not finished, so that it may be begun again.
    async fn abandon(
        &self,
        user: UserId,
        key: &IdempotencyKey,
        fingerprint: &Fingerprint,
    ) -> Result<(), PortError>;

    /// Forgets what was begun before this instant; how much, at most `limit`.
    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u32, PortError>;
}
