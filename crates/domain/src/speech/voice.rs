//! Who speaks, in what language, how fast.

use std::fmt;
use std::str::FromStr;

/// How a voice sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gender {
    /// Like a woman's.
    Female,
    /// Like a man's.
    Male,
    /// Like neither's, or it is not said.
    Neutral,
}

impl Gender {
    /// Its name in views and caches.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Female => "female",
            Self::Male => "male",
            Self::Neutral => "neutral",
        }
    }

    /// The gender of this name; neutral, if there is none.
    pub fn named(name: &str) -> Self {
        match name {
            "female" => Self::Female,
            "male" => Self::Male,
            _ => Self::Neutral,
        }
    }
}

/// A voice of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voice {
    /// Its name, as the provider knows it.
    pub name: String,
    /// The language that it speaks.
    pub language: LanguageTag,
    /// How it sounds.
    pub gender: Gender,
}

/// The name of a voice: 1 to 64 ASCII letters, digits and signs out of `+-._:`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VoiceName(String);

/// A text that is no name of a voice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of the voices")]
pub struct InvalidVoice;

impl VoiceName {
    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for VoiceName {
    type Err = InvalidVoice;

    fn from_str(text: &str) -> Result<Self, InvalidVoice> {
        let fits = (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-._:".contains(&byte));
        fits.then(|| Self(text.to_owned())).ok_or(InvalidVoice)
    }
}

/// A language, perhaps with a script and a region (BCP 47): `zh`, `cmn-CN`, `en-US`.
///
/// Written as RFC 5646 recommends: language small, script with a capital, region large.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LanguageTag(String);

/// A text that is no language tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a language tag such as en, en-US or cmn-CN")]
pub struct InvalidLanguage;

impl LanguageTag {
    /// The tag itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A tag that is written as it should be.
    pub(crate) fn usual(tag: &'static str) -> Self {
        Self(tag.to_owned())
    }

    /// The language alone; Mandarin and Chinese are one.
    pub fn language(&self) -> &str {
        match self.0.split('-').next() {
            Some("cmn") => "zh",
            Some(language) => language,
            None => "",
        }
    }

    /// Whether somebody who asks for `wanted` is served by this: the same language, and the same region if one is
    /// asked for.
    pub fn serves(&self, wanted: &Self) -> bool {
        self.language() == wanted.language()
            && wanted.region().is_none_or(|region| self.region() == Some(region))
    }

    fn region(&self) -> Option<&str> {
        let parts = self.0.split('-').skip(1);
        parts.filter(|part| part.len() != 4).last()
    }
}

impl fmt::Display for LanguageTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for LanguageTag {
    type Err = InvalidLanguage;

    fn from_str(text: &str) -> Result<Self, InvalidLanguage> {
        let mut parts = text.split('-');
        let language = parts.next().unwrap_or_default();
        if !(2..=3).contains(&language.len()) || !language.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Err(InvalidLanguage);
        }
        let mut tag = language.to_ascii_lowercase();
        for (place, part) in parts.enumerate() {
            tag.push('-');
            tag.push_str(&subtag(part, place).ok_or(InvalidLanguage)?);
        }
        Ok(Self(tag))
    }
}

/// A script or a region, in the place after the language; nothing else is needed here.
fn subtag(part: &str, place: usize) -> Option<String> {
    let is = |class: fn(&u8) -> bool| part.as_bytes().iter().all(class);
    match (part.len(), place) {
        (4, 0) if is(u8::is_ascii_alphabetic) => {
            Some(part[..1].to_ascii_uppercase() + &part[1..].to_ascii_lowercase())
        }
        (2, 0 | 1) if is(u8::is_ascii_alphabetic) => Some(part.to_ascii_uppercase()),
        (3, 0 | 1) if is(u8::is_ascii_digit) => Some(part.to_owned()),
        _ => None,
    }
}

/// How fast is spoken: a quarter of the usual to four times, in hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpeakingRate(u16);

/// A number that is no speaking rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be between 0.25 and 4")]
pub struct InvalidRate;

impl SpeakingRate {
    /// As usual.
    pub const USUAL: Self = Self(100);

    /// How many times as fast as usual.
    pub fn factor(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

impl TryFrom<f64> for SpeakingRate {
    type Error = InvalidRate;

    fn try_from(factor: f64) -> Result<Self, InvalidRate> {
        if !(0.25..=4.0).contains(&factor) {
            return Err(InvalidRate);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 25 and 400"
        )]
        let hundredths = (factor * 100.0).round() as u16;
        Ok(Self(hundredths))
    }
}

impl fmt::Display for SpeakingRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> LanguageTag {
        text.parse().unwrap()
    }

    #[test]
    fn tags_are_written_one_way() {
        for (text, written) in [
            ("EN", "en"),
            ("en-us", "en-US"),
            ("CMN-cn", "cmn-CN"),
            ("zh-hant-tw", "zh-Hant-TW"),
            ("es-419", "es-419"),
        ] {
            assert_eq!(tag(text).as_str(), written);
        }
        for bad in [
            "",
            "e",
            "english",
            "en_US",
            "en-",
            "en-USA",
            "12",
            "en-US-x",
            "zh-Hant-TW-x",
            "字",
        ] {
            assert_eq!(bad.parse::<LanguageTag>(), Err(InvalidLanguage), "{bad}");
        }
    }

    #[test]
    fn a_language_is_served_in_any_region_and_a_region_by_itself_alone() {
        assert!(tag("cmn-CN").serves(&tag("zh")));
        assert!(tag("cmn-CN").serves(&tag("zh-CN")));
        assert!(tag("cmn-CN").serves(&tag("zh-Hans-CN")));
        assert!(tag("en-GB").serves(&tag("en")));
        assert!(!tag("en-GB").serves(&tag("en-US")));
        assert!(!tag("en").serves(&tag("en-US")));
        assert!(!tag("en-GB").serves(&tag("zh")));
    }

    #[test]
    fn names_of_voices_are_plain() {
        for good in ["en-US-Chirp3-HD-Achernar", "cmn+f2", "alloy"] {
            assert!(good.parse::<VoiceName>().is_ok(), "{good}");
        }
        for bad in ["", "-v x; rm", "a\0", "../x", "字", &"x".repeat(65)] {
            assert_eq!(bad.parse::<VoiceName>(), Err(InvalidVoice), "{bad}");
        }
    }

    #[test]
    fn rates_are_bounded_and_written_one_way() {
        let rate = |factor: f64| SpeakingRate::try_from(factor).map(|rate| rate.to_string());
        assert_eq!(rate(1.0), Ok("1.00".to_owned()));
        assert_eq!(rate(0.25), Ok("0.25".to_owned()));
        assert_eq!(rate(1.254), Ok("1.25".to_owned()));
        assert_eq!(rate(4.0), Ok("4.00".to_owned()));
        for bad in [0.0, 0.249, 4.01, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(rate(bad), Err(InvalidRate), "{bad}");
        }
    }
}
