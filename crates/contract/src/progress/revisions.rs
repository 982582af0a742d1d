//! The rules of revisions and of the change feed that they make.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use parlance_domain::progress::Rating::{Again, Good};
use parlance_domain::progress::{Changes, ProgressRow, WordChange};

use super::learner::{Learner, confidence, review, undo};
use crate::stores::Stores;

/// The whole feed, read in pages of this many.
async fn feed(learner: &Learner<'_>, limit: u32) -> Vec<ProgressRow> {
    let mut feed: Vec<ProgressRow> = Vec::new();
    loop {
        let after = feed.last().map_or(0, |last| last.revision);
        let page = learner.store.changes(learner.user, after, limit).await.unwrap();
        assert!(page.len() <= limit as usize);
        if page.is_empty() {
            return feed;
        }
        assert!(page[0].revision > after);
        feed.extend(page);
    }
}

/// None is skipped and none taken twice, whatever changed the word; what changes nothing takes none.
pub async fn each_changed_word_takes_its_own_next_revision(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    let revisions = |appended: &parlance_domain::progress::Appended| {
        let mut revisions: Vec<u64> = appended.rows.iter().map(|row| row.revision).collect();
        revisions.sort_unstable();
        (revisions, appended.revision)
    };
    let reviews = vec![
        review(1, "w1", Good, 10),
        review(2, "w2", Good, 10),
        review(3, "w1", Good, 20),
    ];
    assert_eq!(revisions(&ann.review(reviews, 60).await), (vec![1, 2], 2));
    let sets = vec![
        confidence(4, "w3", 0.5),
        confidence(5, "w2", 0.5),
        confidence(6, "w4", 0.5),
    ];
    assert_eq!(revisions(&ann.set(sets, 61).await), (vec![3, 4, 5], 5));
    assert_eq!(ann.forget(7, "w1", 62).await.revision, 6);
    assert_eq!(revisions(&ann.undo(8, 2, 63).await).1, 7);
    let unchanged = ann.review(vec![review(1, "w1", Good, 10)], 64).await;
    assert_eq!(revisions(&unchanged), (vec![], 7));
    let feed: Vec<_> = ann
        .changes()
        .await
        .iter()
        .map(|changed| changed.revision)
        .collect();
    assert_eq!(feed, [3, 5, 6, 7]);
}

/// One learner's writes are in line, however many devices send them.
pub async fn appends_at_once_take_each_revision_once(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    let sent = (0..24_u32).map(|number| {
        let word = format!("w{number}");
        let changes = if number.is_multiple_of(2) {
            Changes::Reviews(vec![review(number.into(), &word, Again, 10)])
        } else {
            Changes::Sets(vec![confidence(number.into(), &word, 0.5)])
        };
        ann.try_send(changes, 60)
    });
    let revisions: BTreeSet<u64> = join_all(sent)
        .await
        .into_iter()
        .map(|appended| appended.unwrap().rows[0].revision)
        .collect();
    assert_eq!(revisions, (1..=24).collect());
    assert_eq!(feed(&ann, 5).await.len(), 24);
}

/// Nothing is lost on the way, and the pages end anywhere.
pub async fn a_batch_of_1000_is_read_back_through_the_change_feed(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    let reviews = (0..1_000)
        .map(|number| review(number, &format!("w{number:04}"), Good, 10))
        .collect();
    let appended = ann.review(reviews, 60).await;
    assert_eq!((appended.accepted, appended.revision), (1_000, 1_000));
    let feed = feed(&ann, 7).await;
    let revisions: Vec<u64> = feed.iter().map(|changed| changed.revision).collect();
    assert_eq!(revisions, (1..=1_000).collect::<Vec<_>>());
    assert_eq!(feed, appended.rows);
}

/// Whoever follows it from zero knows all that the list tells, and what was forgotten.
pub async fn the_change_feed_in_pages_of_7_is_the_full_list_with_tombstones(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    let all = |from: u128| {
        (0..40_u32)
            .map(|number| {
                confidence(
                    from + u128::from(number),
                    &format!("w{number}"),
                    0.01 * f64::from(number),
                )
            })
            .collect()
    };
    ann.set(all(100), 60).await;
    for number in (0..40).step_by(3) {
        ann.forget(200 + number, &format!("w{number}"), 61).await;
    }
    ann.review(vec![review(1, "w0", Good, 70), review(2, "w1", Again, 70)], 71)
        .await;
    ann.send(undo(300, 2), 72).await;
    let feed = feed(&ann, 7).await;
    assert!(feed.is_sorted_by(|a, b| a.revision < b.revision));
    assert_eq!(feed.len(), 40);
    let living: Vec<_> = feed
        .into_iter()
        .filter_map(|row| WordChange::from(row).entry())
        .collect();
    assert_eq!(living.len(), 27);
    let mut list = ann.everything().await.entries;
    list.reverse();
    assert_eq!(living, list);
}
