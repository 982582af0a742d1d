//! Accounts: one for each email, and each with an id of its own.

use std::collections::{BTreeMap, BTreeSet};

use super::{Kind, Violation};
use crate::history::{Call, Evidence, Op, SignedIn};

/// What is known of an email.
#[derive(Default)]
struct Known<'a> {
    made: Vec<u64>,
    ids: BTreeSet<&'a str>,
    refused: usize,
    unsure: usize,
}

/// Emails with two accounts, emails refused that nobody had, accounts with two emails, sessions begun twice.
pub(super) fn check(evidence: &Evidence) -> Vec<Violation> {
    let mut emails: BTreeMap<&str, Known> = BTreeMap::new();
    let mut owners: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut sessions: BTreeMap<&str, usize> = BTreeMap::new();
    for op in &evidence.ops {
        let (Call::Register(signed_in) | Call::Login(signed_in)) = &op.call else {
            continue;
        };
        emails.entry(&op.key).or_default().learn(op, signed_in.as_ref());
        if let Some(signed_in) = signed_in {
            owners.entry(&signed_in.user_id).or_default().insert(&op.key);
            *sessions.entry(&signed_in.session).or_default() += 1;
        }
    }
    let mut found = Vec::new();
    for (email, known) in emails {
        found.extend(known.faults().into_iter().map(|what| (email, what)));
    }
    for (id, emails) in owners.into_iter().filter(|(_, emails)| emails.len() > 1) {
        found.push((id, format!("the account belongs to {emails:?}")));
    }
    for (session, times) in sessions.into_iter().filter(|(_, times)| *times > 1) {
        found.push((session, format!("the session was begun {times} times")));
    }
    found
        .into_iter()
        .map(|(key, what)| Violation::new(Kind::Unique, key, what))
        .collect()
}

impl<'a> Known<'a> {
    fn learn(&mut self, op: &Op, signed_in: Option<&'a SignedIn>) {
        self.ids
            .extend(signed_in.map(|signed_in| signed_in.user_id.as_str()));
        if !matches!(op.call, Call::Register(_)) {
            return;
        }
        match op.status {
            Some(201) => self.made.push(op.op_id),
            Some(409) => self.refused += 1,
            _ if op.may_have_happened() => self.unsure += 1,
            _ => {}
        }
    }

    fn faults(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.made.len() > 1 {
            found.push(format!("operations {:?} each made an account for it", self.made));
        }
        if self.ids.len() > 1 {
            found.push(format!("it has the accounts {:?}", self.ids));
        }
        if self.refused > 0 && self.made.is_empty() && self.unsure == 0 && self.ids.is_empty() {
            found.push(format!("refused {} times, and nobody had it", self.refused));
        }
        found
    }
}
