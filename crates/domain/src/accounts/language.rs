//! Language tags.

use std::str::FromStr;

/// A language tag that is well-formed by BCP 47 (RFC 5646), such as `en` or `zh-Hant-TW`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LanguageTag(String);

/// A text that is not a language tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a BCP 47 language tag")]
pub struct InvalidLanguage;

impl LanguageTag {
    /// The tag as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LanguageTag {
    type Err = InvalidLanguage;

    fn from_str(text: &str) -> Result<Self, InvalidLanguage> {
        let mut subtags = text.split('-');
        let primary = subtags.next().unwrap_or_default();
        let fits = text.len() <= 35
            && (2..=8).contains(&primary.len())
            && primary.bytes().all(|b| b.is_ascii_alphabetic())
            && subtags.all(|subtag| {
                (1..=8).contains(&subtag.len()) && subtag.bytes().all(|b| b.is_ascii_alphanumeric())
            })
            && text.split('-').next_back().is_none_or(|last| last.len() != 1);
        fits.then(|| Self(text.to_owned())).ok_or(InvalidLanguage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed_tags_are_taken() {
        for good in ["en", "zh-CN", "zh-Hant-TW", "sl-rozaj-biske", "de-CH-x-phonebk"] {
            assert!(good.parse::<LanguageTag>().is_ok(), "{good}");
        }
    }

    #[test]
    fn ill_formed_tags_are_refused() {
        for bad in [
            "",
            "e",
            "en-",
            "-en",
            "en_US",
            "en-a",
            "englishlang",
            "zh-CN\0",
            "中文",
        ] {
            assert_eq!(bad.parse::<LanguageTag>(), Err(InvalidLanguage), "{bad:?}");
        }
    }
}
