//! The rules of installing a release: many lists at once, and once.

use futures_util::future::join_all;
use parlance_domain::words::Vocabulary;

use super::{found, ids, lessons, words_of};
use crate::stores::{Stores, list_id, vocabulary, word, word_id};

/// Its lists are those that imports of them would make, words of several lists among them.
pub async fn a_release_is_installed_and_noted(stores: &Stores) {
    assert_eq!(stores.words.release().await.unwrap(), None);
    let mut green = word("w-green", "绿", "lǜ", "green", Some(700));
    green.alternate_forms.clear();
    let lists = [lessons(), vocabulary("lesson-2", vec![green])];
    assert!(stores.words.install("digest", &lists).await.unwrap());
    assert_eq!(stores.words.release().await.unwrap().as_deref(), Some("digest"));
    let kept = stores.words.lists().await.unwrap();
    let kept: Vec<_> = kept
        .iter()
        .map(|list| (list.id.as_str(), list.word_count))
        .collect();
    assert_eq!(kept, [("lesson-1", 5), ("lesson-2", 1)]);
    let words = words_of(stores, &list_id("lesson-1")).await;
    assert_eq!(ids(&words), ["w-hello", "w-you", "w-good", "w-green", "w-bare"]);
    // The later list has the last word on a word of both.
    let (_, green) = &words[3];
    assert_eq!(green.list_ids, [list_id("lesson-1"), list_id("lesson-2")]);
    assert!(green.alternate_forms.is_empty());
    assert_eq!(found(stores, "ni hao").await, ["w-hello"]);
}

/// What somebody made of its lists meanwhile stays.
pub async fn a_release_is_installed_once(stores: &Stores) {
    let release = [lessons()];
    assert!(stores.words.install("digest", &release).await.unwrap());
    stores.list_of("lesson-1", &["w1"]).await;
    assert!(!stores.words.install("digest", &release).await.unwrap());
    assert_eq!(ids(&words_of(stores, &list_id("lesson-1")).await), ["w1"]);
    assert_eq!(stores.words.release().await.unwrap().as_deref(), Some("digest"));
}

/// List by list; what only the one before had is left.
pub async fn another_release_takes_the_place_of_the_one_before(stores: &Stores) {
    let of = |id: &str, words: &[&str]| {
        let words = words.iter().map(|id| word(id, id, id, "a word", None));
        vocabulary(id, words.collect())
    };
    let first = [of("one", &["w1", "w2"]), of("two", &["w3"])];
    assert!(stores.words.install("first", &first).await.unwrap());
    let second = [of("three", &["w4"]), of("one", &["w2", "w5"])];
    assert!(stores.words.install("second", &second).await.unwrap());
    assert_eq!(stores.words.release().await.unwrap().as_deref(), Some("second"));
    let lists = stores.words.lists().await.unwrap();
    let lists: Vec<_> = lists.iter().map(|list| list.id.as_str()).collect();
    assert_eq!(lists, ["one", "two", "three"]);
    assert_eq!(ids(&words_of(stores, &list_id("one")).await), ["w2", "w5"]);
    assert_eq!(ids(&words_of(stores, &list_id("two")).await), ["w3"]);
}

/// Of a release whose last list cannot be kept, nothing is, and the one before stays noted.
pub async fn a_release_is_kept_whole_or_not_at_all(stores: &Stores) {
    let twice = ["w8", "w9", "w8"].map(|id| word(id, "changed", id, "changed", None));
    let broken = [lessons(), vocabulary("broken", twice.to_vec())];
    assert!(stores.words.install("broken", &broken).await.is_err());
    assert_eq!(stores.words.release().await.unwrap(), None);
    assert!(stores.words.lists().await.unwrap().is_empty());
    assert_eq!(stores.words.word(&word_id("w-hello")).await.unwrap(), None);
    assert!(stores.words.install("good", &[lessons()]).await.unwrap());
    assert!(stores.words.install("broken", &broken).await.is_err());
    assert_eq!(stores.words.release().await.unwrap().as_deref(), Some("good"));
    assert_eq!(stores.words.lists().await.unwrap().len(), 1);
}

/// Copies of the program that start together.
pub async fn of_installations_at_once_one_does_the_work(stores: &Stores) {
    let release = [lessons(), vocabulary("lesson-2", lessons().words)];
    let installed = join_all((0..8).map(|_| stores.words.install("digest", &release))).await;
    let worked = installed.into_iter().filter(|worked| *worked.as_ref().unwrap());
    assert_eq!(worked.count(), 1);
    assert_eq!(stores.words.lists().await.unwrap().len(), 2);
    assert_eq!(words_of(stores, &list_id("lesson-2")).await.len(), 5);
}

/// More of them than any statement takes parameters.
pub async fn a_release_of_thousands_of_words_is_installed(stores: &Stores) {
    let id = |number: u32| format!("w{number:05}");
    let list = |from: u32, to: u32| {
        let words = (from..to).map(|number| word(&id(number), "词", &id(number), "a word", Some(number)));
        vocabulary(&format!("from-{from}"), words.collect())
    };
    // Every list has the last thousand of the one before.
    let lists: Vec<Vocabulary> = (0..3)
        .map(|part| list(part * 3_000, part * 3_000 + 4_000))
        .collect();
    assert!(stores.words.install("digest", &lists).await.unwrap());
    let kept = stores.words.lists().await.unwrap();
    assert!(kept.iter().all(|list| list.word_count == 4_000));
    let words = words_of(stores, &list_id("from-3000")).await;
    assert_eq!(words.len(), 4_000);
    for (place, word) in &words {
        assert_eq!(word.id.as_str(), id(3_000 + place));
    }
    let shared = stores.words.word(&word_id("w06500")).await.unwrap().unwrap();
    assert_eq!(shared.list_ids, [list_id("from-3000"), list_id("from-6000")]);
    assert_eq!(found(stores, "w09999").await, ["w09999"]);
}
