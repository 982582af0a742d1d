//! What a group asks of the rows and the log, as pairs of a learner and a word.

use std::collections::HashSet;

use parlance_domain::ids::{EventId, UserId, WordId};
use parlance_domain::progress::{Changes, Event};
use uuid::Uuid;

use super::entry::Entry;

/// The pairs to look up: for each member at least one, so that its head is read.
#[derive(Default)]
pub(super) struct Pairs<'a> {
    pub(super) members: Vec<usize>,
    pub(super) users: Vec<Uuid>,
    pub(super) words: Vec<Option<&'a str>>,
    pub(super) events: Vec<Option<Uuid>>,
}

impl<'a> Pairs<'a> {
    fn push(&mut self, member: usize, user: UserId, word: Option<&'a WordId>, event: Option<EventId>) {
        self.members.push(member);
        self.users.push(user.0);
        self.words.push(word.map(WordId::as_str));
        self.events.push(event.map(|event| event.0));
    }

    /// Adds what a member asks for; `target` is the review that it takes back.
    pub(super) fn push_all(&mut self, member: usize, entry: &'a Entry, target: Option<&'a Event>) {
        let before = self.members.len();
        match &entry.submission.changes {
            Changes::Reviews(reviews) => {
                let mut seen = HashSet::with_capacity(reviews.len());
                for review in reviews {
                    // A word named again needs no second row.
                    let word = seen.insert(&review.word_id).then_some(&review.word_id);
                    self.push(member, entry.user, word, Some(review.event_id));
                }
            }
            Changes::Sets(sets) => self.push_words(member, entry.user, sets.iter().map(|set| &set.word_id)),
            Changes::Merge(items) => {
                self.push_words(member, entry.user, items.iter().map(|item| &item.word_id));
            }
            Changes::Forget(change) => self.push(member, entry.user, Some(&change.word_id), None),
            Changes::Undo { .. } => {
                self.push(member, entry.user, target.map(|target| &target.word_id), None);
            }
        }
        if self.members.len() == before {
            self.push(member, entry.user, None, None);
        }
    }

    fn push_words(&mut self, member: usize, user: UserId, words: impl ExactSizeIterator<Item = &'a WordId>) {
        let mut seen = HashSet::with_capacity(words.len());
        for word in words {
            if seen.insert(word) {
                self.push(member, user, Some(word), None);
            }
        }
    }
}
