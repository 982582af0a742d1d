//! Who speaks and who writes conversations, how they are reached, and how much is asked of them.

use std::path::PathBuf;
use std::time::Duration;

use parlance_domain::spending::Caps;
use parlance_google::is_endpoint;
use parlance_openai::{OpenAiConfig, PlainHttp};
use secrecy::SecretString;
use serde_json::{Map, Value};

use super::own_keys::{self, OwnKeySettings};
use super::reader::Reader;

/// Who speaks and listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpeechProvider {
    /// Google Cloud.
    Google,
    /// `espeak-ng` on this machine, which does not listen.
    Offline,
    /// Nobody.
    Nobody,
}

/// Who writes conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConversationProvider {
    /// Gemini.
    Gemini,
    /// Whatever speaks the protocol of `OpenAI`.
    OpenAi,
    /// Templates of our own.
    Offline,
    /// Nobody.
    Nobody,
}

/// The providers and how they are reached.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// Who speaks and listens.
    pub speech: SpeechProvider,
    /// Who writes conversations.
    pub conversations: ConversationProvider,
    /// Cloud Text-to-Speech and Speech-to-Text.
    pub google: GoogleSettings,
    /// Gemini.
    pub gemini: GeminiSettings,
    /// Whatever speaks the protocol of `OpenAI`.
    pub openai: OpenAiSettings,
    /// Where learners' own keys are used.
    pub own_keys: OwnKeySettings,
    /// The program that speaks offline, if it is not to be looked for.
    pub espeak: Option<PathBuf>,
}

/// How Google Cloud is reached, and as whom.
#[derive(Debug, Clone)]
pub struct GoogleSettings {
    /// A key of the API.
    pub key: Option<SecretString>,
    /// A service account, which goes before the key.
    pub account: Option<GoogleAccount>,
    /// Where Text-to-Speech is.
    pub tts: String,
    /// Where Speech-to-Text is.
    pub stt: String,
}

/// Where the JSON of a service account is.
#[derive(Debug, Clone)]
pub enum GoogleAccount {
    /// In a file.
    File(PathBuf),
    /// Here.
    Json(SecretString),
}

/// How Gemini is reached.
#[derive(Debug, Clone)]
pub struct GeminiSettings {
    /// Its key; without one, the service account is used.
    pub key: Option<SecretString>,
    /// Where it is.
    pub url: String,
    /// Which model.
    pub model: String,
    /// Whether answers are streamed.
    pub stream: bool,
    /// How many tokens it may think; not said, if there is none.
    pub thinking: Option<u32>,
}

/// How a provider that speaks the protocol of `OpenAI` is reached.
#[derive(Debug, Clone)]
pub struct OpenAiSettings {
    /// Where it is, if not at `OpenAI`.
    pub url: Option<String>,
    /// Its key, where it wants one.
    pub key: Option<SecretString>,
    /// Which model; always there when the provider is chosen.
    pub model: Option<String>,
}

/// What keeps a provider that is slow or fails from slowing us down.
#[derive(Debug, Clone, Copy)]
pub struct ProtectionSettings {
    /// How long speaking may take, retries included.
    pub speech_timeout: Duration,
    /// How long listening may take, retries included.
    pub recognition_timeout: Duration,
    /// How long writing a conversation may take, retries included.
    pub conversation_timeout: Duration,
    /// How many of a hundred calls must have failed for a circuit to open.
    pub failure_percent: u8,
    /// How far back calls count for that.
    pub window: Duration,
    /// How many calls there must have been for that.
    pub min_calls: u32,
    /// How long a circuit is open at first.
    pub open: Duration,
    /// How often a call is made again at most.
    pub retries: usize,
    /// How many calls of a provider may be under way.
    pub concurrency: usize,
}

/// How much may be spent in a day; 0 is without bound.
#[derive(Debug, Clone, Copy)]
pub struct BudgetSettings {
    /// Characters made into speech.
    pub characters: Caps,
    /// Tokens of language models.
    pub tokens: Caps,
}

/// What the choice of a provider says: itself, or whichever there are credentials for.
type Choice<T> = Option<T>;

/// The providers, and what an operator should know of the choice.
pub(super) fn providers(reader: &mut Reader<'_>) -> ProviderSettings {
    let google = google(reader);
    let gemini = gemini(reader, &google);
    let openai = openai(reader);
    ProviderSettings {
        speech: speech(reader, &google),
        conversations: conversations(reader, &google, &gemini, &openai),
        google,
        gemini,
        openai,
        own_keys: own_keys::own_keys(reader),
        espeak: reader.text("ESPEAK_PATH").map(PathBuf::from),
    }
}

/// Offline providers are for development, unless they are asked for by name.
const fn by_default<T: Copy>(reader: &Reader<'_>, offline: T, nobody: T) -> T {
    if reader.is_production() { nobody } else { offline }
}

fn speech(reader: &mut Reader<'_>, google: &GoogleSettings) -> SpeechProvider {
    let choice: Choice<SpeechProvider> = reader.choice(
        "SPEECH_PROVIDER",
        &[
            ("auto", None),
            ("google", Some(SpeechProvider::Google)),
            ("offline", Some(SpeechProvider::Offline)),
            ("none", Some(SpeechProvider::Nobody)),
        ],
    );
    let has_credentials = google.key.is_some() || google.account.is_some();
    match choice {
        None if has_credentials => SpeechProvider::Google,
        None => by_default(reader, SpeechProvider::Offline, SpeechProvider::Nobody),
        Some(SpeechProvider::Google) if !has_credentials => {
            reader.refuse(
                "SPEECH_PROVIDER",
                "`google` needs GOOGLE_API_KEY, GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_CREDENTIALS_JSON",
            );
            SpeechProvider::Google
        }
        Some(provider) => provider,
    }
}

fn conversations(
    reader: &mut Reader<'_>,
    google: &GoogleSettings,
    gemini: &GeminiSettings,
    openai: &OpenAiSettings,
) -> ConversationProvider {
    let choice: Choice<ConversationProvider> = reader.choice(
        "CONVERSATION_PROVIDER",
        &[
            ("auto", None),
            ("gemini", Some(ConversationProvider::Gemini)),
            ("openai", Some(ConversationProvider::OpenAi)),
            ("offline", Some(ConversationProvider::Offline)),
            ("none", Some(ConversationProvider::Nobody)),
        ],
    );
    let has_gemini = gemini.key.is_some() || google.account.is_some();
    let provider = match choice {
        Some(provider) => provider,
        None if has_gemini => ConversationProvider::Gemini,
        None if openai.key.is_some() || openai.url.is_some() => ConversationProvider::OpenAi,
        None => by_default(
            reader,
            ConversationProvider::Offline,
            ConversationProvider::Nobody,
        ),
    };
    match provider {
        ConversationProvider::Gemini if !has_gemini => reader.refuse(
            "CONVERSATION_PROVIDER",
            "`gemini` needs GEMINI_API_KEY, GOOGLE_API_KEY, GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_CREDENTIALS_JSON",
        ),
        ConversationProvider::OpenAi => {
            if openai.url.is_none() && openai.key.is_none() {
                reader.refuse(
                    "CONVERSATION_PROVIDER",
                    "`openai` needs OPENAI_API_KEY, OPENAI_BASE_URL or both",
                );
            }
            if openai.model.is_none() {
                reader.refuse("OPENAI_MODEL", "must be set where CONVERSATION_PROVIDER is `openai`");
            }
        }
        _ => {}
    }
    provider
}

fn google(reader: &mut Reader<'_>) -> GoogleSettings {
    let file = reader.text("GOOGLE_APPLICATION_CREDENTIALS");
    let json = reader.read("GOOGLE_CREDENTIALS_JSON", parse_account);
    if file.is_some() && json.is_some() {
        reader.refuse(
            "GOOGLE_CREDENTIALS_JSON",
            "must not be set where GOOGLE_APPLICATION_CREDENTIALS is",
        );
    }
    GoogleSettings {
        key: reader.read("GOOGLE_API_KEY", parse_key),
        account: json
            .map(GoogleAccount::Json)
            .or(file.map(|file| GoogleAccount::File(file.into()))),
        tts: reader.read("GOOGLE_TTS_URL", parse_url).unwrap_or_default(),
        stt: reader.read("GOOGLE_STT_URL", parse_url).unwrap_or_default(),
    }
}

fn gemini(reader: &mut Reader<'_>, google: &GoogleSettings) -> GeminiSettings {
    let key = reader.read("GEMINI_API_KEY", parse_key);
    GeminiSettings {
        key: key.or_else(|| google.key.clone()),
        url: reader.read("GEMINI_URL", parse_url).unwrap_or_default(),
        model: reader
            .read("GEMINI_MODEL", parse_gemini_model)
            .unwrap_or_default(),
        stream: reader.flag("GEMINI_STREAM"),
        thinking: reader.read("GEMINI_THINKING_TOKENS", parse_thinking).flatten(),
    }
}

fn openai(reader: &mut Reader<'_>) -> OpenAiSettings {
    OpenAiSettings {
        url: reader.read("OPENAI_BASE_URL", parse_openai_url),
        key: reader.read("OPENAI_API_KEY", parse_key),
        model: reader.read("OPENAI_MODEL", parse_model),
    }
}

/// What keeps providers at bay.
pub(super) fn protection(reader: &mut Reader<'_>) -> ProtectionSettings {
    let millis = |reader: &mut Reader<'_>, name| Duration::from_millis(reader.number(name, 100..=29_000));
    ProtectionSettings {
        speech_timeout: millis(reader, "SPEECH_TIMEOUT_MS"),
        recognition_timeout: millis(reader, "RECOGNITION_TIMEOUT_MS"),
        conversation_timeout: millis(reader, "CONVERSATION_TIMEOUT_MS"),
        failure_percent: reader.number("BREAKER_FAILURE_PERCENT", 1..=100),
        window: Duration::from_secs(reader.number("BREAKER_WINDOW_SECONDS", 1..=3_600)),
        min_calls: reader.number("BREAKER_MIN_CALLS", 1..=10_000),
        open: Duration::from_secs(reader.number("BREAKER_OPEN_SECONDS", 1..=3_600)),
        retries: reader.number("PROVIDER_RETRIES", 0..=5),
        concurrency: reader.number("PROVIDER_CONCURRENCY", 1..=4_096),
    }
}

/// What may be spent.
pub(super) fn budgets(reader: &mut Reader<'_>) -> BudgetSettings {
    let amount = |reader: &mut Reader<'_>, name| reader.number(name, 0..=1_000_000_000_000);
    BudgetSettings {
        characters: Caps {
            user: amount(reader, "SPEECH_CHARACTERS_PER_USER_DAY"),
            all: amount(reader, "SPEECH_CHARACTERS_PER_DAY"),
        },
        tokens: Caps {
            user: amount(reader, "CONVERSATION_TOKENS_PER_USER_DAY"),
            all: amount(reader, "CONVERSATION_TOKENS_PER_DAY"),
        },
    }
}

/// Something that can stand in a header.
pub(super) fn parse_key(text: &str) -> Result<SecretString, String> {
    if text.len() <= 4_096 && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.into())
    } else {
        Err("must be visible ASCII characters, without spaces".to_owned())
    }
}

/// The JSON of a service account, as Google hands it out.
fn parse_account(text: &str) -> Result<SecretString, String> {
    // What is wrong with it is not repeated: there is a private key in it.
    let account: Map<String, Value> = serde_json::from_str(text)
        .map_err(|_| "must be the JSON of a service account, as Google hands it out".to_owned())?;
    for member in ["type", "client_email", "private_key", "token_uri"] {
        if account
            .get(member)
            .and_then(Value::as_str)
            .is_none_or(str::is_empty)
        {
            return Err(format!(
                "must be the JSON of a service account: it has no {member}"
            ));
        }
    }
    Ok(text.into())
}

fn parse_gemini_model(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    if text.len() <= 100 && text.bytes().all(is_plain) && !text.contains("..") {
        Ok(text.to_owned())
    } else {
        Err("must be the name of a model, such as gemini-2.5-flash".to_owned())
    }
}

fn parse_thinking(text: &str) -> Result<Option<u32>, String> {
    if text == "none" {
        return Ok(None);
    }
    match text.parse() {
        Ok(tokens @ 0..=65_536) => Ok(Some(tokens)),
        _ => Err("must be a whole number from 0 to 65536, or `none`".to_owned()),
    }
}

pub(super) fn parse_model(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:/@".contains(&byte);
    if text.len() <= 128 && text.bytes().all(is_plain) && !text.contains("..") && !text.starts_with('/') {
        Ok(text.to_owned())
    } else {
        Err("must be the name of a model: letters, digits and - . _ : / @".to_owned())
    }
}

/// A server that speaks the protocol of `OpenAI`: over TLS, or near.
pub(super) fn parse_openai_url(text: &str) -> Result<String, String> {
    OpenAiConfig::new(text, None, "any", PlainHttp::Privately)
        .map(|_| text.to_owned())
        .map_err(|error| error.to_string())
}

/// Where Google is: over TLS, or on this machine.
fn parse_url(text: &str) -> Result<String, String> {
    // What is wrong with it is not repeated: there may be a password in it.
    if is_endpoint(text) {
        Ok(text.to_owned())
    } else {
        Err(
            "must be https:// and a host, or http:// and a loopback address, without login, query or fragment, and no \
             address of a local link"
                .to_owned(),
        )
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::settings::tests::{development, production, subjects};

    const ACCOUNT: &str = r#"{"type":"service_account","client_email":"a@b.example","private_key":"hunter2","token_uri":"https://oauth2.googleapis.com/token"}"#;

    #[test]
    fn nothing_set_is_offline_in_development_and_nobody_in_production() {
        let providers = development([]).unwrap().providers;
        assert_eq!(providers.speech, SpeechProvider::Offline);
        assert_eq!(providers.conversations, ConversationProvider::Offline);
        let providers = production([]).unwrap().providers;
        assert_eq!(providers.speech, SpeechProvider::Nobody);
        assert_eq!(providers.conversations, ConversationProvider::Nobody);
    }

    #[test]
    fn production_is_offline_when_it_is_asked_for_by_name() {
        let named = [
            ("SPEECH_PROVIDER", "offline"),
            ("CONVERSATION_PROVIDER", "offline"),
        ];
        let providers = production(named).unwrap().providers;
        assert_eq!(providers.speech, SpeechProvider::Offline);
        assert_eq!(providers.conversations, ConversationProvider::Offline);
    }

    #[test]
    fn whoever_there_are_credentials_for_is_chosen() {
        let both = |name, value| {
            let ProviderSettings {
                speech,
                conversations,
                ..
            } = production([(name, value), ("OPENAI_MODEL", "gpt")])
                .unwrap()
                .providers;
            (speech, conversations)
        };
        let google = (SpeechProvider::Google, ConversationProvider::Gemini);
        assert_eq!(both("GOOGLE_API_KEY", "hunter2"), google);
        assert_eq!(
            both("GOOGLE_APPLICATION_CREDENTIALS", "/run/secrets/google.json"),
            google
        );
        assert_eq!(both("GOOGLE_CREDENTIALS_JSON", ACCOUNT), google);
        assert_eq!(
            both("GEMINI_API_KEY", "hunter2"),
            (SpeechProvider::Nobody, ConversationProvider::Gemini)
        );
        for name in ["OPENAI_API_KEY", "OPENAI_BASE_URL"] {
            let chosen = both(name, "https://models.example.com/v1");
            assert_eq!(
                chosen,
                (SpeechProvider::Nobody, ConversationProvider::OpenAi),
                "{name}"
            );
        }
    }

    #[test]
    fn gemini_uses_the_key_of_google_unless_it_has_its_own() {
        let key = |own| {
            let providers = development([("GOOGLE_API_KEY", "shared"), ("GEMINI_API_KEY", own)]);
            let key = providers.unwrap().providers.gemini.key.unwrap();
            key.expose_secret().to_owned()
        };
        assert_eq!((key(""), key("own")), ("shared".to_owned(), "own".to_owned()));
    }

    #[test]
    fn a_model_that_cannot_think_is_not_told_how_much() {
        let thinking = |value| {
            let settings = development([("GEMINI_THINKING_TOKENS", value)]);
            settings.unwrap().providers.gemini.thinking
        };
        assert_eq!(
            [thinking(""), thinking("512"), thinking("none")],
            [Some(0), Some(512), None]
        );
    }

    #[test]
    fn a_provider_without_credentials_is_refused_by_name() {
        for (name, value) in [
            ("SPEECH_PROVIDER", "google"),
            ("CONVERSATION_PROVIDER", "gemini"),
            ("SPEECH_PROVIDER", "espeak"),
            ("CONVERSATION_PROVIDER", "claude"),
        ] {
            assert_eq!(subjects(development([(name, value)])), [name], "{value}");
        }
        assert_eq!(
            subjects(development([("CONVERSATION_PROVIDER", "openai")])),
            ["CONVERSATION_PROVIDER", "OPENAI_MODEL"]
        );
        assert_eq!(
            subjects(development([("OPENAI_API_KEY", "hunter2")])),
            ["OPENAI_MODEL"]
        );
        let both = development([
            ("GOOGLE_APPLICATION_CREDENTIALS", "/google.json"),
            ("GOOGLE_CREDENTIALS_JSON", ACCOUNT),
        ]);
        assert_eq!(subjects(both), ["GOOGLE_CREDENTIALS_JSON"]);
    }

    #[test]
    fn threat_44_providers_are_reached_over_tls_or_on_this_machine() {
        for name in [
            "GOOGLE_TTS_URL",
            "GOOGLE_STT_URL",
            "GEMINI_URL",
            "OPENAI_BASE_URL",
        ] {
            for url in [
                "https://proxy.example.com/google",
                "http://127.0.0.1:8080",
                "http://[::1]:8080",
                "http://localhost:11434/v1",
            ] {
                assert!(
                    development([(name, url), ("OPENAI_MODEL", "llama3")]).is_ok(),
                    "{name} {url}"
                );
            }
            for url in [
                "http://proxy.example.com",
                "http://169.254.169.254/latest",
                "https://169.254.169.254",
                "https://[fe80::1]",
                "http://127.0.0.1.example.com",
                "file:///etc/passwd",
                "https://hunter2@example.com",
                "https://example.com/?key=hunter2",
                "https://example.com/#hunter2",
                "example.com",
            ] {
                let problems = development([(name, url), ("OPENAI_MODEL", "llama3")])
                    .err()
                    .unwrap();
                assert_eq!(problems.0[0].subject, name, "{url}");
                assert!(!problems.to_string().contains("hunter2"), "{problems}");
            }
        }
    }

    #[test]
    fn every_malformed_secret_is_said_at_once_and_none_is_shown() {
        let problems = development([
            ("GOOGLE_API_KEY", "hunter2 hunter2"),
            ("GEMINI_API_KEY", "hunter2\r\nX-Evil: 1"),
            ("OPENAI_API_KEY", "hunter2é"),
            ("GOOGLE_CREDENTIALS_JSON", r#"{"private_key":"hunter2"}"#),
            ("GEMINI_MODEL", "../hunter2"),
        ])
        .err()
        .unwrap();
        assert!(!problems.to_string().contains("hunter2"), "{problems}");
        let mut subjects = subjects(Err(problems));
        subjects.sort();
        assert_eq!(
            subjects,
            [
                "GEMINI_API_KEY",
                "GEMINI_MODEL",
                "GOOGLE_API_KEY",
                "GOOGLE_CREDENTIALS_JSON",
                "OPENAI_API_KEY"
            ]
        );
        let settings = development([
            ("GOOGLE_API_KEY", "hunter2"),
            ("OPENAI_API_KEY", "hunter2"),
            ("OPENAI_MODEL", "gpt"),
            ("GOOGLE_CREDENTIALS_JSON", ACCOUNT),
        ]);
        assert!(!format!("{:?}", settings.unwrap()).contains("hunter2"));
    }

    #[test]
    fn calls_of_half_a_minute_count_and_two_retries_are_made_unless_said_otherwise() {
        let protection = |window, retries| {
            let values = [("BREAKER_WINDOW_SECONDS", window), ("PROVIDER_RETRIES", retries)];
            let protection = development(values).unwrap().protection;
            (protection.window.as_secs(), protection.retries)
        };
        assert_eq!(protection("", ""), (30, 2));
        assert_eq!(protection("3600", "0"), (3_600, 0));
        assert_eq!(protection("1", "5"), (1, 5));
    }

    #[test]
    fn bounds_are_kept() {
        for (name, value) in [
            ("AI_LIMIT_PER_MINUTE", "-1"),
            ("CACHE_MEGABYTES", "0"),
            ("SPEECH_CHARACTERS_PER_USER_DAY", "many"),
            ("SPEECH_CHARACTERS_PER_DAY", "-1"),
            ("CONVERSATION_TOKENS_PER_USER_DAY", "1.5"),
            ("CONVERSATION_TOKENS_PER_DAY", "1e9"),
            ("SPEECH_TIMEOUT_MS", "99"),
            ("RECOGNITION_TIMEOUT_MS", "30000"),
            ("CONVERSATION_TIMEOUT_MS", "30000"),
            ("BREAKER_FAILURE_PERCENT", "0"),
            ("BREAKER_WINDOW_SECONDS", "0"),
            ("BREAKER_WINDOW_SECONDS", "3601"),
            ("BREAKER_MIN_CALLS", "0"),
            ("BREAKER_OPEN_SECONDS", "0"),
            ("PROVIDER_RETRIES", "-1"),
            ("PROVIDER_RETRIES", "6"),
            ("PROVIDER_CONCURRENCY", "0"),
            ("GEMINI_STREAM", "yes"),
            ("GEMINI_THINKING_TOKENS", "some"),
            ("GEMINI_MODEL", "models/gemini"),
        ] {
            assert_eq!(subjects(development([(name, value)])), [name], "{value}");
        }
    }
}
