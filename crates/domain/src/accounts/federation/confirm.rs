//! An identity whose address an account has: its owner decides, by a link in a mail.

use std::time::Duration;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{Federation, IdentityClaims, IdentityProvider, LinkedIdentity};
use crate::accounts::{ATTEMPTS, Account, AccountChange, Email, OneTimeSecret, Purpose, SaveAccountError};
use crate::audit::{Action, Actor, Circumstances};
use crate::consequences::Consequences;
use crate::ids::IdentityId;
use crate::limits::Limit;
use crate::mail::Message;
use crate::port::PortError;

/// For how long the link is good.
const LIFETIME: TimeDelta = TimeDelta::minutes(30);
/// How many such mails are sent in an hour for one account.
const MAILS: Limit = Limit {
    name: "identity_link",
    quota: 3,
    window: Duration::from_hours(1),
};

/// Why an identity was not linked by a link in a mail.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmLinkError {
    /// The link was used before, has expired, or never was.
    #[error("the link is not good any more")]
    LinkSpent,
    /// The identity opens another account, or the account has another one of this provider.
    #[error("the identity is linked elsewhere")]
    IdentityTaken,
    /// The account was changed by others again and again.
    #[error("the account is changed by others at the same time")]
    Conflict,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What the secret of the mail holds: the identity that is to be linked.
#[derive(Serialize, Deserialize)]
struct Wanted {
    provider: String,
    issuer: String,
    subject: String,
    email: Option<String>,
}

impl Wanted {
    fn of(secret: &OneTimeSecret) -> Option<Self> {
        serde_json::from_str(secret.payload.as_deref()?).ok()
    }
}

impl Federation {
    /// Asks the owner of an account, by mail, whether an identity with its address is to open it; at most three times in an
    /// hour.
    ///
    /// Nothing is linked without the link of that mail: a provider's word alone opens no account that somebody else made.
    pub(super) async fn ask_owner(
        &self,
        provider: &dyn IdentityProvider,
        claims: &IdentityClaims,
        account: &Account,
        circumstances: &Circumstances,
    ) -> Result<(), PortError> {
        let room = self.ports.limiter.take(&account.id.to_string(), &MAILS).await?;
        let action = Action::IdentityLinkRequested;
        let entry = self
            .recorder
            .entry(Actor::Anonymous, action, Some(account.id), circumstances)
            .with("provider", provider.id().to_string());
        let mut consequences = Consequences::from(entry);
        if room.allowed && account.may_come_back() {
            let secret = self.secret(provider, claims, account);
            let message = Message::ConfirmIdentity {
                secret: secret.id,
                provider: provider.name().to_owned(),
            };
            let mail = self.recorder.mail(account, message);
            consequences = consequences.and_secret(secret).and_mail(mail);
        }
        self.ports.secrets.issue(&consequences).await
    }

    fn secret(
        &self,
        provider: &dyn IdentityProvider,
        claims: &IdentityClaims,
        account: &Account,
    ) -> OneTimeSecret {
        let wanted = Wanted {
            provider: provider.id().to_string(),
            issuer: claims.issuer.clone(),
            subject: claims.subject.as_str().to_owned(),
            email: claims.email.as_ref().map(|email| email.as_str().to_owned()),
        };
        let secret = self
            .ports
            .secrets
            .make(account.id, Purpose::LinkIdentity, LIFETIME);
        OneTimeSecret {
            payload: serde_json::to_string(&wanted).ok(),
            ..secret
        }
    }

    /// Links an identity by the token of the link that went to the address of the account.
    ///
    /// Whoever read that mail has shown whose the address is. Where nobody had before, whoever made the account is not known
    /// to be the owner: all by which they could sign in goes, password, sessions, keys, second factor and identities.
    pub async fn confirm_link(
        &self,
        token: &str,
        circumstances: &Circumstances,
    ) -> Result<(), ConfirmLinkError> {
        let secret = self.ports.secrets.by_token(Purpose::LinkIdentity, token).await?;
        let secret = secret.ok_or(ConfirmLinkError::LinkSpent)?;
        let identity = self.wanted(&secret).ok_or(ConfirmLinkError::LinkSpent)?;
        for _ in 0..ATTEMPTS {
            let found = self.ports.accounts.by_id(secret.user_id).await?;
            let account = found.filter(Account::may_come_back);
            let account = account.ok_or(ConfirmLinkError::LinkSpent)?;
            let change = self.linking(&account, identity.clone(), circumstances);
            match self.ports.accounts.save(&change.redeeming(secret.id)).await {
                Ok(ended) => {
                    self.ports.sessions.announce_ended(&ended).await;
                    return Ok(());
                }
                Err(SaveAccountError::Conflict) => {}
                Err(SaveAccountError::IdentityTaken) => return Err(ConfirmLinkError::IdentityTaken),
                Err(SaveAccountError::Port(error)) => return Err(error.into()),
                Err(
                    SaveAccountError::SecretSpent
                    | SaveAccountError::EmailTaken
                    | SaveAccountError::LastAdministrator,
                ) => return Err(ConfirmLinkError::LinkSpent),
            }
        }
        Err(ConfirmLinkError::Conflict)
    }

    fn wanted(&self, secret: &OneTimeSecret) -> Option<LinkedIdentity> {
        let Wanted {
            provider,
            issuer,
            subject,
            email,
        } = Wanted::of(secret)?;
        Some(LinkedIdentity {
            id: IdentityId(self.ports.ids.next()),
            user_id: secret.user_id,
            provider: provider.parse().ok()?,
            issuer,
            subject: subject.parse().ok()?,
            email: email.and_then(|email| email.parse::<Email>().ok()),
            linked_at: self.ports.clock.now(),
        })
    }

    fn linking(
        &self,
        account: &Account,
        identity: LinkedIdentity,
        circumstances: &Circumstances,
    ) -> AccountChange {
        let news = self.news(account, Action::IdentityLinked, identity.id, circumstances);
        let after = account.changed(self.ports.clock.now(), |next| next.email_verified = true);
        let change = AccountChange::new(account, after, news).linking(identity);
        if account.email_verified {
            change
        } else {
            change.taking_back()
        }
    }
}
