//! Looks at codes. Whoever calls it has counted the attempt before.

use std::sync::Arc;

use super::{RecoveryCode, SecondFactor, SecondFactorCode, SecondFactorStore, TotpCode, TotpSecret};
use crate::accounts::{Account, Roles};
use crate::audit::{Action, Circumstances};
use crate::consequences::{Consequences, Recorder};
use crate::ids::{IdGenerator, UserId};
use crate::mail::Message;
use crate::port::PortError;
use crate::sealing::{SealError, Sealed, Sealer};
use crate::time::Clock;
use secrecy::ExposeSecret;

/// What [`SecondFactorChecks`] calls.
#[derive(Clone)]
pub struct SecondFactorPorts {
    /// The second factors.
    pub store: Arc<dyn SecondFactorStore>,
    /// Seals their secrets.
    pub sealer: Arc<dyn Sealer>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdGenerator>,
}

/// Who has a second factor, who must have one, and whether a code is right.
#[derive(Clone)]
pub struct SecondFactorChecks {
    pub(super) ports: SecondFactorPorts,
    pub(super) recorder: Recorder,
    required: Roles,
}

impl SecondFactorChecks {
    /// The checks over these ports; accounts with one of these roles must have a second factor.
    pub fn new(ports: SecondFactorPorts, required: Roles) -> Self {
        Self {
            recorder: Recorder::new(Arc::clone(&ports.clock), Arc::clone(&ports.ids)),
            ports,
            required,
        }
    }

    /// Whether somebody with these roles must have a second factor.
    pub fn is_required(&self, roles: &Roles) -> bool {
        !self.required.is_disjoint(roles)
    }

    /// Whether the second factor of an account is asked for.
    pub async fn is_active(&self, user: UserId) -> Result<bool, PortError> {
        let found = self.ports.store.by_user(user).await?;
        Ok(found.is_some_and(|factor| factor.is_active()))
    }

    /// Whether a code is right and was not used before; it is used up by that.
    pub(crate) async fn accept(
        &self,
        account: &Account,
        code: &SecondFactorCode,
        circumstances: &Circumstances,
    ) -> Result<bool, PortError> {
        match code {
            SecondFactorCode::Totp(code) => self.accept_totp(account.id, code).await,
            SecondFactorCode::Recovery(code) => self.accept_recovery(account, code, circumstances).await,
        }
    }

    async fn accept_totp(&self, user: UserId, code: &TotpCode) -> Result<bool, PortError> {
        let found = self.ports.store.by_user(user).await?;
        let Some(factor) = found.filter(SecondFactor::is_active) else {
            return Ok(false);
        };
        let secret = self.open(user, &factor.secret)?;
        match secret.matching_step(code, self.ports.clock.now()) {
            Some(step) => self.ports.store.use_step(user, step).await,
            None => Ok(false),
        }
    }

    async fn accept_recovery(
        &self,
        account: &Account,
        code: &RecoveryCode,
        circumstances: &Circumstances,
    ) -> Result<bool, PortError> {
        let news = self.news(account, Action::RecoveryCodeUsed, circumstances);
        let digest = code.digest(account.id);
        self.ports.store.use_code(account.id, &digest, &news).await
    }

    /// What is written when the owner changed something: an entry and a mail.
    pub(super) fn news(
        &self,
        account: &Account,
        action: Action,
        circumstances: &Circumstances,
    ) -> Consequences {
        let entry = self.recorder.by_owner(account.id, action, circumstances);
        Consequences::from(entry).and_mail(self.recorder.mail(account, Message::security_changed(action)))
    }

    pub(super) fn seal(&self, user: UserId, secret: &TotpSecret) -> Result<Sealed, SealError> {
        self.ports.sealer.seal(&TotpSecret::label(user), secret.expose())
    }

    pub(super) fn open(&self, user: UserId, sealed: &Sealed) -> Result<TotpSecret, PortError> {
        let opened = self.ports.sealer.open(&TotpSecret::label(user), sealed)?;
        let secret = TotpSecret::from_bytes(opened.expose_secret());
        secret.ok_or_else(|| PortError::corrupt("SecondFactorStore", "a secret of another length"))
    }
}
