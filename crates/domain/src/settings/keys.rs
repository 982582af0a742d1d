//! Learners' own keys of providers.

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};

use crate::ids::UserId;
use crate::sealing::{Label, Sealed};
use crate::time::Timestamp;

/// A provider of which a learner may bring a key along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyProvider {
    /// Conversations and speech.
    OpenAi,
    /// Speech.
    ElevenLabs,
    /// Conversations and speech.
    Google,
}

/// A name that no such provider has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of openai, elevenlabs and google")]
pub struct UnknownKeyProvider;

impl KeyProvider {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::OpenAi, Self::ElevenLabs, Self::Google];

    /// Its name in paths, stores and views.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::ElevenLabs => "elevenlabs",
            Self::Google => "google",
        }
    }
}

impl fmt::Display for KeyProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for KeyProvider {
    type Err = UnknownKeyProvider;

    fn from_str(text: &str) -> Result<Self, UnknownKeyProvider> {
        let found = Self::ALL.into_iter().find(|provider| provider.as_str() == text);
        found.ok_or(UnknownKeyProvider)
    }
}

/// The text of a key: 16 to 256 visible characters of ASCII, shown by no `Debug`.
#[derive(Debug, Clone)]
pub struct KeyText(SecretString);

/// A text that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 16 to 256 letters, digits and signs of ASCII, without blanks")]
pub struct InvalidKeyText;

impl KeyText {
    /// The key itself.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Its end, by which its owner knows it again.
    pub fn last_four(&self) -> LastFour {
        let text = self.expose();
        LastFour(text[text.len() - 4..].to_owned())
    }
}

impl FromStr for KeyText {
    type Err = InvalidKeyText;

    fn from_str(text: &str) -> Result<Self, InvalidKeyText> {
        let fits = (16..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.into())).ok_or(InvalidKeyText)
    }
}

/// The last four characters of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastFour(String);

/// A text that is not the end of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be four signs of ASCII")]
pub struct InvalidLastFour;

impl LastFour {
    /// The characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LastFour {
    type Err = InvalidLastFour;

    fn from_str(text: &str) -> Result<Self, InvalidLastFour> {
        let fits = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.to_owned())).ok_or(InvalidLastFour)
    }
}

/// A learner's key of a provider, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderKey {
    /// The provider.
    pub provider: KeyProvider,
    /// The key, sealed for [`ProviderKey::label`].
    pub sealed: Sealed,
    /// Its end.
    pub last_four: LastFour,
    /// When it was set.
    pub set_at: Timestamp,
}

impl ProviderKey {
    /// What a learner's key of a provider is sealed for.
    pub fn label(user: UserId, provider: KeyProvider) -> Label {
        Label::new("provider-key").with(user.0).with(provider.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_16_to_256_visible_characters() {
        for good in ["sk-0123456789abc", &"k".repeat(256)] {
            assert!(good.parse::<KeyText>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "sk-0123456789ab",
            "sk-0123456789 abc",
            "sk-0123456789abc\n",
            "sk-0123456789äbc",
            &"k".repeat(257),
        ] {
            assert_eq!(bad.parse::<KeyText>().err(), Some(InvalidKeyText), "{bad:?}");
        }
    }

    #[test]
    fn threat_73_only_the_end_of_a_key_is_shown() {
        let key: KeyText = "sk-canary-0123456789".parse().unwrap();
        assert_eq!(key.last_four().as_str(), "6789");
        assert!(!format!("{key:?}").contains("canary"));
    }

    #[test]
    fn providers_are_found_by_their_names() {
        for provider in KeyProvider::ALL {
            assert_eq!(provider.as_str().parse(), Ok(provider));
        }
        assert_eq!("OpenAI".parse::<KeyProvider>(), Err(UnknownKeyProvider));
    }
}
