//! The stores of linked identities and of sign-ins at providers that are under way.

use async_trait::async_trait;

use super::{Authorization, LinkedIdentity, Subject};
use crate::accounts::{AccountWithPassword, Session};
use crate::consequences::Consequences;
use crate::ids::{AuthorizationId, IdentityId, UserId};
use crate::port::PortError;
use crate::time::Timestamp;

/// Why no account was made with an identity.
#[derive(Debug, thiserror::Error)]
pub enum RegisterIdentityError {
    /// An account with the same email exists.
    #[error("the email is taken")]
    EmailTaken,
    /// The identity opens an account already.
    #[error("the identity is linked")]
    IdentityTaken,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What became of an identity that was to be unlinked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnlinkOutcome {
    /// It is gone.
    Unlinked,
    /// The account has no such identity.
    NotFound,
    /// Nobody could sign in to the account any more: it stays.
    LastWayIn,
}

/// Keeps linked identities. One is linked to an account that is there by [`AccountStore::save`].
///
/// [`AccountStore::save`]: crate::accounts::AccountStore::save
#[async_trait]
pub trait IdentityStore: Send + Sync {
    /// The identity of this subject at this issuer.
    async fn by_subject(&self, issuer: &str, subject: &Subject) -> Result<Option<LinkedIdentity>, PortError>;

    /// The identities of an account, the one linked first first.
    async fn list(&self, user: UserId) -> Result<Vec<LinkedIdentity>, PortError>;

    /// Keeps a new account with the identity that opens it, its first session and the consequences, all or nothing.
    ///
    /// - A second account with the same email is refused, whoever comes first.
    /// - An identity that opens an account already is refused.
    /// - What is refused leaves no consequences.
    async fn register(
        &self,
        account: &AccountWithPassword,
        identity: &LinkedIdentity,
        session: &Session,
        consequences: &Consequences,
    ) -> Result<(), RegisterIdentityError>;

    /// Unlinks an identity from an account, with the consequences.
    ///
    /// - Only where [`WaysIn::can_lose`](crate::accounts::WaysIn::can_lose) allows it: of many at once, the last stays.
    /// - Where it is not unlinked, nothing is written.
    async fn unlink(
        &self,
        user: UserId,
        id: IdentityId,
        consequences: &Consequences,
    ) -> Result<UnlinkOutcome, PortError>;
}

/// Keeps sign-ins at providers that are under way.
#[async_trait]
pub trait AuthorizationStore: Send + Sync {
    /// Keeps one that begins; it goes with the account that it is to link to.
    async fn begin(&self, authorization: &Authorization) -> Result<(), PortError>;

    /// Uses one up, and gives it.
    ///
    /// - Of many that use it at once, one gets it.
    /// - `None` for what was used up before, has expired, or never was.
    async fn take(&self, id: AuthorizationId, now: Timestamp) -> Result<Option<Authorization>, PortError>;

    /// Deletes at most `limit` that expired before an instant; says how many.
    async fn purge_expired(&self, before: Timestamp, limit: u32) -> Result<u32, PortError>;
}
