//! The log of reviews as a set: every acknowledged review is in it once, and nothing that nobody made.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::clock::WallClock;
use super::{Kind, Violation};
use crate::history::{Call, Evidence, LoggedReview, Op, ReviewSent, UserFinal};
use crate::oracle::Placed;

/// How far ahead of the server a review may be before it is taken as the time of arrival, in milliseconds.
const AHEAD: i64 = 5 * 60_000;

/// A review in a request.
struct Attempt<'a> {
    op: &'a Op,
    review: &'a ReviewSent,
}

/// Everything that was attempted for a learner's log.
#[derive(Default)]
struct Attempts<'a> {
    reviews: HashMap<Uuid, Vec<Attempt<'a>>>,
    undone: HashMap<Uuid, Vec<&'a Op>>,
}

/// Lost, phantom, duplicated and altered reviews.
pub(super) fn check(evidence: &Evidence) -> Vec<Violation> {
    let mut attempts: BTreeMap<u32, Attempts> = BTreeMap::new();
    for op in evidence.ops.iter().filter(|op| op.may_have_happened()) {
        let of_user = attempts.entry(op.user).or_default();
        match &op.call {
            Call::Review { reviews, .. } => {
                for review in reviews {
                    let known = of_user.reviews.entry(review.id).or_default();
                    known.push(Attempt { op, review });
                }
            }
            Call::Undo { review, .. } => of_user.undone.entry(*review).or_default().push(op),
            _ => {}
        }
    }
    let clock = WallClock::of(evidence);
    let nothing = Attempts::default();
    let mut found = Vec::new();
    for user in &evidence.finals {
        let attempts = attempts.get(&user.user).unwrap_or(&nothing);
        found.extend(judge(user, attempts, clock));
    }
    found.extend(evidence.ops.iter().filter_map(miscounted));
    found
}

fn judge(user: &UserFinal, attempts: &Attempts, clock: WallClock) -> Vec<Violation> {
    let wrong =
        |review: &Uuid, what: String| Violation::new(Kind::Set, format!("u{:04} {review}", user.user), what);
    let mut logged: HashMap<Uuid, &LoggedReview> = HashMap::new();
    let mut found = Vec::new();
    for review in &user.reviews {
        if logged.insert(review.id, review).is_some() {
            found.push(wrong(&review.id, "duplicated: the log has it twice".to_owned()));
        }
        match attempts.reviews.get(&review.id) {
            None => found.push(wrong(
                &review.id,
                format!("phantom: nobody sent it, and the log has it for {}", review.word),
            )),
            Some(sent) => found.extend(altered(review, sent, clock).map(|what| wrong(&review.id, what))),
        }
        found.extend(misjudged_undo(review, attempts).map(|what| wrong(&review.id, what)));
    }
    for (id, sent) in &attempts.reviews {
        let acked = sent.iter().find(|attempt| attempt.op.is_ok());
        if let (Some(acked), None) = (acked, logged.get(id)) {
            let what = format!(
                "lost: acknowledged by operation {}, not in the log",
                acked.op.op_id
            );
            found.push(wrong(id, what));
        }
    }
    found
}

/// How a review in the log differs from what it should hold: the content of the attempt that came first.
fn altered(review: &LoggedReview, sent: &[Attempt], clock: WallClock) -> Option<String> {
    // An attempt that began when another had been acknowledged came second.
    let first_ack = sent
        .iter()
        .filter(|attempt| attempt.op.is_ok())
        .map(|attempt| attempt.op.settled_at())
        .min()
        .unwrap_or(u64::MAX);
    let mut may_be_first = sent.iter().filter(|attempt| attempt.op.t_invoke <= first_ack);
    let holds = may_be_first.any(|attempt| is_same(review, attempt, clock));
    (!holds).then(|| {
        let wanted: Vec<_> = sent.iter().map(|attempt| attempt.review).collect();
        format!("altered: the log has {review:?}, sent was {wanted:?}")
    })
}

fn is_same(logged: &LoggedReview, attempt: &Attempt, clock: WallClock) -> bool {
    let sent = attempt.review;
    let Placed { lo, hi, .. } = clock.placed(attempt.op);
    // One that lay ahead of the server is taken as of its arrival.
    let arrived = logged.at >= lo && hi.is_none_or(|hi| logged.at <= hi) && sent.at > logged.at + AHEAD;
    (logged.at == sent.at || arrived)
        && logged.word == sent.word
        && logged.rating == sent.rating
        && logged.duration_ms == Some(sent.duration_ms)
        && logged.device_id.as_deref() == Some(&sent.device_id)
}

fn misjudged_undo(review: &LoggedReview, attempts: &Attempts) -> Option<String> {
    let undone = attempts.undone.get(&review.id);
    let acked = undone.and_then(|ops| ops.iter().find(|op| op.is_ok()));
    match (review.undone, undone, acked) {
        (true, None, _) => Some("taken back, and nobody asked for it".to_owned()),
        (false, _, Some(op)) => Some(format!(
            "operation {} was acknowledged, and it is not taken back",
            op.op_id
        )),
        _ => None,
    }
}

/// An acknowledgement that does not say of every review whether it was new.
fn miscounted(op: &Op) -> Option<Violation> {
    let Call::Review {
        reviews,
        answer: Some(answer),
    } = &op.call
    else {
        return None;
    };
    let sum = answer.accepted + answer.duplicates;
    (sum as usize != reviews.len()).then(|| {
        let what = format!(
            "operation {} sent {} reviews, {} were called new and {} known",
            op.op_id,
            reviews.len(),
            answer.accepted,
            answer.duplicates
        );
        Violation::new(Kind::Set, format!("u{:04}", op.user), what)
    })
}
