//! What is stated or changed of settings.

use std::fmt;

use actix_web::http::header::HeaderMap;
use apistos::ApiComponent;
use parlance_domain::accounts::{LanguageTag, Patch};
use parlance_domain::progress::Revisions;
use parlance_domain::settings::{
    DataError, Day, Days, FreeData, PreferencesPatch, RemindersPatch, Retention, SettingsError,
    SummaryQuality, TimeOfDay,
};
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use validator::{Validate, ValidationErrors};

use crate::error::{ApiError, ErrorCode};
use crate::extract::{Merge, check_form, complaint, parsed};
use crate::precondition::precondition;

/// What a learner wants; a member that is null is as it is by default.
#[derive(Default, Deserialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase", default)]
#[schemars(rename = "SettingsChange", example = "example")]
pub(super) struct Body {
    /// The language that apps speak, a BCP 47 tag; null is that of the device.
    #[schemars(length(max = 35))]
    preferred_language: Merge<String>,
    /// How thorough summaries are: `low`, `medium` or `high`; null is `medium`.
    #[schemars(regex(pattern = "^(low|medium|high)$"))]
    summary_quality: Merge<String>,
    /// The chance to remember a word at which it is to be reviewed; null is 0.9. Counts from the next review on.
    #[schemars(range(min = 0.7, max = 0.97))]
    desired_retention: Merge<f64>,
    /// When the learner is reminded.
    #[serde(deserialize_with = "object_or_null")]
    reminders: Merge<RemindersBody>,
    /// What apps keep: any object of at most 16 KiB, nested at most 16 deep.
    data: Merge<Map<String, Value>>,
}

/// When a learner is reminded; a member that is null is as it is by default.
#[derive(Default, Deserialize, JsonSchema, ApiComponent)]
#[serde(default)]
#[schemars(rename = "RemindersChange")]
pub(super) struct RemindersBody {
    /// Whether at all.
    enabled: Merge<bool>,
    /// At what time, `HH:MM`, by the clock of the learner's time zone.
    #[schemars(regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    time: Merge<String>,
    /// On which days: `monday` to `sunday`.
    #[schemars(length(max = 7))]
    days: Merge<Vec<String>>,
}

/// Of arrays too, serde would make a struct.
fn object_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Merge<RemindersBody>, D::Error> {
    struct Read;

    impl<'de> Visitor<'de> for Read {
        type Value = Merge<RemindersBody>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Merge::Null)
        }

        fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
            RemindersBody::deserialize(MapAccessDeserializer::new(members)).map(Merge::Value)
        }
    }

    deserializer.deserialize_any(Read)
}

fn example() -> Value {
    serde_json::json!({
        "preferredLanguage": "de",
        "desiredRetention": 0.92,
        "reminders": { "enabled": true, "time": "07:30", "days": ["monday", "thursday"] },
        "data": { "theme": "dark" },
    })
}

/// By hand, because a member may also be null.
impl Validate for Body {
    fn validate(&self) -> Result<(), ValidationErrors> {
        let mut errors = ValidationErrors::new();
        let mut check = |field: &'static str, checked: Result<(), _>| {
            if let Err(error) = checked {
                errors.add(field, error);
            }
        };
        check(
            "preferredLanguage",
            checked(&self.preferred_language, |text| check_form::<LanguageTag>(text)),
        );
        check(
            "summaryQuality",
            checked(&self.summary_quality, |text| check_form::<SummaryQuality>(text)),
        );
        check(
            "desiredRetention",
            checked(&self.desired_retention, |number| {
                let read = Retention::try_from(*number);
                read.map(drop).map_err(|error| complaint("range", error))
            }),
        );
        check(
            "data",
            checked(&self.data, |members| {
                FreeData::new(members.clone()).map(drop).map_err(of_data)
            }),
        );
        if let Merge::Value(reminders) = &self.reminders {
            errors.merge_self("reminders", reminders.validate());
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

impl Validate for RemindersBody {
    fn validate(&self) -> Result<(), ValidationErrors> {
        let mut errors = ValidationErrors::new();
        if let Err(error) = checked(&self.time, |text| check_form::<TimeOfDay>(text)) {
            errors.add("time", error);
        }
        let days = |days: &Vec<String>| days.iter().try_for_each(|day| check_form::<Day>(day));
        if let Err(error) = checked(&self.days, days) {
            errors.add("days", error);
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

type Checked = Result<(), validator::ValidationError>;

fn checked<T>(member: &Merge<T>, check: impl FnOnce(&T) -> Checked) -> Checked {
    match member {
        Merge::Absent | Merge::Null => Ok(()),
        Merge::Value(value) => check(value),
    }
}

fn of_data(error: DataError) -> validator::ValidationError {
    complaint("length", error)
}

impl Body {
    /// The change.
    pub(super) fn read(self) -> Result<PreferencesPatch, ApiError> {
        Ok(PreferencesPatch {
            preferred_language: member(self.preferred_language, |text| parsed("preferredLanguage", &text))?,
            summary_quality: member(self.summary_quality, |text| parsed("summaryQuality", &text))?,
            desired_retention: member(self.desired_retention, |number| {
                let read = Retention::try_from(number);
                read.map_err(|error| ApiError::invalid("desiredRetention", "range", error.to_string()))
            })?,
            reminders: member(self.reminders, RemindersBody::read)?,
            data: member(self.data, Ok)?,
        })
    }
}

impl RemindersBody {
    fn read(self) -> Result<RemindersPatch, ApiError> {
        let days = |days: Vec<String>| {
            let days = days.iter().map(|day| parsed::<Day>("reminders.days", day));
            days.collect::<Result<Days, ApiError>>()
        };
        Ok(RemindersPatch {
            enabled: member(self.enabled, Ok)?,
            time: member(self.time, |text| parsed("reminders.time", &text))?,
            days: member(self.days, days)?,
        })
    }
}

fn member<T, U>(member: Merge<T>, read: impl FnOnce(T) -> Result<U, ApiError>) -> Result<Patch<U>, ApiError> {
    Ok(match member {
        Merge::Absent => Patch::Keep,
        Merge::Null => Patch::Clear,
        Merge::Value(value) => Patch::Set(read(value)?),
    })
}

/// The revisions on one of which the caller insists.
pub(super) fn only_if(headers: &HeaderMap) -> Result<Option<Revisions>, ApiError> {
    Ok(precondition(headers)?.if_match)
}

/// What a client is told when nothing was changed.
pub(super) fn refuse(error: SettingsError) -> ApiError {
    match error {
        SettingsError::PreconditionFailed => ApiError::new(ErrorCode::PreconditionFailed),
        SettingsError::Data(error) => ApiError::invalid("data", "length", error.to_string()),
        SettingsError::Conflict => ApiError::new(ErrorCode::Unavailable),
        SettingsError::Port(error) => ApiError::port(error),
    }
}
