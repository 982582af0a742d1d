//! What a device does next, and with which values, drawn from its own seed.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use uuid::Builder;

use crate::history::{ReviewSent, Set};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// How far the clocks of devices are off, in milliseconds: a day behind, a day ahead, a little, not at all.
const SKEWS: [i64; 7] = [-DAY, -HOUR, 0, 0, 2 * 60_000, HOUR, DAY];

/// Something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Review some words.
    Review,
    /// Send what was acknowledged once more.
    Resend,
    /// Lose the connection for a while.
    GoOffline,
    /// Take a review back.
    Undo,
    /// Fix a word, or several.
    Put,
    /// Fix a word twice with the same values.
    PutTwice,
    /// Reset a word.
    Delete,
    /// Read a word.
    Get,
    /// Read what changed.
    Pull,
    /// Exchange the refresh token.
    Refresh,
    /// Exchange it twice at once.
    RefreshTwice,
    /// Exchange it, lose the answer, and exchange it again.
    RefreshLost,
    /// Sign out and in again.
    Relogin,
    /// See whether an ended session is dead.
    ProbeDead,
    /// Register one email several times at once.
    Clash,
}

/// Out of 1,000.
const STEPS: [(Step, u32); 15] = [
    (Step::Review, 330),
    (Step::Resend, 40),
    (Step::GoOffline, 20),
    (Step::Undo, 40),
    (Step::Put, 80),
    (Step::PutTwice, 10),
    (Step::Delete, 30),
    (Step::Get, 220),
    (Step::Pull, 120),
    (Step::Refresh, 25),
    (Step::RefreshTwice, 20),
    (Step::RefreshLost, 15),
    (Step::Relogin, 15),
    (Step::ProbeDead, 20),
    (Step::Clash, 15),
];

/// The random choices of a device.
pub(super) struct Choices {
    rng: StdRng,
    user: u32,
    words: u32,
    skew: i64,
    last_at: i64,
}

impl Choices {
    /// The choices of a device of this learner, who studies this many words.
    pub(super) fn new(mut rng: StdRng, user: u32, words: u32) -> Self {
        let skew = *SKEWS.choose(&mut rng).unwrap_or(&0);
        Self {
            rng,
            user,
            words: words.max(1),
            skew,
            last_at: 0,
        }
    }

    /// What to do next.
    pub(super) fn step(&mut self) -> Step {
        let mut drawn = self.below(STEPS.iter().map(|(_, weight)| weight).sum());
        for (step, weight) in STEPS {
            if drawn < weight {
                return step;
            }
            drawn -= weight;
        }
        Step::Get
    }

    /// A number below another.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        self.rng.random_range(0..end.max(1))
    }

    /// True once in so many times.
    pub(super) fn once_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    /// A word of the learner; its name says whose it is.
    pub(super) fn word(&mut self) -> String {
        let number = self.below(self.words);
        word_of(self.user, number)
    }

    /// One of these.
    pub(super) fn one_of<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.choose(&mut self.rng)
    }

    /// Puts items in a random order.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        rand::seq::SliceRandom::shuffle(items, &mut self.rng);
    }

    /// A review that just happened by the device's clock, or some time ago.
    pub(super) fn review(&mut self, now: i64, device: &str) -> ReviewSent {
        let at = self.instant(now);
        let bytes: [u8; 10] = self.rng.random();
        let unix = u64::try_from(now).unwrap_or_default();
        ReviewSent {
            id: Builder::from_unix_timestamp_millis(unix, &bytes).into_uuid(),
            word: self.word(),
            rating: self.rating().to_owned(),
            at,
            duration_ms: self.below(60_000),
            device_id: device.to_owned(),
        }
    }

    /// A rating, mostly good.
    pub(super) fn rating(&mut self) -> &'static str {
        match self.below(10) {
            0 | 1 => "again",
            2 => "hard",
            9 => "easy",
            _ => "good",
        }
    }

    /// What to fix of a word: values that no review would lead to.
    pub(super) fn set(&mut self, word: String) -> Set {
        let all = self.once_in(2);
        let one = self.below(3);
        let wanted = |member| all || one == member;
        Set {
            word,
            study_count: wanted(0).then(|| self.rng.random_range(1_000..1_000_000)),
            correct_count: wanted(1).then(|| self.rng.random_range(1_000..1_000_000)),
            confidence: wanted(2).then(|| f64::from(self.rng.random_range(1..1_000_000)) / 1_000_000.0),
        }
    }

    /// All members, so that the answer tells when it was fixed.
    pub(super) fn whole_set(&mut self, word: String) -> Set {
        Set {
            word,
            study_count: Some(self.rng.random_range(1_000..1_000_000)),
            correct_count: Some(self.rng.random_range(1_000..1_000_000)),
            confidence: Some(f64::from(self.rng.random_range(1..1_000_000)) / 1_000_000.0),
        }
    }

    /// When a review happened: mostly just now, sometimes within days, seldom within months, and now and then
    /// in the same millisecond as the one before.
    fn instant(&mut self, now: i64) -> i64 {
        let here = now + self.skew;
        let at = match self.below(100) {
            0..5 if self.last_at != 0 => self.last_at,
            0..60 => here,
            60..85 => here - self.rng.random_range(0..2 * DAY),
            _ => here - self.rng.random_range(0..60 * DAY),
        };
        self.last_at = at;
        at
    }
}

/// A word of a learner.
pub(super) fn word_of(user: u32, number: u32) -> String {
    format!("u{user:04}.w{number:03}")
}
