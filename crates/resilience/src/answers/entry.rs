//! An answer as the cache keeps it: the answer, and until when it is good for what.
//!
//! One byte says which form it is, 1; one, whether it is an answer, 0, or a refusal, 1. Then, in milliseconds since the
//! Unix epoch, eight bytes each with the highest first: until when it is fresh, and until when it may be served at all.
//! Then the answer.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use parlance_domain::caching::Policy;
use parlance_domain::time::Timestamp;

const FORM: u8 = 1;
const ANSWER: u8 = 0;
const REFUSAL: u8 = 1;
const HEAD: usize = 1 + 1 + 8 + 8;

/// What is kept under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// In milliseconds since the Unix epoch.
    fresh_until: i64,
    /// In milliseconds since the Unix epoch, not before it is no longer fresh.
    serve_until: i64,
    /// Nothing where the provider refused to answer.
    answer: Option<Bytes>,
}

/// What there is for somebody who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// An answer that is fresh.
    Fresh(Bytes),
    /// The provider does not answer this.
    Refused,
    /// An answer to be served while it is made anew.
    Stale(Bytes),
    /// An answer to be served if no better is to be had.
    Spare(Bytes),
    Nothing,
}

impl Entry {
    /// An answer that was made now; by `chance`, 0 to 1, it is fresh for less long than the policy says.
    pub(super) fn answer(answer: Bytes, policy: &Policy, now: Timestamp, chance: f64) -> Self {
        let share = (policy.jitter * chance).clamp(0.0, 1.0);
        let fresh = policy.fresh.saturating_sub(policy.fresh.mul_f64(share));
        let fresh_until = after(now.timestamp_millis(), fresh);
        Self {
            fresh_until,
            serve_until: after(fresh_until, policy.if_error.max(policy.revalidate)),
            answer: Some(answer),
        }
    }

    /// The provider refused now.
    pub(super) fn refusal(policy: &Policy, now: Timestamp) -> Self {
        let until = after(now.timestamp_millis(), policy.refusal);
        Self {
            fresh_until: until,
            serve_until: until,
            answer: None,
        }
    }

    /// The same with something in the place of its answer, if that is `old`.
    pub(super) fn replaced(self, old: &[u8], new: Bytes) -> Option<Self> {
        let is_old = self.answer.as_deref() == Some(old);
        is_old.then_some(Self {
            answer: Some(new),
            ..self
        })
    }

    /// For how long it is to be kept.
    pub(super) fn lifetime(&self, now: Timestamp) -> Duration {
        let left = self.serve_until.saturating_sub(now.timestamp_millis());
        Duration::from_millis(left.try_into().unwrap_or_default())
    }

    pub(super) fn write(&self) -> Bytes {
        let answer = self.answer.as_deref();
        let mut written = BytesMut::with_capacity(HEAD + answer.map_or(0, <[u8]>::len));
        written.put_u8(FORM);
        written.put_u8(if answer.is_some() { ANSWER } else { REFUSAL });
        written.put_i64(self.fresh_until);
        written.put_i64(self.serve_until);
        written.put_slice(answer.unwrap_or_default());
        written.freeze()
    }

    /// `None` when it is of another form. The answer is a part of what it was read from.
    pub(super) fn read(mut from: Bytes) -> Option<Self> {
        if from.len() < HEAD || from.get_u8() != FORM {
            return None;
        }
        let kind = from.get_u8();
        let (fresh_until, serve_until) = (from.get_i64(), from.get_i64());
        let answer = match kind {
            ANSWER => Some(from),
            REFUSAL if from.is_empty() => None,
            _ => return None,
        };
        Some(Self {
            fresh_until,
            serve_until,
            answer,
        })
    }

    /// What it is good for now.
    pub(super) fn at(self, now: Timestamp, policy: &Policy) -> Found {
        let now = now.timestamp_millis();
        match self.answer {
            None if now < self.fresh_until => Found::Refused,
            Some(answer) if now < self.fresh_until => Found::Fresh(answer),
            Some(answer) if now < after(self.fresh_until, policy.revalidate) => Found::Stale(answer),
            Some(answer) if now < self.serve_until => Found::Spare(answer),
            _ => Found::Nothing,
        }
    }

    /// The answer, however old, if it may be served at all.
    pub(super) fn servable(self, now: Timestamp) -> Option<Bytes> {
        let may_be_served = now.timestamp_millis() < self.serve_until;
        self.answer.filter(|_| may_be_served)
    }
}

fn after(millis: i64, duration: Duration) -> i64 {
    millis.saturating_add(duration.as_millis().try_into().unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use parlance_domain::caching::SPEECH;
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        DateTime::from_timestamp_millis(1_772_366_400_123).unwrap()
    }

    #[test]
    fn what_is_written_is_read_without_a_copy() {
        let entry = Entry::answer(Bytes::from_static(b"value"), &SPEECH, now(), 0.5);
        let written = entry.write();
        let read = Entry::read(written.clone()).unwrap();
        assert_eq!(read, entry);
        assert_eq!(read.answer.unwrap().as_ptr(), written[HEAD..].as_ptr());
        let refusal = Entry::refusal(&SPEECH, now());
        assert_eq!(Entry::read(refusal.write()), Some(refusal));
    }

    #[test]
    fn an_answer_grows_old_step_by_step() {
        let entry = Entry::answer(Bytes::from_static(b"value"), &SPEECH, now(), 0.0);
        let at = |since: Duration| entry.clone().at(now() + since, &SPEECH);
        let before = |since: Duration| {
            let instant = now() + since - TimeDelta::milliseconds(1);
            entry.clone().at(instant, &SPEECH)
        };
        let answer = Bytes::from_static(b"value");
        assert_eq!(before(SPEECH.fresh), Found::Fresh(answer.clone()));
        assert_eq!(at(SPEECH.fresh), Found::Stale(answer.clone()));
        let replaced = SPEECH.fresh + SPEECH.revalidate;
        assert_eq!(before(replaced), Found::Stale(answer.clone()));
        assert_eq!(at(replaced), Found::Spare(answer.clone()));
        let gone = SPEECH.fresh + SPEECH.if_error;
        assert_eq!(before(gone), Found::Spare(answer.clone()));
        assert_eq!(at(gone), Found::Nothing);
        assert_eq!(entry.lifetime(now()), gone);
        let last = now() + gone - TimeDelta::milliseconds(1);
        assert_eq!(entry.clone().servable(last), Some(answer));
        assert_eq!(entry.servable(now() + gone), None);
    }

    #[test]
    fn a_refusal_is_a_refusal_and_then_nothing() {
        let refusal = Entry::refusal(&SPEECH, now());
        assert_eq!(refusal.clone().at(now(), &SPEECH), Found::Refused);
        assert_eq!(
            refusal.clone().at(now() + SPEECH.refusal, &SPEECH),
            Found::Nothing
        );
        assert_eq!(refusal.lifetime(now() + TimeDelta::days(1)), Duration::ZERO);
        assert_eq!(refusal.servable(now()), None);
    }

    proptest! {
        #[test]
        fn chance_takes_no_more_off_than_the_policy_says(chance in 0.0..=1.0_f64) {
            let entry = Entry::answer(Bytes::new(), &SPEECH, now(), chance);
            let fresh = entry.fresh_until - now().timestamp_millis();
            let hours = 3_600_000.0;
            let fresh = f64::from(i32::try_from(fresh).unwrap()) / hours;
            prop_assert!((21.6 - 1e-6..=24.0).contains(&fresh), "{}", fresh);
            prop_assert!((fresh - (24.0 - 2.4 * chance)).abs() < 1e-6);
        }

        #[test]
        fn what_is_of_another_form_is_not_read(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let is_ours = bytes.len() >= HEAD && bytes[0] == FORM
                && (bytes[1] == ANSWER || bytes[1] == REFUSAL && bytes.len() == HEAD);
            prop_assert_eq!(Entry::read(Bytes::from(bytes)).is_some(), is_ours);
        }
    }
}
