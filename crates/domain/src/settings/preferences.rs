//! What a learner wants.

use std::str::FromStr;

use serde_json::{Map, Value};

use super::reminders::changed;
use super::{DataError, FreeData, Reminders, RemindersPatch};
use crate::accounts::{LanguageTag, Patch};
use crate::progress::DEFAULT_RETENTION;

/// What a learner wants; by default what everybody gets who never said.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Preferences {
    /// The language that apps speak to them; without one, that of the device.
    pub preferred_language: Option<LanguageTag>,
    /// How thorough summaries are.
    pub summary_quality: SummaryQuality,
    /// The chance to remember a word at which it is to be reviewed.
    pub desired_retention: Retention,
    /// When they are reminded.
    pub reminders: Reminders,
    /// What apps keep for them.
    pub data: FreeData,
}

/// A change of preferences; what it clears is as it is by default.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PreferencesPatch {
    /// The language that apps speak to them.
    pub preferred_language: Patch<LanguageTag>,
    /// How thorough summaries are.
    pub summary_quality: Patch<SummaryQuality>,
    /// The chance to remember a word at which it is to be reviewed.
    pub desired_retention: Patch<Retention>,
    /// When they are reminded.
    pub reminders: Patch<RemindersPatch>,
    /// What apps keep for them: a JSON merge patch of it.
    pub data: Patch<Map<String, Value>>,
}

impl Preferences {
    /// The same after a change.
    pub fn patched(&self, patch: &PreferencesPatch) -> Result<Self, DataError> {
        let default = Self::default();
        Ok(Self {
            preferred_language: match &patch.preferred_language {
                Patch::Keep => self.preferred_language.clone(),
                Patch::Clear => None,
                Patch::Set(language) => Some(language.clone()),
            },
            summary_quality: changed(
                self.summary_quality,
                &patch.summary_quality,
                default.summary_quality,
            ),
            desired_retention: changed(
                self.desired_retention,
                &patch.desired_retention,
                default.desired_retention,
            ),
            reminders: match &patch.reminders {
                Patch::Keep => self.reminders,
                Patch::Clear => default.reminders,
                Patch::Set(patch) => self.reminders.patched(patch),
            },
            data: match &patch.data {
                Patch::Keep => self.data.clone(),
                Patch::Clear => FreeData::default(),
                Patch::Set(patch) => self.data.merged(patch)?,
            },
        })
    }

    /// What is wanted by whoever says all that they want: what is not said is as it is by default.
    pub fn stated(mut statement: PreferencesPatch) -> Result<Self, DataError> {
        // A merge would leave out members that are null.
        let data = match std::mem::take(&mut statement.data) {
            Patch::Set(members) => FreeData::new(members)?,
            Patch::Keep | Patch::Clear => FreeData::default(),
        };
        let preferences = Self::default().patched(&statement)?;
        Ok(Self { data, ..preferences })
    }
}

/// How thorough summaries are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SummaryQuality {
    /// In a sentence.
    Low,
    /// In a paragraph.
    #[default]
    Medium,
    /// With examples.
    High,
}

/// A name that no quality has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of low, medium and high")]
pub struct UnknownSummaryQuality;

impl SummaryQuality {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// Its name in stores and views.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl FromStr for SummaryQuality {
    type Err = UnknownSummaryQuality;

    fn from_str(text: &str) -> Result<Self, UnknownSummaryQuality> {
        let found = Self::ALL.into_iter().find(|quality| quality.as_str() == text);
        found.ok_or(UnknownSummaryQuality)
    }
}

/// The chance to remember a word at which it is to be reviewed, 0.7 to 0.97.
///
/// Outside of these, intervals are of no use to anybody: FSRS's own applications offer no other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retention(f64);

/// A number that is no retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a number from 0.7 to 0.97")]
pub struct InvalidRetention;

impl Retention {
    /// The least.
    pub const LEAST: f64 = 0.7;
    /// The most.
    pub const MOST: f64 = 0.97;

    /// The number.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self(DEFAULT_RETENTION)
    }
}

impl TryFrom<f64> for Retention {
    type Error = InvalidRetention;

    fn try_from(number: f64) -> Result<Self, InvalidRetention> {
        (Self::LEAST..=Self::MOST)
            .contains(&number)
            .then_some(Self(number))
            .ok_or(InvalidRetention)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(members) => members,
            other => panic!("{other} is no object"),
        }
    }

    fn everything() -> PreferencesPatch {
        PreferencesPatch {
            preferred_language: Patch::Set("de-CH".parse().unwrap()),
            summary_quality: Patch::Set(SummaryQuality::High),
            desired_retention: Patch::Set(Retention(0.85)),
            reminders: Patch::Set(RemindersPatch {
                enabled: Patch::Set(true),
                time: Patch::Set("07:30".parse().unwrap()),
                days: Patch::Keep,
            }),
            data: Patch::Set(object(json!({"theme": "dark", "gone": null}))),
        }
    }

    #[test]
    fn a_patch_changes_what_it_names_and_clears_to_the_default() {
        let all = Preferences::default().patched(&everything()).unwrap();
        assert_eq!(all.patched(&PreferencesPatch::default()), Ok(all.clone()));
        assert_eq!(all.data.to_json(), r#"{"theme":"dark"}"#);
        assert_eq!(all.reminders.days, super::super::Days::ALL);
        let cleared = PreferencesPatch {
            preferred_language: Patch::Clear,
            summary_quality: Patch::Clear,
            desired_retention: Patch::Clear,
            reminders: Patch::Clear,
            data: Patch::Clear,
        };
        assert_eq!(all.patched(&cleared), Ok(Preferences::default()));
    }

    #[test]
    fn whoever_states_all_keeps_members_that_are_null() {
        let all = Preferences::stated(everything()).unwrap();
        assert_eq!(all.data.to_json(), r#"{"gone":null,"theme":"dark"}"#);
        assert_eq!(all.desired_retention.get().to_bits(), 0.85_f64.to_bits());
        assert_eq!(
            Preferences::stated(PreferencesPatch::default()),
            Ok(Preferences::default())
        );
    }

    #[test]
    fn a_retention_is_from_70_to_97_percent() {
        for good in [0.7, 0.9, 0.97] {
            assert!(Retention::try_from(good).is_ok(), "{good}");
        }
        for bad in [0.0, 0.699, 0.971, 1.0, -0.9, f64::NAN, f64::INFINITY] {
            assert_eq!(Retention::try_from(bad), Err(InvalidRetention), "{bad}");
        }
    }
}
