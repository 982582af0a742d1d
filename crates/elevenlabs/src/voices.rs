//! The voices of an account. Each speaks every language, and is told once for each, by its id, a colon and the language.

use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use parlance_domain::speech::{Gender, LanguageTag, Voice};
use reqwest::Method;
use serde::Deserialize;

use crate::config::is_voice;
use crate::connection::{WithKey, ask};
use crate::failure::error;

/// The longest list, in bytes.
const LARGEST: usize = 4 * 1024 * 1024;
/// Of more voices nobody is told: a list is to fit where it is kept.
const MOST: usize = 200;

/// The languages of the model, in the order of their codes.
const LANGUAGES: [&str; 29] = [
    "ar", "bg", "cs", "da", "de", "el", "en", "es", "fi", "fil", "fr", "hi", "hr", "id", "it", "ja", "ko",
    "ms", "nl", "pl", "pt", "ro", "ru", "sk", "sv", "ta", "tr", "uk", "zh",
];

#[derive(Debug, thiserror::Error)]
#[error("the answer is no list of voices")]
struct NoList;

#[derive(Deserialize)]
struct Listed {
    voices: Vec<ListedVoice>,
}

#[derive(Deserialize)]
struct ListedVoice {
    voice_id: String,
    #[serde(default)]
    labels: Option<Labels>,
}

#[derive(Deserialize)]
struct Labels {
    #[serde(default)]
    gender: Option<String>,
}

/// Every voice in every language.
pub(crate) async fn list(eleven: &WithKey) -> Result<Vec<Voice>, ProviderError> {
    let body = ask(eleven.call(Method::GET, "/v1/voices"), LARGEST).await?;
    read(&body).ok_or_else(|| error(ProviderErrorKind::Invalid).caused_by(NoList))
}

fn read(body: &[u8]) -> Option<Vec<Voice>> {
    let Listed { voices } = serde_json::from_slice(body).ok()?;
    let voices = voices
        .into_iter()
        .filter(|voice| is_voice(&voice.voice_id))
        .take(MOST);
    Some(voices.flat_map(|voice| in_every_language(&voice)).collect())
}

fn in_every_language(voice: &ListedVoice) -> Vec<Voice> {
    let labels = voice.labels.as_ref();
    let gender = labels
        .and_then(|labels| labels.gender.as_deref())
        .unwrap_or_default();
    let tags = LANGUAGES.iter().filter_map(|tag| tag.parse::<LanguageTag>().ok());
    let voices = tags.map(|language| Voice {
        name: format!("{}:{language}", voice.voice_id),
        language,
        gender: Gender::named(gender),
    });
    voices.collect()
}

/// Whether they speak a language.
pub(crate) fn speak(language: &LanguageTag) -> bool {
    LANGUAGES.binary_search(&language.language()).is_ok()
}

/// The id in the name of a voice, with a language or without.
pub(crate) fn id_of(name: &str) -> Option<&str> {
    let (id, language) = match name.split_once(':') {
        Some((id, language)) => (id, Some(language)),
        None => (name, None),
    };
    let is_known = language.is_none_or(|language| LANGUAGES.binary_search(&language).is_ok());
    (is_known && is_voice(id)).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_every_voice_in_every_language() {
        assert!(LANGUAGES.is_sorted());
        let body = br#"{"voices":[{"voice_id":"abc","name":"X","labels":{"gender":"female"}},{"voice_id":"d/e"},{"voice_id":"fgh","labels":null}]}"#;
        let voices = read(body).unwrap();
        assert_eq!(voices.len(), 2 * LANGUAGES.len());
        assert_eq!(
            (voices[0].name.as_str(), voices[0].gender),
            ("abc:ar", Gender::Female)
        );
        assert_eq!(id_of(&voices[0].name), Some("abc"));
        assert!(read(b"{}").is_none() && read(b"<html>").is_none());
    }

    #[test]
    fn threat_48_what_is_no_name_of_a_voice_is_asked_for_nowhere() {
        assert_eq!(id_of("abc"), Some("abc"));
        for name in ["", ":zh", "abc:", "abc:qaa", "a/b", "../a:zh", "a?b", "a b"] {
            assert_eq!(id_of(name), None, "{name}");
        }
    }
}
