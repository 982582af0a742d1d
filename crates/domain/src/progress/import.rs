//! Reads what browsers held before progress was kept here.

use serde_json::Value;

use super::MergeItem;
use crate::ids::WordId;

/// The most items of one import.
pub const MAX_ITEMS: usize = 10_000;

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
    /// The word id as it was given, cut to 64 characters; empty when there was none.
    pub word_id: String,
    /// Why, in a sentence a person can read.
    pub reason: String,
}

/// What was read of an import.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ParsedImport {
    /// What could be read; each word once.
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
pub fn parse_import(_document: &Value) -> Result<ParsedImport, ImportError> {
    Err(ImportError::UnknownShape)
}
