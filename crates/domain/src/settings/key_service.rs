//! The use-cases of learners' own keys of providers: look, set, open for a call, take away.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use super::{KeyProvider, KeyText, KeylessLearners, ProviderKey};
use crate::audit::{Action, Circumstances};
use crate::consequences::{Consequences, Recorder};
use crate::ids::{IdGenerator, UserId};
use crate::port::PortError;
use crate::sealing::{OpenError, SealError, Sealer};
use crate::time::Clock;

/// Keeps learners' own keys of providers, sealed.
#[async_trait]
pub trait ProviderKeyStore: Send + Sync {
    /// The keys of a learner, by the names of their providers.
    async fn list(&self, user: UserId) -> Result<Vec<ProviderKey>, PortError>;

    /// Keeps a key in the place of the one before and writes the consequences, all or nothing.
    ///
    /// - A learner without an account is refused as [`crate::port::PortErrorKind::OwnerGone`].
    async fn keep(
        &self,
        user: UserId,
        key: &ProviderKey,
        consequences: &Consequences,
    ) -> Result<(), PortError>;

    /// Takes a key away; whether there was one. The consequences are written if so.
    async fn remove(
        &self,
        user: UserId,
        provider: KeyProvider,
        consequences: &Consequences,
    ) -> Result<bool, PortError>;
}

/// Why a key was not taken away.
#[derive(Debug, thiserror::Error)]
pub enum RemoveKeyError {
    /// There is none.
    #[error("there is no key of this provider")]
    NotFound,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// The use-cases of learners' own keys of providers.
pub struct ProviderKeys {
    store: Arc<dyn ProviderKeyStore>,
    keyless: Arc<dyn KeylessLearners>,
    sealer: Arc<dyn Sealer>,
    clock: Arc<dyn Clock>,
    recorder: Recorder,
}

impl ProviderKeys {
    /// The use-cases over these ports.
    pub fn new(
        store: Arc<dyn ProviderKeyStore>,
        keyless: Arc<dyn KeylessLearners>,
        sealer: Arc<dyn Sealer>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
    ) -> Self {
        Self {
            store,
            keyless,
            sealer,
            recorder: Recorder::new(Arc::clone(&clock), ids),
            clock,
        }
    }

    /// The keys of a learner, as they are kept.
    pub async fn list(&self, user: UserId) -> Result<Vec<ProviderKey>, PortError> {
        self.store.list(user).await
    }

    /// Seals a key and keeps it in the place of the one before.
    pub async fn set(
        &self,
        user: UserId,
        provider: KeyProvider,
        text: &KeyText,
        circumstances: &Circumstances,
    ) -> Result<ProviderKey, SealError> {
        let label = ProviderKey::label(user, provider);
        let key = ProviderKey {
            provider,
            sealed: self.sealer.seal(&label, text.expose().as_bytes())?,
            last_four: text.last_four(),
            set_at: self.clock.now(),
        };
        let entry = self
            .recorder
            .by_owner(user, Action::ProviderKeySet, circumstances);
        let consequences = entry.with("provider", provider.as_str()).into();
        let kept = self.store.keep(user, &key, &consequences).await;
        // Even of a key of which nobody knows whether it was kept.
        self.keyless.key_set(user).await;
        kept?;
        Ok(key)
    }

    /// The key of the first of these providers of which a learner has one. A key that was set in another copy of the program
    /// is known within [`KEYLESS_FOR`](super::KEYLESS_FOR), one that was taken away at once.
    pub async fn first_of(
        &self,
        user: UserId,
        providers: &[KeyProvider],
    ) -> Result<Option<ProviderKey>, PortError> {
        if self.keyless.contains(user).await {
            return Ok(None);
        }
        let before = self.keyless.keys_set();
        let mut keys = self.store.list(user).await?;
        if keys.is_empty() {
            self.keyless.insert(user, before).await;
        }
        let place = |provider| keys.iter().position(|key| key.provider == provider);
        let first = providers.iter().copied().find_map(place);
        Ok(first.map(|place| keys.swap_remove(place)))
    }

    /// Opens a learner's key, for as long as a call takes.
    pub fn open(&self, user: UserId, key: &ProviderKey) -> Result<SecretString, OpenError> {
        let label = ProviderKey::label(user, key.provider);
        let opened = self.sealer.open(&label, &key.sealed)?;
        let text = std::str::from_utf8(opened.expose_secret());
        let text = text.map_err(|_| OpenError::Refused(key.sealed.key_id.clone()))?;
        Ok(text.into())
    }

    /// Takes a key away.
    pub async fn remove(
        &self,
        user: UserId,
        provider: KeyProvider,
        circumstances: &Circumstances,
    ) -> Result<(), RemoveKeyError> {
        let entry = self
            .recorder
            .by_owner(user, Action::ProviderKeyRemoved, circumstances);
        let consequences = entry.with("provider", provider.as_str()).into();
        let was_there = self.store.remove(user, provider, &consequences).await?;
        was_there.then_some(()).ok_or(RemoveKeyError::NotFound)
    }
}
