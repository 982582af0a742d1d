//! Who stands on two factors, where two are asked for.

use super::SecondFactorCode;
use crate::accounts::{Account, Admitted, Principal, Proof, RecencyError, Session, Sessions, StepUpError};
use crate::audit::{Action, Circumstances};
use crate::port::PortError;

/// Why somebody may not do what a role of theirs allows.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The role calls for a second factor, and the account has none.
    #[error("a role of the account calls for a second factor")]
    SetupRequired,
    /// The account has a second factor, and the session was begun without it.
    #[error("the session does not stand on two factors")]
    StepUpRequired,
    /// The session has ended.
    #[error("the session has ended")]
    Ended,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Sessions {
    /// Refuses whoever has a role that calls for a second factor and does not stand on two. A passkey is two in one.
    ///
    /// Asks no store where no role of theirs does.
    pub async fn require_factors(&self, principal: &Principal) -> Result<(), AuthorityError> {
        if !self.ports.second_factors.is_required(&principal.roles) {
            return Ok(());
        }
        let session = self.live_session(principal, self.ports.clock.now()).await?;
        let session = session.ok_or(AuthorityError::Ended)?;
        if session.proof == Proof::Passkey {
            return Ok(());
        }
        if !self.ports.second_factors.is_active(principal.user_id).await? {
            return Err(AuthorityError::SetupRequired);
        }
        if session.proof.is_strong() {
            Ok(())
        } else {
            Err(AuthorityError::StepUpRequired)
        }
    }

    /// Refuses a session that stands on one factor where the account has two.
    pub(in crate::accounts) async fn require_all_factors(
        &self,
        session: &Session,
    ) -> Result<(), RecencyError> {
        let stands =
            session.proof.is_strong() || !self.ports.second_factors.is_active(session.user_id).await?;
        stands.then_some(()).ok_or(RecencyError::StepUpRequired)
    }

    /// Refuses whoever did not show both factors within the last ten minutes, where the account has two.
    pub(in crate::accounts) async fn require_recent_factors(
        &self,
        principal: &Principal,
    ) -> Result<(), RecencyError> {
        if self.ports.second_factors.is_active(principal.user_id).await? {
            self.require_recent(principal).await?;
        }
        Ok(())
    }

    /// Looks at the code of somebody whose password was right, where a second factor is asked for; says what was shown.
    ///
    /// The attempt at both together is counted once, before either is looked at.
    pub(in crate::accounts) async fn code_shown(
        &self,
        account: &Account,
        code: Option<&SecondFactorCode>,
        admitted: Admitted,
        circumstances: &Circumstances,
    ) -> Result<Proof, StepUpError> {
        let lockouts = &self.ports.lockouts;
        if !self.ports.second_factors.is_active(account.id).await? {
            lockouts.succeeded(admitted).await?;
            return Ok(Proof::Password);
        }
        let Some(code) = code else {
            lockouts.abandoned(admitted).await?;
            return Err(StepUpError::CodeRequired);
        };
        match self
            .ports
            .second_factors
            .accept(account, code, circumstances)
            .await
        {
            Ok(true) => {
                lockouts.succeeded(admitted).await?;
                Ok(Proof::SecondFactor)
            }
            Ok(false) => {
                let entry = self
                    .recorder
                    .by_owner(account.id, Action::StepUpRefused, circumstances);
                self.ports.audit.append(&[entry]).await?;
                lockouts.failed(admitted, Some(account), circumstances).await?;
                Err(StepUpError::WrongCode)
            }
            Err(error) => {
                // If not even this is noted, the attempt counts as one that failed.
                let _ = lockouts.abandoned(admitted).await;
                Err(error.into())
            }
        }
    }
}
