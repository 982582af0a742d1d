//! A list of words, and which lists a learner looks for.

use std::str::FromStr;

use super::{fold_query, fold_text};
use crate::ids::ListId;

/// A list of words in the order in which they are best learnt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordList {
    /// Its id.
    pub id: ListId,
    /// What it is called.
    pub name: String,
    /// What it is good for.
    pub description: String,
    /// The language of its words (BCP 47).
    pub language: String,
    /// Whom it suits.
    pub difficulty: Difficulty,
    /// Labels to find it by.
    pub tags: Vec<String>,
    /// How many words it has.
    pub word_count: u32,
}

/// Whom a list suits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Difficulty {
    /// Somebody who begins.
    Beginner,
    /// Somebody who has begun.
    Intermediate,
    /// Somebody who knows a lot.
    Advanced,
}

impl Difficulty {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Beginner => "beginner",
            Self::Intermediate => "intermediate",
            Self::Advanced => "advanced",
        }
    }
}

/// A text that names no difficulty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of beginner, intermediate and advanced")]
pub struct UnknownDifficulty;

impl FromStr for Difficulty {
    type Err = UnknownDifficulty;

    fn from_str(text: &str) -> Result<Self, UnknownDifficulty> {
        [Self::Beginner, Self::Intermediate, Self::Advanced]
            .into_iter()
            .find(|difficulty| difficulty.as_str() == text)
            .ok_or(UnknownDifficulty)
    }
}

/// Which lists a learner looks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListQuery {
    /// Part of the name, the description or a tag; empty finds all.
    pub text: String,
    /// Only lists of this difficulty.
    pub difficulty: Option<Difficulty>,
    /// Only lists with any of these tags; none finds all.
    pub tags: Vec<String>,
}

impl ListQuery {
    /// Whether a list is looked for; case and marks do not matter.
    pub fn matches(&self, list: &WordList) -> bool {
        let text = fold_query(&self.text);
        let texts = [&list.name, &list.description].into_iter().chain(&list.tags);
        let by_text = text.is_empty() || texts.clone().any(|part| fold_text(part).contains(&text));
        let by_difficulty = self.difficulty.is_none_or(|wanted| wanted == list.difficulty);
        let by_tags = self.tags.is_empty()
            || self
                .tags
                .iter()
                .any(|wanted| list.tags.iter().any(|tag| fold_text(tag) == fold_text(wanted)));
        by_text && by_difficulty && by_tags
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> WordList {
        WordList {
            id: "hsk3-band-1".parse().unwrap(),
            name: "HSK 3.0 Band 1".into(),
            description: "Words of HSK 3.0 band 1, most frequent first.".into(),
            language: "zh-CN".into(),
            difficulty: Difficulty::Beginner,
            tags: vec!["HSK 3.0".into(), "Band 1".into()],
            word_count: 506,
        }
    }

    fn query(text: &str, difficulty: Option<Difficulty>, tags: &[&str]) -> ListQuery {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        ListQuery {
            text: text.into(),
            difficulty,
            tags,
        }
    }

    #[test]
    fn an_empty_query_finds_every_list() {
        assert!(ListQuery::default().matches(&list()));
        assert!(query("  ", None, &[]).matches(&list()));
        assert!(!query(" % ", None, &[]).matches(&list()));
    }

    #[test]
    fn name_description_and_tags_are_searched_without_regard_to_case() {
        for found in ["hsk", "band 1", "MOST FREQUENT", "hsk3.0"] {
            assert!(query(found, None, &[]).matches(&list()), "{found}");
        }
        assert!(!query("spanish", None, &[]).matches(&list()));
    }

    #[test]
    fn any_of_the_tags_suffices_and_the_difficulty_must_be_the_same() {
        assert!(query("", None, &["Band 9", "band 1"]).matches(&list()));
        assert!(!query("", None, &["Band 9"]).matches(&list()));
        assert!(!query("", Some(Difficulty::Advanced), &["Band 1"]).matches(&list()));
    }
}
