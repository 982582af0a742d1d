//! Where `ElevenLabs` is, and which of its models and voices are asked.

use std::time::Duration;

use parlance_domain::providers::is_nowhere;
use url::{Host, Url};

/// Where the service itself is.
pub const DEFAULT_BASE_URL: &str = "https://api.elevenlabs.io";

/// How `ElevenLabs` is asked, by whomever.
#[derive(Debug, Clone)]
pub struct ElevenLabsConfig {
    /// Where it is: `https`, or `http` on this machine.
    pub base_url: String,
    /// Which model speaks.
    pub speech_model: String,
    /// Which model listens.
    pub transcription_model: String,
    /// The id of the voice that speaks if nobody is named.
    pub voice: String,
    /// How long an answer may take.
    pub timeout: Duration,
}

impl Default for ElevenLabsConfig {
    fn default() -> Self {
        Self {
            base_url: DEFAULT_BASE_URL.to_owned(),
            speech_model: "eleven_multilingual_v2".to_owned(),
            transcription_model: "scribe_v1".to_owned(),
            // George, who is there for every account.
            voice: "JBFqnCBsd6RMkjVDRZzb".to_owned(),
            timeout: Duration::from_secs(25),
        }
    }
}

/// Why `ElevenLabs` cannot be asked like this; none of the texts holds a secret or a part of one.
#[derive(Debug, thiserror::Error)]
pub enum InvalidConfig {
    /// A place that nothing is sent to.
    #[error("the base url must be https, or http on this machine, without login, query and fragment")]
    Url,
    /// No name of a model.
    #[error("a model must be 1 to 100 letters, digits, hyphens, underscores and dots")]
    Model,
    /// No id of a voice.
    #[error("a voice must be 1 to 64 letters and digits")]
    Voice,
    /// The key cannot stand in a header.
    #[error("the key must be visible ascii characters")]
    Key,
    /// There is no client for HTTP on this machine.
    #[error("no http client can be made")]
    Client(#[source] reqwest::Error),
}

impl ElevenLabsConfig {
    /// The same without a slash at the end of the URL, if something can be asked like this.
    pub(crate) fn checked(self) -> Result<Self, InvalidConfig> {
        if !is_endpoint(&self.base_url) {
            return Err(InvalidConfig::Url);
        }
        if !is_model(&self.speech_model) || !is_model(&self.transcription_model) {
            return Err(InvalidConfig::Model);
        }
        if !is_voice(&self.voice) {
            return Err(InvalidConfig::Voice);
        }
        Ok(Self {
            base_url: self.base_url.trim_end_matches('/').to_owned(),
            ..self
        })
    }
}

/// Whether something may be sent to this URL: `https`, or `http` on this machine, without user, query and fragment, and
/// not where no provider can be ([`is_nowhere`]).
pub fn is_endpoint(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else {
        return false;
    };
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

/// Whether this can be the name of a model.
pub fn is_model(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=100).contains(&name.len()) && name.bytes().all(is_plain)
}

/// Whether this can be the id of a voice, and so a part of a path.
pub fn is_voice(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threat_44_nothing_is_sent_in_the_clear_to_another_machine() {
        for good in [
            DEFAULT_BASE_URL,
            "https://proxy.example/eleven/",
            "http://127.0.0.1:8080",
            "http://[::1]:1",
        ] {
            let config = ElevenLabsConfig {
                base_url: good.to_owned(),
                ..ElevenLabsConfig::default()
            };
            assert!(!config.checked().unwrap().base_url.ends_with('/'), "{good}");
        }
        for bad in [
            "",
            "api.elevenlabs.io",
            "http://api.elevenlabs.io",
            "http://169.254.169.254",
            "https://169.254.169.254",
            "https://[::ffff:169.254.169.254]",
            "http://localhost.example",
            "https://user@example.com",
            "https://example.com?key=x",
            "file:///etc/passwd",
        ] {
            let config = ElevenLabsConfig {
                base_url: bad.to_owned(),
                ..ElevenLabsConfig::default()
            };
            assert!(matches!(config.checked(), Err(InvalidConfig::Url)), "{bad}");
        }
    }

    #[test]
    fn threat_48_a_name_cannot_lead_elsewhere() {
        for bad in ["", "../x", "a/b", "a?b", "a%2fb", "a b", "字"] {
            assert!(!is_voice(bad) && !is_model(bad), "{bad}");
        }
        assert!(is_voice("JBFqnCBsd6RMkjVDRZzb") && is_model("eleven_multilingual_v2"));
    }
}
