//! Signing in where a second factor is asked for: the password yields a challenge, the code a session.

use chrono::TimeDelta;
use futures_util::future::join;

use super::{Challenge, SecondFactorCode};
use crate::accounts::{
    AccountWithPassword, Admitted, Identity, LockoutKey, NotAdmitted, Proof, SeenDevice, Sessions,
    SignInError, SignedIn,
};
use crate::audit::Circumstances;
use crate::port::PortError;

/// Why nobody was signed in by a challenge and a code.
#[derive(Debug, thiserror::Error)]
pub enum CodeSignInError {
    /// The challenge was never given, has expired, or the password or the second factor changed since.
    #[error("the challenge is not good any more")]
    InvalidChallenge,
    /// The code is wrong, or was used before.
    #[error("the code is wrong")]
    WrongCode,
    /// The account was put out of use or deleted by an administrator.
    #[error("the account is not in use")]
    Deactivated,
    /// Too many attempts failed for the account.
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
    /// The account was changed by others again and again.
    #[error("the account is changed by others at the same time")]
    Busy,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl From<NotAdmitted> for CodeSignInError {
    fn from(refusal: NotAdmitted) -> Self {
        match refusal {
            NotAdmitted::Locked { retry_after } => Self::Locked { retry_after },
            NotAdmitted::Throttled { retry_after } => Self::Throttled { retry_after },
            NotAdmitted::Port(error) => error.into(),
        }
    }
}

impl Sessions {
    /// Opens a session for somebody who showed the password, or asks for the second factor where there is one.
    ///
    /// Then the attempt counts neither as failed nor as succeeded: the next, at the code, is counted anew, and no number of
    /// right passwords makes room for guesses at codes.
    pub(in crate::accounts) async fn password_shown(
        &self,
        identity: &Identity,
        admitted: Admitted,
        device: Option<SeenDevice>,
        asked: Result<bool, PortError>,
        found: AccountWithPassword,
        circumstances: &Circumstances,
    ) -> Result<SignedIn, SignInError> {
        let lockouts = &self.ports.lockouts;
        match asked {
            Ok(false) => {
                let AccountWithPassword {
                    account,
                    password_hash: shown,
                } = found;
                let id = account.id;
                let lets_in = async || {
                    let found = self.find(identity).await?;
                    let found = found.filter(|found| found.account.id == id && found.password_hash == shown);
                    let wants_more = self.asks_for_code(found.as_ref()).await?;
                    Ok(found.filter(|_| !wants_more).map(|found| found.account))
                };
                let opened = self.open_on(device, account, lets_in, Proof::Password, circumstances);
                let (settled, opened) = join(lockouts.succeeded(admitted), opened).await;
                settled?;
                opened
            }
            Ok(true) => {
                lockouts.abandoned(admitted).await?;
                let now = self.ports.clock.now();
                let challenge = self.challenges.write(found.account.id, &found.password_hash, now);
                Err(SignInError::SecondFactorRequired { challenge })
            }
            Err(error) => {
                // If not even this is noted, the attempt counts as one that failed.
                let _ = lockouts.abandoned(admitted).await;
                Err(error.into())
            }
        }
    }

    /// Whether the second factor of an account is asked for, if one was found.
    pub(in crate::accounts) async fn asks_for_code(
        &self,
        found: Option<&AccountWithPassword>,
    ) -> Result<bool, PortError> {
        match found {
            Some(found) => self.ports.second_factors.is_active(found.account.id).await,
            None => Ok(false),
        }
    }

    /// Signs in with a challenge that the password yielded, and a code of the second factor or a recovery code.
    ///
    /// The attempt is counted for the account before the code is looked at, like one at its password: whichever challenge
    /// it comes with.
    pub async fn sign_in_by_code(
        &self,
        challenge: &str,
        code: &SecondFactorCode,
        circumstances: &Circumstances,
    ) -> Result<SignedIn, CodeSignInError> {
        let challenge = self.challenges.read(challenge, self.ports.clock.now());
        let challenge = challenge.ok_or(CodeSignInError::InvalidChallenge)?;
        let found = self.challenged(&challenge).await?;
        let account = found.ok_or(CodeSignInError::InvalidChallenge)?.account;
        let device = self.known_device(account.id, circumstances).await?;
        let lockouts = &self.ports.lockouts;
        let key = LockoutKey::of_email(&account.email);
        let seen = device.map(LockoutKey::of_device);
        let admitted = lockouts.admit(key, seen, circumstances).await?;
        match self
            .ports
            .second_factors
            .accept(&account, code, circumstances)
            .await
        {
            Ok(true) => {
                let lets_in = async || {
                    let found = self.challenged(&challenge).await?;
                    Ok(found.map(|found| found.account))
                };
                let opened = self.open_on(device, account, lets_in, Proof::SecondFactor, circumstances);
                let (settled, opened) = join(lockouts.succeeded(admitted), opened).await;
                settled?;
                opened.map_err(not_opened)
            }
            Ok(false) => {
                self.note_refusal(Some(account.id), circumstances).await?;
                lockouts.failed(admitted, Some(&account), circumstances).await?;
                Err(CodeSignInError::WrongCode)
            }
            Err(error) => {
                // If not even this is noted, the attempt counts as one that failed.
                let _ = lockouts.abandoned(admitted).await;
                Err(error.into())
            }
        }
    }

    /// The account of a challenge, if its password is still the one and its second factor still asked for.
    async fn challenged(&self, challenge: &Challenge) -> Result<Option<AccountWithPassword>, PortError> {
        let user = challenge.user_id;
        let found = self.ports.accounts.with_password(user).await?;
        let found = found.filter(|found| self.challenges.is_of(challenge, &found.password_hash));
        if found.is_some() && self.ports.second_factors.is_active(user).await? {
            return Ok(found);
        }
        Ok(None)
    }
}

fn not_opened(error: SignInError) -> CodeSignInError {
    match error {
        SignInError::Deactivated => CodeSignInError::Deactivated,
        SignInError::Busy => CodeSignInError::Busy,
        SignInError::Port(error) => error.into(),
        // None of these is said of somebody who showed who they are, but for an account that changed at this very moment.
        SignInError::InvalidCredentials
        | SignInError::SecondFactorRequired { .. }
        | SignInError::Locked { .. }
        | SignInError::Throttled { .. } => CodeSignInError::InvalidChallenge,
    }
}
