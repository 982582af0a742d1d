//! The use-cases of a second factor: begin, confirm, look, take away, make recovery codes.

use std::sync::Arc;

use chrono::TimeDelta;
use secrecy::SecretString;

use super::{
    NewFactor, RECOVERY_CODES, RecoveryCode, SecondFactor, SecondFactorChecks, SecondFactorStore, TotpCode,
    TotpSecret,
};
use crate::accounts::{Account, Ends, LockoutKey, NotAdmitted, Principal, Proof, Sessions, StepUpError};
use crate::audit::{Action, AuditEntry, Circumstances};
use crate::consequences::Consequences;
use crate::ids::UserId;
use crate::mail::Message;
use crate::port::PortError;
use crate::randomness::SecretGenerator;
use crate::sealing::SealError;
use crate::time::Timestamp;

/// Why no second factor was begun.
#[derive(Debug, thiserror::Error)]
pub enum BeginSecondFactorError {
    /// There is one already.
    #[error("there is a second factor already")]
    Active,
    /// The account is gone.
    #[error("there is no such account")]
    Ended,
    /// The installation has no key to seal secrets with.
    #[error("secrets cannot be sealed")]
    NoKey,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl From<SealError> for BeginSecondFactorError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::NoKey => Self::NoKey,
            SealError::Port(error) => error.into(),
        }
    }
}

/// Why a second factor was not confirmed.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmSecondFactorError {
    /// None waits to be.
    #[error("no second factor waits to be confirmed")]
    NotBegun,
    /// The code is another.
    #[error("the code is wrong")]
    WrongCode,
    /// The session or the account has ended.
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
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl From<NotAdmitted> for ConfirmSecondFactorError {
    fn from(refusal: NotAdmitted) -> Self {
        match refusal {
            NotAdmitted::Locked { retry_after } => Self::Locked { retry_after },
            NotAdmitted::Throttled { retry_after } => Self::Throttled { retry_after },
            NotAdmitted::Port(error) => error.into(),
        }
    }
}

/// Why a second factor was not taken away.
#[derive(Debug, thiserror::Error)]
pub enum RemoveSecondFactorError {
    /// There is none.
    #[error("there is no second factor")]
    NotActive,
    /// Somebody with these roles must have one.
    #[error("a role of the account calls for a second factor")]
    Required,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Why no recovery codes were made.
#[derive(Debug, thiserror::Error)]
pub enum RenewRecoveryCodesError {
    /// There is no second factor that they would stand in for.
    #[error("there is no second factor")]
    NotActive,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What an authenticator is told.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// The secret, as people type it.
    pub secret: SecretString,
    /// The same with the names, as an authenticator scans it.
    pub uri: SecretString,
}

/// How it stands with the second factor of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecondFactorState {
    /// Since when it is asked for, if it is.
    pub active_since: Option<Timestamp>,
    /// How many recovery codes are left.
    pub codes_left: u32,
    /// Whether a role of the account calls for one.
    pub required: bool,
}

/// The use-cases of second factors.
pub struct SecondFactors {
    sessions: Arc<Sessions>,
    secrets: Arc<dyn SecretGenerator>,
    issuer: String,
}

impl SecondFactors {
    /// The use-cases beside these sessions; authenticators show the issuer's name.
    pub fn new(sessions: Arc<Sessions>, secrets: Arc<dyn SecretGenerator>, issuer: String) -> Self {
        Self {
            sessions,
            secrets,
            issuer,
        }
    }

    /// How it stands with the second factor of an account; `None` where the account is gone.
    pub async fn state(&self, user: UserId) -> Result<Option<SecondFactorState>, PortError> {
        let Some(account) = self.account(user).await? else {
            return Ok(None);
        };
        let factor = self.store().by_user(user).await?;
        let factor = factor.filter(SecondFactor::is_active);
        Ok(Some(SecondFactorState {
            active_since: factor.as_ref().and_then(|factor| factor.confirmed_at),
            codes_left: factor.map_or(0, |factor| factor.codes_left),
            required: self.checks().is_required(&account.roles),
        }))
    }

    /// Makes a secret for an authenticator. Nothing is asked for until it is confirmed by a code.
    ///
    /// Whoever calls it has made sure that the caller showed lately who they are.
    pub async fn begin(&self, user: UserId) -> Result<Enrolment, BeginSecondFactorError> {
        let account = self.account(user).await?.ok_or(BeginSecondFactorError::Ended)?;
        let mut bytes = [0; TotpSecret::BYTES];
        self.secrets.fill(&mut bytes)?;
        let secret = TotpSecret::new(bytes);
        let sealed = self.checks().seal(user, &secret)?;
        let uri = secret.uri(&self.issuer, account.email.as_str());
        let uri = uri.ok_or_else(|| PortError::corrupt("SecondFactors", "a name that fits no URI"))?;
        let now = self.checks().ports.clock.now();
        if !self.store().begin(user, &sealed, now).await? {
            return Err(BeginSecondFactorError::Active);
        }
        Ok(Enrolment {
            secret: secret.base32(),
            uri,
        })
    }

    /// Makes the secret that waits one that is asked for, by a first code of it; gives the recovery codes, which nobody
    /// will see again.
    ///
    /// Whoever calls it has made sure that the caller showed lately who they are; with the code, their session stands on two
    /// factors.
    pub async fn confirm(
        &self,
        principal: &Principal,
        code: &TotpCode,
        circumstances: &Circumstances,
    ) -> Result<Vec<RecoveryCode>, ConfirmSecondFactorError> {
        let user = principal.user_id;
        let account = self.account(user).await?.ok_or(ConfirmSecondFactorError::Ended)?;
        let found = self.store().by_user(user).await?;
        let waiting = found.filter(|factor| !factor.is_active());
        let sealed = waiting.ok_or(ConfirmSecondFactorError::NotBegun)?.secret;
        let lockouts = &self.sessions.ports.lockouts;
        let session = LockoutKey::of_session(principal.session_id);
        let key = LockoutKey::of_email(&account.email);
        let admitted = lockouts.admit(key, Some(session), circumstances).await?;
        let now = self.checks().ports.clock.now();
        let Some(step) = self.checks().open(user, &sealed)?.matching_step(code, now) else {
            lockouts.failed(admitted, Some(&account), circumstances).await?;
            return Err(ConfirmSecondFactorError::WrongCode);
        };
        lockouts.abandoned(admitted).await?;
        let codes = self.make_codes()?;
        let factor = NewFactor {
            user_id: user,
            secret: sealed,
            step,
            codes: digests(&codes, user),
            now,
        };
        let news = self
            .checks()
            .news(&account, Action::SecondFactorAdded, circumstances);
        if !self.store().confirm(&factor, &news).await? {
            return Err(ConfirmSecondFactorError::NotBegun);
        }
        self.strengthen(principal, circumstances).await?;
        Ok(codes)
    }

    /// Notes on the session that it stands on two factors.
    async fn strengthen(
        &self,
        principal: &Principal,
        circumstances: &Circumstances,
    ) -> Result<(), ConfirmSecondFactorError> {
        let found = self.sessions.ports.sessions.by_id(principal.session_id).await?;
        let session = found.ok_or(ConfirmSecondFactorError::Ended)?;
        let noted = self
            .sessions
            .note_proof(&session, Proof::SecondFactor, circumstances);
        match noted.await {
            Ok(_) => Ok(()),
            Err(StepUpError::Port(error)) => Err(error.into()),
            Err(_) => Err(ConfirmSecondFactorError::Ended),
        }
    }

    /// Takes the second factor of an account away, on behalf of its owner, unless a role calls for it.
    ///
    /// Whoever calls it has made sure that the caller showed lately who they are, by both factors.
    pub async fn remove(
        &self,
        user: UserId,
        circumstances: &Circumstances,
    ) -> Result<(), RemoveSecondFactorError> {
        let account = self.account(user).await?;
        let account = account.ok_or(RemoveSecondFactorError::NotActive)?;
        if self.checks().is_required(&account.roles) {
            return Err(RemoveSecondFactorError::Required);
        }
        let news = self
            .checks()
            .news(&account, Action::SecondFactorRemoved, circumstances);
        let now = self.checks().ports.clock.now();
        let removed = self.store().remove(user, Ends::Nothing, now, &news).await?;
        removed.map(|_| ()).ok_or(RemoveSecondFactorError::NotActive)
    }

    /// Makes new recovery codes; those before are not good any more.
    ///
    /// Whoever calls it has made sure that the caller showed lately who they are, by both factors.
    pub async fn renew_codes(
        &self,
        user: UserId,
        circumstances: &Circumstances,
    ) -> Result<Vec<RecoveryCode>, RenewRecoveryCodesError> {
        let account = self.account(user).await?;
        let account = account.ok_or(RenewRecoveryCodesError::NotActive)?;
        let codes = self.make_codes()?;
        let news = self
            .checks()
            .news(&account, Action::RecoveryCodesMade, circumstances);
        let digests = digests(&codes, user);
        if self.store().renew_codes(user, &digests, &news).await? {
            Ok(codes)
        } else {
            Err(RenewRecoveryCodesError::NotActive)
        }
    }

    /// Takes the second factor of an account away on behalf of somebody who looks after it, as the entry tells, and ends
    /// all its sessions; whether there was one.
    pub(crate) async fn reset(&self, account: &Account, entry: AuditEntry) -> Result<bool, PortError> {
        let checks = self.checks();
        let mail = checks
            .recorder
            .mail(account, Message::security_changed(Action::SecondFactorRemoved));
        let consequences = Consequences::from(entry).and_mail(mail);
        let now = checks.ports.clock.now();
        let ended = self
            .store()
            .remove(account.id, Ends::AllSessions, now, &consequences)
            .await?;
        match &ended {
            Some(ended) => self.sessions.announce_ended(ended).await,
            // An earlier attempt may have ended sessions whose answer was lost: the store knows.
            None => drop(self.sessions.load_revoked().await?),
        }
        Ok(ended.is_some())
    }

    async fn account(&self, user: UserId) -> Result<Option<Account>, PortError> {
        let found = self.sessions.ports.accounts.by_id(user).await?;
        Ok(found.filter(Account::is_active))
    }

    fn make_codes(&self) -> Result<Vec<RecoveryCode>, PortError> {
        let codes = (0..RECOVERY_CODES).map(|_| {
            let mut bytes = [0; RecoveryCode::BYTES];
            self.secrets.fill(&mut bytes)?;
            Ok(RecoveryCode::new(bytes))
        });
        codes.collect()
    }

    fn checks(&self) -> &SecondFactorChecks {
        &self.sessions.ports.second_factors
    }

    fn store(&self) -> &dyn SecondFactorStore {
        &*self.checks().ports.store
    }
}

fn digests(codes: &[RecoveryCode], user: UserId) -> Vec<[u8; 32]> {
    codes.iter().map(|code| code.digest(user)).collect()
}
