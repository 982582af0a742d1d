//! Who wrote a word when, and what it was like afterwards.

use std::collections::{BTreeMap, HashMap};

use crate::history::{Call, Evidence, Op, Row};

/// What a word is like: the fingerprint of its progress, or nothing when there is none.
pub(super) type Seen = Option<u64>;

/// All writes that may have happened, by learner and word.
pub(super) struct Writes<'a> {
    by_word: HashMap<u32, BTreeMap<&'a str, Vec<Write<'a>>>>,
}

/// A write to a word.
#[derive(Clone, Copy)]
pub(super) struct Write<'a> {
    /// The operation.
    pub(super) op: &'a Op,
    /// What the answer showed of the word; unknown without one.
    pub(super) after: Option<Seen>,
    /// When this one and all that were sent before it had been answered.
    all_settled_at: u64,
}

impl<'a> Writes<'a> {
    pub(super) fn of(evidence: &'a Evidence) -> Self {
        let mut by_word: HashMap<u32, BTreeMap<&str, Vec<Write>>> = HashMap::new();
        for op in evidence.ops.iter().filter(|op| op.may_have_happened()) {
            for word in op.call.words_written(&op.key) {
                let writes = by_word.entry(op.user).or_default().entry(word).or_default();
                let before = writes.last().map_or(0, |write| write.all_settled_at);
                writes.push(Write {
                    op,
                    after: seen_by(op, word),
                    all_settled_at: before.max(op.settled_at()),
                });
            }
        }
        Self { by_word }
    }

    /// The words of a learner that were written to.
    pub(super) fn words(&self, user: u32) -> impl Iterator<Item = &'a str> {
        let of_user = self.by_word.get(&user).into_iter();
        of_user.flat_map(|words| words.keys().copied())
    }

    /// The writes that may have left a word as it was from `t0` to `t1`, if nothing was under way then:
    /// the last one, and those that overlap it.
    pub(super) fn last_before<'b>(
        &'b self,
        user: u32,
        word: &str,
        t0: u64,
        t1: u64,
    ) -> Option<&'b [Write<'a>]> {
        let writes = self.by_word.get(&user).and_then(|words| words.get(word));
        let writes = writes.map_or(&[][..], Vec::as_slice);
        let begun = &writes[..writes.partition_point(|write| write.op.t_invoke <= t1)];
        let Some(last) = begun.last() else {
            return Some(begun);
        };
        if last.all_settled_at >= t0 {
            return None;
        }
        let superseded = begun.partition_point(|write| write.all_settled_at < last.op.t_invoke);
        Some(&begun[superseded..])
    }
}

/// Whether what was seen of a word is what one of these writes left.
pub(super) fn is_left_by(seen: Seen, writes: &[Write]) -> bool {
    writes
        .iter()
        .any(|write| write.after.is_none_or(|after| after == seen))
}

fn seen_by(op: &Op, word: &str) -> Option<Seen> {
    if !op.is_ok() {
        return None;
    }
    let among = |rows: &[Row]| rows.iter().rfind(|row| row.word == word).map(|row| row.digest);
    match &op.call {
        Call::Review { answer, .. } => answer.as_ref().map(|answer| among(&answer.rows)),
        Call::Put { rows, .. } => among(rows).map(Some),
        Call::Undo { row, .. } => row.as_ref().map(|row| Some(row.digest)),
        Call::Delete => Some(None),
        _ => None,
    }
}
