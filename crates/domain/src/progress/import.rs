//! Reads what browsers held before progress was kept here.
//!
//! Four shapes are known, told apart by their members:
//! 1. `{"<wordId>": {studyCount, correctCount, confidence}}`, alone or under `progress`;
//! 2. `{"lists": [{id, listName, progress: {"<wordId>": true | false}, words?}]}`;
//! 3. `{"lists": [{listName, dailyWordCount, sections: [{sectionId, wordIds, progress: {"<wordId>": {count, correct}}}]}]}`;
//! 4. `{userId, vocabularyProgress: {"<wordId>": {status, firstSeen, lastReviewed, reviewCount, correctCount}}, listProgress}`.

use std::collections::HashMap;

use chrono::DateTime;
use serde_json::{Map, Value};

use super::{MASTERED_CONFIDENCE, MergeItem};
use crate::ids::WordId;

/// The most items of one import, those that cannot be read included.
pub const MAX_ITEMS: usize = 10_000;
/// The highest count that is kept.
pub const MAX_COUNT: u32 = i32::MAX.unsigned_abs();

/// A word's state as a browser held it.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportItem {
    /// The word.
    pub word_id: WordId,
    /// What it held.
    pub members: MergeItem,
}

/// An item that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The word id as it was given, cut to 64 characters.
    pub word_id: String,
    /// Why, in a sentence a person can read.
    pub reason: &'static str,
}

/// What was read of an import.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ParsedImport {
    /// What could be read, each word once, in the order of first mention.
    pub items: Vec<ImportItem>,
    /// What could not.
    pub skipped: Vec<Skipped>,
}

/// Why an import was not read at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// It has none of the four shapes.
    #[error("the import has none of the known shapes")]
    UnknownShape,
    /// It has more items than are read at once.
    #[error("an import may hold at most 10000 items")]
    TooManyItems,
}

/// Reads an import in any of the four shapes that browsers hold.
///
/// A word that is named more than once, such as on two lists, gets the maximum of each member.
pub fn parse_import(document: &Value) -> Result<ParsedImport, ImportError> {
    let document = document.as_object().ok_or(ImportError::UnknownShape)?;
    let mut reader = Reader::default();
    let vocabulary = document.get("vocabularyProgress").and_then(Value::as_object);
    let lists = document.get("lists").and_then(Value::as_array);
    let progress = document.get("progress").and_then(Value::as_object);
    if vocabulary.is_some() || lists.is_some() || progress.is_some() {
        for words in vocabulary.into_iter().chain(progress) {
            reader.words(words)?;
        }
        for list in lists.into_iter().flatten() {
            reader.list(list)?;
        }
    } else if document.is_empty() || document.values().any(Value::is_object) {
        reader.words(document)?;
    } else {
        return Err(ImportError::UnknownShape);
    }
    Ok(reader.import)
}

#[derive(Default)]
struct Reader {
    import: ParsedImport,
    places: HashMap<WordId, usize>,
    seen: usize,
}

impl Reader {
    fn list(&mut self, list: &Value) -> Result<(), ImportError> {
        let name = list
            .get("id")
            .or_else(|| list.get("listName"))
            .and_then(Value::as_str);
        let name = name.unwrap_or_default();
        let sections = list.get("sections").and_then(Value::as_array);
        for section in sections.into_iter().flatten() {
            self.part(section, name, "a section of this list holds no readable progress")?;
        }
        if sections.is_none() || list.get("progress").is_some() {
            self.part(list, name, "this list holds no readable progress")?;
        }
        Ok(())
    }

    /// Reads the progress of a list or a section, or reports it under the list's name.
    fn part(&mut self, part: &Value, list: &str, reason: &'static str) -> Result<(), ImportError> {
        if let Some(words) = part.get("progress").and_then(Value::as_object) {
            return self.words(words);
        }
        self.count()?;
        self.skip(list, reason);
        Ok(())
    }

    fn words(&mut self, words: &Map<String, Value>) -> Result<(), ImportError> {
        for (name, value) in words {
            self.count()?;
            match (name.parse::<WordId>(), read_members(value)) {
                (Ok(word_id), Ok(members)) => self.keep(word_id, members),
                (Err(_), _) => self.skip(name, "this is not a word id"),
                (_, Err(reason)) => self.skip(name, reason),
            }
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), ImportError> {
        self.seen += 1;
        if self.seen > MAX_ITEMS {
            Err(ImportError::TooManyItems)
        } else {
            Ok(())
        }
    }

    fn keep(&mut self, word_id: WordId, members: MergeItem) {
        let place = *self
            .places
            .entry(word_id.clone())
            .or_insert(self.import.items.len());
        match self.import.items.get_mut(place) {
            Some(item) => {
                let held = &mut item.members;
                held.study_count = held.study_count.max(members.study_count);
                held.correct_count = held.correct_count.max(members.correct_count);
                held.confidence = match (held.confidence, members.confidence) {
                    (Some(one), Some(other)) => Some(one.max(other)),
                    (one, other) => one.or(other),
                };
            }
            None => self.import.items.push(ImportItem { word_id, members }),
        }
    }

    fn skip(&mut self, name: &str, reason: &'static str) {
        let word_id = name.chars().take(64).collect();
        self.import.skipped.push(Skipped { word_id, reason });
    }
}

fn read_members(value: &Value) -> Result<MergeItem, &'static str> {
    match value {
        Value::Bool(true) => Ok(MergeItem {
            study_count: Some(1),
            correct_count: Some(1),
            confidence: Some(1.0),
        }),
        Value::Bool(false) => Err("this word is marked as not known, which is nothing to import"),
        Value::Object(members) => read_object(members),
        _ => Err("this is neither a mark nor an object"),
    }
}

fn read_object(members: &Map<String, Value>) -> Result<MergeItem, &'static str> {
    let get = |names: &[&str]| {
        let present = names.iter().filter_map(|name| members.get(*name));
        present.into_iter().find(|value| !value.is_null())
    };
    for time in ["firstSeen", "lastReviewed"] {
        get(&[time]).map_or(Ok(()), read_time)?;
    }
    let by_status = get(&["status"]).map_or(Ok(None), read_status)?;
    let confidence = get(&["confidence"]).map(read_confidence).transpose()?;
    let item = MergeItem {
        study_count: get(&["studyCount", "reviewCount", "count"])
            .map(read_count)
            .transpose()?,
        correct_count: get(&["correctCount", "correct"]).map(read_count).transpose()?,
        confidence: confidence.or(by_status),
    };
    let known = [
        "studyCount",
        "reviewCount",
        "count",
        "correctCount",
        "correct",
        "confidence",
        "status",
    ];
    if get(&known).is_none() {
        return Err("none of its members is known");
    }
    Ok(item)
}

fn read_count(value: &Value) -> Result<u32, &'static str> {
    let whole = value.as_u64().or_else(|| value.as_f64().and_then(whole_number));
    whole
        .and_then(|count| u32::try_from(count).ok())
        .filter(|count| *count <= MAX_COUNT)
        .ok_or("a count must be a whole number from 0 to 2147483647")
}

/// JavaScript writes some whole numbers as `3.0` or `1e2`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked before"
)]
fn whole_number(value: f64) -> Option<u64> {
    let fits = value.fract() == 0.0 && (0.0..=f64::from(MAX_COUNT)).contains(&value);
    fits.then_some(value as u64)
}

fn read_confidence(value: &Value) -> Result<f64, &'static str> {
    value
        .as_f64()
        .filter(|value| (0.0..=1.0).contains(value))
        .ok_or("confidence must be a number from 0 to 1")
}

/// A status says no more than whether the word is mastered.
fn read_status(value: &Value) -> Result<Option<f64>, &'static str> {
    match value.as_str() {
        Some("mastered" | "known" | "learned") => Ok(Some(MASTERED_CONFIDENCE)),
        Some("new" | "learning" | "review" | "reviewing") => Ok(None),
        _ => Err("status must be one of new, learning, review, reviewing, learned, known and mastered"),
    }
}

fn read_time(value: &Value) -> Result<(), &'static str> {
    let readable = match value {
        Value::String(text) => DateTime::parse_from_rfc3339(text).is_ok(),
        Value::Number(millis) => millis
            .as_i64()
            .is_some_and(|millis| DateTime::from_timestamp_millis(millis).is_some()),
        _ => false,
    };
    readable
        .then_some(())
        .ok_or("a time must be RFC 3339 or milliseconds since 1970")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(document: &Value) -> (Vec<(String, MergeItem)>, Vec<String>) {
        let import = parse_import(document).unwrap();
        let items = import
            .items
            .into_iter()
            .map(|item| (item.word_id.to_string(), item.members));
        (
            items.collect(),
            import
                .skipped
                .into_iter()
                .map(|skipped| skipped.word_id)
                .collect(),
        )
    }

    fn item(study: u32, correct: u32, confidence: Option<f64>) -> MergeItem {
        MergeItem {
            study_count: Some(study),
            correct_count: Some(correct),
            confidence,
        }
    }

    #[test]
    fn counts_by_word_are_read_alone_and_under_progress() {
        let words = json!({"zh-1": {"studyCount": 3, "correctCount": 2, "confidence": 0.5}});
        let expected = vec![("zh-1".to_owned(), item(3, 2, Some(0.5)))];
        assert_eq!(read(&words), (expected.clone(), vec![]));
        assert_eq!(
            read(&json!({"progress": words, "version": 2})),
            (expected, vec![])
        );
    }

    #[test]
    fn a_true_mark_is_one_correct_study_with_full_confidence() {
        let lists = json!({"lists": [{"id": "a", "listName": "A", "progress": {"x": true, "y": false}}]});
        assert_eq!(
            read(&lists),
            (
                vec![("x".to_owned(), item(1, 1, Some(1.0)))],
                vec!["y".to_owned()]
            )
        );
    }

    #[test]
    fn sections_of_lists_are_read() {
        let lists = json!({"lists": [{"listName": "A", "dailyWordCount": 10, "sections": [
            {"sectionId": 1, "wordIds": ["x"], "progress": {"x": {"count": 4, "correct": 3}}},
            {"sectionId": 2, "wordIds": ["z"], "progress": {}},
        ]}]});
        assert_eq!(read(&lists), (vec![("x".to_owned(), item(4, 3, None))], vec![]));
    }

    #[test]
    fn vocabulary_progress_is_read_with_either_kind_of_time() {
        let document = json!({"userId": "u", "listProgress": {}, "vocabularyProgress": {
            "a": {"status": "mastered", "firstSeen": 1_700_000_000_000_i64, "lastReviewed": "2025-01-01T00:00:00Z",
                  "reviewCount": 9, "correctCount": 8},
            "b": {"status": "learning", "reviewCount": 1, "correctCount": 0},
            "c": {"status": "learning", "reviewCount": 1, "firstSeen": "yesterday"},
        }});
        let (items, skipped) = read(&document);
        assert_eq!(
            items,
            [
                ("a".to_owned(), item(9, 8, Some(0.8))),
                ("b".to_owned(), item(1, 0, None))
            ]
        );
        assert_eq!(skipped, ["c"]);
    }

    #[test]
    fn a_word_on_two_lists_gets_the_maximum() {
        let lists = json!({"lists": [
            {"id": "a", "progress": {"x": {"count": 4, "correct": 1}}},
            {"id": "b", "progress": {"x": {"count": 2, "correct": 2}}},
        ]});
        assert_eq!(read(&lists).0, [("x".to_owned(), item(4, 2, None))]);
    }

    #[test]
    fn whatever_is_unreadable_is_reported() {
        let long = "x".repeat(100);
        let (items, skipped) = read(&json!({
            "fine": {"studyCount": 1.0},
            "negative": {"studyCount": -1}, "half": {"studyCount": 1.5}, "huge": {"correctCount": 1e300},
            "sure": {"confidence": 1.1}, "text": "3", "null": null, "none": {}, "not a word": {"studyCount": 1},
            (long.clone()): {"studyCount": 1}, "stats": {"studyCount": 1},
        }));
        assert_eq!(items.len(), 1);
        assert_eq!(skipped.len(), 10);
        assert!(skipped.contains(&long[..64].to_owned()));
    }

    #[test]
    fn other_shapes_are_refused() {
        for document in [
            json!([]),
            json!(null),
            json!("x"),
            json!({"version": 1}),
            json!({"lists": 3}),
        ] {
            assert_eq!(
                parse_import(&document),
                Err(ImportError::UnknownShape),
                "{document}"
            );
        }
    }

    #[test]
    fn a_list_without_progress_is_reported() {
        assert_eq!(read(&json!({"lists": [{"id": "a"}, 3]})).1, ["a", ""]);
    }

    #[test]
    fn shapes_beside_each_other_are_all_read_and_unreadable_sections_reported() {
        let (items, skipped) = read(&json!({
            "progress": {"a": {"studyCount": null, "correctCount": 1}},
            "lists": [{"listName": "n", "sections": [5, {"progress": 5}, {"progress": {"b": true}}]}],
        }));
        let words: Vec<_> = items.iter().map(|(word, _)| word.as_str()).collect();
        assert_eq!(
            (words, skipped),
            (vec!["a", "b"], vec!["n".to_owned(), "n".to_owned()])
        );
    }

    #[test]
    fn more_than_ten_thousand_items_are_refused() {
        let words: Map<String, Value> = (0..=MAX_ITEMS)
            .map(|n| (format!("w{n}"), json!({"studyCount": 1})))
            .collect();
        assert_eq!(
            parse_import(&Value::Object(words)),
            Err(ImportError::TooManyItems)
        );
    }
}
