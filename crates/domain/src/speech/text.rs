//! A text short enough to be spoken.

use unicode_normalization::UnicodeNormalization;

/// How many words there may be, parted by white space.
const MOST_WORDS: usize = 15;
/// How many characters there may be.
const MOST_CHARACTERS: usize = 300;

/// A text to be spoken: 1 to 15 words parted by single spaces, at most 300 characters, NFC.
///
/// Marks of direction, which nobody hears, are left out; texts that sound alike have one form where that is cheap.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SpokenText(String);

/// Why a text cannot be spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// There is nothing to be heard.
    #[error("must not be empty")]
    Empty,
    /// It has too many words.
    #[error("must have at most {MOST_WORDS} words")]
    TooManyWords,
    /// It has too many characters.
    #[error("must have at most {MOST_CHARACTERS} characters")]
    TooLong,
    /// It holds control characters.
    #[error("must not hold control characters")]
    Control,
}

impl SpokenText {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many characters are paid for.
    pub fn characters(&self) -> u64 {
        self.0.chars().count() as u64
    }

    /// Whether it is Chinese, as far as its characters tell.
    pub fn is_chinese(&self) -> bool {
        self.0.chars().any(is_han)
    }
}

/// Whether a character is one of the Chinese script.
pub fn is_han(character: char) -> bool {
    matches!(character, '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{323AF}' | '〇')
}

/// Whether a character only says in which direction others are written.
fn is_direction(character: char) -> bool {
    matches!(character, '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

impl std::str::FromStr for SpokenText {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        // Normalisation only ever shortens what is much too long by a small factor.
        if text.len() > 32 * MOST_CHARACTERS {
            return Err(InvalidText::TooLong);
        }
        if text
            .chars()
            .any(|character| character.is_control() && !character.is_whitespace())
        {
            return Err(InvalidText::Control);
        }
        let heard: String = text.nfc().filter(|&character| !is_direction(character)).collect();
        let words: Vec<&str> = heard.split_whitespace().collect();
        match words.len() {
            0 => return Err(InvalidText::Empty),
            1..=MOST_WORDS => {}
            _ => return Err(InvalidText::TooManyWords),
        }
        let text = words.join(" ");
        if text.chars().count() > MOST_CHARACTERS {
            return Err(InvalidText::TooLong);
        }
        Ok(Self(text))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spoken(text: &str) -> Result<String, InvalidText> {
        text.parse::<SpokenText>().map(|text| text.0)
    }

    #[test]
    fn a_text_has_one_to_fifteen_words_and_at_most_300_characters() {
        assert_eq!(spoken("你好"), Ok("你好".to_owned()));
        assert_eq!(spoken(&"a ".repeat(15)), Ok("a ".repeat(15).trim().to_owned()));
        assert_eq!(spoken(&"a ".repeat(16)), Err(InvalidText::TooManyWords));
        assert_eq!(
            spoken(&"字".repeat(300)).map(|text| text.chars().count()),
            Ok(300)
        );
        assert_eq!(spoken(&"字".repeat(301)), Err(InvalidText::TooLong));
        assert_eq!(
            spoken(&"😀".repeat(300)).map(|text| text.chars().count()),
            Ok(300)
        );
        for empty in ["", " ", "\n\t", "\u{200F}", "\u{FEFF} \u{2066}"] {
            assert_eq!(spoken(empty), Err(InvalidText::Empty), "{empty:?}");
        }
        for control in ["a\0b", "\u{1b}[31m", "a\u{7f}"] {
            assert_eq!(spoken(control), Err(InvalidText::Control), "{control:?}");
        }
    }

    #[test]
    fn texts_that_sound_alike_are_alike() {
        assert_eq!(spoken(" hello \n world "), spoken("hello world"));
        assert_eq!(spoken("cafe\u{301}"), spoken("café"));
        assert_eq!(spoken("\u{202E}abc\u{202C}"), spoken("abc"));
        assert_ne!(spoken("Polish"), spoken("polish"));
    }

    #[test]
    fn markup_is_a_text_like_any_other() {
        let text = "<speak><break time=\"10s\"/>hi</speak>";
        assert_eq!(spoken(text), Ok(text.to_owned()));
    }

    proptest! {
        #[test]
        fn what_was_accepted_is_accepted_unchanged(text in ".{0,320}") {
            if let Ok(first) = spoken(&text) {
                prop_assert_eq!(spoken(&first), Ok(first.clone()));
                prop_assert!(first.chars().count() <= 300);
                prop_assert!(first.split(' ').count() <= 15);
            }
        }
    }
}
