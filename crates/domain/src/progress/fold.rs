//! The fold: from the events of a word to its state.

use std::collections::HashSet;

use super::{Event, EventKey, EventKind, WordState, schedule};
use crate::ids::EventId;

/// The version of the fold; a row made by another one is folded again from its log.
pub const FOLD_VERSION: u32 = 1;

/// The state of a word after some of its events.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fold {
    /// The state; `None` before the first event and after a `Forget`.
    pub state: Option<WordState>,
    /// The last event in canonical order.
    pub last: Option<EventKey>,
}

/// Folds the events of one word, in whatever order they are given.
///
/// They are sorted by time, then id; an event given twice counts once. A review that any of them takes
/// back leaves the word begun, and nothing else.
pub fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Fold {
    let mut events: Vec<&Event> = events.into_iter().collect();
    events.sort_by_key(|event| event.key());
    events.dedup_by_key(|event| event.id);
    let undone: HashSet<EventId> = events
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::Undo { review } => Some(review),
            _ => None,
        })
        .collect();
    let mut fold = Fold::default();
    for event in events {
        if undone.contains(&event.id) {
            fold.begin(event);
        } else {
            fold.apply(event);
        }
    }
    fold
}

impl Fold {
    /// Applies an event that comes after all others so far and is not taken back.
    ///
    /// An `Undo` does nothing by itself: the review that it takes back must be left out of the fold.
    pub fn apply(&mut self, event: &Event) {
        match event.kind {
            EventKind::Forget => {
                self.state = None;
                self.last = Some(event.key());
            }
            EventKind::Undo { .. } => self.last = Some(event.key()),
            EventKind::Review {
                rating, retention, ..
            } => {
                let state = self.begin(event);
                let (memory, next_review) =
                    schedule::review(state.memory.as_ref(), rating, event.at, retention);
                state.study_count = state.study_count.saturating_add(1);
                if rating.is_correct() {
                    state.correct_count = state.correct_count.saturating_add(1);
                }
                state.confidence = schedule::confidence(memory.stability);
                state.next_review = next_review;
                state.memory = Some(memory);
            }
            EventKind::Set {
                study_count,
                correct_count,
                confidence,
                ..
            } => {
                let state = self.begin(event);
                state.study_count = study_count.unwrap_or(state.study_count);
                state.correct_count = correct_count.unwrap_or(state.correct_count);
                if let Some(confidence) = confidence {
                    state.confidence = confidence;
                    state.next_review = schedule::next_review_by_confidence(event.at, confidence);
                }
            }
        }
    }

    fn begin(&mut self, event: &Event) -> &mut WordState {
        self.last = Some(event.key());
        self.state.get_or_insert_with(|| WordState::new(event.at))
    }
}
