//! The change feed from its beginning, when everything has come to rest: the rows, tombstones included, in order.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::cursor::odd_page;
use super::merge::rows;
use super::{Kind, Violation};
use crate::history::{Change, Evidence, UserFinal};

/// Feeds that are not their rows.
pub(super) fn check(evidence: &Evidence) -> Vec<Violation> {
    let mut written: BTreeMap<u32, BTreeSet<&str>> = BTreeMap::new();
    for op in evidence.ops.iter().filter(|op| op.is_ok()) {
        let words = op.call.words_written(&op.key);
        written.entry(op.user).or_default().extend(words);
    }
    let nothing = BTreeSet::new();
    let mut found = Vec::new();
    for user in &evidence.finals {
        let written = written.get(&user.user).unwrap_or(&nothing);
        let faults = faults(user, written);
        let key = format!("u{:04}", user.user);
        found.extend(
            faults
                .into_iter()
                .map(|what| Violation::new(Kind::Cursor, key.clone(), what)),
        );
    }
    found
}

fn faults(user: &UserFinal, written: &BTreeSet<&str>) -> Vec<String> {
    let mut found = Vec::new();
    let mut after = 0;
    for page in &user.feed {
        found.extend(odd_page(after, u32::MAX, page));
        after = page.cursor;
    }
    let changes: Vec<&Change> = user.feed.iter().flat_map(|page| &page.changes).collect();
    let mut in_feed: HashMap<&str, Option<u64>> = HashMap::new();
    for change in &changes {
        if in_feed.insert(&change.word, change.digest).is_some() {
            found.push(format!("{} comes twice in the feed", change.word));
        }
    }
    for row in rows(user) {
        match in_feed.get(row.word.as_str()) {
            None => found.push(format!("{} is not in the feed", row.word)),
            Some(None) => found.push(format!("{} is there, and the feed says it was reset", row.word)),
            Some(digest) if *digest != Some(row.digest) => {
                found.push(format!("{} is another in the feed than in the rows", row.word));
            }
            Some(_) => {}
        }
    }
    let there: BTreeSet<&str> = rows(user).map(|row| row.word.as_str()).collect();
    for (word, digest) in &in_feed {
        if digest.is_some() && !there.contains(word) {
            found.push(format!("{word} is in the feed and not in the rows"));
        }
    }
    for word in written {
        if !in_feed.contains_key(word) {
            found.push(format!(
                "{word} was written to, and the feed has neither row nor tombstone"
            ));
        }
    }
    found.extend(disorder(user, &changes));
    found
}

/// `GET /progress` begins with what changed last, and the feed ends with it.
fn disorder(user: &UserFinal, changes: &[&Change]) -> Option<String> {
    let living = changes.iter().filter(|change| change.digest.is_some());
    let mut by_feed: Vec<&str> = living.map(|change| change.word.as_str()).collect();
    by_feed.reverse();
    let by_list: Vec<&str> = rows(user).map(|row| row.word.as_str()).collect();
    (by_feed != by_list).then(|| format!("the list has the order {by_list:?}, the feed {by_feed:?}"))
}
