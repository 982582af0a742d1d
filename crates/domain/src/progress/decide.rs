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
    Ok(draft.finish())
}

/// A decision in the making.
struct Draft<'a> {
    now: Timestamp,
    facts: &'a Facts,
    /// The words that are named, in the order of their first naming.
    words: Vec<Named<'a>>,
    /// Where each of them stands in `words`.
    places: HashMap<&'a WordId, usize>,
    /// Where those stand that the answer tells of, in its order.
    answer: Vec<usize>,
    events: Vec<Event>,
    accepted: u32,
    duplicates: u32,
    merged: Vec<MergeOutcome>,
}

/// A word that a submission names.
struct Named<'a> {
    word: &'a WordId,
    /// Its row before.
    row: Option<&'a ProgressRow>,
    /// Its whole log before, where that is at hand.
    log: Option<&'a [Event]>,
    /// What its events come to.
    fold: Fold,
    /// The id that its row gets should it be begun.
    new_id: Option<ProgressId>,
}

impl<'a> Draft<'a> {
    fn new(now: Timestamp, facts: &'a Facts) -> Self {
        Self {
            now,
            facts,
            words: Vec::new(),
            places: HashMap::new(),
            answer: Vec::new(),
            events: Vec::new(),
            accepted: 0,
            duplicates: 0,
            merged: Vec::new(),
        }
    }

    fn reviews(&mut self, reviews: &'a [Change<NewReview>]) {
        let mut seen = HashSet::new();
        let mut places = Vec::new();
        for review in reviews {
            let place = self.name(&review.word_id);
            if self.facts.known_reviews.contains(&review.event_id) || !seen.insert(review.event_id) {
                self.duplicates += 1;
                continue;
            }
            self.accepted += 1;
            self.words[place].new_id.get_or_insert(review.progress_id);
            places.push(place);
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
        let mut in_order: Vec<(usize, &Event)> = places.iter().copied().zip(&self.events).collect();
        in_order.sort_by_key(|(_, event)| event.key());
        for (place, event) in in_order {
            let word = &mut self.words[place];
            // A word with its log at hand is folded as a whole below.
            if word.log.is_none() {
                word.fold.apply(event);
            }
        }
        for (place, word) in self.words.iter_mut().enumerate() {
            if let Some(log) = word.log {
                let new = places.iter().zip(&self.events);
                let new = new.filter(|(of, _)| **of == place).map(|(_, event)| event);
                word.fold = fold(log.iter().chain(new));
            }
        }
        self.answer = (0..self.words.len()).collect();
    }

    fn sets(&mut self, sets: &'a [Change<NewSet>]) -> Result<(), Refusal> {
        for set in sets {
            let place = self.name_anew(&set.word_id, set.progress_id);
            self.insist(place, &set.what.precondition)?;
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
            self.set(place, set.event_id, &item, true);
            self.answer.push(place);
        }
        Ok(())
    }

    fn merge(&mut self, items: &'a [Change<MergeItem>]) {
        for item in items {
            let place = self.name_anew(&item.word_id, item.progress_id);
            let state = self.state(place);
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
            self.set(place, item.event_id, &raised, false);
            self.merged.push(outcome);
        }
        self.answer = (0..self.words.len()).collect();
    }

    fn forget(&mut self, change: &'a Change<Precondition>) -> Result<(), Refusal> {
        let place = self.name(&change.word_id);
        if self.state(place).is_none() {
            return Err(Refusal::ProgressNotFound);
        }
        self.insist(place, &change.what)?;
        self.append(place, change.event_id, EventKind::Forget);
        self.answer.push(place);
        Ok(())
    }

    fn undo(&mut self, review: EventId, event_id: EventId) -> Result<(), Refusal> {
        let target = self.facts.undo_target.as_ref().ok_or(Refusal::ReviewNotFound)?;
        let place = self.name(&target.word_id);
        if self.state(place).is_none() {
            return Err(Refusal::ProgressNotFound);
        }
        self.answer.push(place);
        let log = self.words[place].log.unwrap_or_default();
        let undone = log.iter().any(|event| event.kind == EventKind::Undo { review });
        if !undone {
            let event = self.event(place, event_id, EventKind::Undo { review });
            self.words[place].fold = fold(log.iter().chain([&event]));
            self.events.push(event);
        }
        Ok(())
    }

    /// Fixes members of a word's state, unless they are as they should be. What a browser held before is no
    /// study of this day.
    fn set(&mut self, place: usize, event_id: EventId, members: &MergeItem, is_study: bool) {
        let state = self.state(place);
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
        self.append(place, event_id, kind);
    }

    fn insist(&self, place: usize, precondition: &Precondition) -> Result<(), Refusal> {
        let row = self.words[place].row.filter(|row| row.state.is_some());
        let holds = precondition.holds(row.map(|row| row.revision));
        holds.then_some(()).ok_or(Refusal::PreconditionFailed)
    }

    /// Notes that a word is named; where it stands.
    fn name(&mut self, word: &'a WordId) -> usize {
        let next = self.words.len();
        let place = *self.places.entry(word).or_insert(next);
        if place == next {
            let row = self.facts.rows.get(word);
            let log = self.facts.logs.get(word).map(Vec::as_slice);
            let current = match (log, row) {
                (Some(log), _) => fold(log),
                (None, Some(row)) => Fold {
                    state: row.state.clone(),
                    last: Some(row.last),
                },
                (None, None) => Fold::default(),
            };
            self.words.push(Named {
                word,
                row,
                log,
                fold: current,
                new_id: None,
            });
        }
        place
    }

    /// The same, with the id that its row gets should it be begun.
    fn name_anew(&mut self, word: &'a WordId, id: ProgressId) -> usize {
        let place = self.name(word);
        self.words[place].new_id.get_or_insert(id);
        place
    }

    fn state(&self, place: usize) -> Option<&WordState> {
        self.words[place].fold.state.as_ref()
    }

    /// An event of now, or of 1 ms after the word's last one, whichever is later.
    fn event(&self, place: usize, id: EventId, kind: EventKind) -> Event {
        let Named { word, fold, .. } = &self.words[place];
        let at = fold
            .last
            .map_or(self.now, |last| self.now.max(last.at + MILLISECOND));
        Event {
            id,
            word_id: (*word).clone(),
            at,
            device_id: None,
            kind,
        }
    }

    fn append(&mut self, place: usize, id: EventId, kind: EventKind) {
        let event = self.event(place, id, kind);
        self.words[place].fold.apply(&event);
        self.events.push(event);
    }

    fn finish(self) -> Decision {
        let mut revision = self.facts.revision;
        let after: Vec<Option<ProgressRow>> = self
            .words
            .iter()
            .map(|word| word.row_after(self.now, &mut revision))
            .collect();
        let differing = self.words.iter().zip(&after);
        let differing = differing.filter(|(word, after)| word.row != after.as_ref());
        let rows = differing.filter_map(|(_, after)| after.clone()).collect();
        let living = |place: &usize| after[*place].clone().filter(|row| row.state.is_some());
        Decision {
            answer: self.answer.iter().filter_map(living).collect(),
            events: self.events,
            rows,
            revision,
            accepted: self.accepted,
            duplicates: self.duplicates,
            merged: self.merged,
        }
    }
}

impl Named<'_> {
    /// The row of the word after the decision; `None` while nothing was ever known of it.
    fn row_after(&self, now: Timestamp, revision: &mut u64) -> Option<ProgressRow> {
        let last = self.fold.last?;
        let mut row = match self.row {
            Some(old) => old.clone(),
            None => ProgressRow {
                id: self.new_id?,
                word_id: self.word.clone(),
                fold_version: FOLD_VERSION,
                revision: 0,
                state: None,
                last,
                created_at: now,
                updated_at: now,
            },
        };
        let begins = row.state.is_none() && self.fold.state.is_some();
        if begins && self.row.is_some() {
            row.id = self.new_id.unwrap_or(row.id);
            row.created_at = now;
        }
        if self.row.is_none() || row.state != self.fold.state {
            *revision += 1;
            row.revision = *revision;
            row.updated_at = now;
            row.state.clone_from(&self.fold.state);
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
