//! The rules of moving words.

use std::collections::BTreeSet;

use parlance_domain::words::{Word, WordQuery};

use super::{Installation, Move};
use crate::stores::{list_id, vocabulary, word, word_id};

fn plain(id: &str) -> Word {
    word(id, id, id, "a word", None)
}

async fn known(at: &Installation) -> Vec<Word> {
    at.transfer.words(None, 1_000).await.unwrap()
}

fn ids(words: &[Word]) -> Vec<&str> {
    words.iter().map(|word| word.id.as_str()).collect()
}

/// By their bytes: no language's order of letters counts.
pub async fn words_are_read_in_the_order_of_their_ids_on_a_list_or_not((from, _): &Move) {
    assert_eq!(known(from).await, []);
    let on_list = ["b", "B", "a-1", "a1", "A", "_", "Z"];
    from.stores.list_of("lesson", &on_list).await;
    from.transfer
        .import_words(&["a.b", "aa"].map(plain))
        .await
        .unwrap();
    let all = known(from).await;
    assert_eq!(ids(&all), ["A", "B", "Z", "_", "a-1", "a.b", "a1", "aa", "b"]);
    for word in &all {
        assert_eq!(word.list_ids.is_empty(), !on_list.contains(&word.id.as_str()));
    }
    let mut paged: Vec<Word> = Vec::new();
    loop {
        let after = paged.last().map(|word| word.id.clone());
        let page = from.transfer.words(after.as_ref(), 4).await.unwrap();
        assert!(page.len() <= 4);
        if page.is_empty() {
            break;
        }
        paged.extend(page);
        assert!(paged.len() <= all.len());
    }
    assert_eq!(paged, all);
}

/// They are found as any other, and no list has come of it.
pub async fn words_are_kept_without_a_list((_, to): &Move) {
    let mut hello = word("w-hello", "你好", "nǐ hǎo", "hello; how do you do", Some(10));
    hello.list_ids = vec![list_id("ignored")];
    let mut bare = plain("w-bare");
    bare.reading = None;
    bare.alternate_forms.clear();
    bare.part_of_speech.clear();
    to.transfer
        .import_words(&[hello.clone(), bare.clone()])
        .await
        .unwrap();
    to.transfer.import_words(&[]).await.unwrap();
    hello.list_ids.clear();
    assert_eq!(known(to).await, [bare, hello.clone()]);
    let query = WordQuery {
        text: "nihao".to_owned(),
        language: None,
    };
    let hits = to.stores.words.search(&query, None, 10).await.unwrap();
    assert_eq!(hits.iter().map(|hit| &hit.word).collect::<Vec<_>>(), [&hello]);
    assert!(to.stores.words.lists().await.unwrap().is_empty());
    let many: Vec<Word> = (0..5_000).map(|number| plain(&format!("z{number}"))).collect();
    to.transfer.import_words(&many).await.unwrap();
    let last = to.stores.words.word(&word_id("z4999")).await.unwrap();
    assert_eq!(last, Some(plain("z4999")));
}

/// In its place.
pub async fn an_updated_word_stays_on_its_lists((_, to): &Move) {
    let list = to.stores.list_of("lesson", &["w1", "w2", "w3"]).await;
    let changed = word("w2", "新", "xīn", "new", Some(1));
    to.transfer
        .import_words(&[changed.clone(), plain("w9")])
        .await
        .unwrap();
    let words = to.stores.words.words_of(&list, None, None).await.unwrap();
    let terms: Vec<_> = words.iter().map(|(_, word)| word.term.as_str()).collect();
    assert_eq!(terms, ["w1", "新", "w3"]);
    assert_eq!(words[1].1.list_ids, [list]);
    let kept = to.stores.words.list(&list_id("lesson")).await.unwrap().unwrap();
    assert_eq!(kept.word_count, 3);
}

/// All of them, in whatever order either names them.
pub async fn words_moved_and_imported_at_once_are_those_of_the_later((_, to): &Move) {
    let ids: Vec<String> = (0..200).map(|number| format!("w{number:03}")).collect();
    let of_list: Vec<Word> = ids.iter().map(|id| plain(id)).collect();
    let moved: Vec<Word> = ids
        .iter()
        .rev()
        .map(|id| word(id, "moved", id, "x", None))
        .collect();
    let list = vocabulary("lesson", of_list);
    let (imported, kept) =
        futures_util::join!(to.stores.words.import(&list), to.transfer.import_words(&moved));
    imported.unwrap();
    kept.unwrap();
    let terms: BTreeSet<bool> = known(to).await.iter().map(|word| word.term == "moved").collect();
    assert_eq!(
        terms.len(),
        1,
        "of both, the later one has the last word on every word"
    );
}
