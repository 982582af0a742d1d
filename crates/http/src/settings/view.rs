//! What settings look like to their owner.

use actix_web::http::header;
use apistos::ApiComponent;
use parlance_domain::accounts::LanguageTag;
use parlance_domain::settings::{CurrentPreferences, Day, Preferences, Reminders};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::precondition::etag;
use crate::reply::Reply;
use crate::time::rfc3339_millis;

/// What a learner wants.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Settings")]
pub(super) struct SettingsView {
    /// The language that apps speak, a BCP 47 tag; null is that of the device.
    preferred_language: Option<String>,
    /// How thorough summaries are: `low`, `medium` or `high`.
    summary_quality: &'static str,
    /// The chance to remember a word at which it is to be reviewed.
    #[schemars(range(min = 0.7, max = 0.97))]
    desired_retention: f64,
    /// When the learner is reminded.
    reminders: RemindersView,
    /// What apps keep: any object.
    data: Map<String, Value>,
    /// When they last changed; null for whoever never said.
    updated_at: Option<String>,
}

/// When a learner is reminded.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[schemars(rename = "Reminders")]
pub(super) struct RemindersView {
    /// Whether at all.
    enabled: bool,
    /// At what time, `HH:MM`, by the clock of the learner's time zone.
    time: String,
    /// On which days: `monday` to `sunday`.
    days: Vec<&'static str>,
}

/// The answer that tells of settings, with their tag.
pub(super) fn reply(current: CurrentPreferences) -> Result<Reply<SettingsView>, ApiError> {
    let tag = etag(current.revision);
    Ok(Reply::private(&SettingsView::from(current))?.with_header(header::ETAG, &tag))
}

impl From<CurrentPreferences> for SettingsView {
    fn from(current: CurrentPreferences) -> Self {
        let CurrentPreferences {
            preferences:
                Preferences {
                    preferred_language,
                    summary_quality,
                    desired_retention,
                    reminders,
                    data,
                },
            revision: _,
            updated_at,
        } = current;
        Self {
            preferred_language: preferred_language
                .as_ref()
                .map(LanguageTag::as_str)
                .map(str::to_owned),
            summary_quality: summary_quality.as_str(),
            desired_retention: desired_retention.get(),
            reminders: reminders.into(),
            data: data.into_members(),
            updated_at: updated_at.map(rfc3339_millis),
        }
    }
}

impl From<Reminders> for RemindersView {
    fn from(Reminders { enabled, time, days }: Reminders) -> Self {
        Self {
            enabled,
            time: time.to_string(),
            days: days.iter().map(Day::as_str).collect(),
        }
    }
}
