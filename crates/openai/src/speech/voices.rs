//! Voices that speak every language: each is told once for each, by its name, a colon and the language.

use parlance_domain::speech::{Gender, LanguageTag, Voice};

/// The voices, of which it is not said how they sound; the first speaks if nobody is named.
const NAMES: [&str; 9] = [
    "alloy", "ash", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer",
];

/// The languages that they speak, in the order of their codes.
const LANGUAGES: [&str; 57] = [
    "af", "ar", "az", "be", "bg", "bs", "ca", "cs", "cy", "da", "de", "el", "en", "es", "et", "fa", "fi",
    "fr", "gl", "he", "hi", "hr", "hu", "hy", "id", "is", "it", "ja", "kk", "kn", "ko", "lt", "lv", "mi",
    "mk", "mr", "ms", "ne", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sr", "sv", "sw", "ta", "th",
    "tl", "tr", "uk", "ur", "vi", "zh",
];

/// Every voice in every language.
pub(super) fn all() -> Vec<Voice> {
    let tags = LANGUAGES.iter().filter_map(|tag| tag.parse::<LanguageTag>().ok());
    let voices = tags.flat_map(|language| {
        NAMES.map(|name| Voice {
            name: format!("{name}:{language}"),
            language: language.clone(),
            gender: Gender::Neutral,
        })
    });
    voices.collect()
}

/// Whether they speak a language.
pub(super) fn speak(language: &LanguageTag) -> bool {
    LANGUAGES.binary_search(&language.language()).is_ok()
}

/// The voice that a name is of, with a language or without.
pub(super) fn of_name(name: &str) -> Option<&'static str> {
    let (voice, language) = name.split_once(':').unzip();
    let voice = NAMES.into_iter().find(|known| *known == voice.unwrap_or(name))?;
    language
        .is_none_or(|language| LANGUAGES.binary_search(&language).is_ok())
        .then_some(voice)
}

/// Who speaks a language if nobody is named.
pub(super) fn usual(language: &LanguageTag) -> String {
    format!("{}:{}", NAMES[0], language.language())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_voice_is_found_by_its_name() {
        assert!(LANGUAGES.is_sorted());
        let voices = all();
        assert_eq!(voices.len(), NAMES.len() * LANGUAGES.len());
        for Voice { name, language, .. } in voices {
            assert!(of_name(&name).is_some() && speak(&language), "{name}");
        }
        assert_eq!(of_name("nova"), Some("nova"));
        assert_eq!(usual(&"cmn-CN".parse().unwrap()), "alloy:zh");
    }

    #[test]
    fn other_names_are_of_nobody() {
        for name in [
            "",
            ":",
            "alloy:",
            "alloy:qaa",
            "alloy:zh:zh",
            "Alloy",
            "bob:zh",
            "../alloy",
        ] {
            assert_eq!(of_name(name), None, "{name}");
        }
    }
}
