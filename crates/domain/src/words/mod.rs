//! Words and the lists that teach them.

mod fold;
mod list;
mod ports;
mod service;
mod word;

pub use fold::{fold_query, fold_text};
pub use list::{Difficulty, ListQuery, UnknownDifficulty, WordList};
pub use ports::{ImportSummary, MatchRank, Vocabulary, WordCursor, WordHit, WordQuery, WordStore};
pub use service::{WordPage, Words, WordsError};
pub use word::Word;
