//! The sessions of an account as its owner sees them: which there are, and their end from another one.

use super::lockout::UnlockError;
use super::{Principal, SeenDevice, Session, Sessions};
use crate::audit::{Action, Circumstances};
use crate::ids::SessionId;
use crate::port::PortError;

/// Why a session was not ended.
#[derive(Debug, thiserror::Error)]
pub enum EndSessionError {
    /// It has ended, never was, or is somebody else's.
    #[error("there is no such session")]
    NotFound,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Sessions {
    /// The sessions of somebody that go on, the one used last first.
    pub async fn list(&self, principal: &Principal) -> Result<Vec<Session>, PortError> {
        let now = self.ports.clock.now();
        self.ports.sessions.live(principal.user_id, now).await
    }

    /// Ends one of somebody's sessions; the account does not know its device any more.
    pub async fn end(
        &self,
        principal: &Principal,
        id: SessionId,
        circumstances: &Circumstances,
    ) -> Result<(), EndSessionError> {
        let user = principal.user_id;
        let found = self.ports.sessions.by_id(id).await?;
        let found = found.filter(|session| session.user_id == user);
        let session = found.ok_or(EndSessionError::NotFound)?;
        if let Some(device) = session.device.id {
            let device = SeenDevice {
                user_id: user,
                id: device,
            };
            self.ports.devices.forget(device).await?;
        }
        let entry = self
            .recorder
            .by_owner(user, Action::SessionsRevoked, circumstances)
            .with("session", id.to_string());
        let now = self.ports.clock.now();
        let ended = self.ports.sessions.revoke(user, id, now, &entry.into()).await?;
        // Whether this or an earlier attempt ended it: it must be known everywhere.
        self.announce_ended(&[id]).await;
        ended.then_some(()).ok_or(EndSessionError::NotFound)
    }

    /// Ends all of somebody's sessions but the one that asks; the account knows no device but that one's any more.
    pub async fn end_others(
        &self,
        principal: &Principal,
        circumstances: &Circumstances,
    ) -> Result<(), PortError> {
        let user = principal.user_id;
        let entry = self
            .recorder
            .by_owner(user, Action::SessionsRevoked, circumstances)
            .with("kept", principal.session_id.to_string());
        let (now, this) = (self.ports.clock.now(), Some(principal.session_id));
        let sessions = &self.ports.sessions;
        let ended = sessions.revoke_all(user, this, now, &entry.into()).await?;
        self.announce_ended(&ended).await;
        Ok(())
    }

    /// Ends the lock of an account and all its sessions by the link of the mail about it.
    pub async fn unlock(&self, token: &str, circumstances: &Circumstances) -> Result<(), UnlockError> {
        let ended = self.ports.lockouts.unlock_by_link(token, circumstances).await?;
        self.announce_ended(&ended).await;
        Ok(())
    }
}
