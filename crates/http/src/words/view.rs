//! What words and lists look like to clients.

use apistos::ApiComponent;
use parlance_domain::ids::ListId;
use parlance_domain::progress::ListProgress;
use parlance_domain::words::{Word, WordList};
use schemars::JsonSchema;
use schemars::r#gen::SchemaGenerator;
use schemars::schema::Schema;
use serde::{Serialize, Serializer};

use crate::fields::one_of;

/// A list of words in the order in which they are best learnt.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "List")]
pub(super) struct ListView<'a> {
    /// Its id, a slug.
    #[schemars(example = "example_list_id")]
    id: &'a str,
    /// What it is called.
    name: &'a str,
    /// What it is good for.
    description: &'a str,
    /// The language of its words (BCP 47).
    language: &'a str,
    /// Whom it suits.
    #[schemars(schema_with = "difficulty_schema")]
    difficulty: &'a str,
    /// Labels to find it by.
    tags: &'a [String],
    /// How many words it has.
    word_count: u32,
}

impl<'a> From<&'a WordList> for ListView<'a> {
    fn from(list: &'a WordList) -> Self {
        let WordList {
            id,
            name,
            description,
            language,
            difficulty,
            tags,
            word_count,
        } = list;
        Self {
            id: id.as_str(),
            name,
            description,
            language,
            difficulty: difficulty.as_str(),
            tags,
            word_count: *word_count,
        }
    }
}

/// A word of the vocabulary. A Chinese word also has `simplified`, `traditional`, `pinyin` and `english`.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Word")]
pub(crate) struct WordView<'a> {
    /// Its id, a slug.
    #[schemars(example = "example_word_id")]
    word_id: &'a str,
    /// The language it belongs to (BCP 47).
    language: &'a str,
    /// How it is written; for Chinese in simplified characters.
    term: &'a str,
    /// How it is read; for Chinese in pinyin with tone marks.
    reading: Option<&'a str>,
    /// What it means, in English.
    gloss: &'a str,
    /// Other ways to write it; for Chinese the traditional form first.
    alternate_forms: &'a [String],
    /// Parts of speech as abbreviated in its source, separated by spaces; empty when unknown.
    #[serde(serialize_with = "space_joined")]
    #[schemars(with = "String")]
    part_of_speech: &'a [String],
    /// Its place among all words by frequency; 1 is the most frequent.
    frequency_rank: Option<u32>,
    /// The lists it is on.
    #[serde(serialize_with = "list_ids")]
    #[schemars(with = "Vec<String>")]
    list_ids: &'a [ListId],
    /// The members that Chinese words have besides.
    #[serde(flatten)]
    chinese: Option<ChineseView<'a>>,
}

/// The older names of a Chinese word's members.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
struct ChineseView<'a> {
    /// The same as `term`.
    simplified: &'a str,
    /// The first alternate form, or `term` when there is none.
    traditional: &'a str,
    /// The same as `reading`; empty when unknown.
    pinyin: &'a str,
    /// The same as `gloss`.
    english: &'a str,
}

impl<'a> From<&'a Word> for WordView<'a> {
    fn from(word: &'a Word) -> Self {
        let Word {
            id,
            language,
            term,
            reading,
            gloss,
            alternate_forms,
            part_of_speech,
            frequency_rank,
            list_ids,
        } = word;
        let chinese = is_chinese(language).then(|| ChineseView {
            simplified: term,
            traditional: alternate_forms.first().unwrap_or(term),
            pinyin: reading.as_deref().unwrap_or_default(),
            english: gloss,
        });
        Self {
            word_id: id.as_str(),
            language,
            term,
            reading: reading.as_deref(),
            gloss,
            alternate_forms,
            part_of_speech,
            frequency_rank: *frequency_rank,
            list_ids,
            chinese,
        }
    }
}

/// How far a learner is with a list.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ListProgress")]
pub(super) struct ListProgressView<'a> {
    /// The list.
    #[schemars(example = "example_list_id")]
    list_id: &'a str,
    /// What it is called.
    list_name: &'a str,
    /// How many words it has.
    total_words: u32,
    /// How many of them are mastered.
    mastered_count: u32,
    /// How many were begun and are not mastered.
    learning_count: u32,
    /// How many were not begun.
    new_count: u32,
    /// `round(100 · masteredCount / totalWords)`, 0 for an empty list.
    #[schemars(range(min = 0, max = 100))]
    progress_percent: u32,
}

impl<'a> From<&'a ListProgress> for ListProgressView<'a> {
    fn from(progress: &'a ListProgress) -> Self {
        let ListProgress {
            list,
            mastered,
            learning,
            new,
            percent,
        } = progress;
        Self {
            list_id: list.id.as_str(),
            list_name: &list.name,
            total_words: list.word_count,
            mastered_count: *mastered,
            learning_count: *learning,
            new_count: *new,
            progress_percent: *percent,
        }
    }
}

fn difficulty_schema(_: &mut SchemaGenerator) -> Schema {
    one_of(&["beginner", "intermediate", "advanced"])
}

fn is_chinese(language: &str) -> bool {
    let primary = language.split('-').next().unwrap_or_default();
    primary.eq_ignore_ascii_case("zh")
}

fn space_joined<S: Serializer>(parts: &&[String], serializer: S) -> Result<S::Ok, S::Error> {
    match parts {
        [] => serializer.serialize_str(""),
        [one] => serializer.serialize_str(one),
        several => serializer.serialize_str(&several.join(" ")),
    }
}

fn list_ids<S: Serializer>(ids: &&[ListId], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(ids.iter().map(ListId::as_str))
}

fn example_list_id() -> &'static str {
    "hsk3-band-1"
}

fn example_word_id() -> &'static str {
    "zh-00001"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn word(language: &str) -> Word {
        Word {
            id: "zh-1".parse().unwrap(),
            language: language.to_owned(),
            term: "爱".to_owned(),
            reading: Some("ài".to_owned()),
            gloss: "to love".to_owned(),
            alternate_forms: vec!["愛".to_owned()],
            part_of_speech: vec!["v".to_owned(), "n".to_owned()],
            frequency_rank: Some(160),
            list_ids: vec!["a".parse().unwrap()],
        }
    }

    fn shown(word: &Word) -> serde_json::Value {
        serde_json::to_value(WordView::from(word)).unwrap()
    }

    #[test]
    fn a_chinese_word_has_the_older_names_too() {
        for language in ["zh", "zh-CN", "ZH-hant"] {
            let value = shown(&word(language));
            assert_eq!(value["simplified"], "爱");
            assert_eq!(value["traditional"], "愛");
            assert_eq!(value["pinyin"], "ài");
            assert_eq!(value["english"], "to love");
        }
    }

    #[test]
    fn a_word_of_another_language_has_only_the_general_names() {
        let expected = json!({
            "wordId": "zh-1", "language": "zhx", "term": "爱", "reading": "ài", "gloss": "to love",
            "alternateForms": ["愛"], "partOfSpeech": "v n", "frequencyRank": 160, "listIds": ["a"],
        });
        assert_eq!(shown(&word("zhx")), expected);
    }

    #[test]
    fn without_a_traditional_form_the_term_stands_for_it() {
        let word = Word {
            alternate_forms: vec![],
            reading: None,
            part_of_speech: vec![],
            frequency_rank: None,
            ..word("zh")
        };
        let value = shown(&word);
        assert_eq!(value["traditional"], "爱");
        assert_eq!(value["pinyin"], "");
        assert_eq!(value["reading"], json!(null));
        assert_eq!(value["partOfSpeech"], "");
        assert_eq!(value["frequencyRank"], json!(null));
    }
}
