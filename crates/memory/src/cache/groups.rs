//! Which groups were forgotten when: an entry of a group counts while it is younger than that.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

/// How many forgotten groups are remembered: about 2 MB.
const MAX_FORGOTTEN: usize = 1 << 16;

/// When an entry was put into which group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Membership {
    group: u64,
    stamp: u64,
}

/// Forgets a group by noting one number, however many entries it has, and knows no entry.
///
/// Time is a counter: whatever happens to a group takes the next number. Of the groups that were forgotten only
/// so many are remembered; when there are more, the older half is taken together: an entry of any group that is
/// as old as those counts as forgotten. So what was forgotten never comes back, and little else is lost.
#[derive(Default)]
pub(super) struct Groups {
    // Keyed at random: no two names can be chosen that are taken for one.
    hasher: RandomState,
    clock: AtomicU64,
    forgotten: RwLock<Forgotten>,
}

#[derive(Default)]
struct Forgotten {
    at: HashMap<u64, u64>,
    /// All groups were forgotten then.
    all_at: u64,
}

impl Groups {
    /// An entry joins a group now.
    pub(super) fn join(&self, group: &str) -> Membership {
        Membership {
            group: self.hasher.hash_one(group),
            stamp: self.tick(),
        }
    }

    /// Whether the group was not forgotten since.
    pub(super) fn holds(&self, membership: Membership) -> bool {
        let forgotten = self.forgotten.read();
        let at = forgotten.at.get(&membership.group).copied().unwrap_or_default();
        membership.stamp > at.max(forgotten.all_at)
    }

    /// Forgets all that have joined a group so far.
    pub(super) fn forget(&self, group: &str) {
        let group = self.hasher.hash_one(group);
        let mut forgotten = self.forgotten.write();
        forgotten.at.insert(group, self.tick());
        if forgotten.at.len() > MAX_FORGOTTEN {
            forgotten.take_older_half_together();
        }
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl Forgotten {
    fn take_older_half_together(&mut self) {
        let mut stamps: Vec<u64> = self.at.values().copied().collect();
        let half = stamps.len() / 2;
        let (_, median, _) = stamps.select_nth_unstable(half);
        self.all_at = *median;
        let all_at = self.all_at;
        self.at.retain(|_, at| *at > all_at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_many_groups_are_forgotten_none_comes_back_and_few_are_remembered() {
        let groups = Groups::default();
        let first = groups.join("first");
        groups.forget("first");
        let kept = groups.join("kept");
        for number in 0..MAX_FORGOTTEN / 2 {
            groups.forget(&number.to_string());
        }
        assert!(groups.holds(kept));
        let mut old = Vec::new();
        for number in 0..3 * MAX_FORGOTTEN {
            let name = number.to_string();
            old.push(groups.join(&name));
            groups.forget(&name);
        }
        assert!(!groups.holds(first));
        assert!(!old.into_iter().any(|membership| groups.holds(membership)));
        assert!(groups.forgotten.read().at.len() <= MAX_FORGOTTEN);
        assert!(groups.holds(groups.join("first")));
        // It is the price that a group as old as those that are no longer remembered is lost with them.
        assert!(!groups.holds(kept));
    }
}
