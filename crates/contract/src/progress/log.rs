//! The rules of appending.

use futures_util::future::join_all;
use parlance_domain::port::PortErrorKind;
use parlance_domain::progress::MergeOutcome::{Imported, Merged, Unchanged};
use parlance_domain::progress::Rating::{Again, Easy, Good, Hard};
use parlance_domain::progress::{
    AppendError, Changes, FOLD_VERSION, MergeItem, Refusal, Revisions, Submission,
};

use super::learner::{
    Everything, Learner, confidence, counts, forget, forget_if, merge, only_if, review, review_id,
    submission, undo, unless,
};
use crate::stores::{Stores, at, user};

/// The row in the answer is the row that is kept.
pub async fn a_review_is_logged_and_its_row_is_read_back(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    let appended = ann.review(vec![review(1, "w1", Good, 10)], 60).await;
    assert_eq!(
        (appended.accepted, appended.duplicates, appended.revision),
        (1, 0, 1)
    );
    let row = ann.row("w1").await.unwrap();
    assert_eq!(appended.rows, std::slice::from_ref(&row));
    assert_eq!((row.revision, row.fold_version), (1, FOLD_VERSION));
    assert_eq!((row.created_at, row.updated_at), (at(60), at(60)));
    assert_eq!((row.last.at, row.last.id), (at(10), review_id(1)));
    let state = row.state.unwrap();
    assert_eq!((state.study_count, state.correct_count), (1, 1));
    let memory = state.memory.unwrap();
    assert_eq!((memory.last_review, memory.lapses), (at(10), 0));
    assert!(memory.stability > 0.0 && state.next_review > at(10));
    let logged = ann.everything().await.reviews;
    assert_eq!(logged.len(), 1);
    let logged = &logged[0];
    assert_eq!((logged.position, logged.id), (1, review_id(1)));
    assert_eq!((logged.word_id.as_str(), logged.rating), ("w1", Good));
    assert_eq!((logged.reviewed_at, logged.undone), (at(10), false));
    assert_eq!(
        (logged.duration_ms, logged.device_id.as_deref()),
        (Some(1_200), Some("phone"))
    );
}

/// The first content wins, in a later submission and in the same one.
pub async fn threat_50_a_known_event_id_is_a_duplicate_whatever_it_carries(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    let first = vec![
        review(1, "w1", Good, 10),
        review(1, "w1", Again, 11),
        review(2, "w1", Hard, 12),
    ];
    let appended = ann.review(first, 60).await;
    assert_eq!((appended.accepted, appended.duplicates), (2, 1));
    let before = ann.everything().await;
    let again = ann
        .review(vec![review(1, "w1", Again, 50), review(2, "w2", Easy, 5)], 70)
        .await;
    assert_eq!((again.accepted, again.duplicates, again.revision), (0, 2, 1));
    assert_eq!(ann.everything().await, before);
    assert_eq!(before.reviews[0].rating, Good);
}

/// However close together the repetitions come.
pub async fn one_review_sent_at_once_many_times_counts_once(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    let sent = join_all((0..16).map(|_| ann.review(vec![review(1, "w1", Good, 10)], 60))).await;
    assert_eq!(sent.iter().map(|appended| appended.accepted).sum::<u32>(), 1);
    assert_eq!(sent.iter().map(|appended| appended.duplicates).sum::<u32>(), 15);
    assert_eq!(ann.counts("w1").await, (1, 1));
}

/// Duplicates name their words too.
pub async fn the_answer_names_each_word_once_in_the_order_of_mention(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    ann.review(vec![review(1, "w3", Good, 10)], 60).await;
    let reviews = vec![
        review(2, "w2", Good, 20),
        review(1, "w3", Good, 10),
        review(3, "w1", Good, 5),
        review(4, "w2", Good, 30),
    ];
    let appended = ann.review(reviews, 61).await;
    let words: Vec<_> = appended.rows.iter().map(|row| row.word_id.as_str()).collect();
    assert_eq!(words, ["w2", "w3", "w1"]);
}

/// In the order sent, each with the state after all of them.
pub async fn the_answer_to_sets_has_one_row_for_each(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    let sets = vec![
        confidence(1, "w2", 0.5),
        confidence(2, "w1", 0.25),
        counts(3, "w2", 4, 2),
    ];
    let appended = ann.set(sets, 60).await;
    let words: Vec<_> = appended.rows.iter().map(|row| row.word_id.as_str()).collect();
    assert_eq!(words, ["w2", "w1", "w2"]);
    assert_eq!(Some(&appended.rows[2]), ann.row("w2").await.as_ref());
    assert_eq!(appended.rows[0], appended.rows[2]);
}

/// The others stay.
pub async fn a_set_fixes_only_the_members_that_it_carries(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    ann.review(vec![review(1, "w1", Good, 10)], 60).await;
    let before = ann.state("w1").await.unwrap();
    ann.set(vec![counts(2, "w1", 9, 12)], 61).await;
    let after = ann.state("w1").await.unwrap();
    assert_eq!((after.study_count, after.correct_count), (9, 12));
    assert_eq!(after.memory, before.memory);
    assert_eq!(after.next_review, before.next_review);
    ann.set(vec![confidence(3, "w1", 1.0)], 62).await;
    let after = ann.state("w1").await.unwrap();
    assert_eq!((after.study_count, after.correct_count), (9, 12));
    assert!((after.confidence - 1.0).abs() < f64::EPSILON);
    assert_eq!((after.next_review - at(62)).num_days(), 30);
}

/// Repeated, a set leaves the row as it is, to its revision.
pub async fn a_set_that_changes_nothing_appends_nothing(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    ann.set(vec![confidence(1, "w1", 0.3)], 60).await;
    let before = ann.everything().await;
    let appended = ann.set(vec![confidence(2, "w1", 0.3)], 9_000).await;
    assert_eq!((appended.revision, appended.rows.len()), (1, 1));
    assert_eq!(ann.everything().await, before);
}

/// The last one has the last word, and the word changes once.
pub async fn a_word_named_twice_is_set_in_the_order_sent(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    let sets = vec![
        counts(1, "w1", 5, 5),
        confidence(2, "w1", 0.5),
        counts(3, "w1", 2, 1),
    ];
    let appended = ann.set(sets, 60).await;
    assert_eq!(appended.revision, 1);
    let state = ann.state("w1").await.unwrap();
    assert_eq!((state.study_count, state.correct_count), (2, 1));
    assert!((state.confidence - 0.5).abs() < f64::EPSILON);
}

/// All or nothing: what came before it in the batch included.
pub async fn a_refused_item_changes_nothing(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    ann.review(vec![review(1, "w1", Good, 10), review(2, "w2", Good, 11)], 60)
        .await;
    let before = ann.everything().await;
    let mut sets: Vec<_> = (0..100)
        .map(|number| confidence(100 + number, &format!("new-{number}"), 0.5))
        .collect();
    sets.push(confidence(300, "w1", 0.9));
    sets.push(only_if(confidence(301, "w2", 0.9), Revisions::OneOf(vec![77])));
    let refusal = ann.refused(Changes::Sets(sets), 61).await;
    assert_eq!(refusal, Refusal::PreconditionFailed);
    assert_eq!(ann.everything().await, before);
    // The revisions that it would have taken are still to be had.
    let appended = ann.set(vec![confidence(302, "w3", 0.5)], 62).await;
    assert_eq!(appended.revision, 3);
}

/// Any living row, or one of these revisions; a tombstone is none.
pub async fn a_precondition_is_on_the_living_row(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    let try_set = async |number: u128, condition: Revisions| {
        let value = 0.001 * f64::from(u32::try_from(number).unwrap());
        let set = only_if(confidence(number, "w1", value), condition);
        ann.try_send(Changes::Sets(vec![set]), 60).await.is_ok()
    };
    assert!(!try_set(1, Revisions::Any).await);
    ann.set(vec![confidence(2, "w1", 0.5)], 60).await;
    assert!(!try_set(3, Revisions::OneOf(vec![2, 3])).await);
    assert!(try_set(4, Revisions::OneOf(vec![7, 1])).await);
    assert!(try_set(5, Revisions::Any).await);
    ann.forget(6, "w1", 61).await;
    assert!(!try_set(7, Revisions::Any).await);
    assert!(!try_set(8, Revisions::OneOf(vec![1, 2, 3, 4])).await);
}

/// Whoever insists that there is no living row; a tombstone is none.
pub async fn of_sets_at_once_that_begin_a_word_one_is_kept(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    ann.set(vec![confidence(1, "w1", 0.5)], 60).await;
    ann.forget(2, "w1", 61).await;
    let sets = (0..16_u32).map(|number| {
        let value = 0.6 + 0.01 * f64::from(number);
        let set = confidence(u128::from(number) + 10, "w1", value);
        ann.try_send(Changes::Sets(vec![unless(set, Revisions::Any)]), 62)
    });
    let kept = join_all(sets).await.iter().filter(|sent| sent.is_ok()).count();
    assert_eq!(kept, 1);
    assert_eq!(ann.row("w1").await.unwrap().revision, 3);
}

/// The optimistic conflict: the others are told.
pub async fn of_sets_at_once_on_one_revision_one_is_kept(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    ann.set(vec![confidence(1, "w1", 0.5)], 60).await;
    let sets = (0..16_u32).map(|number| {
        let value = 0.6 + 0.01 * f64::from(number);
        let set = confidence(u128::from(number) + 10, "w1", value);
        let changes = Changes::Sets(vec![only_if(set, Revisions::OneOf(vec![1]))]);
        ann.try_send(changes, 61)
    });
    let kept = join_all(sets).await.iter().filter(|sent| sent.is_ok()).count();
    assert_eq!(kept, 1);
    assert_eq!(ann.row("w1").await.unwrap().revision, 2);
}

/// Whoever saw it before somebody went on with it does not lose that.
pub async fn a_word_is_forgotten_only_at_the_revision_that_is_named(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    ann.set(vec![confidence(1, "w1", 0.5)], 60).await;
    ann.set(vec![confidence(2, "w1", 0.6)], 61).await;
    let refusal = ann.refused(forget_if(3, "w1", 1), 62).await;
    assert_eq!(refusal, Refusal::PreconditionFailed);
    assert!(ann.state("w1").await.is_some());
    let forgotten = ann.send(forget_if(4, "w1", 2), 63).await;
    assert_eq!(forgotten.revision, 3);
    let refusal = ann.refused(forget_if(5, "w1", 3), 64).await;
    assert_eq!(refusal, Refusal::ProgressNotFound);
}

/// What is older no longer counts; what comes after starts a new row.
pub async fn a_forgotten_word_is_a_tombstone_and_can_begin_again(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    ann.review(vec![review(1, "w1", Good, 10), review(2, "w1", Good, 20)], 60)
        .await;
    let first = ann.row("w1").await.unwrap();
    let forgotten = ann.forget(3, "w1", 70).await;
    assert_eq!((forgotten.rows.len(), forgotten.revision), (0, 2));
    assert_eq!(ann.row("w1").await, None);
    let changes = ann.changes().await;
    assert_eq!((changes.len(), changes[0].revision), (1, 2));
    assert_eq!(changes[0].state, None);
    // A review from before arrives late: history, but not counted.
    let late = ann.review(vec![review(4, "w1", Easy, 30)], 80).await;
    assert_eq!((late.accepted, late.rows.len()), (1, 0));
    let begun = ann.review(vec![review(5, "w1", Good, 90)], 100).await;
    let row = ann.row("w1").await.unwrap();
    assert_eq!(begun.rows, std::slice::from_ref(&row));
    assert_ne!(row.id, first.id);
    assert_eq!(row.created_at, at(100));
    assert_eq!(ann.counts("w1").await, (1, 1));
    assert_eq!(ann.everything().await.reviews.len(), 4);
}

/// Neither a word never begun nor one forgotten already.
pub async fn what_is_not_there_cannot_be_forgotten(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    let refusal = ann.refused(forget(1, "w1"), 60).await;
    assert_eq!(refusal, Refusal::ProgressNotFound);
    ann.review(vec![review(2, "w1", Good, 10)], 61).await;
    ann.forget(3, "w1", 62).await;
    let refusal = ann.refused(forget(4, "w1"), 63).await;
    assert_eq!(refusal, Refusal::ProgressNotFound);
    assert_eq!(ann.changes().await.len(), 1);
}

/// Repeated, nothing further changes.
pub async fn an_undone_review_is_taken_out_once(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    ann.review(vec![review(1, "w1", Good, 10)], 60).await;
    let before = ann.state("w1").await;
    ann.review(vec![review(2, "w1", Again, 20)], 61).await;
    let undone = ann.undo(3, 2, 62).await;
    assert_eq!((undone.rows.len(), undone.revision), (1, 3));
    assert_eq!(ann.state("w1").await, before);
    let after = ann.everything().await;
    assert_eq!(
        after
            .reviews
            .iter()
            .map(|review| review.undone)
            .collect::<Vec<_>>(),
        [false, true]
    );
    let again = ann.undo(4, 2, 63).await;
    assert_eq!((again.rows.len(), again.revision), (1, 3));
    assert_eq!(ann.everything().await, after);
    // The undone review stays out when the log is folded again.
    ann.review(vec![review(5, "w1", Good, 15)], 64).await;
    assert_eq!(ann.counts("w1").await, (2, 2));
}

/// An unknown id, or that of another event.
pub async fn what_is_no_review_cannot_be_undone(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    ann.set(vec![confidence(1, "w1", 0.5)], 60).await;
    let Changes::Undo { event_id, .. } = undo(1, 0) else {
        panic!("not an undo")
    };
    let of_the_set = Changes::Undo {
        review: event_id,
        event_id: review_id(9),
    };
    assert_eq!(ann.refused(of_the_set, 61).await, Refusal::ReviewNotFound);
    assert_eq!(ann.refused(undo(2, 404), 61).await, Refusal::ReviewNotFound);
    ann.review(vec![review(3, "w2", Good, 10)], 62).await;
    ann.forget(4, "w2", 63).await;
    assert_eq!(ann.refused(undo(5, 3), 64).await, Refusal::ProgressNotFound);
}

/// As if it had arrived in time.
pub async fn a_late_review_takes_its_place_in_the_log(stores: &Stores) {
    let (ann, bob) = (Learner::new(stores, 1).await, Learner::new(stores, 2).await);
    let day = 86_400;
    let reviews = [
        review(1, "w1", Good, 0),
        review(2, "w1", Again, 3 * day),
        review(3, "w1", Hard, 9 * day),
    ];
    for index in [0, 1, 2] {
        ann.review(vec![reviews[index].clone()], 10 * day).await;
    }
    for index in [2, 0, 1] {
        bob.review(vec![reviews[index].clone()], 10 * day).await;
    }
    assert_eq!(ann.state("w1").await, bob.state("w1").await);
    assert_eq!(
        ann.row("w1").await.unwrap().last,
        bob.row("w1").await.unwrap().last
    );
}

/// Counts and confidence by their maximum; repeated, nothing further changes.
pub async fn a_merge_raises_and_never_lowers(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    ann.set(vec![counts(1, "w1", 5, 2), counts(2, "w2", 5, 5)], 60)
        .await;
    let item = |studied, correct, confidence| MergeItem {
        study_count: Some(studied),
        correct_count: Some(correct),
        confidence: Some(confidence),
    };
    let items = || {
        Changes::Merge(vec![
            merge(3, "w1", item(3, 4, 0.25)),
            merge(4, "w2", item(1, 1, 0.0)),
            merge(5, "w3", item(1, 0, 0.5)),
        ])
    };
    let appended = ann.send(items(), 61).await;
    assert_eq!(appended.merged, [Merged, Unchanged, Imported]);
    assert_eq!(ann.counts("w1").await, (5, 4));
    assert_eq!(ann.counts("w2").await, (5, 5));
    assert_eq!(ann.counts("w3").await, (1, 0));
    let before = ann.everything().await;
    let again = ann.send(items(), 62).await;
    assert_eq!(again.merged, [Unchanged, Unchanged, Unchanged]);
    assert_eq!(ann.everything().await, before);
}

/// It tells what would become of it.
pub async fn a_dry_run_decides_and_changes_nothing(stores: &Stores) {
    let ann = Learner::new(stores, 1).await;
    ann.set(vec![counts(1, "w1", 5, 2)], 60).await;
    let before = ann.everything().await;
    let item = MergeItem {
        study_count: Some(9),
        ..MergeItem::default()
    };
    let items = vec![merge(2, "w1", item.clone()), merge(3, "w2", item)];
    let dry = Submission {
        dry_run: true,
        ..submission(Changes::Merge(items), 61)
    };
    let appended = stores.progress.append(ann.user, &dry).await.unwrap();
    assert_eq!(appended.merged, [Merged, Imported]);
    assert_eq!(ann.everything().await, before);
    let appended = ann.set(vec![confidence(4, "w3", 0.5)], 62).await;
    assert_eq!(appended.revision, 2);
}

/// There is no log without its account, whatever is sent.
pub async fn who_has_no_account_is_refused_as_gone(stores: &Stores) {
    let nobody = Learner::of(stores, user(404));
    let item = MergeItem {
        study_count: Some(3),
        correct_count: Some(1),
        ..MergeItem::default()
    };
    for changes in [
        Changes::Reviews(vec![review(1, "w1", Good, 10), review(2, "w2", Good, 20)]),
        Changes::Sets(vec![confidence(3, "w1", 0.5)]),
        Changes::Merge(vec![merge(4, "w1", item)]),
    ] {
        match nobody.try_send(changes, 60).await {
            Err(AppendError::Port(error)) => assert_eq!(error.kind, PortErrorKind::OwnerGone),
            other => panic!("not refused as gone: {other:?}"),
        }
    }
    // These have nothing to go by; whether they are refused for that or for the account is the adapter's choice.
    for changes in [forget(5, "w1"), undo(6, 1)] {
        assert!(nobody.try_send(changes, 60).await.is_err());
    }
    assert_eq!(nobody.everything().await, Everything::default());
    // Others go on.
    let ann = Learner::new(stores, 1).await;
    assert_eq!(ann.review(vec![review(1, "w1", Good, 10)], 60).await.revision, 1);
}
