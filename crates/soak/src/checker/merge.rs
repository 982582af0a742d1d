//! States as folds: every state is what its log gives, and every device reads the same bytes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::Result;

use super::clock::WallClock;
use super::{Kind, Violation};
use crate::history::{Call, Evidence, Op, Row, Set, UserFinal, WordState};
use crate::oracle::{Case, Fixed, Memory, Placed, Reviewed, State, disagreements};

const DAY: i64 = 86_400_000;
/// How far ahead of the server's clock a review may lie, in milliseconds.
const AHEAD: i64 = 5 * 60_000;
/// The retention of learners who chose none.
const RETENTION: f64 = 0.9;

/// States that differ from their folds.
pub(super) fn check_folds(evidence: &Evidence) -> Result<Vec<Violation>> {
    let mismatches = disagreements(&cases(evidence))?.into_iter();
    let found = mismatches.map(|mismatch| {
        let what = format!("read {}, its log gives {:?}", mismatch.seen, mismatch.expected);
        Violation::new(Kind::Merge, mismatch.key, what)
    });
    Ok(found.collect())
}

/// Reads that differ from each other.
pub(super) fn check_reads(evidence: &Evidence) -> Vec<Violation> {
    evidence.finals.iter().flat_map(diverging).collect()
}

/// What the devices of a learner read differently.
fn diverging(user: &UserFinal) -> Vec<Violation> {
    let name = format!("u{:04}", user.user);
    let mut found = Vec::new();
    let lists: BTreeSet<u64> = user.lists.iter().map(|list| list.digest).collect();
    if lists.len() > 1 {
        let what = format!("devices read {} different lists of progress", lists.len());
        found.push(Violation::new(Kind::Merge, name.clone(), what));
    }
    let listed: HashMap<&str, u64> = rows(user).map(|row| (row.word.as_str(), row.digest)).collect();
    for seen in &user.words {
        let in_list = listed.get(seen.word.as_str()).copied();
        if seen.digest != in_list {
            let what = format!(
                "device {} reads it as {:?} alone and as {in_list:?} in the list",
                seen.device, seen.digest
            );
            found.push(Violation::new(Kind::Merge, seen.word.clone(), what));
        }
    }
    found
}

/// The rows that the first device read.
pub(super) fn rows(user: &UserFinal) -> impl Iterator<Item = &WordState> {
    user.lists.first().into_iter().flat_map(|list| &list.rows)
}

/// The log of every word of every learner, as far as the clients know it, with the state that was read.
fn cases(evidence: &Evidence) -> Vec<Case> {
    let clock = WallClock::of(evidence);
    let mut cases: BTreeMap<(u32, &str), Case> = BTreeMap::new();
    for user in &evidence.finals {
        for review in &user.reviews {
            let case = case_of(&mut cases, user.user, &review.word);
            case.reviews.push(Reviewed {
                id: review.id.to_string(),
                at: review.at,
                rating: number_of(&review.rating),
                undone: review.undone,
                retention: RETENTION,
            });
        }
        for row in rows(user) {
            case_of(&mut cases, user.user, &row.word).state = Some(state_of(row));
        }
    }
    for op in evidence.ops.iter().filter(|op| op.may_have_happened()) {
        match &op.call {
            Call::Delete => {
                let placed = clock.placed(op);
                case_of(&mut cases, op.user, &op.key).forgets.push(placed);
            }
            Call::Put { sets, rows, .. } => {
                for (index, set) in sets.iter().enumerate() {
                    let placed = placed_set(op, set, rows.get(index), clock);
                    let case = case_of(&mut cases, op.user, &set.word);
                    case.sets.extend(placed.map(|placed| fixed(set, placed)));
                }
            }
            _ => {}
        }
    }
    let mut cases: Vec<Case> = cases.into_values().collect();
    cases.iter_mut().for_each(stretch);
    cases
}

fn case_of<'a, 'b>(cases: &'a mut BTreeMap<(u32, &'b str), Case>, user: u32, word: &'b str) -> &'a mut Case {
    cases.entry((user, word)).or_insert_with(|| Case {
        key: word.to_owned(),
        reviews: Vec::new(),
        sets: Vec::new(),
        forgets: Vec::new(),
        state: None,
    })
}

/// When a set took place, as its answer tells; nothing if it appended nothing.
fn placed_set(op: &Op, set: &Set, row: Option<&Row>, clock: WallClock) -> Option<Placed> {
    let asked = clock.placed(op);
    let Some(row) = row.filter(|_| op.is_ok()) else {
        return Some(asked);
    };
    let at = match set.confidence {
        Some(confidence) => row.next_review - days_of(confidence) * DAY,
        None => row.updated_at,
    };
    // An answer that tells of an older time shows what was there: the set changed nothing.
    (at >= asked.lo).then_some(Placed {
        lo: at,
        hi: Some(at),
        certain: true,
    })
}

fn fixed(set: &Set, placed: Placed) -> Fixed {
    Fixed {
        placed,
        study: set.study_count,
        correct: set.correct_count,
        confidence: set.confidence,
    }
}

/// A set or a forget comes 1 ms after the word's last event, if that lies ahead of the server's clock: where
/// one does, the interval reaches behind it.
fn stretch(case: &mut Case) {
    let events = i64::try_from(case.sets.len() + case.forgets.len() + case.reviews.len()).unwrap_or(i64::MAX);
    let times: Vec<i64> = case.reviews.iter().map(|review| review.at).collect();
    let reach = |placed: &mut Placed| {
        let Some(hi) = placed.hi else { return };
        let ahead = times.iter().filter(|at| **at >= hi && **at <= hi + AHEAD).max();
        placed.hi = Some(ahead.map_or(hi, |at| at + events));
    };
    case.forgets.iter_mut().for_each(reach);
    // The time of a set with a confidence is known to the millisecond.
    let unsure = case.sets.iter_mut().filter(|set| set.confidence.is_none());
    unsure.for_each(|set| reach(&mut set.placed));
}

fn state_of(row: &WordState) -> State {
    State {
        study: row.study_count,
        correct: row.correct_count,
        confidence: row.confidence,
        next: row.next_review,
        memory: row.memory.map(|(stability, difficulty, last, lapses)| Memory {
            stability,
            difficulty,
            last,
            lapses,
        }),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "from 1 to 30")]
fn days_of(confidence: f64) -> i64 {
    (1.0 + 29.0 * confidence * confidence).round() as i64
}

fn number_of(rating: &str) -> u8 {
    match rating {
        "again" => 1,
        "hard" => 2,
        "good" => 3,
        _ => 4,
    }
}
