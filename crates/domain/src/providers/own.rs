//! Learners' own keys in use: whose key a call is made with, and who is asked then.

use std::sync::Arc;

use secrecy::SecretString;

use super::{ProviderError, ProviderErrorKind};
use crate::caching::{Denial, KeyBuilder, MakeError};
use crate::conversations::ConversationWriter;
use crate::ids::UserId;
use crate::port::PortError;
use crate::settings::{KeyProvider, ProviderKey, ProviderKeys};
use crate::speech::{SpeechRecognizer, SpeechSynthesizer};

/// What providers are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// To speak.
    Speech,
    /// To listen.
    Recognition,
    /// To write conversations.
    Conversations,
}

impl Service {
    /// Whose keys serve it: of several that a learner has, the first in this order.
    pub const fn own_providers(self) -> &'static [KeyProvider] {
        match self {
            Self::Speech => &[KeyProvider::ElevenLabs, KeyProvider::OpenAi, KeyProvider::Google],
            Self::Recognition => &[KeyProvider::Google, KeyProvider::OpenAi, KeyProvider::ElevenLabs],
            Self::Conversations => &[KeyProvider::Google, KeyProvider::OpenAi],
        }
    }
}

/// Makes providers that are asked with somebody's own key.
///
/// - What is made holds the key, and lives as long as one call.
/// - A provider that does not serve is [`ProviderErrorKind::Missing`]; a key that cannot be sent is
///   [`ProviderErrorKind::Unauthorized`].
/// - What becomes of one key changes nothing for another, nor for the installation's own.
pub trait OwnProviders: Send + Sync {
    /// Who speaks.
    fn synthesizer(
        &self,
        provider: KeyProvider,
        key: &SecretString,
    ) -> Result<Arc<dyn SpeechSynthesizer>, ProviderError>;

    /// Who listens.
    fn recognizer(
        &self,
        provider: KeyProvider,
        key: &SecretString,
    ) -> Result<Arc<dyn SpeechRecognizer>, ProviderError>;

    /// Who writes.
    fn writer(
        &self,
        provider: KeyProvider,
        key: &SecretString,
    ) -> Result<Arc<dyn ConversationWriter>, ProviderError>;
}

/// A learner's own key that serves what they ask for; still sealed.
#[derive(Clone)]
pub struct OwnKey {
    user: UserId,
    key: ProviderKey,
}

impl OwnKey {
    /// Whose it is.
    pub const fn user(&self) -> UserId {
        self.user
    }

    /// The provider that is asked with it, as answers name it.
    pub const fn provider(&self) -> &'static str {
        self.key.provider.as_str()
    }

    /// The beginning of what answers are kept under that this key paid for: nobody else's, nor those of the key before.
    pub(crate) fn private(&self, service: &'static str) -> KeyBuilder {
        KeyBuilder::new(service)
            .field("user", &self.user.to_string())
            .field("provider", self.provider())
            .field("setAt", &self.key.set_at.timestamp_millis().to_string())
    }

    /// What a failure of the provider means to the owner of the key.
    pub(crate) fn failure(error: ProviderError) -> MakeError {
        match error.kind {
            // What is missing is missing for this key: a model or a service that it has no right to.
            ProviderErrorKind::Unauthorized | ProviderErrorKind::Missing => {
                MakeError::Denied(Denial::KeyRefused(error))
            }
            _ => MakeError::Provider(error),
        }
    }
}

/// Finds out with whose key a call is made, and opens it for the call.
pub struct OwnKeys {
    keys: Arc<ProviderKeys>,
    providers: Arc<dyn OwnProviders>,
}

impl OwnKeys {
    /// Over these keys and who is asked with them.
    pub fn new(keys: Arc<ProviderKeys>, providers: Arc<dyn OwnProviders>) -> Self {
        Self { keys, providers }
    }

    /// A learner's own key for a service, if they have one.
    pub(crate) async fn serving(&self, user: UserId, service: Service) -> Result<Option<OwnKey>, PortError> {
        let key = self.keys.first_of(user, service.own_providers()).await?;
        Ok(key.map(|key| OwnKey { user, key }))
    }

    /// Who speaks for this key.
    pub(crate) fn synthesizer(&self, own: &OwnKey) -> Result<Arc<dyn SpeechSynthesizer>, MakeError> {
        let made = self.providers.synthesizer(own.key.provider, &self.open(own)?);
        made.map_err(OwnKey::failure)
    }

    /// Who listens for this key.
    pub(crate) fn recognizer(&self, own: &OwnKey) -> Result<Arc<dyn SpeechRecognizer>, MakeError> {
        let made = self.providers.recognizer(own.key.provider, &self.open(own)?);
        made.map_err(OwnKey::failure)
    }

    /// Who writes for this key.
    pub(crate) fn writer(&self, own: &OwnKey) -> Result<Arc<dyn ConversationWriter>, MakeError> {
        let made = self.providers.writer(own.key.provider, &self.open(own)?);
        made.map_err(OwnKey::failure)
    }

    fn open(&self, own: &OwnKey) -> Result<SecretString, MakeError> {
        let opened = self.keys.open(own.user, &own.key);
        opened.map_err(|error| MakeError::Denied(Denial::KeyShut(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_serves_something_and_none_twice() {
        let services = [Service::Speech, Service::Recognition, Service::Conversations];
        for provider in KeyProvider::ALL {
            let serves = |service: &Service| service.own_providers().contains(&provider);
            assert!(services.iter().any(serves), "{provider}");
        }
        for service in services {
            let mut providers = service.own_providers().to_vec();
            providers.sort();
            providers.dedup();
            assert_eq!(providers.len(), service.own_providers().len(), "{service:?}");
        }
    }
}
