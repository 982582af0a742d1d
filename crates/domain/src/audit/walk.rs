//! The walk along the chain by which it shows what was changed.

use super::{AuditChain, AuditHead, Place, SealedRecord};

/// What is wrong with the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuditFault {
    /// Nothing says how far the chain goes, or somebody without a key does.
    #[error("the head of the audit log is gone or bears the code of no known key")]
    UnknownHead,
    /// What the entry says, or its seal, is not what was sealed.
    #[error("the entry at position {0} was changed")]
    Changed(u64),
    /// There is none where one was sealed.
    #[error("the entry at position {0} is missing")]
    Missing(u64),
    /// There is one where none was sealed, or where it was deleted.
    #[error("the entry at position {0} was put there by somebody else")]
    Inserted(u64),
    /// It is not the one that somebody noted.
    #[error("the entry at position {0} is not the one that was noted")]
    NotAsNoted(u64),
}

/// What a walk along the chain found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditReport {
    /// How many entries bear the seal that they should.
    pub sealed: u64,
    /// How many entries are from before the chain was begun anew; nothing is known of them.
    pub unverified: u64,
    /// How many entries have no seal yet.
    pub unsealed: u64,
    /// The last place up to which all is well, to be noted elsewhere.
    pub last: Place,
    /// The first thing that is wrong.
    pub fault: Option<AuditFault>,
}

impl AuditReport {
    /// Of a log along which nobody could walk.
    pub(super) const fn nothing(unsealed: u64, fault: AuditFault) -> Self {
        Self {
            sealed: 0,
            unverified: 0,
            unsealed,
            last: Place::BEGINNING,
            fault: Some(fault),
        }
    }
}

/// A walk along the chain, from the anchor to the last entry.
///
/// Entries may be sealed and deleted meanwhile. Therefore the head is read before and after each page, and what is missing
/// is a fault only where no head explains it.
pub(super) struct Walk<'a> {
    chain: &'a AuditChain,
    /// The head as it was before the page.
    head: AuditHead,
    /// The last place that is well.
    place: Place,
    /// The key of the last entry: what comes later was sealed by no older one.
    key: usize,
    noted: Option<Place>,
    sealed: u64,
    unverified: u64,
}

impl<'a> Walk<'a> {
    /// A walk that begins at the anchor of a head; somebody may have noted a place.
    pub(super) fn new(
        chain: &'a AuditChain,
        head: AuditHead,
        noted: Option<Place>,
    ) -> Result<Self, AuditFault> {
        chain.check(&head).map_err(|_| AuditFault::UnknownHead)?;
        let walk = Self {
            chain,
            head,
            place: head.anchor,
            key: chain.keys() - 1,
            noted,
            sealed: 0,
            unverified: 0,
        };
        walk.compare(head.anchor)?;
        Ok(walk)
    }

    /// Takes the entries of the next page, in the order of their positions, with the head as it was afterwards.
    ///
    /// Whether it was the last one: a page without entries, while none was sealed.
    pub(super) fn take(&mut self, page: &[SealedRecord], after: AuditHead) -> Result<bool, AuditFault> {
        self.chain.check(&after).map_err(|_| AuditFault::UnknownHead)?;
        for entry in page {
            self.step(entry, &after)?;
        }
        if page.is_empty() {
            self.end(&after)?;
        }
        let is_last = page.is_empty() && after.last == self.head.last;
        self.head = after;
        self.skip_to_anchor(&after);
        Ok(is_last)
    }

    /// What was found so far.
    pub(super) fn report(&self, unsealed: u64, fault: Option<AuditFault>) -> AuditReport {
        AuditReport {
            sealed: self.sealed,
            unverified: self.unverified,
            unsealed,
            last: self.place,
            fault,
        }
    }

    fn step(&mut self, entry: &SealedRecord, after: &AuditHead) -> Result<(), AuditFault> {
        let place = entry.place;
        if place.position <= self.head.purged || place.position > after.last.position {
            return Err(AuditFault::Inserted(place.position));
        }
        if place.position <= self.head.anchor.position {
            self.unverified += 1;
            return Ok(());
        }
        if place.position > self.place.position + 1 {
            self.skip_to_anchor(after);
        }
        if place.position <= self.place.position {
            // Deleted while the page was on its way.
            return Ok(());
        }
        if place.position > self.place.position + 1 {
            return Err(AuditFault::Missing(self.place.position + 1));
        }
        let key = self.chain.key_of(entry, self.place.seal, self.key);
        self.key = key.ok_or(AuditFault::Changed(place.position))?;
        self.compare(place)?;
        self.place = place;
        self.sealed += 1;
        Ok(())
    }

    /// There are no more entries: the chain must go as far as it did before the page was read.
    fn end(&mut self, after: &AuditHead) -> Result<(), AuditFault> {
        self.skip_to_anchor(after);
        let last = self.head.last;
        if self.place.position < last.position {
            return Err(AuditFault::Missing(self.place.position + 1));
        }
        if self.place.position == last.position && self.place.seal != last.seal {
            return Err(AuditFault::Changed(last.position));
        }
        match self.noted {
            Some(noted) if noted.position > after.last.position => Err(AuditFault::Missing(noted.position)),
            _ => Ok(()),
        }
    }

    /// What was deleted meanwhile is not looked for.
    fn skip_to_anchor(&mut self, head: &AuditHead) {
        if head.anchor.position > self.place.position {
            self.place = head.anchor;
        }
    }

    fn compare(&self, place: Place) -> Result<(), AuditFault> {
        match self.noted {
            Some(noted) if noted.position == place.position && noted.seal != place.seal => {
                Err(AuditFault::NotAsNoted(place.position))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use uuid::Uuid;

    use super::*;
    use crate::audit::{Action, Actor, AuditEntry, AuditRecord, Circumstances, Seal};
    use crate::ids::AuditId;

    fn chain() -> AuditChain {
        AuditChain::new(&"a secret for the tests of the chain".into(), &[])
    }

    fn record(number: u128) -> AuditRecord {
        AuditRecord::from(&AuditEntry {
            id: AuditId(Uuid::from_u128(number)),
            at: DateTime::from_timestamp_millis(1_772_366_400_000).unwrap(),
            actor: Actor::System,
            action: Action::AccountPurged,
            subject: None,
            circumstances: Circumstances::default(),
            details: [].into(),
        })
    }

    /// A log of so many entries.
    fn log(entries: u128) -> (AuditHead, Vec<SealedRecord>) {
        let records = (1..=entries).map(record).collect();
        chain().extend(&AuditHead::EMPTY, records).unwrap()
    }

    fn walk(head: AuditHead, entries: &[SealedRecord]) -> AuditReport {
        walk_noted(&chain(), head, entries, None)
    }

    /// In pages of three.
    fn walk_noted(
        chain: &AuditChain,
        head: AuditHead,
        entries: &[SealedRecord],
        noted: Option<Place>,
    ) -> AuditReport {
        let mut walk = match Walk::new(chain, head, noted) {
            Ok(walk) => walk,
            Err(fault) => return AuditReport::nothing(0, fault),
        };
        for page in entries.chunks(3).chain([&[][..]]) {
            match walk.take(page, head) {
                Ok(is_last) => assert_eq!(is_last, page.is_empty()),
                Err(fault) => return walk.report(0, Some(fault)),
            }
        }
        walk.report(0, None)
    }

    #[test]
    fn a_log_that_nobody_touched_is_well() {
        for entries in [0, 1, 3, 7] {
            let (head, sealed) = log(entries);
            let report = walk(head, &sealed);
            assert_eq!((report.fault, report.last), (None, head.last));
            assert_eq!(u128::from(report.sealed), entries);
        }
    }

    #[test]
    fn a_change_is_found_where_it_is() {
        let (head, sealed) = log(7);
        let fault = |change: fn(&mut Vec<SealedRecord>)| {
            let mut changed = sealed.clone();
            change(&mut changed);
            walk(head, &changed).fault.unwrap()
        };
        let edited = fault(|log| log[4].record.action = "account.deleted".to_owned());
        assert_eq!(edited, AuditFault::Changed(5));
        let resealed = fault(|log| log[4].place.seal = Seal([7; 32]));
        assert_eq!(resealed, AuditFault::Changed(5));
        let removed = fault(|log| drop(log.remove(4)));
        assert_eq!(removed, AuditFault::Missing(5));
        let first = fault(|log| drop(log.remove(0)));
        assert_eq!(first, AuditFault::Missing(1));
        let tail = fault(|log| log.truncate(5));
        assert_eq!(tail, AuditFault::Missing(6));
        let all = fault(Vec::clear);
        assert_eq!(all, AuditFault::Missing(1));
        let swapped = fault(|log| {
            let (second, third) = (log[1].record.clone(), log[2].record.clone());
            (log[1].record, log[2].record) = (third, second);
        });
        assert_eq!(swapped, AuditFault::Changed(2));
        let inserted = fault(|log| {
            let mut forged = log[6].clone();
            forged.place.position = 8;
            log.push(forged);
        });
        assert_eq!(inserted, AuditFault::Inserted(8));
    }

    #[test]
    fn a_head_that_goes_with_a_cut_tail_is_not_believed() {
        let (head, sealed) = log(7);
        let (short, _) = log(5);
        let cut = AuditHead {
            last: short.last,
            ..head
        };
        assert_eq!(walk(cut, &sealed[..5]).fault, Some(AuditFault::UnknownHead));
        // An earlier head that somebody kept is good, but not the one that was noted.
        assert_eq!(walk(short, &sealed[..5]).fault, None);
        let noted = |place| walk_noted(&chain(), short, &sealed[..5], Some(place)).fault;
        assert_eq!(noted(head.last), Some(AuditFault::Missing(7)));
        assert_eq!(noted(sealed[2].place), None);
        let other = Place {
            position: 3,
            seal: Seal([7; 32]),
        };
        assert_eq!(noted(other), Some(AuditFault::NotAsNoted(3)));
    }

    #[test]
    fn what_was_deleted_for_its_age_is_not_missed_and_must_be_gone() {
        let (head, sealed) = log(7);
        let old = sealed[..3].iter().map(|one| (one.place, one.record.at));
        let later = record(1).at + TimeDelta::days(1);
        let oldest: Vec<_> = old.collect();
        let short = chain().shorten(&head, &oldest, later).unwrap().unwrap();
        let report = walk(short, &sealed[3..]);
        assert_eq!((report.fault, report.sealed), (None, 4));
        assert_eq!(walk(short, &sealed).fault, Some(AuditFault::Inserted(1)));
        assert_eq!(walk(short, &sealed[4..]).fault, Some(AuditFault::Missing(4)));
    }

    #[test]
    fn entries_that_are_deleted_or_sealed_during_the_walk_are_no_fault() {
        let chain = chain();
        let (head, sealed) = log(7);
        let (grown, more) = chain.extend(&head, vec![record(8)]).unwrap();
        let oldest: Vec<_> = sealed[..5].iter().map(|one| (one.place, one.record.at)).collect();
        let later = record(1).at + TimeDelta::days(1);
        let short = chain.shorten(&grown, &oldest, later).unwrap().unwrap();
        let mut walk = Walk::new(&chain, head, None).unwrap();
        assert_eq!(walk.take(&sealed[..2], head), Ok(false));
        assert_eq!(walk.take(&sealed[2..3], grown), Ok(false));
        assert_eq!(walk.take(&sealed[5..6], short), Ok(false));
        assert_eq!(walk.take(&sealed[6..], short), Ok(false));
        assert_eq!(walk.take(&more, short), Ok(false));
        assert_eq!(walk.take(&[], short), Ok(true));
        assert_eq!(walk.report(0, None).last, grown.last);
    }

    #[test]
    fn keys_follow_each_other_and_never_return() {
        let (first, second) = (
            "the first secret of this test, long",
            "the second secret of this test, long",
        );
        let old = AuditChain::new(&first.into(), &[]);
        let new = AuditChain::new(&second.into(), &[first.into()]);
        let (head, before) = old.extend(&AuditHead::EMPTY, vec![record(1), record(2)]).unwrap();
        let (head, after) = new.extend(&head, vec![record(3)]).unwrap();
        let whole = [before, after].concat();
        assert_eq!(walk_noted(&new, head, &whole, None).fault, None);
        // Whoever has the old key alone can seal nothing behind that.
        let (longer, mut forged) = new.extend(&head, vec![record(4)]).unwrap();
        forged[0].place.seal = sealed_by(&old, whole[2].place, &forged[0].record);
        let log = [whole, forged].concat();
        assert_eq!(
            walk_noted(&new, longer, &log, None).fault,
            Some(AuditFault::Changed(4))
        );
    }

    /// What a chain would seal an entry with behind a place.
    fn sealed_by(chain: &AuditChain, last: Place, record: &AuditRecord) -> Seal {
        let head = chain.restart(Some((1, last)));
        let (_, sealed) = chain.extend(&head, vec![record.clone()]).unwrap();
        sealed[0].place.seal
    }

    #[test]
    fn a_chain_that_was_begun_anew_says_nothing_of_what_was_before() {
        let lost = AuditChain::new(&"a secret that nobody has any more, so".into(), &[]);
        let (head, before) = lost
            .extend(&AuditHead::EMPTY, vec![record(1), record(2)])
            .unwrap();
        assert_eq!(walk(head, &before).fault, Some(AuditFault::UnknownHead));
        let head = chain().restart(Some((1, before[1].place)));
        let (head, after) = chain().extend(&head, vec![record(3)]).unwrap();
        let report = walk(head, &[before, after].concat());
        assert_eq!(report.fault, None);
        assert_eq!((report.unverified, report.sealed), (2, 1));
        let empty = chain().restart(None);
        assert_eq!(walk(empty, &[]).fault, None);
    }
}
