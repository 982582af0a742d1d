//! The rules of reading the projection and the log.

use chrono::TimeDelta;
use parlance_domain::progress::Rating::{Again, Easy, Good, Hard};
use parlance_domain::progress::{ActivityBucket, BUCKET_MILLIS, ListSummary, ProgressEntry};
use parlance_domain::time::Timestamp;

use super::learner::{Learner, confidence, counts, far, review, review_id};
use crate::stores::{Stores, at, list_id, word_id};

const QUARTER: i64 = BUCKET_MILLIS / 1_000;

fn words(entries: &[ProgressEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.word_id.as_str()).collect()
}

async fn activity(learner: &Learner<'_>) -> Vec<ActivityBucket> {
    let (store, user) = (learner.store, learner.user);
    store.activity(user, Timestamp::UNIX_EPOCH, far()).await.unwrap()
}

fn bucket(seconds: i64, reviews: u32, correct: u32, new_words: u32) -> ActivityBucket {
    ActivityBucket {
        start: at(seconds),
        reviews,
        correct,
        new_words,
    }
}

/// A page goes on behind the revision of the last row; forgotten words are not among them.
pub async fn living_rows_are_listed_newest_change_first_and_in_pages(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    for number in 0..10_u32 {
        ann.set(vec![confidence(number.into(), &format!("w{number}"), 0.5)], 60)
            .await;
    }
    ann.set(vec![confidence(20, "w3", 0.75)], 61).await;
    ann.forget(21, "w5", 62).await;
    let all = ann.everything().await.entries;
    assert_eq!(
        words(&all),
        ["w3", "w9", "w8", "w7", "w6", "w4", "w2", "w1", "w0"]
    );
    let mut paged: Vec<ProgressEntry> = Vec::new();
    loop {
        let before = paged.last().map(|entry| entry.revision);
        let page = ann.store.list(ann.user, before, Some(4)).await.unwrap();
        assert!(page.len() <= 4);
        if page.is_empty() {
            break;
        }
        paged.extend(page);
        assert!(paged.len() <= all.len());
    }
    assert_eq!(paged, all);
}

/// Due at the very instant is due; words due together come by id.
pub async fn what_is_due_comes_most_overdue_first(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    let day = 86_400;
    // A confidence of 0 makes a word due a day later.
    ann.set(vec![confidence(1, "w2", 0.0), confidence(2, "w1", 0.0)], 100)
        .await;
    ann.set(vec![confidence(3, "w0", 0.0), confidence(4, "later", 1.0)], 200)
        .await;
    ann.set(vec![confidence(5, "first", 0.0), confidence(6, "gone", 0.0)], 50)
        .await;
    ann.forget(7, "gone", 60).await;
    let due = async |seconds, limit| {
        let rows = ann.store.due(ann.user, at(seconds), None, limit).await.unwrap();
        words(&rows).join(" ")
    };
    assert_eq!(due(day + 49, None).await, "");
    assert_eq!(due(day + 50, None).await, "first");
    assert_eq!(due(day + 200, None).await, "first w1 w2 w0");
    assert_eq!(due(day + 200, Some(2)).await, "first w1");
    assert_eq!(due(60 * day, None).await, "first w1 w2 w0 later");
}

/// Only words of the list, in the same order.
pub async fn what_is_due_can_be_that_of_a_list(stores: &Stores) {
    let list = stores.list_of("lesson", &["w3", "w1", "w2"]).await;
    stores.list_of("other", &["w9", "w1"]).await;
    let ann = Learner::new(stores, 1).await;
    for (number, word) in ["w9", "w3", "own-word", "w1"].into_iter().enumerate() {
        let number = u32::try_from(number).unwrap();
        ann.set(
            vec![confidence(number.into(), word, 0.0)],
            100 + i64::from(number),
        )
        .await;
    }
    let due = async |list: &str, limit| {
        let list = list_id(list);
        let rows = ann.store.due(ann.user, far(), Some(&list), limit).await.unwrap();
        words(&rows).join(" ")
    };
    assert_eq!(due(list.as_str(), None).await, "w3 w1");
    assert_eq!(due(list.as_str(), Some(1)).await, "w3");
    assert_eq!(due("other", None).await, "w9 w1");
    assert_eq!(due("unknown", None).await, "");
}

/// A forgotten word is unseen again.
pub async fn words_without_a_row_are_unseen_in_the_order_of_the_list(stores: &Stores) {
    let list = stores.list_of("lesson", &["w5", "w1", "w4", "w2", "w3"]).await;
    let ann = Learner::new(stores, 1).await;
    ann.set(vec![confidence(1, "w1", 0.5), confidence(2, "w4", 0.5)], 60)
        .await;
    ann.forget(3, "w4", 61).await;
    let unseen = async |limit| {
        let words = ann.store.unseen(ann.user, &list, limit).await.unwrap();
        words
            .iter()
            .map(|word| word.as_str().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(unseen(10).await, ["w5", "w4", "w2", "w3"]);
    assert_eq!(unseen(2).await, ["w5", "w4"]);
    assert!(unseen(0).await.is_empty());
    let unknown = ann.store.unseen(ann.user, &list_id("unknown"), 10).await.unwrap();
    assert!(unknown.is_empty());
}

/// Forgotten words are in none of them; without a row all are zero.
pub async fn totals_are_sums_over_the_living_rows(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    assert_eq!(
        ann.everything().await.totals,
        parlance_domain::progress::Totals::default()
    );
    let sets = vec![
        confidence(1, "by-confidence", 0.8),
        confidence(2, "nearly", 0.79),
        counts(3, "by-count", 4_000_000_000, 3),
        counts(4, "studied", 4_000_000_000, 2),
        confidence(5, "gone", 1.0),
    ];
    ann.set(sets, 60).await;
    ann.forget(6, "gone", 61).await;
    // Words that were only counted are due at once.
    let totals = ann.store.totals(ann.user, at(60)).await.unwrap();
    assert_eq!((totals.words, totals.studied, totals.mastered), (4, 2, 2));
    assert_eq!((totals.study_count, totals.due), (8_000_000_000, 2));
    assert!((totals.average_confidence - 1.59 / 4.0).abs() < 1e-12);
    assert_eq!(ann.everything().await.totals.due, 4);
    assert_eq!(ann.store.totals(ann.user, at(59)).await.unwrap().due, 0);
}

/// Words of other lists, and forgotten ones, are not counted.
pub async fn a_list_is_summed_up(stores: &Stores) {
    let list = stores.list_of("lesson", &["w1", "w2", "w3", "w4", "w5"]).await;
    let ann = Learner::new(stores, 1).await;
    let sets = vec![
        confidence(1, "w1", 0.8),
        counts(2, "w2", 0, 3),
        confidence(3, "w3", 0.1),
        confidence(4, "w4", 0.9),
        confidence(5, "own-word", 0.9),
    ];
    ann.set(sets, 60).await;
    ann.forget(6, "w4", 61).await;
    let summary = ann.store.list_summary(ann.user, &list).await.unwrap();
    assert_eq!((summary.mastered, summary.learning), (2, 1));
    let unknown = ann
        .store
        .list_summary(ann.user, &list_id("unknown"))
        .await
        .unwrap();
    assert_eq!(unknown, ListSummary::default());
}

/// A bucket begins at a whole quarter of an hour; the range holds its beginning and not its end.
pub async fn activity_counts_reviews_and_words_by_the_quarter_of_an_hour(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    let reviews = vec![
        review(1, "w1", Good, 0),
        review(2, "w1", Again, QUARTER - 1),
        review(3, "w2", Hard, QUARTER),
        review(4, "w2", Easy, QUARTER + 1),
        review(5, "w3", Again, 40 * QUARTER),
    ];
    ann.review(reviews, 100 * QUARTER).await;
    let all = [
        bucket(0, 2, 1, 1),
        bucket(QUARTER, 2, 2, 1),
        bucket(40 * QUARTER, 1, 0, 1),
    ];
    assert_eq!(activity(&ann).await, all);
    let between = async |from, to| ann.store.activity(ann.user, from, to).await.unwrap();
    assert_eq!(between(at(0), at(QUARTER)).await, all[..1]);
    assert_eq!(between(at(QUARTER), at(40 * QUARTER)).await, all[1..2]);
    let behind = at(40 * QUARTER) + TimeDelta::milliseconds(1);
    assert_eq!(between(at(1), behind).await[1..], all[1..]);
    assert!(between(behind, far()).await.is_empty());
}

/// Whatever became of the word, it was studied; a review taken back never was.
pub async fn activity_leaves_out_what_was_undone_and_keeps_what_was_forgotten(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    let reviews = vec![
        review(1, "w1", Good, 0),
        review(2, "w2", Good, QUARTER),
        review(3, "w2", Good, 2 * QUARTER),
    ];
    ann.review(reviews, 100 * QUARTER).await;
    ann.undo(4, 2, 101 * QUARTER).await;
    ann.forget(5, "w1", 102 * QUARTER).await;
    assert_eq!(
        activity(&ann).await,
        [bucket(0, 1, 1, 1), bucket(2 * QUARTER, 1, 1, 1)]
    );
}

/// Only one that raises it; others are no study.
pub async fn a_set_that_raises_the_count_is_activity_without_a_review(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    ann.set(vec![confidence(1, "w1", 0.5)], 0).await;
    ann.set(vec![counts(2, "w1", 3, 3)], QUARTER).await;
    ann.set(vec![counts(3, "w1", 2, 3)], 2 * QUARTER).await;
    assert_eq!(activity(&ann).await, [bucket(QUARTER, 0, 0, 0)]);
}

/// Over the whole log, even when the range begins later or the first review arrives last.
pub async fn a_word_is_new_in_the_bucket_of_its_first_review(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    ann.review(vec![review(1, "w1", Good, 10 * QUARTER)], 100 * QUARTER)
        .await;
    assert_eq!(activity(&ann).await, [bucket(10 * QUARTER, 1, 1, 1)]);
    ann.review(vec![review(2, "w1", Good, 0)], 101 * QUARTER).await;
    assert_eq!(
        activity(&ann).await,
        [bucket(0, 1, 1, 1), bucket(10 * QUARTER, 1, 1, 0)]
    );
    let later = ann.store.activity(ann.user, at(QUARTER), far()).await.unwrap();
    assert_eq!(later, [bucket(10 * QUARTER, 1, 1, 0)]);
}

/// The order of arrival is not that of time; a page goes on behind the last place.
pub async fn reviews_are_listed_in_the_order_of_arrival_and_in_pages(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    let batch = |from: i64| {
        (from..from + 5)
            .map(|number| review(number.unsigned_abs().into(), "w1", Good, 1_000 - number))
            .collect()
    };
    ann.review(batch(0), 2_000).await;
    ann.set(vec![confidence(50, "w1", 0.5)], 2_001).await;
    ann.review(batch(5), 2_002).await;
    let all = ann.everything().await.reviews;
    let ids: Vec<_> = all.iter().map(|review| review.id).collect();
    assert_eq!(ids, (0..10).map(review_id).collect::<Vec<_>>());
    assert!(all.is_sorted_by(|a, b| a.position < b.position));
    let mut paged = Vec::new();
    let mut after = 0;
    loop {
        let page = ann.store.reviews(ann.user, None, after, 3).await.unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        after = last.position;
        paged.extend(page);
        assert!(paged.len() <= all.len());
    }
    assert_eq!(paged, all);
}

/// With the places that they have among all.
pub async fn reviews_of_one_word_are_listed_alone(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    let reviews = (0..12)
        .map(|number: u8| review(number.into(), &format!("w{}", number % 3), Good, 10))
        .collect();
    ann.review(reviews, 60).await;
    let word = word_id("w1");
    let of_word = async |after, limit| {
        let reviews = ann
            .store
            .reviews(ann.user, Some(&word), after, limit)
            .await
            .unwrap();
        reviews.iter().map(|review| review.position).collect::<Vec<_>>()
    };
    assert_eq!(of_word(0, 100).await, [2, 5, 8, 11]);
    assert_eq!(of_word(2, 2).await, [5, 8]);
    assert!(of_word(11, 100).await.is_empty());
    let none = ann
        .store
        .reviews(ann.user, Some(&word_id("w9")), 0, 100)
        .await
        .unwrap();
    assert!(none.is_empty());
}
