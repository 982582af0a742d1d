//! The rules that keep learners apart: for every method, another learner's is neither seen nor changed.

use parlance_domain::progress::Rating::{Again, Good};
use parlance_domain::progress::{Changes, ListSummary, Refusal, Totals};
use parlance_domain::time::Timestamp;

use super::learner::{Learner, confidence, counts, far, forget, review, undo};
use crate::stores::{Stores, word_id};

/// A learner with something of everything.
async fn busy(stores: &Stores, number: u128) -> Learner<'_> {
    let learner = Learner::new(stores, number).await;
    learner
        .review(vec![review(1, "w1", Good, 10), review(2, "w2", Again, 20)], 60)
        .await;
    learner
        .set(vec![confidence(3, "w3", 0.9), counts(4, "w4", 5, 5)], 61)
        .await;
    learner.forget(5, "w4", 62).await;
    learner.undo(6, 2, 63).await;
    learner
}

/// By none of the methods that read.
pub async fn threat_30_another_learner_sees_nothing(stores: &Stores) {
    let list = stores.list_of("lesson", &["w1", "w2", "w3", "w4"]).await;
    busy(stores, 1).await;
    let bob = Learner::new(stores, 2).await;
    let (store, user) = (bob.store, bob.user);
    for word in ["w1", "w2", "w3", "w4"] {
        assert_eq!(bob.row(word).await, None);
    }
    assert!(store.list(user, None, None).await.unwrap().is_empty());
    assert!(
        store
            .list(user, Some(u64::MAX), Some(10))
            .await
            .unwrap()
            .is_empty()
    );
    assert!(store.changes(user, 0, 100).await.unwrap().is_empty());
    assert!(store.due(user, far(), None, None).await.unwrap().is_empty());
    assert!(
        store
            .due(user, far(), Some(&list), None)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(store.unseen(user, &list, 10).await.unwrap().len(), 4);
    assert_eq!(store.totals(user, far()).await.unwrap(), Totals::default());
    let summary = store.list_summary(user, &list).await.unwrap();
    assert_eq!(summary, ListSummary::default());
    let activity = store.activity(user, Timestamp::UNIX_EPOCH, far()).await.unwrap();
    assert!(activity.is_empty());
    assert!(store.reviews(user, None, 0, 100).await.unwrap().is_empty());
    let of_word = store.reviews(user, Some(&word_id("w1")), 0, 100).await.unwrap();
    assert!(of_word.is_empty());
}

/// By none of the changes.
pub async fn threat_30_another_learner_changes_nothing(stores: &Stores) {
    let ann = busy(stores, 1).await;
    let before = ann.everything().await;
    let bob = Learner::new(stores, 2).await;
    assert_eq!(bob.refused(undo(50, 1), 70).await, Refusal::ReviewNotFound);
    assert_eq!(bob.refused(forget(51, "w1"), 70).await, Refusal::ProgressNotFound);
    bob.review(vec![review(60, "w1", Again, 30), review(61, "w2", Good, 5)], 71)
        .await;
    bob.set(vec![confidence(62, "w3", 0.1)], 72).await;
    bob.forget(63, "w1", 73).await;
    bob.undo(64, 61, 74).await;
    assert_eq!(ann.everything().await, before);
}

/// An id is unique per learner: the same ones give the same, and nobody's events are another's duplicates.
pub async fn threat_30_another_learner_may_use_the_same_ids(stores: &Stores) {
    let ann = busy(stores, 1).await;
    let bob = busy(stores, 2).await;
    let appended = bob
        .try_send(Changes::Reviews(vec![review(1, "w1", Good, 10)]), 80)
        .await;
    assert_eq!(appended.unwrap().duplicates, 1, "bob's own");
    assert_eq!(ann.everything().await, bob.everything().await);
}
