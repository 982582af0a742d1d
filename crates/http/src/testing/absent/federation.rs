//! What identities at providers would need.

use async_trait::async_trait;
use parlance_domain::accounts::{
    AccountWithPassword, Authorization, AuthorizationStore, IdentityStore, LinkedIdentity,
    RegisterIdentityError, Session, Subject, UnlinkOutcome,
};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{AuthorizationId, IdentityId, UserId};
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;

use super::{Absent, absent};

#[async_trait]
impl IdentityStore for Absent {
    async fn by_subject(&self, _: &str, _: &Subject) -> Result<Option<LinkedIdentity>, PortError> {
        Err(absent())
    }

    async fn list(&self, _: UserId) -> Result<Vec<LinkedIdentity>, PortError> {
        Err(absent())
    }

    async fn register(
        &self,
        _: &AccountWithPassword,
        _: &LinkedIdentity,
        _: &Session,
        _: &Consequences,
    ) -> Result<(), RegisterIdentityError> {
        Err(absent().into())
    }

    async fn unlink(&self, _: UserId, _: IdentityId, _: &Consequences) -> Result<UnlinkOutcome, PortError> {
        Err(absent())
    }
}

#[async_trait]
impl AuthorizationStore for Absent {
    async fn begin(&self, _: &Authorization) -> Result<(), PortError> {
        Err(absent())
    }

    async fn take(&self, _: AuthorizationId, _: Timestamp) -> Result<Option<Authorization>, PortError> {
        Err(absent())
    }

    async fn purge_expired(&self, _: Timestamp, _: u32) -> Result<u32, PortError> {
        Err(absent())
    }
}
