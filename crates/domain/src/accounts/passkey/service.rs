//! The use-cases of passkeys that need no device: look, rename, take away, and the options of a sign-in.

use std::sync::Arc;

use serde_json::Value;

use super::{
    Begun, PASSKEY_CHALLENGE_LIFETIME, Passkey, PasskeyAudience, PasskeyCeremonies, PasskeyChallenge,
    PasskeyName, PasskeyStore, RemovePasskeyError,
};
use crate::accounts::{Account, Sessions};
use crate::audit::{Action, Circumstances};
use crate::consequences::{Consequences, Recorder};
use crate::ids::{IdGenerator, PasskeyChallengeId, PasskeyId, UserId};
use crate::mail::Message;
use crate::port::PortError;
use crate::time::{Clock, Timestamp};

/// How many passkeys an account can have.
pub const MOST_PASSKEYS: u32 = 10;

/// How many expired challenges one purge deletes at a time.
const PURGE_BATCH: u32 = 500;

/// Why a passkey was not renamed or taken away.
#[derive(Debug, thiserror::Error)]
pub enum ChangePasskeyError {
    /// The account has no such passkey.
    #[error("there is no such passkey")]
    NotFound,
    /// Nobody could sign in any more.
    #[error("the last way to sign in stays")]
    LastWayIn,
    /// The account is gone or out of use.
    #[error("the account is not in use")]
    Ended,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl From<RemovePasskeyError> for ChangePasskeyError {
    fn from(error: RemovePasskeyError) -> Self {
        match error {
            RemovePasskeyError::NotFound => Self::NotFound,
            RemovePasskeyError::LastWayIn => Self::LastWayIn,
            RemovePasskeyError::Port(error) => error.into(),
        }
    }
}

/// That this installation says nowhere for which site its passkeys are.
#[derive(Debug, thiserror::Error)]
#[error("passkeys are not set up")]
pub struct PasskeysOff;

/// What a browser gets, and by what the answer is to be sent back.
#[derive(Debug, Clone, PartialEq)]
pub struct PasskeyOptions {
    /// The challenge.
    pub challenge: PasskeyChallengeId,
    /// The options in their JSON form.
    pub options: Value,
    /// Until when an answer is taken.
    pub expires_at: Timestamp,
}

/// What [`Passkeys`] calls.
#[derive(Clone)]
pub struct PasskeyPorts {
    /// The sessions, with the accounts.
    pub sessions: Arc<Sessions>,
    /// The passkeys.
    pub passkeys: Arc<dyn PasskeyStore>,
    /// Conducts the ceremonies; `None` where nobody said for which site.
    pub ceremonies: Option<Arc<dyn PasskeyCeremonies>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdGenerator>,
}

/// The use-cases of passkeys.
pub struct Passkeys {
    pub(super) ports: PasskeyPorts,
    pub(super) recorder: Recorder,
}

impl Passkeys {
    /// The use-cases over these ports.
    pub fn new(ports: PasskeyPorts) -> Self {
        Self {
            recorder: Recorder::new(Arc::clone(&ports.clock), Arc::clone(&ports.ids)),
            ports,
        }
    }

    /// The passkeys of an account, the one added first first.
    pub async fn list(&self, owner: UserId) -> Result<Vec<Passkey>, PortError> {
        self.ports.passkeys.list(owner).await
    }

    /// Gives a passkey of an account another name.
    pub async fn rename(
        &self,
        owner: UserId,
        id: PasskeyId,
        name: PasskeyName,
        circumstances: &Circumstances,
    ) -> Result<Passkey, ChangePasskeyError> {
        let entry = self
            .recorder
            .by_owner(owner, Action::PasskeyRenamed, circumstances)
            .with("passkey", id.to_string());
        let (passkeys, told) = (&self.ports.passkeys, entry.into());
        if !passkeys.rename(owner, id, &name, &told).await? {
            return Err(ChangePasskeyError::NotFound);
        }
        let passkeys = passkeys.list(owner).await?;
        let found = passkeys.into_iter().find(|passkey| passkey.id == id);
        found.ok_or(ChangePasskeyError::NotFound)
    }

    /// Takes a passkey of an account away, and tells the owner by mail; the last way to sign in stays.
    ///
    /// Whoever calls it has made sure that the caller showed lately who they are.
    pub async fn remove(
        &self,
        owner: UserId,
        id: PasskeyId,
        circumstances: &Circumstances,
    ) -> Result<(), ChangePasskeyError> {
        let account = self.account(owner).await?.ok_or(ChangePasskeyError::Ended)?;
        let news = self.news(&account, Action::PasskeyRemoved, id, circumstances);
        self.ports.passkeys.remove(owner, id, &news).await?;
        Ok(())
    }

    /// Deletes the challenges that nobody answered in time, batch by batch; says how many.
    pub async fn purge_expired(&self) -> Result<u32, PortError> {
        let now = self.ports.clock.now();
        let mut purged = 0;
        loop {
            let batch = self.ports.passkeys.purge(now, PURGE_BATCH).await?;
            purged += batch;
            if batch < PURGE_BATCH {
                return Ok(purged);
            }
        }
    }

    pub(super) fn ceremonies(&self) -> Result<&dyn PasskeyCeremonies, PasskeysOff> {
        self.ports.ceremonies.as_deref().ok_or(PasskeysOff)
    }

    /// Keeps the challenge of a ceremony that has begun.
    pub(super) async fn issue(
        &self,
        audience: PasskeyAudience,
        begun: Begun,
    ) -> Result<PasskeyOptions, PortError> {
        let challenge = PasskeyChallenge {
            id: PasskeyChallengeId(self.ports.ids.next()),
            audience,
            state: begun.state,
            expires_at: self.ports.clock.now() + PASSKEY_CHALLENGE_LIFETIME,
        };
        self.ports.passkeys.issue(&challenge).await?;
        Ok(PasskeyOptions {
            challenge: challenge.id,
            options: begun.options,
            expires_at: challenge.expires_at,
        })
    }

    /// An account that is in use.
    pub(super) async fn account(&self, user: UserId) -> Result<Option<Account>, PortError> {
        let found = self.ports.sessions.ports.accounts.by_id(user).await?;
        Ok(found.filter(Account::is_active))
    }

    /// What is written when the owner added or took away a passkey: an entry and a mail.
    pub(super) fn news(
        &self,
        account: &Account,
        action: Action,
        passkey: PasskeyId,
        circumstances: &Circumstances,
    ) -> Consequences {
        let entry = self.recorder.by_owner(account.id, action, circumstances);
        let entry = entry.with("passkey", passkey.to_string());
        Consequences::from(entry).and_mail(self.recorder.mail(account, Message::security_changed(action)))
    }
}
