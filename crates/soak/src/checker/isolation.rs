//! Isolation: nobody reads what is another's. Every word and every device's name say whose they are.

use std::collections::HashMap;

use super::{Kind, Violation};
use crate::history::{Call, Change, Evidence, Op, Row, UserFinal};

/// Foreign words, ids and accounts in answers.
pub(super) fn check(evidence: &Evidence) -> Vec<Violation> {
    let ids: HashMap<u32, &str> = evidence
        .finals
        .iter()
        .map(|user| (user.user, user.user_id.as_str()))
        .collect();
    let mut found = Vec::new();
    for op in &evidence.ops {
        let id = ids.get(&op.user).copied();
        let foreign = Reader { user: op.user, id }.foreign_in(op);
        found.extend(foreign.map(|what| {
            let what = format!("operation {} at copy {} read {what}", op.op_id, op.base);
            Violation::new(Kind::Isolation, format!("u{:04}", op.user), what)
        }));
    }
    for user in &evidence.finals {
        let reader = Reader {
            user: user.user,
            id: Some(&user.user_id),
        };
        let foreign = reader.foreign_at_end(user);
        found.extend(foreign.map(|what| Violation::new(Kind::Isolation, format!("u{:04}", user.user), what)));
    }
    found
}

struct Reader<'a> {
    user: u32,
    id: Option<&'a str>,
}

impl Reader<'_> {
    fn foreign_in(&self, op: &Op) -> Option<String> {
        match &op.call {
            Call::Review {
                answer: Some(answer), ..
            } => answer.rows.iter().find_map(|row| self.foreign_row(row)),
            Call::Put { rows, .. } => rows.iter().find_map(|row| self.foreign_row(row)),
            Call::Undo { row: Some(row), .. } | Call::Get { row: Some(row), .. } => self.foreign_row(row),
            Call::Changes { page: Some(page), .. } => {
                page.changes.iter().find_map(|change| self.foreign_change(change))
            }
            Call::Me { user_id: Some(id) } => self.foreign_id(id),
            _ => None,
        }
    }

    fn foreign_at_end(&self, user: &UserFinal) -> Option<String> {
        let rows = user.lists.iter().flat_map(|list| &list.rows);
        let in_rows = rows.clone().find_map(|row| {
            self.foreign_word(&row.word)
                .or_else(|| self.foreign_id(&row.user_id))
        });
        let changes = user.feed.iter().flat_map(|page| &page.changes);
        let mut reviews = user.reviews.iter();
        in_rows
            .or_else(|| changes.clone().find_map(|change| self.foreign_change(change)))
            .or_else(|| {
                reviews.find_map(|review| {
                    let device = review.device_id.as_deref().unwrap_or_default();
                    self.foreign_word(&review.word)
                        .or_else(|| self.foreign_word(device))
                })
            })
    }

    fn foreign_row(&self, row: &Row) -> Option<String> {
        self.foreign_word(&row.word)
            .or_else(|| self.foreign_id(&row.user_id))
    }

    fn foreign_change(&self, change: &Change) -> Option<String> {
        let id = change.user_id.as_deref();
        self.foreign_word(&change.word)
            .or_else(|| id.and_then(|id| self.foreign_id(id)))
    }

    fn foreign_word(&self, word: &str) -> Option<String> {
        let prefix = format!("u{:04}.", self.user);
        (!word.starts_with(&prefix)).then(|| format!("{word}, which is another's"))
    }

    fn foreign_id(&self, id: &str) -> Option<String> {
        let own = self.id?;
        (id != own).then(|| format!("the user id {id}, its own is {own}"))
    }
}
