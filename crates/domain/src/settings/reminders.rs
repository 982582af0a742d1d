//! When a learner wants to be reminded.

use std::fmt;
use std::str::FromStr;

use crate::accounts::Patch;

/// When a learner wants to be reminded, by the clock of their own time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reminders {
    /// Whether at all.
    pub enabled: bool,
    /// At what time.
    pub time: TimeOfDay,
    /// On which days.
    pub days: Days,
}

impl Default for Reminders {
    /// None; if any, at seven in the evening of every day.
    fn default() -> Self {
        Self {
            enabled: false,
            time: TimeOfDay(19 * 60),
            days: Days::ALL,
        }
    }
}

/// A change of reminders; what it clears is as it is by default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RemindersPatch {
    /// Whether at all.
    pub enabled: Patch<bool>,
    /// At what time.
    pub time: Patch<TimeOfDay>,
    /// On which days.
    pub days: Patch<Days>,
}

impl Reminders {
    /// The same after a change.
    pub fn patched(self, patch: &RemindersPatch) -> Self {
        let default = Self::default();
        Self {
            enabled: changed(self.enabled, &patch.enabled, default.enabled),
            time: changed(self.time, &patch.time, default.time),
            days: changed(self.days, &patch.days, default.days),
        }
    }
}

/// A value after a change; cleared, it is the default.
pub(super) fn changed<T: Copy>(value: T, patch: &Patch<T>, default: T) -> T {
    match patch {
        Patch::Keep => value,
        Patch::Clear => default,
        Patch::Set(value) => *value,
    }
}

/// A time of the day in whole minutes, written `HH:MM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(u16);

/// A text that is not a time of the day, or a number of minutes that is more than a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a time of the day from 00:00 to 23:59")]
pub struct InvalidTimeOfDay;

impl TimeOfDay {
    const MINUTES: u16 = 24 * 60;

    /// How many minutes after midnight, 0 to 1439.
    pub const fn minutes(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for TimeOfDay {
    type Error = InvalidTimeOfDay;

    fn try_from(minutes: u16) -> Result<Self, InvalidTimeOfDay> {
        (minutes < Self::MINUTES)
            .then_some(Self(minutes))
            .ok_or(InvalidTimeOfDay)
    }
}

impl FromStr for TimeOfDay {
    type Err = InvalidTimeOfDay;

    fn from_str(text: &str) -> Result<Self, InvalidTimeOfDay> {
        let two_digits = |text: &str| {
            let plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| text.parse::<u16>().ok()).flatten()
        };
        let (hours, minutes) = text.split_once(':').ok_or(InvalidTimeOfDay)?;
        match (two_digits(hours), two_digits(minutes)) {
            (Some(hours @ 0..24), Some(minutes @ 0..60)) => Ok(Self(hours * 60 + minutes)),
            _ => Err(InvalidTimeOfDay),
        }
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// A name that no day has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be names of days, such as monday")]
pub struct UnknownDay;

impl Day {
    /// All of them, from Monday.
    pub const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];

    /// Its name in views.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Monday => "monday",
            Self::Tuesday => "tuesday",
            Self::Wednesday => "wednesday",
            Self::Thursday => "thursday",
            Self::Friday => "friday",
            Self::Saturday => "saturday",
            Self::Sunday => "sunday",
        }
    }
}

impl FromStr for Day {
    type Err = UnknownDay;

    fn from_str(text: &str) -> Result<Self, UnknownDay> {
        let found = Self::ALL.into_iter().find(|day| day.as_str() == text);
        found.ok_or(UnknownDay)
    }
}

/// Some days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days(u8);

impl Days {
    /// Every day.
    pub const ALL: Self = Self(0b111_1111);

    /// As stores keep them: one bit for each day, Monday's the lowest.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// What a store kept.
    pub fn from_bits(bits: u8) -> Option<Self> {
        (bits <= Self::ALL.0).then_some(Self(bits))
    }

    /// The days, from Monday.
    pub fn iter(self) -> impl Iterator<Item = Day> {
        Day::ALL
            .into_iter()
            .filter(move |day| self.0 & 1 << *day as u8 != 0)
    }
}

impl FromIterator<Day> for Days {
    fn from_iter<I: IntoIterator<Item = Day>>(days: I) -> Self {
        Self(days.into_iter().fold(0, |bits, day| bits | 1 << day as u8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_the_day_has_one_spelling() {
        for text in ["00:00", "07:05", "19:00", "23:59"] {
            assert_eq!(text.parse::<TimeOfDay>().unwrap().to_string(), text);
        }
        for bad in [
            "",
            "7:05",
            "24:00",
            "12:60",
            "12:0",
            "12:000",
            "+1:00",
            "12:00:00",
            " 12:00",
            "12.00",
            "١٢:٠٠",
        ] {
            assert_eq!(bad.parse::<TimeOfDay>(), Err(InvalidTimeOfDay), "{bad}");
        }
        assert!(TimeOfDay::try_from(1_439).is_ok());
        assert!(TimeOfDay::try_from(1_440).is_err());
    }

    #[test]
    fn days_are_kept_once_and_in_their_order() {
        let days: Days = [Day::Sunday, Day::Monday, Day::Sunday].into_iter().collect();
        assert_eq!(days.bits(), 0b100_0001);
        assert_eq!(days.iter().collect::<Vec<_>>(), [Day::Monday, Day::Sunday]);
        assert_eq!(Days::ALL.iter().count(), 7);
        assert_eq!(Days::from_bits(127), Some(Days::ALL));
        assert_eq!(Days::from_bits(128), None);
        for day in Day::ALL {
            assert_eq!(day.as_str().parse(), Ok(day));
        }
        assert_eq!("mon".parse::<Day>(), Err(UnknownDay));
    }
}
