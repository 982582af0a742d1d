//! A word of the vocabulary.

use crate::ids::{ListId, WordId};

/// A word of the vocabulary with what a learner needs to know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Its id.
    pub id: WordId,
    /// The language it belongs to (BCP 47).
    pub language: String,
    /// How it is written; for Chinese in simplified characters.
    pub term: String,
    /// How it is read; for Chinese in pinyin with tone marks.
    pub reading: Option<String>,
    /// What it means, in English.
    pub gloss: String,
    /// Other ways to write it; for Chinese the traditional form first.
    pub alternate_forms: Vec<String>,
    /// Parts of speech, abbreviated as in its source.
    pub part_of_speech: Vec<String>,
    /// Its place among all words by frequency; 1 is the most frequent.
    pub frequency_rank: Option<u32>,
    /// The lists it is on.
    pub list_ids: Vec<ListId>,
}
