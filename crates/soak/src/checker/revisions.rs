//! Revisions: each given to one word, and none left out.

use std::collections::{BTreeMap, BTreeSet};

use super::{Kind, Violation};
use crate::history::{Call, Evidence, Op, UserFinal};

/// What is known of a learner's revisions.
#[derive(Default)]
struct Known<'a> {
    /// Whose word an entity tag named.
    owners: BTreeMap<u64, BTreeSet<&'a str>>,
    /// Revisions that an answer accounts for.
    covered: BTreeSet<u64>,
    /// How many more may have been given out by operations that do not say which.
    untold: u64,
}

/// Revisions that two words got, and revisions that no word ever had.
pub(super) fn check(evidence: &Evidence) -> Vec<Violation> {
    let mut known: BTreeMap<u32, Known> = BTreeMap::new();
    for op in evidence.ops.iter().filter(|op| op.may_have_happened()) {
        known.entry(op.user).or_default().learn(op);
    }
    let mut found = Vec::new();
    for user in &evidence.finals {
        let mut of_user = known.remove(&user.user).unwrap_or_default();
        of_user.learn_end(user);
        let key = format!("u{:04}", user.user);
        found.extend(
            of_user
                .faults(user)
                .into_iter()
                .map(|what| Violation::new(Kind::Cursor, key.clone(), what)),
        );
    }
    found
}

impl<'a> Known<'a> {
    fn learn(&mut self, op: &'a Op) {
        let words = op.call.words_written(&op.key).len() as u64;
        match &op.call {
            Call::Review {
                answer: Some(answer), ..
            } => {
                // The words of one request get revisions in a row, the last of which is the cursor.
                let first = (answer.cursor + 1).saturating_sub(words);
                self.covered.extend(first..=answer.cursor);
            }
            Call::Put {
                revision: Some(revision),
                ..
            }
            | Call::Undo {
                revision: Some(revision),
                ..
            }
            | Call::Get {
                revision: Some(revision),
                ..
            } => self.own(*revision, &op.key),
            _ => self.untold += words,
        }
    }

    fn learn_end(&mut self, user: &'a UserFinal) {
        for seen in &user.words {
            if let Some(revision) = seen.revision {
                self.own(revision, &seen.word);
            }
        }
    }

    fn own(&mut self, revision: u64, word: &'a str) {
        self.owners.entry(revision).or_default().insert(word);
        self.covered.insert(revision);
    }

    fn faults(&self, user: &UserFinal) -> Vec<String> {
        let shared = self.owners.iter().filter(|(_, words)| words.len() > 1);
        let mut found: Vec<String> = shared
            .map(|(revision, words)| format!("revision {revision} was given to {words:?}"))
            .collect();
        let head = user.feed.last().map_or(0, |page| page.cursor);
        let beyond = self.covered.range(head + 1..).next();
        found.extend(
            beyond.map(|revision| format!("the feed ends at {head}, revision {revision} was told of")),
        );
        let uncovered = head - self.covered.range(1..=head).count() as u64;
        if uncovered > self.untold {
            found.push(format!(
                "of {head} revisions {uncovered} belong to no answer, and only {} may be untold: there are gaps",
                self.untold
            ));
        }
        found
    }
}
