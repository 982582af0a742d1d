//! Who speaks, listens and writes: behind a guard each, whoever it is.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use parlance_domain::conversations::{CheckedWriter, ConversationWriter};
use parlance_domain::providers::Service;
use parlance_domain::speech::{SpeechRecognizer, SpeechSynthesizer};
use parlance_domain::time::Clock;
use parlance_google::{Credentials, Endpoints, GeminiConfig, Google, GoogleConfig};
use parlance_http::state::Remedies;
use parlance_offline::{EspeakConfig, EspeakSpeech, MissingRecognizer, TemplateWriter};
use parlance_openai::{DEFAULT_BASE_URL, OpenAi, OpenAiConfig, OpenAiWriter, PlainHttp};
use parlance_resilience::{
    BreakerConfig, Guard, GuardConfig, GuardedRecognizer, GuardedSynthesizer, GuardedWriter, Opens,
};
use secrecy::SecretString;

use crate::nobody::Nobody;
use crate::own_pool::OwnPool;
use crate::settings::{
    ConversationProvider, GoogleAccount, GoogleSettings, OpenAiSettings, ProtectionSettings,
    ProviderSettings, Settings, SpeechProvider,
};

/// The circuits between the requests and the providers, as `/health` names them.
pub(crate) const SPEECH: &str = "speech";
pub(crate) const RECOGNITION: &str = "recognition";
pub(crate) const CONVERSATIONS: &str = "conversations";

/// In which language people speak of whom it is not said.
const SPOKEN: &str = "cmn-CN";

/// The providers, each behind its guard.
pub(crate) struct Providers {
    /// Speaks.
    pub(crate) synthesizer: Arc<dyn SpeechSynthesizer>,
    /// Listens.
    pub(crate) recognizer: Arc<dyn SpeechRecognizer>,
    /// Writes.
    pub(crate) writer: Arc<dyn ConversationWriter>,
    /// The guards of all three.
    pub(crate) guards: [(&'static str, Arc<Guard>); 3],
    /// Who is asked with learners' own keys.
    pub(crate) own: Arc<OwnPool>,
    /// Whether there is somebody to speak and somebody to write.
    pub(crate) there: There,
}

/// Who is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct There {
    /// Somebody who speaks.
    pub(crate) speech: bool,
    /// Somebody who writes.
    pub(crate) conversations: bool,
}

type Voices = (Arc<dyn SpeechSynthesizer>, Arc<dyn SpeechRecognizer>, bool);

impl Providers {
    /// Whoever the settings name.
    pub(crate) fn new(settings: &Settings, clock: &Arc<dyn Clock>) -> anyhow::Result<Self> {
        let (providers, protection) = (&settings.providers, &settings.protection);
        let (synthesizer, recognizer, speaks) = voices(providers, clock)?;
        let writer = writer(providers, clock)?;
        let guard = |provider, circuit, timeout| {
            Arc::new(Guard::new(guard_config(provider, circuit, timeout, protection)))
        };
        let speech = guard(synthesizer.provider(), SPEECH, protection.speech_timeout);
        let recognition = guard(recognizer.provider(), RECOGNITION, protection.recognition_timeout);
        let conversations = guard(writer.provider(), CONVERSATIONS, protection.conversation_timeout);
        let own = OwnPool::new(providers, clock, |service| match service {
            Service::Speech => &speech,
            Service::Recognition => &recognition,
            Service::Conversations => &conversations,
        })?;
        Ok(Self {
            own: Arc::new(own),
            synthesizer: Arc::new(GuardedSynthesizer::new(synthesizer, Arc::clone(&speech))),
            recognizer: Arc::new(GuardedRecognizer::new(recognizer, Arc::clone(&recognition))),
            // A draft that is no dialogue is a failure like any other: it is tried again, and counts.
            writer: Arc::new(GuardedWriter::new(
                Arc::new(CheckedWriter::new(writer)),
                Arc::clone(&conversations),
            )),
            guards: [
                (SPEECH, speech),
                (RECOGNITION, recognition),
                (CONVERSATIONS, conversations),
            ],
            there: There {
                speech: speaks,
                conversations: providers.conversations != ConversationProvider::Nobody,
            },
        })
    }
}

fn voices(settings: &ProviderSettings, clock: &Arc<dyn Clock>) -> anyhow::Result<Voices> {
    Ok(match settings.speech {
        SpeechProvider::Google => {
            let google = google(settings, Asks::ForSpeech, clock)?;
            (Arc::new(google.speech()), Arc::new(google.recognizer()), true)
        }
        SpeechProvider::Offline => {
            let espeak = EspeakSpeech::new(&EspeakConfig {
                program: settings.espeak.clone(),
                ..EspeakConfig::default()
            });
            let is_there = espeak.is_there();
            (Arc::new(espeak), Arc::new(MissingRecognizer), is_there)
        }
        SpeechProvider::Nobody => (Arc::new(Nobody), Arc::new(Nobody), false),
    })
}

/// What Google is asked for: with the service account where there is one, except that Gemini may have a key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    ForSpeech,
    ForConversations,
}

fn google(settings: &ProviderSettings, asks: Asks, clock: &Arc<dyn Clock>) -> anyhow::Result<Google> {
    let ProviderSettings { google, gemini, .. } = settings;
    let (account, key) = (
        account(google)?.map(Credentials::ServiceAccount),
        Credentials::ApiKey,
    );
    let credentials = match asks {
        Asks::ForSpeech => account.or_else(|| google.key.clone().map(key)),
        Asks::ForConversations => gemini.key.clone().map(key).or(account),
    };
    let credentials = credentials.context("there are no credentials for Google")?;
    at_google(settings, credentials, clock)
}

/// Google where the settings say that it is.
pub(crate) fn at_google(
    settings: &ProviderSettings,
    credentials: Credentials,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Google> {
    let ProviderSettings { google, gemini, .. } = settings;
    let config = GoogleConfig {
        endpoints: Endpoints {
            text_to_speech: google.tts.clone(),
            speech_to_text: google.stt.clone(),
            gemini: gemini.url.clone(),
        },
        gemini: GeminiConfig {
            model: gemini.model.clone(),
            stream: gemini.stream,
            thinking_budget: gemini.thinking,
        },
        ..GoogleConfig::new(credentials, SPOKEN.parse()?)
    };
    Google::new(config, Arc::clone(clock)).context("the settings of Google are refused")
}

/// The JSON of the service account, wherever it is.
pub(crate) fn account(settings: &GoogleSettings) -> anyhow::Result<Option<SecretString>> {
    match &settings.account {
        Some(GoogleAccount::Json(json)) => Ok(Some(json.clone())),
        Some(GoogleAccount::File(path)) => {
            let json = std::fs::read_to_string(path)
                .with_context(|| format!("GOOGLE_APPLICATION_CREDENTIALS: cannot read {}", path.display()))?;
            Ok(Some(json.into()))
        }
        None => Ok(None),
    }
}

fn writer(
    settings: &ProviderSettings,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Arc<dyn ConversationWriter>> {
    Ok(match settings.conversations {
        ConversationProvider::Gemini => Arc::new(google(settings, Asks::ForConversations, clock)?.writer()),
        ConversationProvider::OpenAi => Arc::new(openai(&settings.openai)?),
        ConversationProvider::Offline => Arc::new(TemplateWriter),
        ConversationProvider::Nobody => Arc::new(Nobody),
    })
}

fn openai(settings: &OpenAiSettings) -> anyhow::Result<OpenAiWriter> {
    let OpenAiSettings { url, key, model } = settings;
    let url = url.as_deref().unwrap_or(DEFAULT_BASE_URL);
    let model = model.as_deref().context("OPENAI_MODEL")?;
    let config = OpenAiConfig::new(url, key.clone(), model, PlainHttp::Privately)
        .context("the settings of OpenAI are refused")?;
    Ok(OpenAi::new(config)?.writer())
}

fn guard_config(
    provider: &'static str,
    circuit: &'static str,
    timeout: Duration,
    protection: &ProtectionSettings,
) -> GuardConfig {
    let config = GuardConfig::new(provider, circuit);
    // The rests are to each other as the usual ones are.
    let breaker = BreakerConfig {
        opens: Opens::Share {
            percent: protection.failure_percent.into(),
            calls: protection.min_calls,
            window: protection.window,
        },
        rest: protection.open,
        longest_rest: protection.open * 2,
        flapping: protection.open * 4,
        ..config.breaker
    };
    GuardConfig {
        breaker,
        attempt: timeout,
        overall: timeout,
        retries: protection.retries,
        at_once: protection.concurrency,
        ..config
    }
}

/// What people are told who ask for what is not set up.
pub(crate) fn remedies(settings: &Settings) -> Remedies {
    const GOOGLE: &str = "GOOGLE_API_KEY, GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_CREDENTIALS_JSON";
    let speech = match settings.providers.speech {
        SpeechProvider::Offline => format!(
            "Speech is not set up on this server: install espeak-ng or say by ESPEAK_PATH where it is, or set {GOOGLE}."
        ),
        _ => format!("Speech is not set up on this server: set {GOOGLE}, or SPEECH_PROVIDER to offline."),
    };
    Remedies {
        speech,
        recognition: format!("Writing down what was said is not set up on this server: set {GOOGLE}."),
        conversations: "Conversations are not set up on this server: set GEMINI_API_KEY, GOOGLE_API_KEY or \
                        OPENAI_API_KEY, or CONVERSATION_PROVIDER to offline."
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_guarded_as_the_settings_say() {
        let protection = ProtectionSettings {
            speech_timeout: Duration::from_secs(1),
            recognition_timeout: Duration::from_secs(2),
            conversation_timeout: Duration::from_secs(3),
            failure_percent: 40,
            window: Duration::from_secs(20),
            min_calls: 7,
            open: Duration::from_secs(5),
            retries: 4,
            concurrency: 6,
        };
        let config = guard_config("test", SPEECH, protection.speech_timeout, &protection);
        let Opens::Share {
            percent,
            calls,
            window,
        } = config.breaker.opens
        else {
            panic!("{config:?}");
        };
        assert_eq!((percent, calls, window.as_secs()), (40, 7, 20));
        let BreakerConfig {
            rest,
            longest_rest,
            flapping,
            ..
        } = config.breaker;
        let rests = [rest, longest_rest, flapping].map(|rest| rest.as_secs());
        assert_eq!(rests, [5, 10, 20]);
        assert_eq!((config.retries, config.at_once), (4, 6));
        assert_eq!((config.attempt.as_secs(), config.overall.as_secs()), (1, 1));
    }
}
