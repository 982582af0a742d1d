//! The attempts of one account, device or address, and the lock that comes of too many.

use chrono::TimeDelta;

use super::policy::Settling;
use crate::time::Timestamp;

/// How many attempts may fail, and what comes of more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How many within the window.
    pub attempts: u32,
    /// The window.
    pub window: TimeDelta,
    /// How long the last of them locks; without it, the next may be tried as soon as the first has left the window.
    pub lock: Option<TimeDelta>,
}

/// The attempts that failed or are under way, and the lock that came of them.
///
/// An attempt counts from its beginning, before anybody knows what comes of it: of many at once, no more than the terms
/// allow are let through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// When they were, the oldest first.
    pub attempts: Vec<Timestamp>,
    /// Until when nothing more is let through.
    pub locked_until: Option<Timestamp>,
}

impl Tally {
    /// Until when it is locked, if it is.
    pub fn lock(&self, now: Timestamp) -> Option<Timestamp> {
        self.locked_until.filter(|until| *until > now)
    }

    /// Counts an attempt, unless there were too many: then says until when none is let through.
    ///
    /// Gives until when the attempt locked it, if it was the last that may fail.
    pub fn count(&mut self, now: Timestamp, terms: Terms) -> Result<Option<Timestamp>, Timestamp> {
        if let Some(until) = self.lock(now) {
            return Err(until);
        }
        if self.locked_until.is_some() {
            *self = Self::default();
        }
        self.attempts.retain(|at| now < *at + terms.window);
        let bound = usize::try_from(terms.attempts).unwrap_or(usize::MAX);
        if self.attempts.len() >= bound {
            return Err(self.attempts.first().map_or(now, |first| *first + terms.window));
        }
        self.attempts.push(now);
        if self.attempts.len() == bound {
            self.locked_until = terms.lock.map(|lock| now + lock);
        }
        Ok(self.locked_until)
    }

    /// Notes what came of an attempt that it counts.
    pub fn settle(&mut self, settling: Settling) {
        match settling {
            Settling::Stays => {}
            Settling::BeginsAnew => *self = Self::default(),
            Settling::TakenBack { at, lock } => self.take_back(at, lock),
        }
    }

    /// Takes back an attempt that was counted at an instant, and the lock that it began.
    fn take_back(&mut self, at: Timestamp, lock: Option<Timestamp>) {
        if let Some(place) = self.attempts.iter().position(|other| *other == at) {
            self.attempts.remove(place);
            self.locked_until = self.locked_until.filter(|until| Some(*until) != lock);
        }
    }

    /// Until when it makes a difference; `None` when it makes none.
    pub fn matters_until(&self, window: TimeDelta) -> Option<Timestamp> {
        let last = self.attempts.last().map(|last| *last + window);
        last.max(self.locked_until)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    const TERMS: Terms = Terms {
        attempts: 3,
        window: TimeDelta::minutes(15),
        lock: Some(TimeDelta::minutes(30)),
    };
    const THROTTLE: Terms = Terms { lock: None, ..TERMS };

    fn at(minutes: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000 + 60 * minutes, 0).unwrap()
    }

    fn counted(minutes: &[i64], terms: Terms) -> Tally {
        let mut tally = Tally::default();
        for minute in minutes {
            tally.count(at(*minute), terms).unwrap();
        }
        tally
    }

    #[test]
    fn the_last_attempt_that_may_fail_locks_and_a_refused_one_prolongs_nothing() {
        let mut tally = counted(&[0, 1], TERMS);
        assert_eq!(tally.lock(at(1)), None);
        assert_eq!(tally.count(at(2), TERMS), Ok(Some(at(32))));
        for minute in [2, 20, 31] {
            assert_eq!(tally.count(at(minute), TERMS), Err(at(32)));
        }
        assert_eq!(tally.lock(at(31)), Some(at(32)));
        assert_eq!(tally.lock(at(32)), None);
    }

    #[test]
    fn after_a_lock_it_begins_anew() {
        let mut tally = counted(&[0, 0, 0], TERMS);
        assert_eq!(tally.count(at(30), TERMS), Ok(None));
        assert_eq!(tally, counted(&[30], TERMS));
    }

    #[test]
    fn the_window_slides_with_each_attempt() {
        let mut tally = counted(&[0, 14], TERMS);
        assert_eq!(tally.count(at(15), TERMS), Ok(None));
        assert_eq!(tally.count(at(16), TERMS), Ok(Some(at(46))));
    }

    #[test]
    fn without_a_lock_the_next_may_come_when_the_first_has_left_the_window() {
        let mut tally = counted(&[0, 1, 2], THROTTLE);
        assert_eq!(tally.locked_until, None);
        assert_eq!(tally.count(at(14), THROTTLE), Err(at(15)));
        assert_eq!(tally.count(at(15), THROTTLE), Ok(None));
        assert_eq!(tally.count(at(15), THROTTLE), Err(at(16)));
    }

    #[test]
    fn what_is_taken_back_does_not_count_and_takes_its_lock_along() {
        let mut tally = counted(&[0, 1, 2], TERMS);
        tally.take_back(at(2), Some(at(32)));
        assert_eq!(tally, counted(&[0, 1], TERMS));
        let mut tally = counted(&[0, 1, 2], TERMS);
        tally.take_back(at(0), Some(at(30)));
        assert_eq!(tally.lock(at(3)), Some(at(32)), "another began it");
        tally.take_back(at(7), Some(at(37)));
        assert_eq!(tally.attempts.len(), 2);
    }

    #[test]
    fn it_matters_until_the_window_and_the_lock_are_over() {
        assert_eq!(Tally::default().matters_until(TERMS.window), None);
        assert_eq!(counted(&[0, 3], TERMS).matters_until(TERMS.window), Some(at(18)));
        assert_eq!(
            counted(&[0, 1, 2], TERMS).matters_until(TERMS.window),
            Some(at(32))
        );
    }
}
