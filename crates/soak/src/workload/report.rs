//! What a run comes to: figures on one line, and what was wrong.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::checker::{Kind, Violation};
use crate::history::{Call, Evidence, Fault, Op, Outcome, Setup};

/// The verdict on a run.
#[derive(Debug, Clone)]
pub struct Report {
    /// The figures; as JSON, one line.
    pub figures: Figures,
    /// What was wrong, each with its evidence.
    pub violations: Vec<Violation>,
    /// What it was judged by.
    pub evidence: Evidence,
}

/// The figures of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// What the random choices followed from.
    pub seed: u64,
    /// Learners.
    pub users: usize,
    /// Devices of each.
    pub devices: u32,
    /// Seconds from the first request to the verdict.
    pub seconds: f64,
    /// Requests.
    pub ops: usize,
    /// Requests that were acknowledged.
    pub acked: usize,
    /// Requests that were refused without effect.
    pub failed: usize,
    /// Requests of which nobody knows.
    pub info: usize,
    /// Their share, 0 to 1.
    pub info_share: f64,
    /// Out of the requests outside of faults, those that were answered by the server, 0 to 1.
    pub availability: f64,
    /// Reviews in acknowledged requests, each counted once.
    pub reviews_acked: usize,
    /// Reviews in the logs in the end.
    pub reviews_logged: usize,
    /// Times that a review was sent after it had been acknowledged or given up.
    pub reviews_resent: usize,
    /// Faults that were in force during the run.
    pub faults: usize,
    /// What was wrong, by kind; every kind is named.
    pub violations: BTreeMap<Kind, usize>,
}

impl Report {
    /// The verdict on this evidence.
    /// `micros`: how long the run took.
    pub(crate) fn new(evidence: Evidence, violations: Vec<Violation>, micros: u64) -> Self {
        Self {
            figures: Figures::new(&evidence, &violations, micros),
            violations,
            evidence,
        }
    }

    /// The figures as one line of JSON.
    pub fn line(&self) -> String {
        serde_json::to_string(&self.figures).unwrap_or_default()
    }

    /// Whether nothing was wrong.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }
}

impl Figures {
    fn new(evidence: &Evidence, violations: &[Violation], micros: u64) -> Self {
        let ops = &evidence.ops;
        let count = |outcome| ops.iter().filter(|op| op.outcome == outcome).count();
        let info = count(Outcome::Info);
        let (mut sent, mut acked) = (BTreeMap::new(), BTreeSet::new());
        for op in ops {
            let Call::Review { reviews, .. } = &op.call else {
                continue;
            };
            for review in reviews {
                *sent.entry(review.id).or_insert(0) += 1;
                acked.extend(op.is_ok().then_some(review.id));
            }
        }
        Self {
            seed: evidence.setup.seed,
            users: evidence.finals.len(),
            devices: evidence.setup.devices,
            seconds: seconds(micros),
            ops: ops.len(),
            acked: count(Outcome::Ok),
            failed: count(Outcome::Fail),
            info,
            info_share: share(info, ops.len()),
            availability: availability(ops, &evidence.setup),
            reviews_acked: acked.len(),
            reviews_logged: evidence.finals.iter().map(|user| user.reviews.len()).sum(),
            reviews_resent: sent.values().map(|times: &usize| times - 1).sum(),
            faults: evidence.setup.faults.len(),
            violations: Kind::ALL
                .into_iter()
                .map(|kind| (kind, violations.iter().filter(|one| one.kind == kind).count()))
                .collect(),
        }
    }
}

/// Out of the operations that no fault overlaps, those that the server answered as its own.
fn availability(ops: &[Op], setup: &Setup) -> f64 {
    let in_fault = |op: &Op| {
        let end = op.t_return.unwrap_or(op.t_invoke + setup.patience);
        let overlaps = |fault: &Fault| fault.from <= end && op.t_invoke <= fault.to.unwrap_or(u64::MAX);
        setup.faults.iter().any(overlaps)
    };
    let outside: Vec<&Op> = ops.iter().filter(|op| !in_fault(op)).collect();
    if outside.is_empty() {
        return 1.0;
    }
    let answered = outside
        .iter()
        .filter(|op| op.status.is_some_and(|status| status < 500));
    share(answered.count(), outside.len())
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a run is far shorter than 2^52 microseconds"
)]
fn seconds(micros: u64) -> f64 {
    (micros as f64 / 1000.0).round() / 1000.0
}
