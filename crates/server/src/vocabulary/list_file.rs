//! What a list is called and whom it suits, as `lists.json` says it.

use parlance_domain::ids::{InvalidSlug, ListId};
use parlance_domain::words::{Difficulty, UnknownDifficulty, WordList};
use serde::Deserialize;

/// An entry of `lists.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListEntry {
    /// The id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What it is good for.
    #[serde(default)]
    pub description: String,
    /// The language of its words (BCP 47).
    pub language: String,
    /// `beginner`, `intermediate` or `advanced`.
    pub difficulty: String,
    /// Labels to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The CSV file of its words, beside this file.
    pub file: String,
}

/// What is wrong with an entry.
#[derive(Debug, thiserror::Error)]
pub enum ListEntryError {
    /// The id is no slug.
    #[error("the id of a list {0}")]
    Id(#[from] InvalidSlug),
    /// The difficulty is none.
    #[error("the difficulty of a list {0}")]
    Difficulty(#[from] UnknownDifficulty),
    /// Something has no text.
    #[error("the {0} of a list must not be empty")]
    Empty(&'static str),
}

impl ListEntry {
    /// The list that it describes, its words not counted.
    pub fn to_list(&self) -> Result<WordList, ListEntryError> {
        for (what, text) in [("name", &self.name), ("language", &self.language)] {
            if text.trim().is_empty() {
                return Err(ListEntryError::Empty(what));
            }
        }
        Ok(WordList {
            id: self.id.parse::<ListId>()?,
            name: self.name.trim().to_owned(),
            description: self.description.trim().to_owned(),
            language: self.language.trim().to_owned(),
            difficulty: self.difficulty.parse::<Difficulty>()?,
            tags: self.tags.clone(),
            word_count: 0,
        })
    }
}
