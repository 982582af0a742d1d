//! The words and the lists: copied as a whole, and compared one by one.

use anyhow::bail;
use parlance_domain::port::PortError;
use parlance_domain::words::{Vocabulary, Word, WordList};

use super::{ADVICE, page_of};
use crate::database::Stores;
use crate::logs::say;

/// How many words are moved at a time.
const WORDS: u32 = 1_000;

/// Words and lists are written again when they are there: the same twice is the same.
pub(super) async fn copy(source: &Stores, target: &Stores) -> anyhow::Result<()> {
    let (mut after, mut count) = (None, 0);
    let id = |word: &Word| word.id.clone();
    while let Some((words, last)) = page_of(source.transfer.words(after.as_ref(), WORDS).await?, id) {
        count += words.len();
        target.transfer.import_words(&words).await?;
        after = Some(last);
    }
    let mut vocabularies = Vec::new();
    for list in source.words.lists().await? {
        let words = words_of(source, &list).await?;
        vocabularies.push(Vocabulary { list, words });
    }
    for vocabulary in &vocabularies {
        target.words.import(vocabulary).await?;
    }
    if let Some(release) = source.words.release().await? {
        target.words.install(&release, &vocabularies).await?;
    }
    say(&format!("copied {count} words and {} lists", vocabularies.len()));
    Ok(())
}

/// Fails unless both have the same words, the same lists of them, and the same release.
pub(super) async fn compare(source: &Stores, target: &Stores) -> anyhow::Result<()> {
    let mut after = None;
    loop {
        let sent = source.transfer.words(after.as_ref(), WORDS).await?;
        let there = target.transfer.words(after.as_ref(), WORDS).await?;
        if let Some(word) = first_difference(&sent, &there) {
            bail!(
                "the word {} is not the same in --from and --to: {ADVICE}",
                word.id
            );
        }
        let Some(last) = sent.last() else {
            break;
        };
        after = Some(last.id.clone());
    }
    let lists = source.words.lists().await?;
    if lists != target.words.lists().await? {
        bail!("the lists of words are not the same in --from and --to: {ADVICE}");
    }
    for list in &lists {
        if words_of(source, list).await? != words_of(target, list).await? {
            bail!(
                "the list {} is not the same in --from and --to: {ADVICE}",
                list.id
            );
        }
    }
    if source.words.release().await? != target.words.release().await? {
        bail!("the vocabulary of --from and --to is of different releases: {ADVICE}");
    }
    Ok(())
}

fn first_difference<'a>(sent: &'a [Word], there: &'a [Word]) -> Option<&'a Word> {
    let differing = sent.iter().zip(there).find(|(sent, there)| sent != there);
    let common = sent.len().min(there.len());
    let beyond = || sent.get(common).or_else(|| there.get(common));
    differing.map(|(sent, _)| sent).or_else(beyond)
}

/// In the order of the list.
async fn words_of(store: &Stores, list: &WordList) -> Result<Vec<Word>, PortError> {
    let placed = store.words.words_of(&list.id, None, None).await?;
    Ok(placed.into_iter().map(|(_, word)| word).collect())
}
