//! The use-cases of keys for programs.

use std::sync::Arc;

use chrono::TimeDelta;
use secrecy::{ExposeSecretMut, SecretBox, SecretString};

use super::recent::RecentKeys;
use super::{ApiKey, ApiKeyName, ApiKeyStore, ApiKeyText, InsertApiKeyError, Scopes};
use crate::accounts::{AccountStore, Principal};
use crate::audit::{Action, Circumstances};
use crate::consequences::{Consequences, Recorder};
use crate::ids::{ApiKeyId, IdGenerator, UserId};
use crate::mail::Message;
use crate::port::PortError;
use crate::randomness::SecretGenerator;
use crate::time::{Clock, Timestamp};

/// How many keys an account can have, expired ones included.
pub const MOST_API_KEYS: u32 = 20;
/// How often it is noted that a key was used.
const NOTED_EVERY: TimeDelta = TimeDelta::minutes(1);

/// The command to make a key.
#[derive(Debug, Clone)]
pub struct MakeApiKey {
    /// What its owner calls it.
    pub name: ApiKeyName,
    /// What it may do.
    pub scopes: Scopes,
    /// When it stops being good, if ever.
    pub expires_at: Option<Timestamp>,
}

/// A new key, and its text, which nobody is shown again.
#[derive(Debug)]
pub struct MadeApiKey {
    /// The key.
    pub key: ApiKey,
    /// What its bearer shows.
    pub text: SecretString,
}

/// Why a key was not made.
#[derive(Debug, thiserror::Error)]
pub enum MakeApiKeyError {
    /// It would do nothing.
    #[error("a key must be allowed something")]
    NoScope,
    /// It would never be good.
    #[error("the key would have expired already")]
    Expired,
    /// There are too many.
    #[error("the account has as many keys as it can have")]
    TooMany,
    /// The session has ended, or the account is gone.
    #[error("the session has ended")]
    Ended,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl From<InsertApiKeyError> for MakeApiKeyError {
    fn from(error: InsertApiKeyError) -> Self {
        match error {
            InsertApiKeyError::TooMany => Self::TooMany,
            InsertApiKeyError::SessionEnded => Self::Ended,
            InsertApiKeyError::Port(error) => error.into(),
        }
    }
}

/// Why a key was not revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeApiKeyError {
    /// The account has no such key.
    #[error("there is no such key")]
    NotFound,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What [`ApiKeys`] calls.
#[derive(Clone)]
pub struct ApiKeyPorts {
    /// The keys.
    pub keys: Arc<dyn ApiKeyStore>,
    /// The accounts.
    pub accounts: Arc<dyn AccountStore>,
    /// What secrets are made of.
    pub secrets: Arc<dyn SecretGenerator>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdGenerator>,
}

/// The use-cases of keys for programs.
pub struct ApiKeys {
    ports: ApiKeyPorts,
    recorder: Recorder,
    recent: RecentKeys,
}

/// Who bears a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyBearer {
    /// Whose key it is.
    pub user_id: UserId,
    /// The key.
    pub key: ApiKeyId,
    /// What it may do.
    pub scopes: Scopes,
}

impl ApiKeys {
    /// The use-cases over these ports.
    pub fn new(ports: ApiKeyPorts) -> Self {
        Self {
            recorder: Recorder::new(Arc::clone(&ports.clock), Arc::clone(&ports.ids)),
            recent: RecentKeys::default(),
            ports,
        }
    }

    /// Makes a key, and tells the owner by mail.
    pub async fn make(
        &self,
        principal: &Principal,
        command: MakeApiKey,
        circumstances: &Circumstances,
    ) -> Result<MadeApiKey, MakeApiKeyError> {
        let (now, owner) = (self.ports.clock.now(), principal.user_id);
        if command.scopes.is_empty() {
            return Err(MakeApiKeyError::NoScope);
        }
        if command.expires_at.is_some_and(|expires_at| expires_at <= now) {
            return Err(MakeApiKeyError::Expired);
        }
        let account = self.ports.accounts.by_id(owner).await?;
        let account = account.ok_or(MakeApiKeyError::Ended)?;
        let text = self.text()?;
        let key = ApiKey {
            id: text.id,
            user_id: owner,
            name: command.name,
            scopes: command.scopes,
            digest: text.digest(),
            created_at: now,
            expires_at: command.expires_at,
            last_used_at: None,
        };
        let made = Message::security_changed(Action::ApiKeyMade);
        let consequences = self.told(&key, Action::ApiKeyMade, circumstances);
        let consequences = consequences.and_mail(self.recorder.mail(&account, made));
        let by = principal.session_id;
        let inserted = self.ports.keys.insert(&key, by, MOST_API_KEYS, &consequences);
        inserted.await?;
        Ok(MadeApiKey {
            key,
            text: text.into_secret(),
        })
    }

    /// The keys of an account, the one made last first.
    pub async fn list(&self, owner: UserId) -> Result<Vec<ApiKey>, PortError> {
        self.ports.keys.list(owner).await
    }

    /// Revokes a key of an account: here at once, on other copies of the program within a second.
    pub async fn revoke(
        &self,
        owner: UserId,
        id: ApiKeyId,
        circumstances: &Circumstances,
    ) -> Result<(), RevokeApiKeyError> {
        let entry = self
            .recorder
            .by_owner(owner, Action::ApiKeyRevoked, circumstances);
        let entry = entry.with("key", id.to_string());
        let was_there = self.ports.keys.revoke(owner, id, &entry.into()).await?;
        if was_there {
            self.recent.forget(id);
        }
        was_there.then_some(()).ok_or(RevokeApiKeyError::NotFound)
    }

    /// Says who bears a key; `None` for what is no key, or none that is good.
    ///
    /// What the store said is remembered for less than a second: a key that was revoked or whose owner may do nothing any
    /// more is refused by then.
    pub async fn authenticate(&self, text: &str) -> Result<Option<KeyBearer>, PortError> {
        let Some(text) = ApiKeyText::read(text) else {
            return Ok(None);
        };
        let now = self.ports.clock.now();
        let found = match self.recent.get(text.id, now) {
            Some(known) => Some(known),
            None => self.look_up(text.id, now).await?,
        };
        let Some(key) = found.filter(|key| key.digest == text.digest() && key.is_good(now)) else {
            return Ok(None);
        };
        self.note_use(&key, now).await;
        Ok(Some(KeyBearer {
            user_id: key.user_id,
            key: key.id,
            scopes: key.scopes.clone(),
        }))
    }

    async fn look_up(&self, id: ApiKeyId, asked_at: Timestamp) -> Result<Option<Arc<ApiKey>>, PortError> {
        let found = self.ports.keys.of_bearer(id).await?.map(Arc::new);
        if let Some(key) = &found {
            self.recent.keep(Arc::clone(key), asked_at);
        }
        Ok(found)
    }

    /// Notes that a key was used, at most once a minute and at best: a request is not refused for it.
    async fn note_use(&self, key: &ApiKey, now: Timestamp) {
        let is_noted = key.last_used_at.is_some_and(|last| now - last < NOTED_EVERY);
        if !is_noted && self.ports.keys.used(key.user_id, key.id, now).await.is_ok() {
            self.recent.note_use(key.id, now);
        }
    }

    fn text(&self) -> Result<ApiKeyText, PortError> {
        let mut secret = SecretBox::init_with(|| [0; 32]);
        self.ports.secrets.fill(secret.expose_secret_mut())?;
        Ok(ApiKeyText::write(ApiKeyId(self.ports.ids.next()), &secret))
    }

    fn told(&self, key: &ApiKey, action: Action, circumstances: &Circumstances) -> Consequences {
        let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
        let entry = self.recorder.by_owner(key.user_id, action, circumstances);
        let entry = entry.with("key", key.id.to_string());
        entry.with("scopes", scopes.join(" ")).into()
    }
}
