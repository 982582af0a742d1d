//! Who asks Google, where it is, and what is wrong with saying it so.

use std::time::Duration;

use parlance_domain::providers::is_nowhere;
use parlance_domain::speech::LanguageTag;
use secrecy::SecretString;
use url::{Host, Url};

/// Who asks.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// Nobody yet: who asks is said by [`crate::Google::with_key`].
    Nobody,
    /// Whoever has this key.
    ApiKey(SecretString),
    /// A service account: the content of its key file, which is JSON.
    ServiceAccount(SecretString),
}

/// Where the services are: `https`, or `http` on this machine.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// Cloud Text-to-Speech.
    pub text_to_speech: String,
    /// Speech-to-Text.
    pub speech_to_text: String,
    /// Gemini.
    pub gemini: String,
}

/// How Gemini is asked.
#[derive(Debug, Clone)]
pub struct GeminiConfig {
    /// Which model writes.
    pub model: String,
    /// Whether its answer is taken in as it is written.
    pub stream: bool,
    /// How many tokens it may think before it writes; not said, if `None`, which models that cannot think insist on.
    pub thinking_budget: Option<u32>,
}

/// How long is waited.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Duration,
    /// For the next bytes of an answer, the first among them.
    pub silence: Duration,
    /// For all of it: the last resort, since who calls has a deadline of their own.
    pub overall: Duration,
}

/// How Google is reached.
#[derive(Debug, Clone)]
pub struct GoogleConfig {
    /// Who asks.
    pub credentials: Credentials,
    /// Where the services are.
    pub endpoints: Endpoints,
    /// The project that pays and whose quota counts, where it is not that of the credentials.
    pub user_project: Option<String>,
    /// How Gemini is asked.
    pub gemini: GeminiConfig,
    /// In which language people speak of whom it is not said.
    pub language: LanguageTag,
    /// Who speaks a language if nobody is named; for others the cheapest voice is looked up.
    pub voices: Vec<(LanguageTag, String)>,
    /// How long is waited.
    pub timeouts: Timeouts,
}

impl GoogleConfig {
    /// The usual settings: Google's own addresses, a model that writes at once, people who speak this language.
    pub fn new(credentials: Credentials, language: LanguageTag) -> Self {
        Self {
            credentials,
            endpoints: Endpoints {
                text_to_speech: "https://texttospeech.googleapis.com".to_owned(),
                speech_to_text: "https://speech.googleapis.com".to_owned(),
                gemini: "https://generativelanguage.googleapis.com".to_owned(),
            },
            user_project: None,
            gemini: GeminiConfig {
                model: "gemini-2.5-flash".to_owned(),
                stream: false,
                thinking_budget: Some(0),
            },
            language,
            voices: Vec::new(),
            timeouts: Timeouts {
                connect: Duration::from_secs(3),
                silence: Duration::from_secs(25),
                overall: Duration::from_secs(40),
            },
        }
    }
}

/// Why Google cannot be reached as it was said. None of the texts holds a secret or a part of one.
#[derive(Debug, thiserror::Error)]
pub enum GoogleConfigError {
    /// No key, or one that cannot be sent.
    #[error("the api key of google must be visible ascii characters")]
    ApiKey,
    /// Not the key file of a service account.
    #[error("the service account of google must be the json of its key file, with {0}")]
    Account(&'static str),
    /// A place that nothing is sent to.
    #[error(
        "{0} of google must be an https URL, or http on this machine, without user, query and fragment, and no address \
         of a local link"
    )]
    Endpoint(&'static str),
    /// No name of a project.
    #[error("the user project of google must be the id of a project")]
    Project,
    /// No name of a model.
    #[error("the model of gemini must be letters, digits, hyphens and dots")]
    Model,
    /// There is no client for HTTP on this machine.
    #[error("cannot make an http client for google")]
    Client(#[source] reqwest::Error),
}

/// The base URL of a service, without a slash at its end, if something may be sent there.
pub(crate) fn endpoint(name: &'static str, text: &str) -> Result<String, GoogleConfigError> {
    let url = Url::parse(text).ok().filter(may_be_asked);
    let url = url.ok_or(GoogleConfigError::Endpoint(name))?;
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Whether something may be sent to this URL: `https`, or `http` on this machine, without user, query and fragment, and
/// not where no provider can be ([`is_nowhere`]).
pub fn is_endpoint(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| may_be_asked(&url))
}

fn may_be_asked(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) if !is_nowhere(address.into()) => address.is_loopback(),
        Some(Host::Ipv6(address)) if !is_nowhere(address.into()) => address.is_loopback(),
        _ => return false,
    };
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_here);
    let has_user = !url.username().is_empty() || url.password().is_some();
    is_safe && !has_user && url.query().is_none() && url.fragment().is_none()
}

/// A name as Google gives them to models and projects, which can be put into a path or a header field.
pub(crate) fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    (1..=100).contains(&name.len()) && name.bytes().all(is_plain) && !name.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threat_44_nothing_is_sent_in_the_clear_to_another_machine() {
        for good in [
            "https://texttospeech.googleapis.com",
            "https://eu-texttospeech.googleapis.com/",
            "https://proxy.example/google",
            "http://127.0.0.1:8080",
            "http://localhost:8080/",
            "http://[::1]:1",
        ] {
            assert!(endpoint("x", good).is_ok_and(|url| !url.ends_with('/')), "{good}");
            assert!(is_endpoint(good), "{good}");
        }
        for bad in [
            "",
            "texttospeech.googleapis.com",
            "http://texttospeech.googleapis.com",
            "http://169.254.169.254",
            "https://169.254.169.254",
            "https://[::ffff:169.254.169.254]",
            "https://[fe80::1]",
            "https://0.0.0.0",
            "http://[::ffff:127.0.0.1]",
            "http://localhost.example",
            "http://127.0.0.1@example.com",
            "https://user@example.com",
            "https://example.com?key=x",
            "https://example.com/#x",
            "file:///etc/passwd",
        ] {
            assert!(endpoint("x", bad).is_err() && !is_endpoint(bad), "{bad}");
        }
    }

    #[test]
    fn threat_48_a_name_cannot_lead_elsewhere() {
        for good in ["gemini-2.5-flash", "my-project", "example.com:project"] {
            assert!(is_name(good), "{good}");
        }
        for bad in [
            "", "..", "../x", "a/b", "a?b", "a#b", "a%2fb", "a b", "a\r\nb", "字",
        ] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
