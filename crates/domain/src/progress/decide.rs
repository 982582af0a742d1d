//! The one decision of the log: what a submission appends, and which rows change.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap, HashSet};

use super::{
    Change, Changes, Event, EventKey, EventKind, FOLD_VERSION, Fold, MergeItem, MergeOutcome, NewReview,
    NewSet, Precondition, ProgressRow, Refusal, Submission, WordState, fold,
};
use crate::ids::{EventId, ProgressId, WordId};
use crate::time::{MILLISECOND, Timestamp};

/// What the store knows that the decision needs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// The last revision that the learner's head gave out.
    pub revision: u64,
    /// The rows, tombstones included, of the words that the submission names.
    pub rows: HashMap<WordId, ProgressRow>,
    /// Those ids of the submission's reviews that are in the log already.
    pub known_reviews: HashSet<EventId>,
    /// The review that an undo takes back, if it is in the log and is a review.
    pub undo_target: Option<Event>,
    /// The whole logs of the words that [`words_to_refold`] named.
    pub logs: HashMap<WordId, Vec<Event>>,
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    /// New events, in the order of their places in the log.
    pub events: Vec<Event>,
    /// Rows that are new or differ.
    pub rows: Vec<ProgressRow>,
    /// The learner's head afterwards.
    pub revision: u64,
    /// How many reviews were new.
    pub accepted: u32,
    /// How many were not.
    pub duplicates: u32,
    /// The living rows to answer with; see [`super::Appended::rows`].
    pub answer: Vec<ProgressRow>,
    /// What became of each item of a merge.
    pub merged: Vec<MergeOutcome>,
}

/// The words whose whole logs the decision needs: those with a review older than the row's last event,
/// those with a row by another version of the fold, and the word of an undo.
pub fn words_to_refold(changes: &Changes, facts: &Facts) -> BTreeSet<WordId> {
    let mut words: BTreeSet<WordId> = facts
        .rows
        .values()
        .filter(|row| row.fold_version != FOLD_VERSION)
        .map(|row| row.word_id.clone())
        .collect();
    match changes {
        Changes::Reviews(reviews) => {
            let late = reviews.iter().filter(|review| {
                let key = EventKey {
                    at: review.what.at,
                    id: review.event_id,
                };
                !facts.known_reviews.contains(&review.event_id)
                    && facts.rows.get(&review.word_id).is_some_and(|row| key < row.last)
            });
            words.extend(late.map(|review| review.word_id.clone()));
        }
        Changes::Undo { .. } => {
            words.extend(facts.undo_target.iter().map(|event| event.word_id.clone()));
        }
        Changes::Sets(_) | Changes::Merge(_) | Changes::Forget(_) => {}
    }
    words
}

/// Decides what a submission appends and which rows change. Pure: the same facts, the same decision.
pub fn decide(submission: &Submission, facts: &Facts) -> Result<Decision, Refusal> {
    let mut draft = Draft::new(submission.now, facts);
    match &submission.changes {
        Changes::Reviews(reviews) => draft.reviews(reviews),
        Changes::Sets(sets) => draft.sets(sets)?,
        Changes::Merge(items) => draft.merge(items),
        Changes::Forget(change) => draft.forget(change)?,
        Changes::Undo { review, event_id } => draft.undo(*review, *event_id)?,
    }
    Ok(draft.finish(&submission.changes))
}

/// A decision in the making.
struct Draft<'a> {
    now: Timestamp,
    facts: &'a Facts,
    folds: HashMap<WordId, Fold>,
    new_ids: HashMap<WordId, ProgressId>,
    touched: Vec<WordId>,
    events: Vec<Event>,
    accepted: u32,
    duplicates: u32,
    merged: Vec<MergeOutcome>,
}

impl<'a> Draft<'a> {
    fn new(now: Timestamp, facts: &'a Facts) -> Self {
        Self {
            now,
            facts,
            folds: HashMap::new(),
            new_ids: HashMap::new(),
            touched: Vec::new(),
            events: Vec::new(),
            accepted: 0,
            duplicates: 0,
            merged: Vec::new(),
        }
    }

    fn reviews(&mut self, reviews: &[Change<NewReview>]) {
        let mut seen = HashSet::new();
        for review in reviews {
            self.touch(&review.word_id, None);
            if self.facts.known_reviews.contains(&review.event_id) || !seen.insert(review.event_id) {
                self.duplicates += 1;
                continue;
            }
            self.accepted += 1;
            self.new_ids
                .entry(review.word_id.clone())
                .or_insert(review.progress_id);
            self.events.push(Event {
                id: review.event_id,
                word_id: review.word_id.clone(),
                at: review.what.at,
                device_id: review.what.device_id.clone(),
                kind: EventKind::Review {
                    rating: review.what.rating,
                    duration_ms: review.what.duration_ms,
                    retention: review.what.retention,
                    clamped: review.what.clamped,
                },
            });
        }
        let mut in_order: Vec<&Event> = self.events.iter().collect();
        in_order.sort_by_key(|event| event.key());
        for event in in_order {
            // A word with its log at hand is folded as a whole below.
            if let (None, Some(fold)) = (
                self.facts.logs.get(&event.word_id),
                self.folds.get_mut(&event.word_id),
            ) {
                fold.apply(event);
            }
        }
        for (word, log) in &self.facts.logs {
            let new = self.events.iter().filter(|event| event.word_id == *word);
            self.folds.insert(word.clone(), fold(log.iter().chain(new)));
        }
    }

    fn sets(&mut self, sets: &[Change<NewSet>]) -> Result<(), Refusal> {
        for set in sets {
            self.touch(&set.word_id, Some(set.progress_id));
            self.insist(&set.word_id, &set.what.precondition)?;
            let NewSet {
                study_count,
                correct_count,
                confidence,
                ..
            } = set.what;
            let item = MergeItem {
                study_count,
                correct_count,
                confidence,
            };
            self.set(set, &item, true);
        }
        Ok(())
    }

    fn merge(&mut self, items: &[Change<MergeItem>]) {
        for item in items {
            self.touch(&item.word_id, Some(item.progress_id));
            let state = self.state(&item.word_id);
            let outcome = match state {
                None => MergeOutcome::Imported,
                Some(_) => MergeOutcome::Merged,
            };
            let raised = raised_members(state, &item.what);
            let nothing = raised == MergeItem::default();
            if state.is_some() && nothing {
                self.merged.push(MergeOutcome::Unchanged);
                continue;
            }
            self.set(item, &raised, false);
            self.merged.push(outcome);
        }
    }

    fn forget(&mut self, change: &Change<Precondition>) -> Result<(), Refusal> {
        self.touch(&change.word_id, None);
        if self.state(&change.word_id).is_none() {
            return Err(Refusal::ProgressNotFound);
        }
        self.insist(&change.word_id, &change.what)?;
        let event = self.event(&change.word_id, change.event_id, EventKind::Forget);
        self.append(event);
        Ok(())
    }

    fn undo(&mut self, review: EventId, event_id: EventId) -> Result<(), Refusal> {
        let target = self.facts.undo_target.as_ref().ok_or(Refusal::ReviewNotFound)?;
        self.touch(&target.word_id, None);
        if self.state(&target.word_id).is_none() {
            return Err(Refusal::ProgressNotFound);
        }
        let log = self
            .facts
            .logs
            .get(&target.word_id)
            .map_or(&[][..], Vec::as_slice);
        let undone = log.iter().any(|event| event.kind == EventKind::Undo { review });
        if !undone {
            let event = self.event(&target.word_id, event_id, EventKind::Undo { review });
            self.folds
                .insert(target.word_id.clone(), fold(log.iter().chain([&event])));
            self.events.push(event);
        }
        Ok(())
    }

    /// Fixes members of a word's state, unless they are as they should be. What a browser held before is no
    /// study of this day.
    fn set<T>(&mut self, change: &Change<T>, members: &MergeItem, is_study: bool) {
        let state = self.state(&change.word_id);
        if state.is_some_and(|state| equals(state, members)) {
            return;
        }
        let studied = state.map_or(0, |state| state.study_count);
        let kind = EventKind::Set {
            study_count: members.study_count,
            correct_count: members.correct_count,
            // Negative zero is zero; not every store could tell them apart.
            confidence: members.confidence.map(|value| value + 0.0),
            raised_study_count: is_study && members.study_count.is_some_and(|count| count > studied),
        };
        let event = self.event(&change.word_id, change.event_id, kind);
        self.append(event);
    }

    fn insist(&self, word: &WordId, precondition: &Precondition) -> Result<(), Refusal> {
        let row = self.facts.rows.get(word).filter(|row| row.state.is_some());
        let holds = precondition.holds(row.map(|row| row.revision));
        holds.then_some(()).ok_or(Refusal::PreconditionFailed)
    }

    /// Notes that a word is named, with the id its row gets should it be begun.
    fn touch(&mut self, word: &WordId, new_id: Option<ProgressId>) {
        if let Some(id) = new_id {
            self.new_ids.entry(word.clone()).or_insert(id);
        }
        if self.folds.contains_key(word) {
            return;
        }
        let current = match (self.facts.logs.get(word), self.facts.rows.get(word)) {
            (Some(log), _) => fold(log),
            (None, Some(row)) => Fold {
                state: row.state.clone(),
                last: Some(row.last),
            },
            (None, None) => Fold::default(),
        };
        self.folds.insert(word.clone(), current);
        self.touched.push(word.clone());
    }

    fn state(&self, word: &WordId) -> Option<&WordState> {
        self.folds.get(word)?.state.as_ref()
    }

    /// An event of now, or of 1 ms after the word's last one, whichever is later.
    fn event(&self, word: &WordId, id: EventId, kind: EventKind) -> Event {
        let last = self.folds.get(word).and_then(|fold| fold.last);
        let at = last.map_or(self.now, |last| self.now.max(last.at + MILLISECOND));
        Event {
            id,
            word_id: word.clone(),
            at,
            device_id: None,
            kind,
        }
    }

    fn append(&mut self, event: Event) {
        self.folds.entry(event.word_id.clone()).or_default().apply(&event);
        self.events.push(event);
    }

    fn finish(self, changes: &Changes) -> Decision {
        let mut revision = self.facts.revision;
        let mut rows = Vec::new();
        let mut current: HashMap<&WordId, ProgressRow> = HashMap::new();
        for word in &self.touched {
            let (Some(fold), old) = (self.folds.get(word), self.facts.rows.get(word)) else {
                continue;
            };
            let Some(row) = self.row(word, fold, old, &mut revision) else {
                continue;
            };
            if old != Some(&row) {
                rows.push(row.clone());
            }
            current.insert(word, row);
        }
        let living = |word: &WordId| current.get(word).filter(|row| row.state.is_some()).cloned();
        let answer = match changes {
            Changes::Sets(sets) => sets.iter().filter_map(|set| living(&set.word_id)).collect(),
            _ => self.touched.iter().filter_map(living).collect(),
        };
        Decision {
            events: self.events,
            rows,
            revision,
            accepted: self.accepted,
            duplicates: self.duplicates,
            answer,
            merged: self.merged,
        }
    }

    /// The row of a word after this decision; `None` while nothing was ever known of it.
    fn row(
        &self,
        word: &WordId,
        fold: &Fold,
        old: Option<&ProgressRow>,
        revision: &mut u64,
    ) -> Option<ProgressRow> {
        let last = fold.last?;
        let mut row = match old {
            Some(old) => old.clone(),
            None => ProgressRow {
                id: *self.new_ids.get(word)?,
                word_id: word.clone(),
                fold_version: FOLD_VERSION,
                revision: 0,
                state: None,
                last,
                created_at: self.now,
                updated_at: self.now,
            },
        };
        let begins = row.state.is_none() && fold.state.is_some();
        if begins && old.is_some() {
            row.id = *self.new_ids.get(word).unwrap_or(&row.id);
            row.created_at = self.now;
        }
        if old.is_none() || row.state != fold.state {
            *revision += 1;
            row.revision = *revision;
            row.updated_at = self.now;
            row.state.clone_from(&fold.state);
        }
        row.last = last;
        row.fold_version = FOLD_VERSION;
        Some(row)
    }
}

fn equals(state: &WordState, members: &MergeItem) -> bool {
    members.study_count.is_none_or(|count| count == state.study_count)
        && members
            .correct_count
            .is_none_or(|count| count == state.correct_count)
        && members
            .confidence
            .is_none_or(|value| value.partial_cmp(&state.confidence).is_some_and(Ordering::is_eq))
}

/// The members of an item that are above the state's; all of them where there is no state.
fn raised_members(state: Option<&WordState>, item: &MergeItem) -> MergeItem {
    let Some(state) = state else {
        return item.clone();
    };
    MergeItem {
        study_count: item.study_count.filter(|count| *count > state.study_count),
        correct_count: item.correct_count.filter(|count| *count > state.correct_count),
        confidence: item.confidence.filter(|value| *value > state.confidence),
    }
}
