//! Reads of single words: what was acknowledged before is read, and nothing goes back, whichever copy answers.

use std::collections::HashMap;

use super::writes::{Writes, is_left_by};
use super::{Kind, Violation};
use crate::history::{Call, Evidence, Op};

/// Reads that show less than they must.
pub(super) fn check(evidence: &Evidence, writes: &Writes) -> Vec<Violation> {
    let mut found: Vec<Violation> = evidence.ops.iter().filter_map(|op| stale(op, writes)).collect();
    found.extend(going_back(evidence));
    found
}

/// A read that began when no write was under way, and does not show what the last one left.
fn stale(op: &Op, writes: &Writes) -> Option<Violation> {
    let Call::Get { row, .. } = &op.call else {
        return None;
    };
    let t_return = op.t_return.filter(|_| op.is_ok())?;
    let last = writes.last_before(op.user, &op.key, op.t_invoke, t_return)?;
    let seen = row.as_ref().map(|row| row.digest);
    let right = if last.is_empty() {
        seen.is_none()
    } else {
        is_left_by(seen, last)
    };
    (!right).then(|| {
        let by: Vec<u64> = last.iter().map(|write| write.op.op_id).collect();
        let what = format!(
            "operation {} at copy {} read {seen:?}, which none of the last writes {by:?} left",
            op.op_id, op.base
        );
        Violation::new(Kind::Session, op.key.clone(), what)
    })
}

/// Revisions of a word that fall, as one device sees them.
fn going_back(evidence: &Evidence) -> Vec<Violation> {
    let mut known: HashMap<(u32, &str), (u64, u64)> = HashMap::new();
    let mut found = Vec::new();
    for op in evidence.ops.iter().filter(|op| op.is_ok()) {
        let (Call::Get { revision, .. } | Call::Put { revision, .. } | Call::Undo { revision, .. }) =
            &op.call
        else {
            continue;
        };
        let Some(revision) = *revision else { continue };
        let (before, by) = *known.get(&(op.proc, &op.key)).unwrap_or(&(0, 0));
        if revision < before {
            let what = format!(
                "device {} saw revision {before} in operation {by}, then {revision} in operation {} at copy {}",
                op.device, op.op_id, op.base
            );
            found.push(Violation::new(Kind::Session, op.key.clone(), what));
        }
        known.insert((op.proc, &op.key), (revision.max(before), op.op_id));
    }
    found
}
