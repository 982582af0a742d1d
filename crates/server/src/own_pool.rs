//! Who is asked with learners' own keys: over shared connections, in the places and the time of the installation's own
//! providers, behind circuits of their own.

use std::sync::Arc;

use anyhow::Context;
use parlance_domain::conversations::{CheckedWriter, ConversationWriter};
use parlance_domain::providers::{OwnProviders, ProviderError, ProviderErrorKind, Service};
use parlance_domain::settings::KeyProvider;
use parlance_domain::speech::{SpeechRecognizer, SpeechSynthesizer};
use parlance_domain::time::Clock;
use parlance_elevenlabs::ElevenLabs;
use parlance_google::{Credentials, Google};
use parlance_openai::{OpenAi, OpenAiConfig, PlainHttp};
use parlance_resilience::{Guard, GuardedRecognizer, GuardedSynthesizer, GuardedWriter};
use secrecy::SecretString;

use crate::providers::at_google;
use crate::settings::{OwnOpenAiSettings, ProviderSettings};

/// Makes providers for learners' own keys; each lives as long as one call.
pub(crate) struct OwnPool {
    google: Google,
    openai: OpenAi,
    elevenlabs: ElevenLabs,
    guards: Vec<OwnGuard>,
}

/// What stands before a provider that is asked with learners' keys: one for all of them.
#[derive(Clone)]
pub(crate) struct OwnGuard {
    /// What is asked for.
    pub(crate) service: Service,
    /// Who is asked.
    pub(crate) provider: KeyProvider,
    /// The guard.
    pub(crate) guard: Arc<Guard>,
}

impl OwnPool {
    /// Whoever the settings name, beside the guards of the installation's own.
    pub(crate) fn new<'a>(
        settings: &ProviderSettings,
        clock: &Arc<dyn Clock>,
        house: impl Fn(Service) -> &'a Arc<Guard>,
    ) -> anyhow::Result<Self> {
        let services = [Service::Speech, Service::Recognition, Service::Conversations];
        let guards = services.into_iter().flat_map(|service| {
            let beside = house(service);
            let of_provider = move |provider: &KeyProvider| OwnGuard {
                service,
                provider: *provider,
                guard: Arc::new(beside.beside(provider.as_str(), circuit(service))),
            };
            service.own_providers().iter().map(of_provider)
        });
        let elevenlabs = ElevenLabs::new(settings.own_keys.elevenlabs.clone());
        Ok(Self {
            google: at_google(settings, Credentials::Nobody, clock)?,
            openai: openai(&settings.own_keys.openai)?,
            elevenlabs: elevenlabs.context("the settings of ElevenLabs are refused")?,
            guards: guards.collect(),
        })
    }

    /// The guards of all, by service.
    pub(crate) fn guards(&self) -> &[OwnGuard] {
        &self.guards
    }

    fn guard(&self, service: Service, provider: KeyProvider) -> Result<Arc<Guard>, ProviderError> {
        let of_both = |own: &&OwnGuard| own.service == service && own.provider == provider;
        let found = self.guards.iter().find(of_both);
        found
            .map(|own| Arc::clone(&own.guard))
            .ok_or_else(|| ProviderError::new(provider.as_str(), ProviderErrorKind::Missing))
    }

    fn google(&self, key: &SecretString) -> Result<Google, ProviderError> {
        let google = self.google.with_key(key.clone());
        google.map_err(|error| unsendable(KeyProvider::Google, error))
    }

    fn openai(&self, key: &SecretString) -> Result<OpenAi, ProviderError> {
        let openai = self.openai.with_key(key.clone());
        openai.map_err(|error| unsendable(KeyProvider::OpenAi, error))
    }

    fn elevenlabs(&self, key: &SecretString) -> Result<parlance_elevenlabs::WithKey, ProviderError> {
        let elevenlabs = self.elevenlabs.with_key(key);
        elevenlabs.map_err(|error| unsendable(KeyProvider::ElevenLabs, error))
    }
}

/// The circuits, as the log names them.
const fn circuit(service: Service) -> &'static str {
    match service {
        Service::Speech => "ownKeysSpeech",
        Service::Recognition => "ownKeysRecognition",
        Service::Conversations => "ownKeysConversations",
    }
}

fn openai(settings: &OwnOpenAiSettings) -> anyhow::Result<OpenAi> {
    let OwnOpenAiSettings {
        url,
        model,
        speech_model,
        transcription_model,
    } = settings;
    let config = OpenAiConfig::new(url, None, model, PlainHttp::Privately)
        .and_then(|config| config.with_voices(speech_model, transcription_model))
        .context("the settings of OpenAI for learners' own keys are refused")?;
    Ok(OpenAi::new(config)?)
}

/// A key that cannot stand in a header. The error does not repeat it.
fn unsendable(provider: KeyProvider, error: impl std::error::Error + Send + Sync + 'static) -> ProviderError {
    ProviderError::new(provider.as_str(), ProviderErrorKind::Unauthorized).caused_by(error)
}

impl OwnProviders for OwnPool {
    fn synthesizer(
        &self,
        provider: KeyProvider,
        key: &SecretString,
    ) -> Result<Arc<dyn SpeechSynthesizer>, ProviderError> {
        let guard = self.guard(Service::Speech, provider)?;
        let inner: Arc<dyn SpeechSynthesizer> = match provider {
            KeyProvider::OpenAi => Arc::new(self.openai(key)?.speech()),
            KeyProvider::ElevenLabs => Arc::new(self.elevenlabs(key)?.speech()),
            KeyProvider::Google => Arc::new(self.google(key)?.speech()),
        };
        Ok(Arc::new(GuardedSynthesizer::new(inner, guard)))
    }

    fn recognizer(
        &self,
        provider: KeyProvider,
        key: &SecretString,
    ) -> Result<Arc<dyn SpeechRecognizer>, ProviderError> {
        let guard = self.guard(Service::Recognition, provider)?;
        let inner: Arc<dyn SpeechRecognizer> = match provider {
            KeyProvider::OpenAi => Arc::new(self.openai(key)?.recognizer()),
            KeyProvider::ElevenLabs => Arc::new(self.elevenlabs(key)?.recognizer()),
            KeyProvider::Google => Arc::new(self.google(key)?.recognizer()),
        };
        Ok(Arc::new(GuardedRecognizer::new(inner, guard)))
    }

    fn writer(
        &self,
        provider: KeyProvider,
        key: &SecretString,
    ) -> Result<Arc<dyn ConversationWriter>, ProviderError> {
        let guard = self.guard(Service::Conversations, provider)?;
        let inner: Arc<dyn ConversationWriter> = match provider {
            KeyProvider::OpenAi => Arc::new(self.openai(key)?.writer()),
            KeyProvider::Google => Arc::new(self.google(key)?.writer()),
            KeyProvider::ElevenLabs => {
                return Err(ProviderError::new(provider.as_str(), ProviderErrorKind::Missing));
            }
        };
        // A draft that is no dialogue is a failure like any other: it is tried again, and counts.
        Ok(Arc::new(GuardedWriter::new(
            Arc::new(CheckedWriter::new(inner)),
            guard,
        )))
    }
}
