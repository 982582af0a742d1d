//! A new password for whoever forgot the old one, by a link in a mail.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;

use super::Credentials;
use crate::accounts::{
    Account, AccountChange, Email, Ends, Forgets, LockoutKey, Password, PasswordHasherError, Purpose,
    SaveAccountError, WeakPassword,
};
use crate::audit::{Action, Actor, Circumstances};
use crate::consequences::Consequences;
use crate::mail::Message;
use crate::port::PortError;

/// For how long the link is good.
const LIFETIME: TimeDelta = TimeDelta::minutes(30);

/// Why no new password was set.
#[derive(Debug, thiserror::Error)]
pub enum ResetPasswordError {
    /// The password is too easily guessed.
    #[error(transparent)]
    WeakPassword(#[from] WeakPassword),
    /// The link was used before, has expired, or never was.
    #[error("the link is not good any more")]
    LinkSpent,
    /// Too many passwords wait to be hashed.
    #[error("too many passwords at once")]
    Busy,
    /// The account was changed by others again and again.
    #[error("the account is changed by others at the same time")]
    Conflict,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What an address is counted by: a digest, so that no limiter keeps the addresses that were tried.
fn counted_as(email: &Email) -> String {
    URL_SAFE_NO_PAD.encode(LockoutKey::of_email(email).as_bytes())
}

impl Credentials {
    /// Sends a mail with which a new password can be set, if the address is an account's; whether it is, nobody is told.
    ///
    /// The mail goes to the address as the account has it, whatever way it was written here; at most three in an hour.
    /// Where there is none to send, as much is looked up and something is written as well.
    pub async fn request_reset(&self, email: &Email, circumstances: &Circumstances) -> Result<(), PortError> {
        let found = self.ports.accounts.by_email(email).await?;
        let account = found.map(|found| found.account);
        let room = self.count_mail("password_reset", &counted_as(email)).await?;
        let subject = account.as_ref().map(|account| account.id);
        let entry = self.recorder.entry(
            Actor::Anonymous,
            Action::PasswordResetRequested,
            subject,
            circumstances,
        );
        let consequences = match account.filter(Account::may_come_back) {
            Some(account) if room.allowed => self.offer_reset(&account, entry),
            _ => entry.into(),
        };
        self.ports.secrets.issue(&consequences).await
    }

    fn offer_reset(&self, account: &Account, entry: impl Into<Consequences>) -> Consequences {
        let secret = self
            .ports
            .secrets
            .make(account.id, Purpose::ResetPassword, LIFETIME);
        let mail = self
            .recorder
            .mail(account, Message::ResetPassword { secret: secret.id });
        entry.into().and_secret(secret).and_mail(mail)
    }

    /// Sets a new password by the token of a link that went to the address of an account, and ends all its sessions and
    /// its lock.
    ///
    /// Whoever read that mail has shown whose the address is, and takes the account from what others may have added: the
    /// identities of other addresses are unlinked, as passkeys and keys for programs go with every password that a mail sets.
    pub async fn reset_password(
        &self,
        token: &str,
        password: &Password,
        circumstances: &Circumstances,
    ) -> Result<(), ResetPasswordError> {
        let secret = self.ports.secrets.by_token(Purpose::ResetPassword, token).await?;
        let secret = secret.ok_or(ResetPasswordError::LinkSpent)?;
        self.passwords.check(password)?;
        let hash = self.ports.hasher.hash(password).await;
        let hash = hash.map_err(|error| match error {
            PasswordHasherError::Busy => ResetPasswordError::Busy,
            PasswordHasherError::Port(error) => error.into(),
        })?;
        let saved = self.save(secret.user_id, |account| {
            let now = self.ports.clock.now();
            let entry = self
                .recorder
                .by_owner(account.id, Action::PasswordReset, circumstances);
            let mail = self.recorder.mail(account, Message::PasswordChanged);
            let after = account.changed(now, |next| next.email_verified = true);
            let change = AccountChange::new(account, after, Consequences::from(entry).and_mail(mail))
                .with_password(hash.clone())
                .redeeming(secret.id)
                .ending(Ends::AllSessions)
                .forgetting(Forgets::IdentitiesOfOthers);
            account.may_come_back().then_some(change)
        });
        let account = saved.await.map_err(|error| match error {
            SaveAccountError::Conflict => ResetPasswordError::Conflict,
            SaveAccountError::Port(error) => error.into(),
            SaveAccountError::SecretSpent
            | SaveAccountError::EmailTaken
            | SaveAccountError::IdentityTaken
            | SaveAccountError::LastAdministrator => ResetPasswordError::LinkSpent,
        })?;
        let actor = Actor::Account(account.id);
        self.ports.lockouts.unlock(&account, actor, circumstances).await?;
        Ok(())
    }
}
