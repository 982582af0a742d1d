//! Another password, by whoever knows the present one.

use super::Credentials;
use crate::accounts::{
    ATTEMPTS, AccountChange, Ends, Password, PasswordHasherError, Principal, RecencyError, SaveAccountError,
    StepUpError, WeakPassword,
};
use crate::audit::{Action, Circumstances};
use crate::consequences::Consequences;
use crate::mail::Message;
use crate::port::PortError;

/// Why a password was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangePasswordError {
    /// The new password is too easily guessed.
    #[error(transparent)]
    WeakPassword(#[from] WeakPassword),
    /// What was to be shown first was not.
    #[error(transparent)]
    StepUp(#[from] StepUpError),
    /// The account has a second factor, and it was not shown lately.
    #[error(transparent)]
    Recency(#[from] RecencyError),
    /// The account was changed by others again and again.
    #[error("the account is changed by others at the same time")]
    Conflict,
}

impl From<PortError> for ChangePasswordError {
    fn from(error: PortError) -> Self {
        Self::StepUp(error.into())
    }
}

impl From<PasswordHasherError> for ChangePasswordError {
    fn from(error: PasswordHasherError) -> Self {
        Self::StepUp(error.into())
    }
}

impl Credentials {
    /// Puts a new password in the place of the present one, and ends all sessions but the caller's.
    ///
    /// Where the account has a second factor, it must have been shown lately besides.
    pub async fn change_password(
        &self,
        principal: &Principal,
        current: &Password,
        new: &Password,
        circumstances: &Circumstances,
    ) -> Result<(), ChangePasswordError> {
        self.passwords.check(new)?;
        let sessions = &self.ports.sessions;
        sessions.require_recent_factors(principal).await?;
        for _ in 0..ATTEMPTS {
            let found = sessions.check_password(principal, current, circumstances).await?;
            let hash = self.ports.hasher.hash(new).await?;
            let account = found.account;
            let entry = self
                .recorder
                .by_owner(account.id, Action::PasswordChanged, circumstances);
            let mail = self.recorder.mail(&account, Message::PasswordChanged);
            let after = account.changed(self.ports.clock.now(), |_| ());
            let change = AccountChange::new(&account, after, Consequences::from(entry).and_mail(mail))
                .with_password(hash)
                .ending(Ends::OtherSessions(principal.session_id));
            match self.ports.accounts.save(&change).await {
                Ok(ended) => {
                    sessions.announce_ended(&ended).await;
                    return Ok(());
                }
                Err(SaveAccountError::Port(error)) => return Err(error.into()),
                // Perhaps the password: what was shown is looked at again.
                Err(_) => {}
            }
        }
        Err(ChangePasswordError::Conflict)
    }
}
