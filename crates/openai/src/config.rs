//! Where the server is, what it wants to know of us, and which of its models are asked.

use std::net::IpAddr;
use std::time::Duration;

use parlance_domain::providers::is_nowhere;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

/// Where the service of `OpenAI` itself is.
pub const DEFAULT_BASE_URL: &str = "https://api.openai.com/v1";

/// How long an answer may take, unless said otherwise.
const TIMEOUT: Duration = Duration::from_secs(25);

/// Whether a server may be reached without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainHttp {
    /// Never.
    Refused,
    /// If it is `localhost`, or its address is of this machine or of a private network.
    Privately,
}

/// How the server is reached. Its key is never shown.
#[derive(Debug, Clone)]
pub struct OpenAiConfig {
    base: Url,
    pub(crate) key: Option<SecretString>,
    /// Which writes.
    pub(crate) model: String,
    /// Which speaks.
    pub(crate) speech_model: String,
    /// Which listens.
    pub(crate) transcription_model: String,
    pub(crate) timeout: Duration,
}

/// Why a server cannot be reached like this; says nothing of what the URL or the key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConfig {
    /// The base URL is none, or has more than a host, a port and a path.
    #[error("the base url must be https:// or http:// and a host, without login, query or fragment")]
    Url,
    /// It is not TLS, and not near enough to do without.
    #[error("the base url must be https, unless the server is on this machine or in a private network")]
    Plain,
    /// It is an address where no such server can be.
    #[error("the base url must not be an address of a local link, a group or nobody")]
    Address,
    /// The key cannot stand in a header.
    #[error("the key must be visible ascii characters")]
    Key,
    /// The name of the model is empty or too long.
    #[error("the model must be 1 to 200 characters without control characters")]
    Model,
}

impl OpenAiConfig {
    /// The server at a base URL such as [`DEFAULT_BASE_URL`], to which the path of a call is added, and its model that
    /// writes.
    ///
    /// The URL is the operator's; still, an address of a local link, where clouds hand out credentials, is refused. A
    /// server without TLS is named by its address or as `localhost`, so that no name can come to mean another.
    pub fn new(
        base_url: &str,
        key: Option<SecretString>,
        model: &str,
        plain: PlainHttp,
    ) -> Result<Self, InvalidConfig> {
        let config = Self {
            base: base(base_url, plain)?,
            key: None,
            model: checked_model(model)?,
            speech_model: "tts-1".to_owned(),
            transcription_model: "whisper-1".to_owned(),
            timeout: TIMEOUT,
        };
        match key {
            Some(key) => config.with_key(key),
            None => Ok(config),
        }
    }

    /// The same with a key.
    pub fn with_key(self, key: SecretString) -> Result<Self, InvalidConfig> {
        if !is_key(key.expose_secret()) {
            return Err(InvalidConfig::Key);
        }
        Ok(Self {
            key: Some(key),
            ..self
        })
    }

    /// The same with other models that speak and listen.
    pub fn with_voices(self, speech_model: &str, transcription_model: &str) -> Result<Self, InvalidConfig> {
        Ok(Self {
            speech_model: checked_model(speech_model)?,
            transcription_model: checked_model(transcription_model)?,
            ..self
        })
    }

    /// Where a call goes, such as `chat/completions`.
    pub(crate) fn endpoint(&self, call: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{call}", self.base.path().trim_end_matches('/')));
        url
    }

    /// The same with another time that an answer may take.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }
}

/// The header by which a key is shown to the server, and to nobody else.
pub(crate) fn authorization(key: &SecretString) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", key.expose_secret())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.len() <= 4_096 && key.bytes().all(|byte| byte.is_ascii_graphic())
}

fn checked_model(model: &str) -> Result<String, InvalidConfig> {
    if (1..=200).contains(&model.len()) && !model.chars().any(char::is_control) {
        Ok(model.to_owned())
    } else {
        Err(InvalidConfig::Model)
    }
}

fn base(base: &str, plain: PlainHttp) -> Result<Url, InvalidConfig> {
    let url = Url::parse(base).map_err(|_| InvalidConfig::Url)?;
    let is_bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    let place = match url.host() {
        Some(host) if is_bare => place(&host),
        _ => return Err(InvalidConfig::Url),
    };
    match (url.scheme(), place) {
        ("https" | "http", Place::Nowhere) => return Err(InvalidConfig::Address),
        ("https", _) => {}
        ("http", Place::Near) if plain == PlainHttp::Privately => {}
        ("http", _) => return Err(InvalidConfig::Plain),
        _ => return Err(InvalidConfig::Url),
    }
    Ok(url)
}

/// How far away a host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// This machine or a private network.
    Near,
    /// Anywhere.
    Far,
    /// Where nobody can be that is meant.
    Nowhere,
}

fn place(host: &Host<&str>) -> Place {
    match host {
        Host::Domain("localhost") => Place::Near,
        Host::Domain(_) => Place::Far,
        Host::Ipv4(address) => place_of(IpAddr::V4(*address)),
        Host::Ipv6(address) => place_of(IpAddr::V6(*address)),
    }
}

fn place_of(address: IpAddr) -> Place {
    // An IPv4 address may be written within an IPv6 address.
    let is_near = match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    };
    if is_nowhere(address) {
        Place::Nowhere
    } else if is_near {
        Place::Near
    } else {
        Place::Far
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str, plain: PlainHttp) -> Result<String, InvalidConfig> {
        let config = OpenAiConfig::new(url, Some("hunter2".into()), "model", plain);
        config.map(|config| config.endpoint("chat/completions").to_string())
    }

    #[test]
    fn the_path_is_added_to_the_base() {
        for (base, endpoint) in [
            (DEFAULT_BASE_URL, "https://api.openai.com/v1/chat/completions"),
            (
                "https://models.example.com",
                "https://models.example.com/chat/completions",
            ),
            (
                "https://models.example.com/",
                "https://models.example.com/chat/completions",
            ),
            (
                "https://a.example:8443/x/v1//",
                "https://a.example:8443/x/v1/chat/completions",
            ),
        ] {
            assert_eq!(config(base, PlainHttp::Refused).as_deref(), Ok(endpoint));
        }
    }

    #[test]
    fn threat_44_without_tls_only_what_is_near_is_reached_and_only_if_allowed() {
        let near = [
            "http://localhost:11434/v1",
            "http://127.0.0.1",
            "http://[::1]:8080",
            "http://10.1.2.3",
            "http://192.168.0.7/v1",
            "http://[fd00::1]/v1",
        ];
        for url in near {
            assert!(config(url, PlainHttp::Privately).is_ok(), "{url}");
            assert_eq!(
                config(url, PlainHttp::Refused),
                Err(InvalidConfig::Plain),
                "{url}"
            );
        }
        let far = [
            "http://models.example.com",
            "http://8.8.8.8",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "http://[2606:4700::1]",
        ];
        for url in far {
            assert_eq!(
                config(url, PlainHttp::Privately),
                Err(InvalidConfig::Plain),
                "{url}"
            );
        }
    }

    #[test]
    fn threat_44_addresses_of_local_links_are_never_reached() {
        for url in [
            "http://169.254.169.254/latest",
            "https://169.254.169.254",
            "https://[::ffff:169.254.169.254]",
            "http://0xa9fea9fe",
            "https://[fe80::1]",
            "http://0.0.0.0",
            "https://[::]",
            "https://224.0.0.1",
            "https://255.255.255.255",
        ] {
            assert_eq!(
                config(url, PlainHttp::Privately),
                Err(InvalidConfig::Address),
                "{url}"
            );
        }
    }

    #[test]
    fn an_address_is_the_same_however_it_is_written() {
        for url in ["http://0x7f.1", "http://2130706433", "http://[::ffff:127.0.0.1]"] {
            assert!(config(url, PlainHttp::Privately).is_ok(), "{url}");
            assert_eq!(
                config(url, PlainHttp::Refused),
                Err(InvalidConfig::Plain),
                "{url}"
            );
        }
    }

    #[test]
    fn what_is_more_or_less_than_a_base_url_is_refused() {
        for url in [
            "",
            "models.example.com",
            "file:///etc/passwd",
            "ftp://models.example.com",
            "https://",
            "https://hunter2@models.example.com",
            "https://a:hunter2@models.example.com",
            "https://models.example.com/?key=hunter2",
            "https://models.example.com/#hunter2",
            "unix:/run/model.sock",
        ] {
            assert_eq!(
                config(url, PlainHttp::Privately),
                Err(InvalidConfig::Url),
                "{url}"
            );
        }
    }

    #[test]
    fn threat_48_keys_and_models_are_checked_and_keys_are_not_shown() {
        let new = |key: &str, model: &str| {
            let key = Some(key.into());
            OpenAiConfig::new(DEFAULT_BASE_URL, key, model, PlainHttp::Refused)
        };
        for key in ["", "a b", "a\r\nX-Evil: 1", "é", "a\0"] {
            assert_eq!(new(key, "model").err(), Some(InvalidConfig::Key), "{key:?}");
        }
        for model in ["", "a\nb", &"x".repeat(201)] {
            assert_eq!(new("key", model).err(), Some(InvalidConfig::Model), "{model:?}");
        }
        let config = new("hunter2", "vendor/model:7b").unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        let header = authorization(&"hunter2".into()).unwrap();
        assert!(!format!("{header:?}").contains("hunter2"));
    }
}
