//! Which attempts are let through.

use chrono::TimeDelta;

use super::tally::{Tally, Terms};
use crate::time::Timestamp;

/// Within which time attempts are counted together.
const WINDOW: TimeDelta = TimeDelta::minutes(15);
/// How many attempts a device that the account knows has of its own.
const DEVICE_ATTEMPTS: u32 = 5;

/// How many attempts may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockoutPolicy {
    /// For an account within 15 minutes, before it is locked.
    pub attempts: u32,
    /// How long it is locked then.
    pub lock: TimeDelta,
    /// From one address within 15 minutes, whichever accounts are tried; 0 for as many as one likes.
    pub address_attempts: u32,
}

/// What was counted for those whom an attempt is counted for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// The account.
    pub account: Tally,
    /// The device, where the account knows it.
    pub device: Option<Tally>,
    /// The address, where it is known and counted.
    pub address: Option<Tally>,
}

/// An attempt that was let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// When it was counted.
    pub at: Timestamp,
    /// Until when it locks the account unless it succeeds, if it is the last that may fail.
    pub locks: Option<Timestamp>,
    /// Whether it was let through though the account is locked, for its device.
    pub despite_lock: bool,
}

/// Whether an attempt is let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Admitted(Admission),
    /// The account is locked.
    Locked {
        /// Until when.
        until: Timestamp,
    },
    /// Too many attempts came from the address.
    Throttled {
        /// Until when the next must wait.
        until: Timestamp,
    },
}

/// What came of an attempt, other than that it failed, which it counts as from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was right.
    Succeeded,
    /// Nobody looked whether it was right.
    Abandoned,
}

/// What becomes of a tally once it is known what came of an attempt that it counts, whatever else was counted meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settling {
    /// It stays.
    Stays,
    /// It begins anew.
    BeginsAnew,
    /// The attempt is taken back, and the lock that it began.
    TakenBack {
        /// When it was counted.
        at: Timestamp,
        /// Until when the lock would be that it began, if it began one.
        lock: Option<Timestamp>,
    },
}

/// What becomes of the tallies that an attempt was counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settlement {
    /// The account's.
    pub account: Settling,
    /// The device's, where the account knows it.
    pub device: Settling,
    /// The address's, where it is known and counted.
    pub address: Settling,
}

impl LockoutPolicy {
    /// Within which time attempts are counted together.
    pub const fn window(&self) -> TimeDelta {
        WINDOW
    }

    /// Counts an attempt, unless it is refused: then nothing is counted.
    ///
    /// A device that the account knows is let through despite a lock and whatever else comes from its address, as long as
    /// its own attempts last; they count for the account all the same.
    pub fn judge(&self, counts: &mut Counts, now: Timestamp) -> Verdict {
        let mut next = counts.clone();
        let count = |tally: &mut Option<Tally>, terms| tally.as_mut().map(|tally| tally.count(now, terms));
        let by_device = matches!(count(&mut next.device, self.of_device()), Some(Ok(_)));
        let by_address = count(&mut next.address, self.of_address());
        if let (Some(Err(until)), false) = (by_address, by_device) {
            return Verdict::Throttled { until };
        }
        let (locks, despite_lock) = match next.account.count(now, self.of_account()) {
            Ok(locks) => (locks, false),
            Err(_) if by_device => (None, true),
            Err(until) => return Verdict::Locked { until },
        };
        *counts = next;
        Verdict::Admitted(Admission {
            at: now,
            locks,
            despite_lock,
        })
    }

    /// What becomes of what was counted when it is known what came of an attempt.
    ///
    /// A success begins anew for account and device, but ends no lock that it went past: whoever guesses elsewhere gets no
    /// new attempts by it. For the address it only was no failure.
    pub fn settlement(&self, admission: &Admission, outcome: Outcome) -> Settlement {
        let taken_back = |terms: Terms| Settling::TakenBack {
            at: admission.at,
            lock: terms.lock.map(|lock| admission.at + lock),
        };
        let address = taken_back(self.of_address());
        match outcome {
            Outcome::Succeeded => Settlement {
                account: if admission.despite_lock {
                    Settling::Stays
                } else {
                    Settling::BeginsAnew
                },
                device: Settling::BeginsAnew,
                address,
            },
            Outcome::Abandoned => Settlement {
                account: taken_back(self.of_account()),
                device: taken_back(self.of_device()),
                address,
            },
        }
    }

    /// Notes what came of an attempt: applies [`LockoutPolicy::settlement`].
    pub fn settle(&self, counts: &mut Counts, admission: &Admission, outcome: Outcome) {
        let settlement = self.settlement(admission, outcome);
        counts.account.settle(settlement.account);
        for (tally, settling) in [
            (&mut counts.device, settlement.device),
            (&mut counts.address, settlement.address),
        ] {
            if let Some(tally) = tally {
                tally.settle(settling);
            }
        }
    }

    const fn of_account(&self) -> Terms {
        Terms {
            attempts: self.attempts,
            window: WINDOW,
            lock: Some(self.lock),
        }
    }

    const fn of_device(&self) -> Terms {
        Terms {
            attempts: DEVICE_ATTEMPTS,
            ..self.of_account()
        }
    }

    const fn of_address(&self) -> Terms {
        Terms {
            attempts: self.address_attempts,
            window: WINDOW,
            lock: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    const POLICY: LockoutPolicy = LockoutPolicy {
        attempts: 10,
        lock: TimeDelta::minutes(30),
        address_attempts: 12,
    };

    fn at(minutes: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000 + 60 * minutes, 0).unwrap()
    }

    fn stranger() -> Counts {
        Counts {
            address: Some(Tally::default()),
            ..Counts::default()
        }
    }

    fn known() -> Counts {
        Counts {
            device: Some(Tally::default()),
            ..stranger()
        }
    }

    fn admitted(counts: &mut Counts, minute: i64) -> Option<Admission> {
        match POLICY.judge(counts, at(minute)) {
            Verdict::Admitted(admission) => Some(admission),
            Verdict::Locked { .. } | Verdict::Throttled { .. } => None,
        }
    }

    fn fail(counts: &mut Counts, times: usize) -> usize {
        (0..times).filter(|_| admitted(counts, 0).is_some()).count()
    }

    #[test]
    fn threat_20_ten_are_let_through_and_the_tenth_locks() {
        let mut counts = stranger();
        assert_eq!(fail(&mut counts, 9), 9);
        assert_eq!(admitted(&mut counts, 1).unwrap().locks, Some(at(31)));
        let before = counts.clone();
        assert_eq!(
            POLICY.judge(&mut counts, at(2)),
            Verdict::Locked { until: at(31) }
        );
        assert_eq!(counts, before, "what is refused is not counted");
    }

    #[test]
    fn a_success_begins_anew_for_the_account_but_only_is_no_failure_for_the_address() {
        let mut counts = stranger();
        fail(&mut counts, 9);
        let right = admitted(&mut counts, 1).unwrap();
        POLICY.settle(&mut counts, &right, Outcome::Succeeded);
        assert_eq!(counts.account, Tally::default());
        assert_eq!(counts.address.as_ref().unwrap().attempts.len(), 9);
    }

    #[test]
    fn what_nobody_looked_at_does_not_count() {
        let mut counts = known();
        fail(&mut counts, 9);
        let before = counts.clone();
        let unseen = admitted(&mut counts, 1).unwrap();
        assert!(unseen.locks.is_some());
        POLICY.settle(&mut counts, &unseen, Outcome::Abandoned);
        assert_eq!(counts, before);
    }

    #[test]
    fn threat_20_a_known_device_gets_past_the_lock_of_another_and_does_not_end_it() {
        let mut counts = stranger();
        fail(&mut counts, 10);
        let mut with_device = Counts {
            device: Some(Tally::default()),
            ..counts
        };
        let past = admitted(&mut with_device, 1).unwrap();
        assert!(past.despite_lock);
        POLICY.settle(&mut with_device, &past, Outcome::Succeeded);
        assert_eq!(with_device.account.lock(at(1)), Some(at(30)));
        assert_eq!(with_device.device, Some(Tally::default()));
    }

    #[test]
    fn a_copied_device_token_has_few_attempts_of_its_own() {
        let mut counts = stranger();
        fail(&mut counts, 10);
        counts.device = Some(Tally::default());
        assert_eq!(fail(&mut counts, 50), 5);
        let mut alone = known();
        assert_eq!(fail(&mut alone, 50), 10, "they count for the account");
    }

    #[test]
    fn one_address_has_so_many_attempts_at_all_accounts_together() {
        let mut address = Some(Tally::default());
        let mut tried = 0;
        for _ in 0..50 {
            let mut counts = Counts {
                address: address.take(),
                ..Counts::default()
            };
            tried += fail(&mut counts, 1);
            address = counts.address;
        }
        assert_eq!(tried, 12);
        let mut counts = Counts {
            address,
            ..Counts::default()
        };
        assert_eq!(
            POLICY.judge(&mut counts, at(1)),
            Verdict::Throttled { until: at(15) }
        );
        assert_eq!(counts.account, Tally::default(), "the account is not to blame");
        counts.device = Some(Tally::default());
        assert!(admitted(&mut counts, 1).is_some());
    }
}
