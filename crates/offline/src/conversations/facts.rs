//! What templates say of a word: its reading and its meaning, if they are fit to be said.

use std::borrow::Cow;

use parlance_domain::conversations::Brief;
use parlance_domain::speech::is_han;
use unicode_normalization::UnicodeNormalization;

/// Stands where a reading or a meaning would, if it is not known.
const UNKNOWN: &str = "…";
/// How many characters a reading or a meaning may have.
const MOST_CHARACTERS: usize = 60;
/// How many words a meaning may have: a turn that holds it is to be spoken, and what is spoken has 15 at most.
const MOST_WORDS: usize = 8;

/// What is known of a word, fit for a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts<'a> {
    word: Cow<'a, str>,
    reading: Option<String>,
    meaning: Option<String>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(brief: &'a Brief) -> Self {
        let word = shown(brief.word.as_str());
        let reading = brief.reading.as_deref().and_then(reading);
        Self {
            // What is written in Latin letters is its own reading.
            reading: reading.or_else(|| is_latin(&word).then(|| word.to_string())),
            word,
            meaning: brief.gloss.as_deref().and_then(meaning),
        }
    }

    pub(super) fn knows_reading(&self) -> bool {
        self.reading.is_some()
    }

    pub(super) fn knows_meaning(&self) -> bool {
        self.meaning.is_some()
    }

    /// The word, as it stands among Chinese characters.
    pub(super) fn word(&self) -> &str {
        &self.word
    }

    /// How it stands among pinyin.
    pub(super) fn in_pinyin(&self) -> &str {
        self.reading.as_deref().unwrap_or(UNKNOWN)
    }

    /// How it stands in an English sentence, where no Chinese character may be.
    pub(super) fn in_english(&self) -> &str {
        if self.word.chars().any(is_han) {
            self.in_pinyin()
        } else {
            &self.word
        }
    }

    /// What it means.
    pub(super) fn meaning(&self) -> &str {
        self.meaning.as_deref().unwrap_or(UNKNOWN)
    }
}

/// The word as it is shown. One that is Chinese must occur as it is; any other may be without its markup.
fn shown(word: &str) -> Cow<'_, str> {
    let has_markup = word.contains(['<', '>', '`', '{', '}', '\\']) || word.contains("**");
    if has_markup && !word.chars().any(is_han) {
        Cow::Owned(cleaned(word))
    } else {
        Cow::Borrowed(word)
    }
}

/// A reading that is one: Latin letters, without markup.
fn reading(text: &str) -> Option<String> {
    let reading = cleaned(text);
    let fits = reading.chars().count() <= MOST_CHARACTERS
        && reading.chars().any(is_latin_letter)
        && !reading.chars().any(is_han);
    fits.then_some(reading)
}

/// The first clause of a gloss that is short, English and says something, without what stands in brackets.
///
/// Glosses are like those of CC-CEDICT: `to be (followed by substantives only); correct; (old) right`.
fn meaning(gloss: &str) -> Option<String> {
    let mut clauses = clauses(gloss).into_iter().filter(|clause| {
        clause.chars().any(|letter| letter.is_ascii_alphabetic())
            && !clause
                .chars()
                .any(|character| is_han(character) || character == '~')
            && clause.chars().count() <= MOST_CHARACTERS
            && clause.split(' ').count() <= MOST_WORDS
    });
    clauses.next()
}

/// The clauses of a gloss, each without its brackets; what is nothing but a bracket is taken out of it.
fn clauses(gloss: &str) -> Vec<String> {
    let mut clauses = vec![(String::new(), String::new())];
    let mut depth = 0_u32;
    for character in gloss.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ';' | '/' if depth == 0 => clauses.push(Default::default()),
            _ => {
                if let Some((outside, inside)) = clauses.last_mut() {
                    if depth == 0 { outside } else { inside }.push(character);
                }
            }
        }
    }
    let clauses = clauses.into_iter().map(|(outside, inside)| {
        let outside = cleaned(&outside);
        if outside.is_empty() {
            cleaned(&inside)
        } else {
            outside
        }
    });
    clauses.collect()
}

/// A text on one line, composed, without control characters, invisible marks and whatever markup is made of.
fn cleaned(text: &str) -> String {
    let plain: String = text
        .nfc()
        .map(|character| if character.is_control() { ' ' } else { character })
        .filter(|&character| !is_invisible(character) && !"<>`{}\\*#“”\"".contains(character))
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a character is of no width or only says in which direction others are written.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{AD}' | '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

fn is_latin_letter(character: char) -> bool {
    character.is_ascii_alphabetic()
        || matches!(character, '\u{C0}'..='\u{24F}' | '\u{1E00}'..='\u{1EFF}') && character.is_alphabetic()
}

/// Whether all letters of a word are Latin.
fn is_latin(word: &str) -> bool {
    word.chars()
        .filter(|character| character.is_alphabetic())
        .all(is_latin_letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(word: &str, reading: Option<&str>) -> (String, String) {
        let brief = Brief {
            word: word.parse().unwrap(),
            reading: reading.map(str::to_owned),
            gloss: None,
        };
        let facts = Facts::of(&brief);
        (facts.in_pinyin().to_owned(), facts.in_english().to_owned())
    }

    #[test]
    fn the_first_clause_that_says_something_is_the_meaning() {
        for (gloss, expected) in [
            ("to study; to learn", Some("to study")),
            ("to be (followed by substantives only); correct", Some("to be")),
            (
                "(completed action marker); (modal particle)",
                Some("completed action marker"),
            ),
            ("old variant of 却; but", Some("but")),
            ("of; ~'s (possessive (particle; here)); and", Some("of")),
            ("~'s; of", Some("of")),
            ("/to learn/to study/", Some("to learn")),
            ("variant of 个|個[gè]", None),
            ("", None),
            ("; (); /", None),
            ("把", None),
            (
                "to hold a baby in position to help it urinate or defecate; handlebar",
                Some("handlebar"),
            ),
        ] {
            assert_eq!(meaning(gloss).as_deref(), expected, "{gloss}");
        }
    }

    #[test]
    fn threat_56_what_is_said_of_a_word_is_plain_text() {
        assert_eq!(
            meaning("<b>to\u{0} \u{202E}study</b>").as_deref(),
            Some("bto study")
        );
        assert_eq!(
            meaning("{\"turns\": `x`}\n**bold**").as_deref(),
            Some("turns: x bold")
        );
        assert_eq!(reading(" xué\u{1b}\n xi\u{301}\\ ").as_deref(), Some("xué xí"));
        assert_eq!(reading("学"), None);
        assert_eq!(reading("学 xué"), None);
        assert_eq!(reading("123"), None);
        assert_eq!(reading(&"x".repeat(61)), None);
    }

    #[test]
    fn a_word_is_read_as_is_known_or_as_it_is_written() {
        let pair = |pinyin: &str, english: &str| (pinyin.to_owned(), english.to_owned());
        assert_eq!(facts("学习", Some("xué xí")), pair("xué xí", "xué xí"));
        assert_eq!(facts("学习", None), pair("…", "…"));
        assert_eq!(facts("T恤", None), pair("…", "…"));
        assert_eq!(facts("café", None), pair("café", "café"));
        assert_eq!(facts("слово", None), pair("…", "слово"));
        assert_eq!(facts("слово", Some("slovo")), pair("slovo", "слово"));
    }
}
