//! The store of words and lists.

use async_trait::async_trait;

use super::{Word, WordList};
use crate::ids::{ListId, WordId};
use crate::port::PortError;

/// How well a word answers a search; less is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MatchRank {
    /// Its term, a form or its whole reading is what was looked for.
    Exact = 0,
    /// Its term or its reading begins with it.
    Prefix = 1,
    /// Its term, its reading or its gloss contains it.
    Contains = 2,
}

/// Which words are looked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WordQuery {
    /// What to look for, folded by [`super::fold_query`]; empty finds all.
    pub text: String,
    /// Only words of this language (BCP 47), compared without regard to case.
    pub language: Option<String>,
}

/// Where a page of search results ended: the sort key of its last word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordCursor {
    /// How well it answered.
    pub rank: MatchRank,
    /// Its frequency rank; `u32::MAX` for none.
    pub frequency_rank: u32,
    /// Its id.
    pub id: WordId,
}

/// A word that was found, with how well it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordHit {
    /// The word.
    pub word: Word,
    /// How well it answers.
    pub rank: MatchRank,
}

/// A list with all its words, to be kept together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary {
    /// The list; its `word_count` is ignored.
    pub list: WordList,
    /// Its words in order, each id once; their `list_ids` are ignored.
    pub words: Vec<Word>,
}

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ImportSummary {
    /// Words that were not there before.
    pub added: u32,
    /// Words that were there before and were written again.
    pub updated: u32,
}

/// Keeps words and lists.
#[async_trait]
pub trait WordStore: Send + Sync {
    /// All lists, in the order in which they were first imported.
    async fn lists(&self) -> Result<Vec<WordList>, PortError>;

    /// The list of this id.
    async fn list(&self, id: &ListId) -> Result<Option<WordList>, PortError>;

    /// The words of a list in its order, with their places in it.
    ///
    /// - From the place after `after` (places count from 0), at most `limit`, all when there is none.
    /// - An unknown list has no words.
    async fn words_of(
        &self,
        id: &ListId,
        after: Option<u32>,
        limit: Option<u32>,
    ) -> Result<Vec<(u32, Word)>, PortError>;

    /// The word of this id.
    async fn word(&self, id: &WordId) -> Result<Option<Word>, PortError>;

    /// The words of these ids, in any order; ids of no word are left out.
    async fn words(&self, ids: &[WordId]) -> Result<Vec<Word>, PortError>;

    /// The words that answer a query, best rank first, then by frequency, then by id.
    ///
    /// - The text is looked for in the folded term, alternate forms, reading and gloss; no character of
    ///   it has a special meaning.
    /// - From behind `after`, at most `limit`.
    async fn search(
        &self,
        query: &WordQuery,
        after: Option<&WordCursor>,
        limit: u32,
    ) -> Result<Vec<WordHit>, PortError>;

    /// Keeps a list and its words, all or nothing.
    ///
    /// - A list that is there is replaced; a word that is there is updated, on whatever list it is.
    /// - Repeated, nothing further changes.
    async fn import(&self, vocabulary: &Vocabulary) -> Result<ImportSummary, PortError>;

    /// The digest of the release that was installed last, if one ever was.
    async fn release(&self) -> Result<Option<String>, PortError>;

    /// Keeps the lists of a release and notes its digest, all or nothing.
    ///
    /// - Each list is kept as by [`WordStore::import`].
    /// - Of several that install the same release at once, one does the work and the others find it done.
    /// - `false` when the release was installed before.
    async fn install(&self, digest: &str, lists: &[Vocabulary]) -> Result<bool, PortError>;
}
