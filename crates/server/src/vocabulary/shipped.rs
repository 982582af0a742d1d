//! The vocabulary within the binary, loaded into a store that does not have it yet.

use std::fmt::Write;

use anyhow::{Context, anyhow};
use parlance_domain::words::{Vocabulary, WordStore};
use sha2::{Digest, Sha256};

use super::{ListEntry, read_words};

macro_rules! shipped {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/vocabulary/", $name)))),+]
    };
}

const LISTS: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../data/vocabulary/lists.json"
));
const FILES: [(&str, &str); 7] = shipped![
    "hsk3-band-1.csv",
    "hsk3-band-2.csv",
    "hsk3-band-3.csv",
    "hsk3-band-4.csv",
    "hsk3-band-5.csv",
    "hsk3-band-6.csv",
    "hsk3-band-7-9.csv",
];

/// What was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Loaded {
    /// How many lists.
    pub lists: usize,
    /// How many words on them.
    pub words: usize,
}

/// Every shipped list with its words.
pub fn vocabulary() -> anyhow::Result<Vec<Vocabulary>> {
    entries()?.iter().map(read).collect()
}

/// Installs the lists, unless those of this binary were installed last.
///
/// A list that somebody replaced by one of their own therefore stays theirs until the next release changes it.
pub async fn load(store: &dyn WordStore) -> anyhow::Result<Loaded> {
    let digest = digest();
    // Asked before the files are read, which takes longer.
    if store.release().await?.as_deref() == Some(digest.as_str()) {
        return Ok(Loaded::default());
    }
    let lists = vocabulary()?;
    if !store.install(&digest, &lists).await? {
        return Ok(Loaded::default());
    }
    Ok(Loaded {
        lists: lists.len(),
        words: lists.iter().map(|list| list.words.len()).sum(),
    })
}

fn entries() -> anyhow::Result<Vec<ListEntry>> {
    serde_json::from_str(LISTS).context("the shipped lists.json is damaged")
}

fn read(entry: &ListEntry) -> anyhow::Result<Vocabulary> {
    let (_, csv) = FILES
        .iter()
        .find(|(name, _)| *name == entry.file)
        .ok_or_else(|| anyhow!("{} is not shipped", entry.file))?;
    let list = entry.to_list()?;
    let words = read_words(csv.as_bytes(), &list.language).with_context(|| format!("in {}", entry.file))?;
    Ok(Vocabulary { list, words })
}

fn digest() -> String {
    let mut hasher = Sha256::new();
    hasher.update(LISTS);
    for (_, csv) in FILES {
        hasher.update(csv);
    }
    hasher.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn seven_lists_of_10_969_words_are_shipped_each_word_once() {
        let vocabulary = vocabulary().unwrap();
        let ids: HashSet<_> = vocabulary
            .iter()
            .flat_map(|list| &list.words)
            .map(|word| &word.id)
            .collect();
        assert_eq!((vocabulary.len(), ids.len()), (7, 10_969));
        assert_eq!(
            vocabulary.iter().map(|list| list.words.len()).sum::<usize>(),
            10_969
        );
    }
}
