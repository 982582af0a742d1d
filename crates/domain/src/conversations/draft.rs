//! Reads what a model wrote, and trusts none of it.

use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use super::{SubjectWord, Turn};
use crate::speech::{SpokenText, is_han};

/// How many turns a dialogue has.
const TURNS: std::ops::RangeInclusive<usize> = 3..=5;
/// How many characters a member of a turn may have.
const MOST_CHARACTERS: usize = 300;
/// How many bytes a draft may have.
const MOST_BYTES: usize = 64 * 1024;

/// Why a draft is no dialogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDraft {
    /// It is not JSON of the agreed form.
    #[error("the draft is not json of the agreed form")]
    Malformed,
    /// It has too few or too many turns.
    #[error("the draft has {0} turns instead of 3 to 5")]
    Turns(usize),
    /// A member is empty, too long or holds control characters.
    #[error("a turn of the draft has a {0} that is empty, too long or not plain")]
    Member(&'static str),
    /// A member holds markup.
    #[error("a turn of the draft has a {0} with markup")]
    Markup(&'static str),
    /// A member is in another language.
    #[error("a turn of the draft has a {0} in another language")]
    Language(&'static str),
    /// The word does not occur.
    #[error("the word does not occur in the draft")]
    WithoutWord,
}

/// The turns of a draft: 3 to 5, plain, each in the languages that it should have, the word among them.
pub fn read_turns(text: &str, word: &SubjectWord) -> Result<Vec<Turn>, InvalidDraft> {
    if text.len() > MOST_BYTES {
        return Err(InvalidDraft::Malformed);
    }
    let draft: Value = serde_json::from_str(unfenced(text)).map_err(|_| InvalidDraft::Malformed)?;
    let turns = match &draft {
        Value::Array(turns) => turns,
        Value::Object(members) => members
            .get("turns")
            .and_then(Value::as_array)
            .ok_or(InvalidDraft::Malformed)?,
        _ => return Err(InvalidDraft::Malformed),
    };
    if !TURNS.contains(&turns.len()) {
        return Err(InvalidDraft::Turns(turns.len()));
    }
    let turns: Vec<Turn> = turns.iter().map(read_turn).collect::<Result<_, _>>()?;
    let is_used = turns.iter().any(|turn| turn.chinese.contains(word.as_str()));
    // What is not Chinese is talked about rather than used.
    if word.as_str().chars().any(is_han) && !is_used {
        return Err(InvalidDraft::WithoutWord);
    }
    Ok(turns)
}

/// A text without the fence of a code block, which models put around JSON whatever they are told.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix("```").and_then(|text| text.strip_suffix("```"));
    inner.map_or(text, |inner| inner.strip_prefix("json").unwrap_or(inner).trim())
}

fn read_turn(turn: &Value) -> Result<Turn, InvalidDraft> {
    let turn = Turn {
        speaker: member(turn, "speaker")?,
        chinese: member(turn, "chinese")?,
        pinyin: member(turn, "pinyin")?,
        english: member(turn, "english")?,
        audio: None,
    };
    let has_han = |text: &str| text.chars().any(is_han);
    let has_latin = |text: &str| {
        text.chars()
            .any(|letter| letter.is_alphabetic() && !is_han(letter))
    };
    if turn.speaker.chars().count() > 20 {
        Err(InvalidDraft::Member("speaker"))
    } else if turn.chinese.parse::<SpokenText>().is_err() {
        Err(InvalidDraft::Member("chinese"))
    } else if !has_han(&turn.chinese) {
        Err(InvalidDraft::Language("chinese"))
    } else if has_han(&turn.pinyin) || !has_latin(&turn.pinyin) {
        Err(InvalidDraft::Language("pinyin"))
    } else if has_han(&turn.english) || !turn.english.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        Err(InvalidDraft::Language("english"))
    } else {
        Ok(turn)
    }
}

fn member(turn: &Value, name: &'static str) -> Result<String, InvalidDraft> {
    let text = turn
        .get(name)
        .and_then(Value::as_str)
        .ok_or(InvalidDraft::Malformed)?;
    let text: String = text.trim().nfc().collect();
    let fits = (1..=MOST_CHARACTERS).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if !fits {
        return Err(InvalidDraft::Member(name));
    }
    let has_markup =
        text.contains(['<', '>', '`', '{', '}', '\\']) || text.contains("**") || text.starts_with('#');
    if has_markup {
        return Err(InvalidDraft::Markup(name));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn word() -> SubjectWord {
        "学习".parse().unwrap()
    }

    fn turn(chinese: &str) -> Value {
        json!({ "speaker": "A", "chinese": chinese, "pinyin": "wǒ xuéxí", "english": "I study." })
    }

    fn draft(turns: usize) -> Value {
        json!({ "turns": vec![turn("我学习。"); turns] })
    }

    fn read(draft: &Value) -> Result<usize, InvalidDraft> {
        read_turns(&draft.to_string(), &word()).map(|turns| turns.len())
    }

    #[test]
    fn a_dialogue_has_three_to_five_turns() {
        for number in 3..=5 {
            assert_eq!(read(&draft(number)), Ok(number));
        }
        for number in [0, 2, 6, 100] {
            assert_eq!(read(&draft(number)), Err(InvalidDraft::Turns(number)));
        }
    }

    #[test]
    fn a_fence_and_a_bare_list_are_forgiven() {
        let list = draft(3)["turns"].to_string();
        for text in [
            list.clone(),
            format!("```json\n{list}\n```"),
            format!("  ```{list}```\n"),
        ] {
            assert_eq!(read_turns(&text, &word()).unwrap().len(), 3, "{text}");
        }
    }

    #[test]
    fn what_is_not_json_of_the_form_is_refused() {
        for text in [
            "",
            "{",
            "null",
            "\"turns\"",
            "{\"turns\": {}}",
            "[1, 2, 3]",
            "Sure! Here it is: []",
        ] {
            assert_eq!(read_turns(text, &word()), Err(InvalidDraft::Malformed), "{text}");
        }
        let huge = format!("[{}]", " ".repeat(MOST_BYTES));
        assert_eq!(read_turns(&huge, &word()), Err(InvalidDraft::Malformed));
    }

    #[test]
    fn threat_56_turns_that_are_not_plain_or_in_another_language_are_refused() {
        let cases = [
            ("chinese", "<b>学习</b>", InvalidDraft::Markup("chinese")),
            ("chinese", "I study", InvalidDraft::Language("chinese")),
            ("chinese", "", InvalidDraft::Member("chinese")),
            ("chinese", "学习\u{1b}[0m", InvalidDraft::Member("chinese")),
            ("pinyin", "我学习", InvalidDraft::Language("pinyin")),
            ("pinyin", "123", InvalidDraft::Language("pinyin")),
            ("english", "我学习", InvalidDraft::Language("english")),
            ("english", "J’étudie <script>", InvalidDraft::Markup("english")),
            ("english", "**I** study", InvalidDraft::Markup("english")),
            (
                "speaker",
                "a very long name of somebody",
                InvalidDraft::Member("speaker"),
            ),
        ];
        for (name, value, expected) in cases {
            let mut draft = draft(3);
            draft["turns"][1][name] = value.into();
            assert_eq!(read(&draft), Err(expected), "{name}: {value}");
        }
        let mut draft = draft(3);
        draft["turns"][2]["english"] = "x".repeat(301).into();
        assert_eq!(read(&draft), Err(InvalidDraft::Member("english")));
    }

    #[test]
    fn the_word_must_occur() {
        let draft = json!({ "turns": vec![turn("我看书。"); 3] });
        assert_eq!(read(&draft), Err(InvalidDraft::WithoutWord));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}") {
            let _ = read_turns(&text, &word());
        }
    }
}
