//! A learner's own account of what was sent, and its comparison with what the server kept.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{Event, Kept, Losses};

/// What a learner's devices sent.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    sent: BTreeMap<Uuid, Event>,
    acked: BTreeSet<Uuid>,
    fixed: BTreeMap<String, Fixed>,
}

/// What became of the attempts to fix a word's count.
#[derive(Debug, Clone, Default)]
struct Fixed {
    acked: Option<u64>,
    /// May have been applied, and may yet be.
    unknown: BTreeSet<u64>,
}

impl Ledger {
    /// Notes reviews that are about to be sent.
    pub fn send(&mut self, events: &[Event]) {
        self.sent
            .extend(events.iter().map(|event| (event.id, event.clone())));
    }

    /// Notes that reviews were acknowledged.
    pub fn acknowledge(&mut self, events: &[Event]) {
        self.acked.extend(events.iter().map(|event| event.id));
    }

    /// Notes an attempt to fix a word's count, and whether it was acknowledged.
    pub fn fix(&mut self, word: &str, count: u64, acked: bool) {
        let fixed = self.fixed.entry(word.to_owned()).or_default();
        if acked {
            fixed.acked = Some(count);
        } else {
            fixed.unknown.insert(count);
        }
    }

    /// How many reviews were sent, each counted once.
    pub fn sent(&self) -> usize {
        self.sent.len()
    }

    /// How many reviews were acknowledged, each counted once.
    pub fn acknowledged(&self) -> usize {
        self.acked.len()
    }

    /// Takes over what another device of the same learner noted.
    pub fn absorb(&mut self, other: Self) {
        self.sent.extend(other.sent);
        self.acked.extend(other.acked);
        self.fixed.extend(other.fixed);
    }

    /// Compares with what was kept for this account.
    pub fn compare(&self, account: &str, kept: &Kept) -> Losses {
        let mut losses = Losses::default();
        let mut times: BTreeMap<Uuid, usize> = BTreeMap::new();
        let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for review in &kept.log {
            *times.entry(review.id).or_default() += 1;
            let count = counts.entry(&review.word).or_default();
            count.0 += u64::from(!review.undone);
            count.1 += u64::from(!review.undone && review.is_remembered());
            let sent = self.sent.get(&review.id);
            let is_phantom = !sent.is_some_and(|event| event.is_logged_as(review));
            let example = || format!("nobody sent {}", review.id);
            losses.count(is_phantom, |losses| &mut losses.phantom, example);
        }
        for id in &self.acked {
            let is_lost = !times.contains_key(id);
            losses.count(
                is_lost,
                |losses| &mut losses.lost,
                || format!("{id} was acknowledged"),
            );
        }
        for (id, times) in times {
            losses.count(
                times > 1,
                |losses| &mut losses.doubled,
                || format!("{id} is there {times} times"),
            );
        }
        self.compare_counts(&counts, kept, &mut losses);
        for owner in kept.owners.iter().filter(|owner| *owner != account) {
            losses.count(true, |losses| &mut losses.foreign, || format!("a row of {owner}"));
        }
        losses
    }

    /// Compares what is counted with the log and with what was fixed.
    fn compare_counts(&self, counts: &BTreeMap<&str, (u64, u64)>, kept: &Kept, losses: &mut Losses) {
        for (word, row) in &kept.rows {
            let is_right = match self.fixed.get(word) {
                Some(fixed) => fixed.allows(row.0),
                None => counts.get(word.as_str()).copied().unwrap_or_default() == *row,
            };
            losses.count(
                !is_right,
                |losses| &mut losses.miscounted,
                || format!("{word} is counted {row:?}"),
            );
        }
        // A word all of whose reviews were taken back need not have a row.
        let reviewed = counts.iter().filter(|(_, count)| count.0 > 0);
        let reviewed = reviewed.map(|(word, _)| (*word).to_owned());
        let fixed = self.fixed.iter().filter(|(_, fixed)| fixed.acked.is_some());
        for word in reviewed.chain(fixed.map(|(word, _)| word.clone())) {
            let is_missing = !kept.rows.contains_key(&word);
            losses.count(
                is_missing,
                |losses| &mut losses.miscounted,
                || format!("{word} has no row"),
            );
        }
        let sum: u64 = kept.rows.values().map(|(studied, _)| studied).sum();
        let total = kept.total;
        losses.count(
            sum != total,
            |losses| &mut losses.miscounted,
            || format!("the total is {total}, not {sum}"),
        );
    }
}

impl Fixed {
    fn allows(&self, count: u64) -> bool {
        self.acked == Some(count) || self.unknown.contains(&count)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::volume::Logged;

    fn ledger(words: &[&str]) -> (Ledger, Vec<Event>, Kept) {
        let mut rng = StdRng::seed_from_u64(1);
        let events: Vec<Event> = words
            .iter()
            .map(|word| Event::random(&mut rng, (*word).to_owned()))
            .collect();
        let mut ledger = Ledger::default();
        ledger.send(&events);
        ledger.acknowledge(&events);
        let mut rows: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for event in &events {
            let row = rows.entry(event.word.clone()).or_default();
            row.0 += 1;
            row.1 += u64::from(event.rating != "again");
        }
        let kept = Kept {
            log: events.iter().map(logged).collect(),
            rows,
            owners: BTreeSet::from(["me".to_owned()]),
            total: words.len() as u64,
        };
        (ledger, events, kept)
    }

    fn logged(event: &Event) -> Logged {
        Logged {
            id: event.id,
            word: event.word.clone(),
            rating: event.rating.to_owned(),
            undone: false,
        }
    }

    #[test]
    fn what_was_kept_as_sent_is_no_loss() {
        let (ledger, events, kept) = ledger(&["a", "b", "a"]);
        assert_eq!(ledger.compare("me", &kept), Losses::default());
        assert_eq!(kept.holds(&events[1..]), 2);
    }

    #[test]
    fn each_kind_of_loss_is_found() {
        let (ledger, _, good) = ledger(&["a", "b", "a"]);
        let mut kept = good.clone();
        let review = kept.log.remove(0);
        let losses = ledger.compare("me", &kept);
        assert_eq!((losses.lost, losses.miscounted), (1, 1));

        kept.log.extend([review.clone(), review.clone()]);
        let losses = ledger.compare("me", &kept);
        assert_eq!((losses.doubled, losses.lost, losses.miscounted), (1, 0, 1));

        let mut kept = good.clone();
        kept.log.push(Logged {
            id: Uuid::nil(),
            ..review
        });
        assert_eq!(ledger.compare("me", &kept).phantom, 1);

        let mut kept = good.clone();
        kept.owners.insert("you".to_owned());
        kept.total += 1;
        let losses = ledger.compare("me", &kept);
        assert_eq!((losses.foreign, losses.miscounted), (1, 1));
        assert!(losses.ensure_none().is_err());
    }

    #[test]
    fn a_review_that_was_taken_back_is_there_and_does_not_count() {
        let (ledger, _, mut kept) = ledger(&["a"]);
        kept.log[0].undone = true;
        assert_eq!(ledger.compare("me", &kept).miscounted, 1);
        kept.rows.clear();
        kept.total = 0;
        assert!(ledger.compare("me", &kept).is_none());
    }

    #[test]
    fn a_fixed_count_is_the_last_acknowledged_or_one_of_which_nobody_knows() {
        let (mut ledger, _, mut kept) = ledger(&[]);
        ledger.fix("c", 1, true);
        ledger.fix("c", 2, false);
        ledger.fix("c", 3, true);
        for (count, is_right) in [(1, false), (2, true), (3, true), (4, false)] {
            kept.rows.insert("c".to_owned(), (count, 0));
            kept.total = count;
            assert_eq!(ledger.compare("me", &kept).is_none(), is_right, "{count}");
        }
        kept.rows.clear();
        kept.total = 0;
        assert_eq!(ledger.compare("me", &kept).miscounted, 1);
    }
}
