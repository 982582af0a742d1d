//! Sessions: one head each, alive while nobody ends them, dead from then on.

use std::collections::{BTreeMap, BTreeSet};

use super::{Kind, Violation};
use crate::history::{Call, Evidence, Op, Outcome, Setup};

/// Short of the end of a token's life, in microseconds: clocks are rounded to seconds in it.
const MARGIN: u64 = 5_000_000;

/// What happened to a session.
#[derive(Default)]
struct Life<'a> {
    /// All operations with its tokens, in the order sent.
    ops: Vec<&'a Op>,
    /// When a sign-in or a refresh handed out a token.
    issued: Vec<u64>,
    /// When an acknowledged logout had ended it.
    ended_at: Option<u64>,
    /// When somebody may first have ended it, by a logout or by a copied token.
    endangered_at: Option<u64>,
    /// What each refresh token was exchanged for.
    successors: BTreeMap<u64, BTreeSet<u64>>,
    /// Other sessions that its refresh tokens led to.
    strangers: BTreeSet<&'a str>,
}

/// Sessions with two heads, sessions that died by themselves, and sessions that rose from the dead.
pub(super) fn check(evidence: &Evidence) -> Vec<Violation> {
    let mut lives: BTreeMap<&str, Life> = BTreeMap::new();
    for op in &evidence.ops {
        if let (Call::Register(Some(signed_in)) | Call::Login(Some(signed_in)), Some(at)) =
            (&op.call, op.t_return)
        {
            lives.entry(&signed_in.session).or_default().issued.push(at);
        }
        if let Some(session) = &op.session {
            lives.entry(session).or_default().learn(session, op);
        }
    }
    let judge = |(session, life): (&str, Life)| {
        let faults = life.faults(&evidence.setup);
        let session = session.to_owned();
        faults
            .into_iter()
            .map(move |what| Violation::new(Kind::Session, session.clone(), what))
    };
    lives.into_iter().flat_map(judge).collect()
}

impl<'a> Life<'a> {
    fn learn(&mut self, id: &str, op: &'a Op) {
        self.ops.push(op);
        match &op.call {
            Call::Refresh {
                presented,
                successor,
                renewed,
            } => {
                if let (Some(successor), Some(at)) = (successor, op.t_return) {
                    self.successors.entry(*presented).or_default().insert(*successor);
                    self.issued.push(at);
                }
                self.strangers
                    .extend(renewed.as_deref().filter(|renewed| *renewed != id));
                // One that arrives late presents an old token, and that ends the session.
                if op.outcome == Outcome::Info {
                    self.endangered_at.get_or_insert(op.t_invoke);
                }
            }
            Call::Logout => {
                self.endangered_at.get_or_insert(op.t_invoke);
                if op.is_ok() {
                    self.ended_at = self.ended_at.or(op.t_return);
                }
            }
            _ => {}
        }
    }

    fn faults(&self, setup: &Setup) -> Vec<String> {
        let heads = self.successors.iter().filter(|(_, heads)| heads.len() > 1);
        let mut found: Vec<String> = heads
            .map(|(token, heads)| format!("token {token:x} was exchanged for {} heads", heads.len()))
            .collect();
        let strangers = self.strangers.iter();
        found.extend(strangers.map(|other| format!("its refresh token led to session {other}")));
        found.extend(
            self.ops
                .iter()
                .filter_map(|op| self.answered_when_dead(op, setup)),
        );
        found.extend(
            self.ops
                .iter()
                .filter_map(|op| self.refused_when_alive(op, setup)),
        );
        found
    }

    fn answered_when_dead(&self, op: &Op, setup: &Setup) -> Option<String> {
        let ended_at = self.ended_at?;
        let dead_since = match op.call {
            Call::Logout => return None,
            // The store itself is asked.
            Call::Refresh { .. } => ended_at,
            _ => ended_at + setup.revocation_grace,
        };
        (op.status == Some(200) && op.t_invoke > dead_since).then(|| {
            format!(
                "operation {} at copy {} was answered {} ms after the session had ended",
                op.op_id,
                op.base,
                (op.t_invoke - ended_at) / 1000
            )
        })
    }

    fn refused_when_alive(&self, op: &Op, setup: &Setup) -> Option<String> {
        if op.status != Some(401) || self.endangered_at.is_some_and(|at| op.t_return >= Some(at)) {
            return None;
        }
        let issued = self.issued.iter().filter(|at| **at <= op.t_invoke).max()?;
        let fresh = op.t_invoke - issued + MARGIN < setup.access_lifetime;
        fresh.then(|| format!("operation {} was refused while the session was alive", op.op_id))
    }
}
