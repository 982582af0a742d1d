//! Another address, once links in mails to both were followed.

use std::time::Duration;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::Credentials;
use crate::accounts::{
    ATTEMPTS, Account, AccountChange, Email, Ends, OneTimeSecret, Purpose, SaveAccountError,
};
use crate::audit::{Action, Circumstances};
use crate::consequences::Consequences;
use crate::ids::{SecretId, UserId};
use crate::mail::{Message, WhichEmail};
use crate::port::PortError;

/// For how long the links are good.
const LIFETIME: TimeDelta = TimeDelta::hours(24);

/// Why a change of the address did not begin.
#[derive(Debug, thiserror::Error)]
pub enum RequestEmailChangeError {
    /// It is the address already.
    #[error("it is the address already")]
    Same,
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

/// Why a change of the address was not confirmed.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmEmailChangeError {
    /// The link was used before, has expired, never was, or another change was asked for since.
    #[error("the link is not good any more")]
    LinkSpent,
    /// Another account has the address.
    #[error("the email is taken")]
    EmailTaken,
    /// The account was changed by others again and again.
    #[error("the account is changed by others at the same time")]
    Conflict,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// How far a change of the address has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailChange {
    /// The link at the other address is still to be followed.
    HalfConfirmed,
    /// The address is changed.
    Done,
}

/// What the secrets of a change hold.
#[derive(Serialize, Deserialize)]
struct Pending {
    /// The address that is to be the account's.
    to: String,
    /// The secret that went to the other address, if one did.
    other: Option<SecretId>,
}

impl Pending {
    fn to_json(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }

    fn of(secret: &OneTimeSecret) -> Option<Self> {
        serde_json::from_str(secret.payload.as_deref()?).ok()
    }
}

impl Credentials {
    /// Begins the change of an address: mails go to the new one and, if it was shown to be the owner's, to the present one.
    ///
    /// Whether another account has the new one is told only to whoever can read its mail, at the end. A change that was
    /// asked for before is off; at most three are begun in an hour.
    pub async fn request_email_change(
        &self,
        user: UserId,
        to: &Email,
        circumstances: &Circumstances,
    ) -> Result<(), RequestEmailChangeError> {
        let found = self.ports.accounts.by_id(user).await?;
        let account = found.filter(Account::is_active);
        let account = account.ok_or(RequestEmailChangeError::NotFound)?;
        if account.email == *to {
            return Err(RequestEmailChangeError::Same);
        }
        let room = self.count_mail("email_change", &user.to_string()).await?;
        if !room.allowed {
            return Err(RequestEmailChangeError::TooMany(room.reset_after));
        }
        let entry = self
            .recorder
            .by_owner(user, Action::EmailChangeRequested, circumstances);
        let asking = self.asking_both(&account, to, entry.into());
        Ok(self.ports.secrets.issue(&asking).await?)
    }

    /// The mails to the addresses that are to confirm the change, with their secrets.
    fn asking_both(&self, account: &Account, to: &Email, consequences: Consequences) -> Consequences {
        let make = |purpose| self.ports.secrets.make(account.id, purpose, LIFETIME);
        let at_new = make(Purpose::ConfirmNewEmail);
        let at_old = account.email_verified.then(|| make(Purpose::ConfirmOldEmail));
        let (new_id, old_id) = (at_new.id, at_old.as_ref().map(|secret| secret.id));
        let ask = |consequences: Consequences, secret: OneTimeSecret, at, recipient: &Email, other| {
            let message = Message::ConfirmEmailChange {
                secret: secret.id,
                at,
                to: to.shortened(),
            };
            let to = to.as_str().to_owned();
            let payload = Pending { to, other }.to_json();
            consequences
                .and_mail(self.recorder.mail_to(account, recipient.clone(), message))
                .and_secret(OneTimeSecret { payload, ..secret })
        };
        let asking = ask(consequences, at_new, WhichEmail::New, to, old_id);
        match at_old {
            Some(at_old) => ask(asking, at_old, WhichEmail::Old, &account.email, Some(new_id)),
            None => asking,
        }
    }

    /// Confirms a change of the address at one of the two, by the token of the link that went there; the second one
    /// changes it, and ends all sessions.
    pub async fn confirm_email_change(
        &self,
        token: &str,
        circumstances: &Circumstances,
    ) -> Result<EmailChange, ConfirmEmailChangeError> {
        let secrets = &self.ports.secrets;
        let secret = match secrets.by_token(Purpose::ConfirmNewEmail, token).await? {
            Some(secret) => Some(secret),
            None => secrets.by_token(Purpose::ConfirmOldEmail, token).await?,
        };
        let secret = secret.ok_or(ConfirmEmailChangeError::LinkSpent)?;
        let pending = Pending::of(&secret).ok_or(ConfirmEmailChangeError::LinkSpent)?;
        let to: Email = pending
            .to
            .parse()
            .map_err(|_| ConfirmEmailChangeError::LinkSpent)?;
        for _ in 0..ATTEMPTS {
            // The account before the other secret: a confirmation that comes between is a conflict.
            let found = self.ports.accounts.by_id(secret.user_id).await?;
            let account = found.filter(Account::is_active);
            let account = account.ok_or(ConfirmEmailChangeError::LinkSpent)?;
            let is_last = self.is_confirmed(pending.other).await?;
            let change = if is_last {
                self.changing(&account, to.clone(), circumstances)
            } else {
                self.confirming(&account, circumstances)
            };
            match self.ports.accounts.save(&change.redeeming(secret.id)).await {
                Ok(ended) => {
                    self.ports.sessions.announce_ended(&ended).await;
                    return Ok(if is_last {
                        EmailChange::Done
                    } else {
                        EmailChange::HalfConfirmed
                    });
                }
                Err(SaveAccountError::Conflict) => {}
                Err(SaveAccountError::EmailTaken) => return Err(ConfirmEmailChangeError::EmailTaken),
                Err(SaveAccountError::Port(error)) => return Err(error.into()),
                Err(
                    SaveAccountError::SecretSpent
                    | SaveAccountError::IdentityTaken
                    | SaveAccountError::LastAdministrator,
                ) => {
                    return Err(ConfirmEmailChangeError::LinkSpent);
                }
            }
        }
        Err(ConfirmEmailChangeError::Conflict)
    }

    /// Whether the other address has confirmed, or need not.
    ///
    /// Both secrets are made together and stop being good together, so that one that was used while its other is good
    /// was used by a confirmation.
    async fn is_confirmed(&self, other: Option<SecretId>) -> Result<bool, PortError> {
        let Some(id) = other else {
            return Ok(true);
        };
        let other = self.ports.secrets.by_id(id).await?;
        Ok(other.is_some_and(|other| other.used_at.is_some()))
    }

    /// Half of the change: nothing but the account's revision, so that of two halves at once one comes after the other.
    fn confirming(&self, account: &Account, circumstances: &Circumstances) -> AccountChange {
        let entry = self
            .recorder
            .by_owner(account.id, Action::EmailChangeConfirmed, circumstances);
        AccountChange::new(account, account.changed(self.ports.clock.now(), |_| ()), entry)
    }

    fn changing(&self, account: &Account, to: Email, circumstances: &Circumstances) -> AccountChange {
        let entry = self
            .recorder
            .by_owner(account.id, Action::EmailChanged, circumstances);
        let message = Message::EmailChanged { to: to.shortened() };
        let news = self.recorder.mail(account, message);
        let after = account.changed(self.ports.clock.now(), |next| {
            next.email = to;
            next.email_verified = true;
        });
        AccountChange::new(account, after, Consequences::from(entry).and_mail(news)).ending(Ends::AllSessions)
    }
}
