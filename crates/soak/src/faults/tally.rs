//! What came of the requests of a load.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use super::Plan;
use crate::cluster::{Answer, Lost, Request};
use crate::report::{Figures, millis, quantile};

/// How many examples of wrong answers are told.
const EXAMPLES: usize = 3;
/// So large a share of the requests is carried out while nothing is out of order.
const AVAILABILITY: f64 = 0.999;

/// What a request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It reads.
    Read,
    /// It writes.
    Write,
    /// It signs in or exchanges a refresh token.
    SignIn,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was carried out.
    Done,
    /// It was refused with 503 and a time to come back.
    Shed,
    /// It was refused for coming too often.
    Limited,
    /// There was no connection.
    NotSent,
    /// The connection broke off, and nobody knows.
    Broken,
    /// It broke off in the middle of the answer.
    Cut,
    /// No answer came in the client's time.
    TimedOut,
    /// The answer must not be, whatever is broken.
    Wrong(String),
}

/// A request of a load.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    /// When it was sent, since the load began.
    pub(super) at: Duration,
    pub(super) took: Duration,
    pub(super) kind: Kind,
    pub(super) outcome: Outcome,
}

/// What came of the requests of a time.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    samples: Vec<Sample>,
}

impl Outcome {
    pub(super) fn of(request: &Request, answer: &Result<Answer, Lost>) -> Self {
        match answer {
            Ok(answer) if answer.is_ok() => Self::Done,
            Ok(answer) if answer.is_shed() => Self::Shed,
            Ok(answer) if answer.status == 429 => Self::Limited,
            Ok(answer) => Self::Wrong(format!("{request} answered {}", answer.told())),
            Err(Lost::NotSent) => Self::NotSent,
            Err(Lost::Broken) => Self::Broken,
            Err(Lost::Cut) => Self::Cut,
            Err(Lost::TimedOut) => Self::TimedOut,
        }
    }
}

impl Tally {
    /// Those that were sent within these times.
    pub(super) fn sent(samples: &[Sample], (from, to): (Duration, Duration)) -> Self {
        Self::only_if(samples, |sample| sample.at >= from && sample.at < to)
    }

    /// Those that ended before this.
    pub(super) fn ended(samples: &[Sample], before: Duration) -> Self {
        Self::only_if(samples, |sample| sample.at + sample.took < before)
    }

    /// Those of which any part lies within these times.
    pub(super) fn touching(samples: &[Sample], (from, to): (Duration, Duration)) -> Self {
        Self::only_if(samples, |sample| {
            sample.at + sample.took >= from && sample.at < to
        })
    }

    fn only_if(samples: &[Sample], wanted: impl Fn(&Sample) -> bool) -> Self {
        Self {
            samples: samples.iter().filter(|sample| wanted(sample)).cloned().collect(),
        }
    }

    /// Those that were sent within none of these times.
    pub(super) fn outside(&self, times: &[(Duration, Duration)]) -> Self {
        let is_within = |at: Duration| times.iter().any(|(from, to)| at >= *from && at < *to);
        Self::only_if(&self.samples, |sample| !is_within(sample.at))
    }

    /// Those of one kind.
    pub fn only(&self, kind: Kind) -> Self {
        Self::only_if(&self.samples, |sample| sample.kind == kind)
    }

    /// How many requests there were.
    pub fn total(&self) -> usize {
        self.samples.len()
    }

    /// How many had this outcome.
    pub fn count(&self, outcome: &Outcome) -> usize {
        self.samples
            .iter()
            .filter(|sample| sample.outcome == *outcome)
            .count()
    }

    /// How many were carried out.
    pub fn done(&self) -> usize {
        self.count(&Outcome::Done)
    }

    /// The share that was carried out, 0 to 1; 1 when nothing was asked.
    pub fn availability(&self) -> f64 {
        match u32::try_from(self.total()) {
            Ok(0) | Err(_) => 1.0,
            Ok(total) => f64::from(u32::try_from(self.done()).unwrap_or(total)) / f64::from(total),
        }
    }

    /// The time within which this share of those with an outcome was answered.
    pub fn quantile(&self, outcome: &Outcome, share: f64) -> Duration {
        let of_outcome = self.samples.iter().filter(|sample| sample.outcome == *outcome);
        quantile(of_outcome.map(|sample| sample.took).collect(), share)
    }

    /// The longest time that any request took.
    pub fn longest(&self) -> Duration {
        self.samples
            .iter()
            .map(|sample| sample.took)
            .max()
            .unwrap_or_default()
    }

    /// Fails when there is an answer that must not be, whatever is broken: above all a 500.
    pub fn ensure_nothing_wrong(&self) -> Result<()> {
        let wrong = self.samples.iter().filter_map(|sample| match &sample.outcome {
            Outcome::Wrong(what) => Some(what),
            _ => None,
        });
        let wrong: Vec<&String> = wrong.collect();
        ensure!(
            wrong.is_empty(),
            "{} answers are wrong: {:?}",
            wrong.len(),
            &wrong[..wrong.len().min(EXAMPLES)]
        );
        Ok(())
    }

    /// Fails when a request had another outcome than these.
    pub fn ensure_only(&self, allowed: &[Outcome]) -> Result<()> {
        self.ensure_nothing_wrong()?;
        let others = self
            .samples
            .iter()
            .filter(|sample| !allowed.contains(&sample.outcome));
        let others: Vec<&Sample> = others.collect();
        ensure!(
            others.is_empty(),
            "{} of {} requests came to something else: {:?}",
            others.len(),
            self.total(),
            &others[..others.len().min(EXAMPLES)]
        );
        Ok(())
    }

    /// Fails when a request was not carried out; in a short run a few may be refused.
    pub fn ensure_done(&self, plan: &Plan) -> Result<()> {
        let allowed = [Outcome::Done, Outcome::Shed];
        let are_few = self.count(&Outcome::Shed) <= self.few(plan);
        self.ensure_only(if are_few { &allowed } else { &allowed[..1] })
    }

    /// Fails when too small a share of requests was carried out: more than a thousandth was not, and in a short run more
    /// than a few.
    pub fn ensure_available(&self, plan: &Plan) -> Result<()> {
        ensure!(
            self.availability() >= AVAILABILITY || self.total() - self.done() <= self.few(plan),
            "only {:.4} of the requests were carried out: {:?}",
            self.availability(),
            self.figures("seen")
        );
        Ok(())
    }

    /// How many requests a short run may lose: it sees few, and on a starved machine one may not begin in time.
    fn few(&self, plan: &Plan) -> usize {
        plan.pick(2 + self.total() / 100, 0)
    }

    /// The figures under this name, and those of each kind of request.
    pub fn figures_by_kind(&self, name: &str) -> Figures {
        let kinds = [
            ("reads", Kind::Read),
            ("writes", Kind::Write),
            ("signIns", Kind::SignIn),
        ];
        let each = kinds.map(|(name, kind)| self.only(kind).figures(name));
        let each = each.into_iter().fold(Figures::default(), Figures::and);
        Figures::default().with(name, serde_json::to_value(each).unwrap_or_default())
    }

    /// The figures under this name.
    pub fn figures(&self, name: &str) -> Figures {
        let quantile = |share| millis(self.quantile(&Outcome::Done, share));
        let mut told = json!({
            "requests": self.total(),
            "done": self.done(),
            "p50Ms": quantile(0.5),
            "p95Ms": quantile(0.95),
            "p99Ms": quantile(0.99),
            "longestMs": millis(self.longest()),
        });
        let others = [
            ("shed", Outcome::Shed),
            ("limited", Outcome::Limited),
            ("notSent", Outcome::NotSent),
            ("broken", Outcome::Broken),
            ("cut", Outcome::Cut),
            ("timedOut", Outcome::TimedOut),
        ];
        for (name, outcome) in others {
            if self.count(&outcome) > 0 {
                told[name] = self.count(&outcome).into();
            }
        }
        Figures::default().with(name, told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: u64, took: u64, outcome: Outcome) -> Sample {
        Sample {
            at: Duration::from_millis(at),
            took: Duration::from_millis(took),
            kind: Kind::Read,
            outcome,
        }
    }

    #[test]
    fn a_time_is_cut_out_and_counted() {
        let samples = [
            sample(0, 5, Outcome::Done),
            sample(10, 30, Outcome::Done),
            sample(11, 10, Outcome::Done),
            sample(12, 1, Outcome::Shed),
            sample(20, 5, Outcome::Done),
        ];
        let tally = Tally::sent(&samples, (Duration::from_millis(10), Duration::from_millis(20)));
        assert_eq!((tally.total(), tally.done()), (3, 2));
        assert_eq!(tally.quantile(&Outcome::Done, 0.5), Duration::from_millis(30));
        assert_eq!(tally.quantile(&Outcome::Done, 0.0), Duration::from_millis(10));
        assert!((tally.availability() - 2.0 / 3.0).abs() < 1e-9);
        assert!(tally.ensure_only(&[Outcome::Done]).is_err());
        assert!(tally.ensure_only(&[Outcome::Done, Outcome::Shed]).is_ok());
        assert_eq!(tally.only(Kind::Write).total(), 0);
        assert_eq!(Tally::ended(&samples, Duration::from_millis(12)).total(), 1);
        let after = (Duration::from_millis(20), Duration::from_millis(30));
        assert_eq!(Tally::touching(&samples, after).total(), 3);
        let earlier = (Duration::ZERO, Duration::from_millis(11));
        assert_eq!(tally.outside(&[earlier, after]).total(), 2);
    }

    #[test]
    fn an_answer_that_must_not_be_is_told() {
        let samples = [sample(0, 1, Outcome::Wrong("GET /x answered 500".to_owned()))];
        let error = Tally::sent(&samples, (Duration::ZERO, Duration::MAX)).ensure_nothing_wrong();
        assert!(error.unwrap_err().to_string().contains("answered 500"));
    }
}
