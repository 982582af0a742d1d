//! Properties of the progress log: order, grouping and repetition do not matter, and every row is the fold of its log.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta};
use parlance_domain::ids::{EventId, ProgressId, WordId};
use parlance_domain::progress::{
    Change, Changes, DEFAULT_RETENTION, Decision, Event, EventKind, Facts, Fold, MergeItem, MergeOutcome,
    NewReview, NewSet, Precondition, ProgressRow, Rating, Refusal, Revisions, Submission, WordState, decide,
    fold, words_to_refold,
};
use parlance_domain::time::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

/// A store reduced to what `decide` needs of it.
#[derive(Default)]
struct Ledger {
    revision: u64,
    rows: HashMap<WordId, ProgressRow>,
    log: Vec<Event>,
    next_id: u128,
}

impl Ledger {
    fn append(&mut self, changes: Changes, now: Timestamp) -> Result<Decision, Refusal> {
        let undo_target = match &changes {
            Changes::Undo { review, .. } => self.log.iter().find(|event| event.id == *review).cloned(),
            _ => None,
        };
        let named = changes.words(undo_target.as_ref());
        let mut facts = Facts {
            revision: self.revision,
            rows: named
                .iter()
                .filter_map(|word| self.rows.get_key_value(word))
                .map(own)
                .collect(),
            known_reviews: self.log.iter().map(|event| event.id).collect(),
            undo_target,
            logs: HashMap::new(),
        };
        for word in words_to_refold(&changes, &facts) {
            let log = self.log_of(&word).cloned().collect();
            facts.logs.insert(word, log);
        }
        let decision = decide(
            &Submission {
                changes,
                now,
                dry_run: false,
            },
            &facts,
        )?;
        self.log.extend(decision.events.iter().cloned());
        for row in &decision.rows {
            self.rows.insert(row.word_id.clone(), row.clone());
        }
        self.revision = decision.revision;
        self.check();
        Ok(decision)
    }

    /// Every row is the fold of its word's log, and no revision is given out twice.
    fn check(&self) {
        let mut revisions = HashSet::new();
        for (word, row) in &self.rows {
            let whole = fold(self.log_of(word));
            assert_eq!((&row.state, Some(row.last)), (&whole.state, whole.last));
            assert!(row.revision <= self.revision && revisions.insert(row.revision));
        }
    }

    fn log_of<'a>(&'a self, word: &'a WordId) -> impl Iterator<Item = &'a Event> {
        self.log.iter().filter(move |event| event.word_id == *word)
    }

    fn states(&self) -> HashMap<WordId, Option<WordState>> {
        self.rows
            .iter()
            .map(|(word, row)| (word.clone(), row.state.clone()))
            .collect()
    }

    fn fresh(&mut self) -> Uuid {
        self.next_id += 1;
        Uuid::from_u128(1 << 100 | self.next_id)
    }

    fn change<T>(&mut self, word: &str, what: T) -> Change<T> {
        Change {
            word_id: word.parse().unwrap(),
            event_id: EventId(self.fresh()),
            progress_id: ProgressId(self.fresh()),
            what,
        }
    }

    fn set(&mut self, word: &str, set: NewSet, now: Timestamp) -> Result<Decision, Refusal> {
        let change = self.change(word, set);
        self.append(Changes::Sets(vec![change]), now)
    }

    fn forget(&mut self, word: &str, now: Timestamp) -> Result<Decision, Refusal> {
        let change = self.change(word, Precondition::default());
        self.append(Changes::Forget(change), now)
    }

    fn undo(&mut self, review: EventId, now: Timestamp) -> Result<Decision, Refusal> {
        let event_id = EventId(self.fresh());
        self.append(Changes::Undo { review, event_id }, now)
    }

    fn state(&self, word: &str) -> &WordState {
        self.rows[&word.parse::<WordId>().unwrap()]
            .state
            .as_ref()
            .unwrap()
    }
}

fn own<K: Clone, V: Clone>((key, value): (&K, &V)) -> (K, V) {
    (key.clone(), value.clone())
}

fn minute(minutes: i64) -> Timestamp {
    DateTime::from_timestamp(1_780_000_000, 0).unwrap() + TimeDelta::minutes(minutes)
}

fn review(id: u128, word: &str, rating: Rating, minutes: i64) -> Change<NewReview> {
    Change {
        word_id: word.parse().unwrap(),
        event_id: EventId(Uuid::from_u128(id)),
        progress_id: ProgressId(Uuid::from_u128(1 << 101 | id)),
        what: NewReview {
            rating,
            at: minute(minutes),
            clamped: false,
            duration_ms: None,
            device_id: None,
            retention: DEFAULT_RETENTION,
        },
    }
}

fn confidence(value: f64) -> NewSet {
    NewSet {
        confidence: Some(value),
        ..NewSet::default()
    }
}

fn rating() -> impl Strategy<Value = Rating> {
    prop::sample::select(vec![Rating::Again, Rating::Hard, Rating::Good, Rating::Easy])
}

fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "c"])
}

/// Distinct reviews of three words at times that often coincide.
fn reviews(most: usize) -> impl Strategy<Value = Vec<Change<NewReview>>> {
    prop::collection::vec((word(), rating(), 0_i64..6000), 1..most).prop_map(|drafts| {
        let numbered = drafts.into_iter().zip(1_u128..);
        numbered
            .map(|((word, rating, at), id)| review(id, word, rating, at - at % 7))
            .collect()
    })
}

/// Events of one word of every kind; those that take back point at any event.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let kind = prop_oneof![
        4 => rating().prop_map(|rating| EventKind::Review { rating, duration_ms: None, retention: 0.9, clamped: false }),
        2 => (prop::option::of(0_u32..9), prop::option::of(0_u32..9), prop::option::of(0.0..=1.0)).prop_map(
            |(study_count, correct_count, confidence)| EventKind::Set {
                study_count, correct_count, confidence, raised_study_count: false,
            }),
        1 => Just(EventKind::Forget),
        1 => (1_u128..25).prop_map(|id| EventKind::Undo { review: EventId(Uuid::from_u128(id)) }),
    ];
    prop::collection::vec((kind, 0_i64..40), 1..25).prop_map(|drafts| {
        let numbered = drafts.into_iter().zip(1_u128..);
        let event = |((kind, at), id)| Event {
            id: EventId(Uuid::from_u128(id)),
            word_id: "a".parse().unwrap(),
            at: minute(at * 600),
            device_id: None,
            kind,
        };
        numbered.map(event).collect()
    })
}

fn shuffled<T: Clone + std::fmt::Debug + 'static>(
    items: impl Strategy<Value = Vec<T>>,
) -> impl Strategy<Value = (Vec<T>, Vec<T>)> {
    items.prop_flat_map(|items| (Just(items.clone()), Just(items).prop_shuffle()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_500))]

    #[test]
    fn the_fold_of_a_set_of_events_does_not_depend_on_order_or_repetition((events, mut other) in shuffled(events())) {
        other.extend(events.iter().take(5).cloned());
        prop_assert_eq!(fold(&events), fold(&other));
    }

    #[test]
    fn folding_one_by_one_equals_folding_at_once(mut events in events()) {
        events.retain(|event| !matches!(event.kind, EventKind::Undo { .. }));
        events.sort_by_key(Event::key);
        let mut one_by_one = Fold::default();
        for event in &events {
            one_by_one.apply(event);
        }
        prop_assert_eq!(one_by_one, fold(&events));
    }

    #[test]
    fn a_review_taken_back_leaves_the_state_that_the_others_give(mut events in events(), which in any::<prop::sample::Index>()) {
        events.retain(|event| matches!(event.kind, EventKind::Review { .. }));
        prop_assume!(events.len() > 1);
        events.sort_by_key(Event::key);
        // Not the first: it decides when the word was begun, whether it was taken back or not.
        let taken = events[1 + which.index(events.len() - 1)].clone();
        let others: Vec<Event> = events.iter().filter(|event| event.id != taken.id).cloned().collect();
        let undo = Event {
            id: EventId(Uuid::from_u128(1 << 90)),
            at: minute(1_000_000),
            kind: EventKind::Undo { review: taken.id },
            ..taken
        };
        events.push(undo);
        prop_assert_eq!(fold(&events).state, fold(&others).state);
    }

    #[test]
    fn two_devices_in_any_order_grouping_and_repetition_converge(
        (reviews, other) in shuffled(reviews(24)),
        groups in (1_usize..6, 1_usize..6),
        repeated in 0_usize..5,
    ) {
        let mut ledgers = (Ledger::default(), Ledger::default());
        let (mut accepted, mut duplicates) = (0, 0);
        for group in reviews.chunks(groups.0) {
            accepted += ledgers.0.append(Changes::Reviews(group.to_vec()), minute(9000)).unwrap().accepted;
        }
        let again: Vec<_> = other.iter().take(repeated).cloned().collect();
        for group in other.chunks(groups.1).chain([&again[..]]) {
            duplicates += ledgers.1.append(Changes::Reviews(group.to_vec()), minute(9999)).unwrap().duplicates;
        }
        prop_assert_eq!(ledgers.0.states(), ledgers.1.states());
        prop_assert_eq!(accepted as usize, reviews.len());
        prop_assert_eq!(duplicates as usize, again.len());
        let studied: u32 = ledgers.0.states().values().flatten().map(|state| state.study_count).sum();
        let correct: u32 = ledgers.0.states().values().flatten().map(|state| state.correct_count).sum();
        prop_assert_eq!(studied as usize, reviews.len());
        let remembered = reviews.iter().filter(|review| review.what.rating.is_correct()).count();
        prop_assert_eq!(correct as usize, remembered);
    }

    #[test]
    fn rows_stay_the_fold_of_their_log_whatever_comes_between(
        steps in prop::collection::vec((0_u8..10, word(), rating(), 0_i64..3000, any::<prop::sample::Index>()), 1..30),
    ) {
        let mut ledger = Ledger::default();
        let mut sent = Vec::new();
        for (n, (kind, word, rating, at, which)) in steps.into_iter().enumerate() {
            let now = minute(3000 + i64::try_from(n).unwrap());
            let before = ledger.revision;
            let outcome = match kind {
                0 => ledger.forget(word, now),
                1 => ledger.set(word, confidence(f64::from(u32::try_from(at).unwrap()) / 3000.0), now),
                2 if !sent.is_empty() => ledger.undo(sent[which.index(sent.len())], now),
                3 => ledger.set(word, NewSet { study_count: Some(3), ..NewSet::default() }, now),
                _ => {
                    let review = review(n as u128 + 1, word, rating, at);
                    sent.push(review.event_id);
                    ledger.append(Changes::Reviews(vec![review]), now)
                }
            };
            prop_assert!(outcome.is_ok() || ledger.revision == before);
            prop_assert!(ledger.revision <= before + 1);
        }
    }
}

#[test]
fn a_set_that_equals_the_state_appends_nothing() {
    let mut ledger = Ledger::default();
    ledger.set("a", confidence(0.5), minute(0)).unwrap();
    let before = ledger.rows.clone();
    let again = ledger.set("a", confidence(0.5), minute(60)).unwrap();
    assert!(again.events.is_empty() && again.rows.is_empty());
    assert_eq!(again.answer.len(), 1);
    assert_eq!(ledger.rows, before);
}

#[test]
fn negative_zero_is_zero() {
    let mut ledger = Ledger::default();
    ledger.set("a", confidence(-0.0), minute(0)).unwrap();
    assert!(ledger.state("a").confidence.is_sign_positive());
    let again = ledger.set("a", confidence(-0.0), minute(60)).unwrap();
    assert!(again.events.is_empty());
}

#[test]
fn a_set_without_members_begins_a_word_with_zeros_due_now() {
    let mut ledger = Ledger::default();
    ledger.set("a", NewSet::default(), minute(5)).unwrap();
    assert_eq!(*ledger.state("a"), WordState::new(minute(5)));
}

#[test]
fn a_late_review_keeps_its_place_but_not_in_what_a_set_fixed() {
    let mut ledger = Ledger::default();
    ledger
        .set(
            "a",
            NewSet {
                study_count: Some(7),
                ..NewSet::default()
            },
            minute(100),
        )
        .unwrap();
    ledger
        .append(
            Changes::Reviews(vec![review(1, "a", Rating::Good, 50)]),
            minute(101),
        )
        .unwrap();
    let state = ledger.state("a");
    assert_eq!((state.study_count, state.correct_count), (7, 1));
    assert!(state.memory.is_some());
}

#[test]
fn what_is_older_than_a_forget_no_longer_counts_and_what_comes_after_begins_anew() {
    let mut ledger = Ledger::default();
    ledger
        .append(
            Changes::Reviews(vec![review(1, "a", Rating::Good, 10)]),
            minute(11),
        )
        .unwrap();
    let first = ledger.rows[&"a".parse().unwrap()].clone();
    ledger.forget("a", minute(20)).unwrap();
    let late = ledger
        .append(
            Changes::Reviews(vec![review(2, "a", Rating::Good, 15)]),
            minute(30),
        )
        .unwrap();
    assert_eq!((late.accepted, late.answer.len(), late.revision), (1, 0, 2));
    ledger
        .append(
            Changes::Reviews(vec![review(3, "a", Rating::Good, 40)]),
            minute(41),
        )
        .unwrap();
    let second = &ledger.rows[&"a".parse().unwrap()];
    assert_eq!(ledger.state("a").study_count, 1);
    assert_ne!(second.id, first.id);
    assert_eq!((second.created_at, second.revision), (minute(41), 3));
}

#[test]
fn forgetting_what_is_not_there_is_refused() {
    let mut ledger = Ledger::default();
    assert_eq!(ledger.forget("a", minute(0)), Err(Refusal::ProgressNotFound));
    ledger.set("a", confidence(0.1), minute(1)).unwrap();
    ledger.forget("a", minute(2)).unwrap();
    assert_eq!(ledger.forget("a", minute(3)), Err(Refusal::ProgressNotFound));
}

#[test]
fn events_of_the_server_come_one_millisecond_after_the_last_one_at_least() {
    let mut ledger = Ledger::default();
    ledger
        .append(
            Changes::Reviews(vec![review(1, "a", Rating::Good, 104)]),
            minute(100),
        )
        .unwrap();
    ledger.set("a", confidence(0.2), minute(100)).unwrap();
    ledger.forget("a", minute(100)).unwrap();
    let times: Vec<_> = ledger.log.iter().map(|event| event.at).collect();
    let step = TimeDelta::milliseconds(1);
    assert_eq!(
        times,
        [minute(104), minute(104) + step, minute(104) + step + step]
    );
}

#[test]
fn an_undo_repeated_changes_nothing_further() {
    let mut ledger = Ledger::default();
    let reviews = vec![
        review(1, "a", Rating::Good, 1),
        review(2, "a", Rating::Again, 2000),
    ];
    ledger.append(Changes::Reviews(reviews), minute(2001)).unwrap();
    let id = EventId(Uuid::from_u128(2));
    ledger.undo(id, minute(2002)).unwrap();
    assert_eq!(
        (ledger.state("a").study_count, ledger.state("a").correct_count),
        (1, 1)
    );
    let again = ledger.undo(id, minute(2003)).unwrap();
    assert!(again.events.is_empty() && again.rows.is_empty());
    assert_eq!(again.answer.len(), 1);
}

#[test]
fn taking_back_the_only_review_leaves_zeros() {
    let mut ledger = Ledger::default();
    ledger
        .append(Changes::Reviews(vec![review(1, "a", Rating::Good, 1)]), minute(2))
        .unwrap();
    ledger.undo(EventId(Uuid::from_u128(1)), minute(3)).unwrap();
    assert_eq!(*ledger.state("a"), WordState::new(minute(1)));
}

#[test]
fn an_unknown_review_cannot_be_taken_back() {
    let mut ledger = Ledger::default();
    assert_eq!(
        ledger.undo(EventId(Uuid::from_u128(1)), minute(0)),
        Err(Refusal::ReviewNotFound)
    );
}

fn only_if(revisions: Revisions) -> Precondition {
    Precondition {
        if_match: Some(revisions),
        if_none_match: None,
    }
}

fn unless(revisions: Revisions) -> Precondition {
    Precondition {
        if_match: None,
        if_none_match: Some(revisions),
    }
}

fn set_with(ledger: &mut Ledger, precondition: Precondition, value: f64) -> Result<u64, Refusal> {
    let set = NewSet {
        precondition,
        ..confidence(value)
    };
    ledger.set("a", set, minute(1)).map(|decision| decision.revision)
}

#[test]
fn a_precondition_holds_only_for_a_living_row_of_that_revision() {
    use Revisions::{Any, OneOf};
    let mut ledger = Ledger::default();
    let refused = Err(Refusal::PreconditionFailed);
    assert_eq!(set_with(&mut ledger, only_if(Any), 0.1), refused);
    ledger.set("a", confidence(0.1), minute(0)).unwrap();
    assert_eq!(set_with(&mut ledger, only_if(OneOf(vec![2])), 0.2), refused);
    assert_eq!(set_with(&mut ledger, only_if(OneOf(vec![9, 1])), 0.2), Ok(2));
    assert_eq!(set_with(&mut ledger, only_if(Any), 0.3), Ok(3));
    ledger.forget("a", minute(2)).unwrap();
    assert_eq!(set_with(&mut ledger, only_if(OneOf(vec![4])), 0.3), refused);
}

#[test]
fn a_word_is_begun_only_by_the_first_who_insists_that_it_was_not() {
    use Revisions::{Any, OneOf};
    let mut ledger = Ledger::default();
    let refused = Err(Refusal::PreconditionFailed);
    assert_eq!(set_with(&mut ledger, unless(Any), 0.1), Ok(1));
    assert_eq!(set_with(&mut ledger, unless(Any), 0.1), refused);
    assert_eq!(set_with(&mut ledger, unless(OneOf(vec![7, 1])), 0.2), refused);
    assert_eq!(set_with(&mut ledger, unless(OneOf(vec![7])), 0.2), Ok(2));
    let both = Precondition {
        if_match: Some(OneOf(vec![2])),
        ..unless(Any)
    };
    assert_eq!(set_with(&mut ledger, both, 0.3), refused);
    ledger.forget("a", minute(2)).unwrap();
    assert_eq!(set_with(&mut ledger, unless(Any), 0.3), Ok(4));
}

#[test]
fn a_word_is_forgotten_only_as_it_was_seen() {
    use Revisions::{Any, OneOf};
    let mut ledger = Ledger::default();
    let forget = |ledger: &mut Ledger, precondition| {
        let change = ledger.change("a", precondition);
        let decision = ledger.append(Changes::Forget(change), minute(1));
        decision.map(|decision| decision.revision)
    };
    for precondition in [only_if(Any), unless(Any)] {
        let absent = forget(&mut ledger, precondition);
        assert_eq!(absent, Err(Refusal::ProgressNotFound));
    }
    ledger.set("a", confidence(0.1), minute(0)).unwrap();
    for precondition in [only_if(OneOf(vec![2])), unless(Any)] {
        let stale = forget(&mut ledger, precondition);
        assert_eq!(stale, Err(Refusal::PreconditionFailed));
    }
    assert_eq!(forget(&mut ledger, only_if(OneOf(vec![1]))), Ok(2));
}

#[test]
fn a_word_named_twice_in_a_batch_takes_both_in_order_and_one_revision() {
    let mut ledger = Ledger::default();
    let sets = vec![
        ledger.change(
            "a",
            NewSet {
                study_count: Some(4),
                ..confidence(0.9)
            },
        ),
        ledger.change("b", confidence(0.2)),
        ledger.change("a", confidence(0.3)),
    ];
    let decision = ledger.append(Changes::Sets(sets), minute(0)).unwrap();
    assert_eq!(
        (ledger.state("a").study_count, ledger.state("a").confidence),
        (4, 0.3)
    );
    assert_eq!(decision.revision, 2);
    let words: Vec<_> = decision.answer.iter().map(|row| row.word_id.as_str()).collect();
    assert_eq!(words, ["a", "b", "a"]);
}

#[test]
fn a_merge_raises_and_never_lowers() {
    let mut ledger = Ledger::default();
    let item = |study, correct, confidence| MergeItem {
        study_count: Some(study),
        correct_count: Some(correct),
        confidence: Some(confidence),
    };
    let merge = |ledger: &mut Ledger, what| {
        let change = ledger.change("a", what);
        ledger
            .append(Changes::Merge(vec![change]), minute(1))
            .unwrap()
            .merged[0]
    };
    assert_eq!(merge(&mut ledger, item(3, 2, 0.5)), MergeOutcome::Imported);
    assert_eq!(merge(&mut ledger, item(3, 2, 0.5)), MergeOutcome::Unchanged);
    assert_eq!(merge(&mut ledger, item(1, 9, 0.1)), MergeOutcome::Merged);
    assert_eq!(merge(&mut ledger, MergeItem::default()), MergeOutcome::Unchanged);
    let state = ledger.state("a");
    assert_eq!(
        (state.study_count, state.correct_count, state.confidence),
        (3, 9, 0.5)
    );
}

#[test]
fn a_row_of_another_fold_version_is_folded_again() {
    let mut ledger = Ledger::default();
    ledger
        .append(Changes::Reviews(vec![review(1, "a", Rating::Good, 1)]), minute(2))
        .unwrap();
    let row = ledger.rows.get_mut(&"a".parse().unwrap()).unwrap();
    row.fold_version = 0;
    row.state = Some(WordState::new(minute(1)));
    ledger.set("a", confidence(0.4), minute(3)).unwrap();
    assert_eq!(ledger.state("a").study_count, 1);
}
