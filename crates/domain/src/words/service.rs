//! The use-cases of words: browse lists, read words, search.

use std::sync::Arc;

use super::{ListQuery, Word, WordCursor, WordList, WordQuery, WordStore};
use crate::ids::{ListId, WordId};
use crate::port::PortError;

/// Why no words were read.
#[derive(Debug, thiserror::Error)]
pub enum WordsError {
    /// There is no such list.
    #[error("there is no such list")]
    ListNotFound,
    /// There is no such word.
    #[error("there is no such word")]
    WordNotFound,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Some words, and where the next ones begin, if there are more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordPage<C> {
    /// The words.
    pub words: Vec<Word>,
    /// Where to go on.
    pub next: Option<C>,
}

/// The use-cases of words.
pub struct Words {
    store: Arc<dyn WordStore>,
}

impl Words {
    /// The use-cases over this store.
    pub fn new(store: Arc<dyn WordStore>) -> Self {
        Self { store }
    }

    /// All lists.
    pub async fn lists(&self) -> Result<Vec<WordList>, PortError> {
        self.store.lists().await
    }

    /// The lists that answer a query.
    pub async fn search_lists(&self, query: &ListQuery) -> Result<Vec<WordList>, PortError> {
        let mut lists = self.store.lists().await?;
        lists.retain(|list| query.matches(list));
        Ok(lists)
    }

    /// One list.
    pub async fn list(&self, id: &ListId) -> Result<WordList, WordsError> {
        self.store.list(id).await?.ok_or(WordsError::ListNotFound)
    }

    /// The words of a list; all, or a page of at most `limit` from behind a place in the list.
    pub async fn words_of(
        &self,
        id: &ListId,
        after: Option<u32>,
        limit: Option<u32>,
    ) -> Result<WordPage<u32>, WordsError> {
        self.list(id).await?;
        let one_more = limit.map(|limit| limit.saturating_add(1));
        let mut placed = self.store.words_of(id, after, one_more).await?;
        let next = cut_page(&mut placed, limit).map(|(place, _)| *place);
        let words = placed.into_iter().map(|(_, word)| word).collect();
        Ok(WordPage { words, next })
    }

    /// One word.
    pub async fn word(&self, id: &WordId) -> Result<Word, WordsError> {
        self.store.word(id).await?.ok_or(WordsError::WordNotFound)
    }

    /// The words that answer a query, at most `limit` from behind a cursor.
    pub async fn search(
        &self,
        query: &WordQuery,
        after: Option<&WordCursor>,
        limit: u32,
    ) -> Result<WordPage<WordCursor>, PortError> {
        let mut hits = self.store.search(query, after, limit.saturating_add(1)).await?;
        let next = cut_page(&mut hits, Some(limit)).map(|last| WordCursor {
            rank: last.rank,
            frequency_rank: last.word.frequency_rank.unwrap_or(u32::MAX),
            id: last.word.id.clone(),
        });
        let words = hits.into_iter().map(|hit| hit.word).collect();
        Ok(WordPage { words, next })
    }
}

/// Cuts what was read with one more than `limit` to a page; the last one kept, if more follow.
fn cut_page<T>(items: &mut Vec<T>, limit: Option<u32>) -> Option<&T> {
    let limit = limit? as usize;
    if items.len() <= limit {
        return None;
    }
    items.truncate(limit);
    items.last()
}
