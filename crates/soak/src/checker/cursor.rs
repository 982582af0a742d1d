//! Devices that follow the change feed: nothing that was acknowledged before a look at it is skipped.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::merge::rows;
use super::writes::{Seen, Writes, is_left_by};
use super::{Kind, Violation};
use crate::history::{Call, Evidence, FeedPage, Op, UserFinal};

/// A device's copy of its learner's words, kept up by the feed alone.
#[derive(Default)]
struct Replica<'a> {
    words: HashMap<&'a str, Seen>,
    /// When the first page of the present look was asked for.
    looking_since: Option<u64>,
    /// Whether the last look reached the end.
    is_complete: bool,
}

/// Changes that the feed kept from a device.
pub(super) fn check(evidence: &Evidence, writes: &Writes) -> Vec<Violation> {
    let reach = Reach::of(evidence);
    let mut replicas: BTreeMap<(u32, u32), Replica> = BTreeMap::new();
    let mut found = Vec::new();
    for op in evidence.ops.iter().filter(|op| op.is_ok()) {
        let Call::Changes {
            after,
            limit,
            page: Some(page),
        } = &op.call
        else {
            continue;
        };
        found.extend(odd_page(*after, *limit, page).map(|what| skipped(op, &what)));
        let replica = replicas.entry((op.user, op.device)).or_default();
        let since = *replica.looking_since.get_or_insert(op.t_invoke);
        for change in &page.changes {
            replica.words.insert(&change.word, change.digest);
        }
        replica.is_complete = !page.has_more;
        if page.has_more {
            continue;
        }
        replica.looking_since = None;
        found.extend(behind(op, page, since, &reach));
        found.extend(missing(op, since, replica, writes));
    }
    for user in &evidence.finals {
        let of_user = replicas.range((user.user, 0)..=(user.user, u32::MAX));
        for ((_, device), replica) in of_user.filter(|(_, replica)| replica.is_complete) {
            found.extend(ends_otherwise(user, *device, replica));
        }
    }
    found
}

fn skipped(op: &Op, what: &str) -> Violation {
    let key = format!("u{:04}.d{}", op.user, op.device);
    Violation::new(Kind::Cursor, key, format!("operation {}: {what}", op.op_id))
}

/// A page that cannot be a page of the feed, whatever the rows are.
pub(super) fn odd_page(after: u64, limit: u32, page: &FeedPage) -> Option<String> {
    let words: BTreeSet<&str> = page.changes.iter().map(|change| change.word.as_str()).collect();
    let (count, span) = (page.changes.len(), page.cursor.saturating_sub(after));
    if page.cursor < after {
        return Some(format!("the cursor fell from {after} to {}", page.cursor));
    }
    if words.len() < count {
        return Some("a word comes twice on a page".to_owned());
    }
    if count as u64 > span {
        return Some(format!("{count} changes within {span} revisions"));
    }
    if count > limit as usize {
        return Some(format!("{count} changes on a page of {limit}"));
    }
    (page.has_more && count == 0).then(|| "an empty page, and more to follow".to_owned())
}

/// A look at the feed whose end lies before a revision that had been acknowledged when it began.
fn behind(op: &Op, page: &FeedPage, since: u64, reach: &Reach) -> Option<Violation> {
    let (revision, by) = reach.before(op.user, since)?;
    (page.cursor < revision).then(|| {
        let what = format!(
            "the feed ends at {}, operation {by} had been told of revision {revision}",
            page.cursor
        );
        skipped(op, &what)
    })
}

/// Words that nobody was writing to, and that the device now holds otherwise than the last write left them.
fn missing(op: &Op, since: u64, replica: &Replica, writes: &Writes) -> Vec<Violation> {
    let until = op.t_return.unwrap_or(u64::MAX);
    let mut found = Vec::new();
    for word in writes.words(op.user) {
        let Some(last) = writes.last_before(op.user, word, since, until) else {
            continue;
        };
        let held = replica.words.get(word);
        let right = last.is_empty() || held.is_some_and(|seen| is_left_by(*seen, last));
        if !right {
            let by: Vec<u64> = last.iter().map(|write| write.op.op_id).collect();
            let what = format!("{word} is held as {held:?}, which none of the last writes {by:?} left");
            found.push(skipped(op, &what));
        }
    }
    found
}

/// What a device that read the feed to its end holds otherwise than the rows are.
fn ends_otherwise(user: &UserFinal, device: u32, replica: &Replica) -> Vec<Violation> {
    let rows: HashMap<&str, u64> = rows(user).map(|row| (row.word.as_str(), row.digest)).collect();
    let words: BTreeSet<&str> = rows.keys().chain(replica.words.keys()).copied().collect();
    let differing = words.into_iter().filter(|word| {
        let held = replica.words.get(word).copied().flatten();
        held != rows.get(word).copied()
    });
    let key = format!("u{:04}.d{device}", user.user);
    differing
        .map(|word| {
            let what = format!(
                "in the end {word} is held as {:?}, and is {:?}",
                replica.words.get(word),
                rows.get(word)
            );
            Violation::new(Kind::Cursor, key.clone(), what)
        })
        .collect()
}

/// How far a learner's revisions were known to reach, and when.
struct Reach {
    /// By learner: when it was told, the highest revision until then, and the operation.
    told: HashMap<u32, Vec<(u64, u64, u64)>>,
}

impl Reach {
    fn of(evidence: &Evidence) -> Self {
        let mut told: HashMap<u32, Vec<(u64, u64, u64)>> = HashMap::new();
        for op in evidence.ops.iter().filter(|op| op.is_ok()) {
            if let (Some(revision), Some(at)) = (revision_told(op), op.t_return) {
                told.entry(op.user).or_default().push((at, revision, op.op_id));
            }
        }
        for of_user in told.values_mut() {
            of_user.sort_unstable();
            let mut highest = (0, 0);
            for (_, revision, by) in of_user.iter_mut() {
                highest = highest.max((*revision, *by));
                (*revision, *by) = highest;
            }
        }
        Self { told }
    }

    /// The highest revision that was told before this moment, and by which operation.
    fn before(&self, user: u32, moment: u64) -> Option<(u64, u64)> {
        let of_user = self.told.get(&user)?;
        let count = of_user.partition_point(|(at, ..)| *at < moment);
        let (_, revision, by) = of_user.get(count.checked_sub(1)?)?;
        Some((*revision, *by))
    }
}

fn revision_told(op: &Op) -> Option<u64> {
    match &op.call {
        Call::Review { answer, .. } => answer.as_ref().map(|answer| answer.cursor),
        Call::Put { revision, .. } | Call::Undo { revision, .. } | Call::Get { revision, .. } => *revision,
        Call::Changes { page, .. } => page.as_ref().map(|page| page.cursor),
        _ => None,
    }
}
