//! What every [`WordStore`](parlance_domain::words::WordStore) must do.

mod release;

use futures_util::future::join_all;
use parlance_domain::ids::ListId;
use parlance_domain::words::MatchRank::{Contains, Exact, Prefix};
use parlance_domain::words::{
    Difficulty, ImportSummary, Vocabulary, Word, WordCursor, WordHit, WordQuery, fold_text,
};

use crate::stores::{Stores, list_id, vocabulary, word, word_id};

pub use release::*;

/// Makes a test of each rule of a word store; the expression makes [`Stores`].
#[macro_export]
macro_rules! word_store_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            words,
            $make,
            [
                an_imported_list_is_read_back,
                lists_come_in_the_order_of_their_first_import,
                an_import_repeated_changes_nothing,
                an_import_replaces_the_list,
                a_word_is_updated_on_whatever_list_it_is,
                an_import_is_kept_whole_or_not_at_all,
                imports_at_once_are_all_kept,
                a_release_is_installed_and_noted,
                a_release_is_installed_once,
                another_release_takes_the_place_of_the_one_before,
                a_release_is_kept_whole_or_not_at_all,
                of_installations_at_once_one_does_the_work,
                a_release_of_thousands_of_words_is_installed,
                an_unknown_list_has_no_words,
                a_list_is_read_in_pages,
                words_are_read_by_their_ids,
                tone_marks_spaces_and_case_do_not_matter,
                other_forms_and_glosses_are_found,
                better_matches_come_first_then_frequent_words_then_by_id,
                a_language_narrows_the_search,
                threat_45_no_character_has_a_special_meaning,
                an_empty_text_finds_all,
                pages_of_a_search_are_the_search,
            ]
        );
    };
}

fn lessons() -> Vocabulary {
    let mut hello = word("w-hello", "你好", "nǐ hǎo", "hello; how do you do", Some(10));
    hello.alternate_forms = vec!["妳好".to_owned(), "您好".to_owned()];
    hello.part_of_speech = vec!["int".to_owned(), "v".to_owned()];
    let mut bare = word("w-bare", "%", "x", "percent_sign's \"mark\"", None);
    bare.reading = None;
    bare.alternate_forms.clear();
    bare.part_of_speech.clear();
    vocabulary(
        "lesson-1",
        vec![
            hello,
            word("w-you", "你", "nǐ", "you", Some(3)),
            word("w-good", "好", "hǎo", "good; well", Some(5)),
            word("w-green", "绿", "lǜ", "green", Some(700)),
            bare,
        ],
    )
}

async fn words_of(stores: &Stores, id: &ListId) -> Vec<(u32, Word)> {
    stores.words.words_of(id, None, None).await.unwrap()
}

fn ids(words: &[(u32, Word)]) -> Vec<&str> {
    words.iter().map(|(_, word)| word.id.as_str()).collect()
}

fn query(text: &str) -> WordQuery {
    WordQuery {
        text: fold_text(text),
        language: None,
    }
}

async fn search(stores: &Stores, query: &WordQuery) -> Vec<WordHit> {
    stores.words.search(query, None, 100).await.unwrap()
}

async fn found(stores: &Stores, text: &str) -> Vec<String> {
    let hits = search(stores, &query(text)).await;
    hits.iter().map(|hit| hit.word.id.as_str().to_owned()).collect()
}

/// The list with its count, its words in order with their places and with the lists they are on.
pub async fn an_imported_list_is_read_back(stores: &Stores) {
    let vocabulary = lessons();
    let summary = stores.words.import(&vocabulary).await.unwrap();
    assert_eq!(summary, ImportSummary { added: 5, updated: 0 });
    let id = list_id("lesson-1");
    let list = stores.words.list(&id).await.unwrap().unwrap();
    assert_eq!(list.word_count, 5);
    let mut expected = vocabulary.list.clone();
    expected.word_count = 5;
    assert_eq!(list, expected);
    let words = words_of(stores, &id).await;
    for (place, (kept_place, kept)) in words.iter().enumerate() {
        let mut given = vocabulary.words[place].clone();
        given.list_ids = vec![id.clone()];
        assert_eq!((*kept_place as usize, kept), (place, &given));
    }
    assert_eq!(words.len(), 5);
}

/// An import repeated does not move a list.
pub async fn lists_come_in_the_order_of_their_first_import(stores: &Stores) {
    assert!(stores.words.lists().await.unwrap().is_empty());
    for id in ["zebra", "apple", "mango", "zebra"] {
        stores.list_of(id, &["w1"]).await;
    }
    let lists = stores.words.lists().await.unwrap();
    let ids: Vec<_> = lists.iter().map(|list| list.id.as_str()).collect();
    assert_eq!(ids, ["zebra", "apple", "mango"]);
    assert_eq!(stores.words.list(&list_id("pear")).await.unwrap(), None);
}

/// The second time all words are there before.
pub async fn an_import_repeated_changes_nothing(stores: &Stores) {
    let vocabulary = lessons();
    stores.words.import(&vocabulary).await.unwrap();
    let before = (
        stores.words.lists().await.unwrap(),
        words_of(stores, &vocabulary.list.id).await,
    );
    let summary = stores.words.import(&vocabulary).await.unwrap();
    assert_eq!(summary, ImportSummary { added: 0, updated: 5 });
    let after = (
        stores.words.lists().await.unwrap(),
        words_of(stores, &vocabulary.list.id).await,
    );
    assert_eq!(before, after);
}

/// Its properties, its words and their order; words that leave it stay words.
pub async fn an_import_replaces_the_list(stores: &Stores) {
    stores.list_of("lesson", &["w1", "w2", "w3"]).await;
    let mut next = vocabulary(
        "lesson",
        ["w3", "w4", "w1"]
            .map(|id| word(id, id, id, "other", None))
            .to_vec(),
    );
    next.list.name = String::from("Another name");
    next.list.difficulty = Difficulty::Advanced;
    next.list.tags.clear();
    let summary = stores.words.import(&next).await.unwrap();
    assert_eq!(summary, ImportSummary { added: 1, updated: 2 });
    assert_eq!(ids(&words_of(stores, &next.list.id).await), ["w3", "w4", "w1"]);
    let list = stores.words.list(&next.list.id).await.unwrap().unwrap();
    assert_eq!(
        (
            list.name.as_str(),
            list.difficulty,
            list.tags.len(),
            list.word_count
        ),
        ("Another name", Difficulty::Advanced, 0, 3)
    );
    let left = stores.words.word(&word_id("w2")).await.unwrap().unwrap();
    assert!(left.list_ids.is_empty());
}

/// A word is one word, and knows its lists in their order.
pub async fn a_word_is_updated_on_whatever_list_it_is(stores: &Stores) {
    stores.list_of("second-by-name", &["w1", "w2"]).await;
    let mut next = vocabulary("another", vec![word("w1", "新", "xīn", "new", Some(1))]);
    next.words[0].list_ids = vec![list_id("ignored")];
    stores.words.import(&next).await.unwrap();
    let words = words_of(stores, &list_id("second-by-name")).await;
    let updated = &words[0].1;
    assert_eq!((updated.term.as_str(), updated.gloss.as_str()), ("新", "new"));
    assert_eq!(updated.list_ids, [list_id("second-by-name"), list_id("another")]);
    assert_eq!(found(stores, "xin").await, ["w1"]);
}

/// A list that names a word twice cannot be kept, and nothing of it is.
pub async fn an_import_is_kept_whole_or_not_at_all(stores: &Stores) {
    stores.list_of("lesson", &["w1", "w2"]).await;
    let mut broken = vocabulary(
        "lesson",
        ["w9", "w1", "w9"]
            .map(|id| word(id, "changed", id, "changed", None))
            .to_vec(),
    );
    broken.list.name = String::from("Broken");
    assert!(stores.words.import(&broken).await.is_err());
    let words = words_of(stores, &list_id("lesson")).await;
    assert_eq!(ids(&words), ["w1", "w2"]);
    assert_eq!(words[0].1.term, "w1");
    assert_eq!(stores.words.word(&word_id("w9")).await.unwrap(), None);
    let list = stores.words.list(&list_id("lesson")).await.unwrap().unwrap();
    assert_eq!(list.name, "The list lesson");
}

/// Lists that share words and are imported at the same time.
pub async fn imports_at_once_are_all_kept(stores: &Stores) {
    let names = ["l1", "l2", "l3", "l4", "l5", "l6", "l7", "l8"];
    join_all(names.map(async |name| stores.list_of(name, &["w1", "w2", name]).await)).await;
    let lists = stores.words.lists().await.unwrap();
    assert_eq!(lists.len(), names.len());
    let shared = stores.words.word(&word_id("w1")).await.unwrap().unwrap();
    let in_order: Vec<_> = lists.iter().map(|list| list.id.clone()).collect();
    assert_eq!(shared.list_ids, in_order);
}

/// Absence is no error.
pub async fn an_unknown_list_has_no_words(stores: &Stores) {
    stores.list_of("lesson", &["w1"]).await;
    assert!(words_of(stores, &list_id("other")).await.is_empty());
}

/// From the place behind one, at most so many.
pub async fn a_list_is_read_in_pages(stores: &Stores) {
    let id = stores.list_of("lesson", &["w5", "w3", "w4", "w1", "w2"]).await;
    let all = words_of(stores, &id).await;
    let mut paged = Vec::new();
    let mut after = None;
    loop {
        let page = stores.words.words_of(&id, after, Some(2)).await.unwrap();
        assert!(page.len() <= 2);
        let Some((place, _)) = page.last() else { break };
        after = Some(*place);
        paged.extend(page);
        assert!(paged.len() <= all.len());
    }
    assert_eq!(paged, all);
    assert_eq!(ids(&all), ["w5", "w3", "w4", "w1", "w2"]);
    let rest = stores.words.words_of(&id, Some(2), None).await.unwrap();
    assert_eq!(rest.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [3, 4]);
}

/// Ids of no word are left out, repeated ones come once.
pub async fn words_are_read_by_their_ids(stores: &Stores) {
    stores.list_of("lesson", &["w1", "w2", "w3"]).await;
    let wanted = ["w3", "w404", "w1", "w3"].map(word_id);
    let mut words = stores.words.words(&wanted).await.unwrap();
    words.sort_by(|a, b| a.id.cmp(&b.id));
    let ids: Vec<_> = words.iter().map(|word| word.id.as_str()).collect();
    assert_eq!(ids, ["w1", "w3"]);
    assert!(stores.words.words(&[]).await.unwrap().is_empty());
    assert_eq!(stores.words.word(&word_id("w404")).await.unwrap(), None);
}

/// What is looked for and what is kept are folded the same way.
pub async fn tone_marks_spaces_and_case_do_not_matter(stores: &Stores) {
    stores.words.import(&lessons()).await.unwrap();
    for text in ["nǐ hǎo", "ni hao", "NIHAO", "nǐhǎo", "你好"] {
        assert_eq!(found(stores, text).await, ["w-hello"], "{text}");
    }
    for text in ["lǜ", "lü", "lu"] {
        assert_eq!(found(stores, text).await, ["w-green"], "{text}");
    }
}

/// A traditional form is found as the word itself is, a gloss by any part of it.
pub async fn other_forms_and_glosses_are_found(stores: &Stores) {
    stores.words.import(&lessons()).await.unwrap();
    let hits = search(stores, &query("您好")).await;
    assert_eq!(hits.len(), 1);
    assert_eq!((hits[0].word.id.as_str(), hits[0].rank), ("w-hello", Exact));
    let hits = search(stores, &query("reen")).await;
    assert_eq!((hits[0].word.id.as_str(), hits[0].rank), ("w-green", Contains));
    assert!(found(stores, "nothing like it").await.is_empty());
    // Two forms beside each other are not one text.
    assert!(found(stores, "妳好您好").await.is_empty());
}

/// The ranks are those that the domain names.
pub async fn better_matches_come_first_then_frequent_words_then_by_id(stores: &Stores) {
    let words = vec![
        word("w-contains", "甲", "pohao", "x", Some(1)),
        word("w-gloss", "乙", "x", "hao", Some(2)),
        word("w-prefix-rare", "丙", "haoren", "x", None),
        word("w-prefix", "丁", "hǎo rén", "x", Some(900)),
        word("w-exact-b", "戊", "hào", "x", None),
        word("w-exact-a", "己", "hǎo", "x", None),
        word("w-exact-frequent", "庚", "háo", "x", Some(4_000_000_000)),
        word("w-none", "辛", "ha", "ao", Some(1)),
    ];
    stores.words.import(&vocabulary("lesson", words)).await.unwrap();
    assert_eq!(
        found(stores, "hao").await,
        [
            "w-exact-frequent",
            "w-exact-a",
            "w-exact-b",
            "w-prefix",
            "w-prefix-rare",
            "w-contains",
            "w-gloss"
        ]
    );
    let ranks: Vec<_> = search(stores, &query("hao"))
        .await
        .iter()
        .map(|hit| hit.rank)
        .collect();
    assert_eq!(ranks, [Exact, Exact, Exact, Prefix, Prefix, Contains, Contains]);
}

/// Languages are compared without regard to case.
pub async fn a_language_narrows_the_search(stores: &Stores) {
    let mut german = word("w-de", "Haus", "Haus", "house", Some(1));
    german.language = String::from("de");
    let words = vec![german, word("w-zh", "号", "haus", "number", Some(2))];
    stores.words.import(&vocabulary("lesson", words)).await.unwrap();
    for (language, expected) in [
        (None, vec!["w-de", "w-zh"]),
        (Some("DE"), vec!["w-de"]),
        (Some("zh-cn"), vec!["w-zh"]),
        (Some("zh"), vec![]),
        (Some("%"), vec![]),
    ] {
        let query = WordQuery {
            text: "haus".to_owned(),
            language: language.map(str::to_owned),
        };
        let hits = search(stores, &query).await;
        let ids: Vec<_> = hits.iter().map(|hit| hit.word.id.as_str()).collect();
        assert_eq!(ids, expected, "{language:?}");
    }
}

/// Whatever the caller passes on unfolded, too.
pub async fn threat_45_no_character_has_a_special_meaning(stores: &Stores) {
    stores.words.import(&lessons()).await.unwrap();
    for text in [
        "%",
        "_",
        "h_o",
        "h%o",
        "*",
        "[a-z]",
        "'",
        "\"",
        "\\",
        "'; DROP TABLE words; --",
        "\n",
        "?",
    ] {
        let query = WordQuery {
            text: text.to_owned(),
            language: None,
        };
        assert!(search(stores, &query).await.is_empty(), "{text:?}");
    }
    assert_eq!(words_of(stores, &list_id("lesson-1")).await.len(), 5);
}

/// All words, the frequent ones first, those of unknown frequency last.
pub async fn an_empty_text_finds_all(stores: &Stores) {
    stores.words.import(&lessons()).await.unwrap();
    assert_eq!(
        found(stores, "").await,
        ["w-you", "w-good", "w-hello", "w-green", "w-bare"]
    );
}

/// A page begins behind the last word of the one before, wherever that one ends.
pub async fn pages_of_a_search_are_the_search(stores: &Stores) {
    let words = (0..30)
        .map(|number: u32| {
            let reading = ["hao", "haoren", "nihao"][number as usize % 3];
            let frequency = (!number.is_multiple_of(4)).then_some(number / 2);
            word(&format!("w{number:02}"), "词", reading, "x", frequency)
        })
        .collect();
    stores.words.import(&vocabulary("lesson", words)).await.unwrap();
    for text in ["hao", ""] {
        let query = query(text);
        let all = search(stores, &query).await;
        assert_eq!(all.len(), 30);
        let mut paged: Vec<WordHit> = Vec::new();
        loop {
            let after = paged.last().map(|last| WordCursor {
                rank: last.rank,
                frequency_rank: last.word.frequency_rank.unwrap_or(u32::MAX),
                id: last.word.id.clone(),
            });
            let page = stores.words.search(&query, after.as_ref(), 7).await.unwrap();
            if page.is_empty() {
                break;
            }
            paged.extend(page);
            assert!(paged.len() <= all.len());
        }
        assert_eq!(paged, all);
    }
}
