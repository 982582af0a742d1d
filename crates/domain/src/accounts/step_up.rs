//! Step-up: what is dear is open to those alone who showed lately who they are.

use chrono::TimeDelta;

use super::{
    AccountWithPassword, Admitted, LockoutKey, NotAdmitted, Password, PasswordHasherError, Principal, Proof,
    SecondFactorCode, Session, Sessions, Verification,
};
use crate::audit::{Action, Circumstances};
use crate::port::PortError;
use crate::time::Timestamp;

/// For how long it counts that somebody showed who they are.
pub const RECENT: TimeDelta = TimeDelta::minutes(10);

/// Why somebody may not do what is dear.
#[derive(Debug, thiserror::Error)]
pub enum RecencyError {
    /// It is too long ago that they showed who they are.
    #[error("it is too long ago that the caller showed who they are")]
    StepUpRequired,
    /// The session has ended.
    #[error("the session has ended")]
    Ended,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Why somebody did not show again who they are.
#[derive(Debug, thiserror::Error)]
pub enum StepUpError {
    /// It is not the password, or the account has none.
    #[error("the password is wrong")]
    WrongPassword,
    /// The account has a second factor, and no code came along.
    #[error("a code of the second factor is asked for")]
    CodeRequired,
    /// The code is wrong, or was used before.
    #[error("the code is wrong")]
    WrongCode,
    /// The session has ended.
    #[error("the session has ended")]
    Ended,
    /// Too many attempts failed for the account, and too many within this session.
    #[error("too many attempts failed for the account")]
    Locked {
        /// How long the next must wait.
        retry_after: TimeDelta,
    },
    /// Too many attempts failed from the address.
    #[error("too many attempts failed from the address")]
    Throttled {
        /// How long the next must wait.
        retry_after: TimeDelta,
    },
    /// Too many passwords wait to be hashed.
    #[error("too many passwords at once")]
    Busy,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl From<PasswordHasherError> for StepUpError {
    fn from(error: PasswordHasherError) -> Self {
        match error {
            PasswordHasherError::Busy => Self::Busy,
            PasswordHasherError::Port(error) => error.into(),
        }
    }
}

impl From<NotAdmitted> for StepUpError {
    fn from(refusal: NotAdmitted) -> Self {
        match refusal {
            NotAdmitted::Locked { retry_after } => Self::Locked { retry_after },
            NotAdmitted::Throttled { retry_after } => Self::Throttled { retry_after },
            NotAdmitted::Port(error) => error.into(),
        }
    }
}

impl Sessions {
    /// Refuses whoever did not show within the last ten minutes who they are, by signing in or since, and by both factors
    /// where the account has two.
    ///
    /// Asks the store: an access token does not tell.
    pub async fn require_recent(&self, principal: &Principal) -> Result<(), RecencyError> {
        let now = self.ports.clock.now();
        let session = self.live_session(principal, now).await?;
        let session = session.ok_or(RecencyError::Ended)?;
        if session.authenticated_at + RECENT <= now {
            return Err(RecencyError::StepUpRequired);
        }
        self.require_all_factors(&session).await
    }

    /// Shows again who somebody is, by the password and, where the account has a second factor, a code; says until when
    /// that counts.
    pub async fn step_up(
        &self,
        principal: &Principal,
        password: &Password,
        code: Option<&SecondFactorCode>,
        circumstances: &Circumstances,
    ) -> Result<Timestamp, StepUpError> {
        let now = self.ports.clock.now();
        let session = self.live_session(principal, now).await?;
        let session = session.ok_or(StepUpError::Ended)?;
        let (found, admitted) = self.password_known(principal, password, circumstances).await?;
        let proof = self
            .code_shown(&found.account, code, admitted, circumstances)
            .await?;
        self.note_proof(&session, proof, circumstances).await
    }

    /// The account of somebody who knows its password. The attempt counts for the lock of the account; what is refused is
    /// noted.
    ///
    /// Where the account has a second factor, a right password makes no room for guesses at its codes.
    pub(super) async fn check_password(
        &self,
        principal: &Principal,
        password: &Password,
        circumstances: &Circumstances,
    ) -> Result<AccountWithPassword, StepUpError> {
        let (found, admitted) = self.password_known(principal, password, circumstances).await?;
        if self.ports.second_factors.is_active(principal.user_id).await? {
            self.ports.lockouts.abandoned(admitted).await?;
        } else {
            self.ports.lockouts.succeeded(admitted).await?;
        }
        Ok(found)
    }

    /// The account of somebody who knows its password, and the attempt, of which nothing is noted yet.
    async fn password_known(
        &self,
        principal: &Principal,
        password: &Password,
        circumstances: &Circumstances,
    ) -> Result<(AccountWithPassword, Admitted), StepUpError> {
        let found = self.ports.accounts.with_password(principal.user_id).await?;
        let found = found.filter(|found| found.account.is_active());
        let found = found.ok_or(StepUpError::Ended)?;
        let (account, lockouts) = (&found.account, &self.ports.lockouts);
        let key = LockoutKey::of_email(&account.email);
        let session = LockoutKey::of_session(principal.session_id);
        let admitted = lockouts.admit(key, Some(session), circumstances).await?;
        let verification = self.ports.hasher.verify(password, Some(&found.password_hash));
        match verification.await {
            Ok(Verification::Match | Verification::MatchOutdated(_)) => Ok((found, admitted)),
            Ok(Verification::Mismatch) => {
                let entry = self
                    .recorder
                    .by_owner(account.id, Action::StepUpRefused, circumstances);
                self.ports.audit.append(&[entry]).await?;
                lockouts.failed(admitted, Some(account), circumstances).await?;
                Err(StepUpError::WrongPassword)
            }
            Err(error) => {
                // If not even this is noted, the attempt counts as one that failed.
                let _ = lockouts.abandoned(admitted).await;
                Err(error.into())
            }
        }
    }

    /// Notes on a session that its owner showed again who they are; says until when that counts.
    ///
    /// What two factors showed before is not made less by one.
    pub(super) async fn note_proof(
        &self,
        session: &Session,
        proof: Proof,
        circumstances: &Circumstances,
    ) -> Result<Timestamp, StepUpError> {
        let now = self.ports.clock.now();
        let kept = if session.proof.is_strong() {
            session.proof
        } else {
            proof
        };
        let entry = self
            .recorder
            .by_owner(session.user_id, Action::StepUpPassed, circumstances)
            .with("session", session.id.to_string())
            .with("proof", proof.as_str())
            .into();
        let sessions = &self.ports.sessions;
        let noted = sessions.authenticated(session.user_id, session.id, kept, now, &entry);
        if noted.await? {
            Ok(now + RECENT)
        } else {
            Err(StepUpError::Ended)
        }
    }

    pub(super) async fn live_session(
        &self,
        principal: &Principal,
        now: Timestamp,
    ) -> Result<Option<Session>, PortError> {
        let found = self.ports.sessions.by_id(principal.session_id).await?;
        Ok(found.filter(|session| session.user_id == principal.user_id && session.is_live(now)))
    }
}
