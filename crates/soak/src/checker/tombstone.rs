//! Tombstones: what was forgotten does not come back by what is older.

use std::collections::BTreeMap;

use super::clock::WallClock;
use super::merge::rows;
use super::{Kind, Violation};
use crate::history::{Call, Evidence, Op, UserFinal};

/// What was done to a word.
#[derive(Default)]
struct Fate<'a> {
    forgotten: Vec<&'a Op>,
    fixed: Vec<&'a Op>,
}

/// Words that are there though nothing began them after they had been forgotten.
pub(super) fn check(evidence: &Evidence) -> Vec<Violation> {
    let mut fates: BTreeMap<(u32, &str), Fate> = BTreeMap::new();
    for op in evidence.ops.iter().filter(|op| op.may_have_happened()) {
        match &op.call {
            Call::Delete if op.is_ok() => fates.entry((op.user, &op.key)).or_default().forgotten.push(op),
            Call::Put { sets, .. } => {
                for set in sets {
                    fates.entry((op.user, &set.word)).or_default().fixed.push(op);
                }
            }
            _ => {}
        }
    }
    let clock = WallClock::of(evidence);
    let judge = |user| returned(user, &fates, clock);
    evidence.finals.iter().flat_map(judge).collect()
}

fn returned(user: &UserFinal, fates: &BTreeMap<(u32, &str), Fate>, clock: WallClock) -> Vec<Violation> {
    let mut found = Vec::new();
    for row in rows(user) {
        let Some(fate) = fates.get(&(user.user, row.word.as_str())) else {
            continue;
        };
        let Some(last) = fate.forgotten.iter().max_by_key(|op| op.t_invoke) else {
            continue;
        };
        let forgotten_at = clock.earliest(last.t_invoke);
        let of_word = user.reviews.iter().filter(|review| review.word == row.word);
        let reviewed = of_word.clone().any(|review| review.at >= forgotten_at);
        let fixed = fate.fixed.iter().any(|op| op.settled_at() >= last.t_invoke);
        if !reviewed && !fixed {
            let what = format!(
                "operation {} reset it, nothing since began it, and it is there; its newest review is of {:?}",
                last.op_id,
                of_word.map(|review| review.at).max()
            );
            found.push(Violation::new(Kind::Tombstone, row.word.clone(), what));
        }
    }
    found
}
