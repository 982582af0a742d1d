//! Whose an address is, shown by a link in a mail to it.

use std::time::Duration;

use chrono::TimeDelta;

use super::Credentials;
use crate::accounts::{Account, AccountChange, OneTimeSecret, OneTimeSecrets, Purpose, SaveAccountError};
use crate::audit::{Action, Circumstances};
use crate::consequences::{Consequences, Recorder};
use crate::ids::UserId;
use crate::mail::Message;
use crate::port::PortError;

/// For how long the link is good.
const LIFETIME: TimeDelta = TimeDelta::hours(24);

/// Why no mail was sent that shows whose an address is.
#[derive(Debug, thiserror::Error)]
pub enum RequestVerificationError {
    /// Too many were asked for; the next after this time.
    #[error("too many mails were asked for")]
    TooMany(Duration),
    /// The account is gone or out of use.
    #[error("there is no such account")]
    NotFound,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Why it was not shown whose an address is.
#[derive(Debug, thiserror::Error)]
pub enum VerifyEmailError {
    /// The link was used before, has expired, or never was.
    #[error("the link is not good any more")]
    LinkSpent,
    /// The account was changed by others again and again.
    #[error("the account is changed by others at the same time")]
    Conflict,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// The mail that shows whose the address of an account is, with its secret.
pub(in crate::accounts) fn asking(
    account: &Account,
    secrets: &OneTimeSecrets,
    recorder: &Recorder,
    entry: impl Into<Consequences>,
) -> Consequences {
    let secret: OneTimeSecret = secrets.make(account.id, Purpose::VerifyEmail, LIFETIME);
    let mail = recorder.mail(account, Message::VerifyEmail { secret: secret.id });
    entry.into().and_secret(secret).and_mail(mail)
}

impl Credentials {
    /// Sends the mail again that shows whose the address of an account is; none where that is known.
    ///
    /// At most three in an hour.
    pub async fn request_verification(
        &self,
        user: UserId,
        circumstances: &Circumstances,
    ) -> Result<(), RequestVerificationError> {
        let found = self.ports.accounts.by_id(user).await?;
        let account = found.filter(Account::is_active);
        let account = account.ok_or(RequestVerificationError::NotFound)?;
        if account.email_verified {
            return Ok(());
        }
        let room = self.count_mail("email_verification", &user.to_string()).await?;
        if !room.allowed {
            return Err(RequestVerificationError::TooMany(room.reset_after));
        }
        let entry = self
            .recorder
            .by_owner(user, Action::EmailVerificationRequested, circumstances);
        let asking = asking(&account, &self.ports.secrets, &self.recorder, entry);
        Ok(self.ports.secrets.issue(&asking).await?)
    }

    /// Takes the address of an account for its owner's, by the token of a link that went there.
    pub async fn verify_email(
        &self,
        token: &str,
        circumstances: &Circumstances,
    ) -> Result<(), VerifyEmailError> {
        let secret = self.ports.secrets.by_token(Purpose::VerifyEmail, token).await?;
        let secret = secret.ok_or(VerifyEmailError::LinkSpent)?;
        let verified = self.save(secret.user_id, |account| {
            let now = self.ports.clock.now();
            let entry = self
                .recorder
                .by_owner(account.id, Action::EmailVerified, circumstances);
            let after = account.changed(now, |next| next.email_verified = true);
            let change = AccountChange::new(account, after, entry).redeeming(secret.id);
            account.is_active().then_some(change)
        });
        verified.await.map(drop).map_err(|error| match error {
            SaveAccountError::Conflict => VerifyEmailError::Conflict,
            SaveAccountError::Port(error) => error.into(),
            SaveAccountError::SecretSpent
            | SaveAccountError::EmailTaken
            | SaveAccountError::IdentityTaken
            | SaveAccountError::LastAdministrator => VerifyEmailError::LinkSpent,
        })
    }
}
